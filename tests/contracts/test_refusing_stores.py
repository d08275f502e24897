"""What a store refuses is told in our own words, with what to type, and without what the server said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lakeflow.adapters.iceberg.care.garbage import remove
from lakeflow.adapters.objects import Disk, Places
from lakeflow.adapters.objects.failures import explained
from lakeflow.core.errors import AssetError, LakeError
from lakeflow.core.model.table import Garbage
from lakeflow.core.ports.objects import Objects, StoreError
from tests.contracts.refusing_store import LISTING, Answer, refusal, store_that
from tests.iceberg.lab import FLIGHTS

PLACE = "s3://bucket/lake/a"
DOINGS: dict[str, Callable[[Objects], object]] = {
    "get": lambda objects: objects.get(PLACE),
    "put": lambda objects: objects.put(PLACE, b"a"),
    "remove": lambda objects: objects.remove(PLACE),
    "listed": lambda objects: list(objects.listed("s3://bucket/lake")),
    "size": lambda objects: objects.size(PLACE),
    "opened": lambda objects: objects.opened(PLACE),
}
REFUSALS = [
    (400, "ExpiredToken", "the session token has expired"),
    (403, "RequestTimeTooSkewed", "this machine's clock and the store's differ"),
    (403, "SignatureDoesNotMatch", "the secret access key is not the one"),
    (403, "InvalidAccessKeyId", "the keys or the token are not known there"),
    (403, "AccessDenied", "these keys may not do that"),
    (507, "QuotaExceeded", "the store is full"),
]


@pytest.mark.long
@pytest.mark.parametrize("doing", DOINGS)
@pytest.mark.parametrize(("status", "code", "said"), REFUSALS, ids=[each[1] for each in REFUSALS])
def test_a_refusal_is_told_whatever_was_asked(doing: str, status: int, code: str, said: str) -> None:
    answer = refusal(status, code, "AWSAccessKeyId key-1 token-1 secret-1")
    with store_that(lambda *_: answer) as storage, pytest.raises(StoreError) as caught:
        DOINGS[doing](Places(lambda: storage))
    assert said in str(caught.value.strerror)
    assert caught.value.hint
    told = f"{caught.value} {caught.value.hint} {caught.value!r}"
    assert not [secret for secret in ("key-1", "secret-1", "token-1") if secret in told]


@pytest.mark.parametrize(
    ("code", "text", "told"),
    [
        ("AuthenticationFailed", "Server failed to authenticate the request.", "the keys or the token are not known"),
        ("AuthorizationFailure", "Server failed to authenticate the request.", "the keys or the token are not known"),
        ("AuthorizationFailure", "This request may not perform this.", "these keys may not do that"),
        ("AuthorizationPermissionMismatch", "This request may not do it.", "these keys may not do that"),
        ("OddFault", "secret-1", "the store refused (Azure Error: [OddFault], bucket lake)"),
    ],
)
def test_what_azure_refuses_is_told_too(code: str, text: str, told: str) -> None:
    error = explained("lake", f"Failed to list blobs: Azure Error: [{code}] 403 {text}\nRequestId:1")
    assert told in str(error.strerror)
    assert "secret-1" not in repr(error)


def test_an_object_whose_length_the_server_leaves_out_is_not_taken_for_an_empty_one() -> None:
    def choose(method: str, path: str) -> Answer:
        if "list-type" in path:
            return LISTING
        return Answer(200, b"abc" if method == "GET" else b"", length=method == "GET")

    with store_that(choose) as storage, pytest.raises(StoreError, match="lists 3 bytes of a and sends none"):
        Places(lambda: storage).get(PLACE)


def test_a_commit_that_may_not_write_says_that_nothing_was_committed() -> None:
    denied = refusal(403, "AccessDenied", "secret-1")
    with store_that(lambda *_: denied) as storage:
        scratch = Places(lambda: storage).scratch()
        scratch.write(PLACE, b"a")
        with pytest.raises(AssetError, match=r"cannot write s3://bucket/lake/a: these keys may not do that") as caught:
            scratch.seal()
    assert "nothing was committed" in str(caught.value.hint)


class _MayNotDelete(Disk):
    def remove(self, location: str) -> None:
        if location.endswith("kept.parquet"):
            raise StoreError("these keys may not do that (bucket b)", "give them the right to delete")
        super().remove(location)


def test_a_collection_that_may_not_delete_says_so_and_removes_what_it_may(tmp_path: Path) -> None:
    objects = _MayNotDelete()
    for name in ("a", "kept", "b"):
        objects.put(f"{tmp_path}/{name}.parquet", name.encode())
    found = list(objects.listed(str(tmp_path)))
    garbage = Garbage(
        FLIGHTS, {one.location: one.size for one in found}, seen={one.location: one.seen for one in found}
    )
    with pytest.raises(LakeError, match=r"1 file of 3 could not be removed: these keys may not do that") as caught:
        remove(garbage, objects)
    assert caught.value.hint == "give them the right to delete"
    assert [one.location for one in objects.listed(str(tmp_path))] == [f"{tmp_path}/kept.parquet"]
