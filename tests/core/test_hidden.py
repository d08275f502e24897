"""A commit that is under way is hidden from the readers of the refs that it moves, and from no others."""

from __future__ import annotations

import pytest

from lakeflow.core.environments.hidden import hidden_from
from lakeflow.core.intents.intent import Intent
from lakeflow.core.model.changes import (
    FENCED,
    Adopt,
    Change,
    Discard,
    Drop,
    LetGo,
    Pin,
    Promote,
    Publish,
    Registration,
    Rename,
    Retract,
    Rollback,
    Stay,
    Tag,
    fenced,
)
from tests.core.samples import key

A = key("silver.a")


def publish(branch: str, target: str = "main") -> Publish:
    return Publish(A, "uuid", branch, 1, 2, "{}", 5, target=target)


@pytest.mark.parametrize(
    ("change", "readers"),
    [
        (publish("audit_r1"), {"main"}),
        (publish("env_pr__audit_r1", "env_pr"), {"pr"}),
        (Rollback(A, 2, 1), {"main"}),
        (Rollback(A, 2, 1, target="env_pr"), {"pr"}),
        (Promote(A, "uuid", "env_pr", 1, 2), {"main", "pr"}),
        (Retract(A, "uuid", "env_pr", 1, 2), {"main", "pr"}),
        (Discard(A, "audit_r1", 2), {"main"}),
        (Discard(A, "env_pr__audit_r1", 2), {"pr"}),
        (LetGo(A, {"env_pr": 2}, frozenset()), {"pr"}),
        (Tag(A, "jan", 2), {"main"}),
        (Pin(A, 2), set()),
        (Stay(A, 2, "env_pr"), set()),
        (Adopt(A, "at", "uuid"), {"main", "pr", "other"}),
        (Rename(A, key("silver.b"), "at", "uuid"), {"main", "pr", "other"}),
        (Drop(A, "at"), {"main", "pr", "other"}),
    ],
)
def test_from_whom_a_change_is_hidden(change: Change | Registration, readers: set[str]) -> None:
    intent = Intent("id", "token", (change,), ())
    told = {name for name in ("main", "pr", "other") if hidden_from("" if name == "main" else name, intent)}
    assert told == readers


def test_a_branch_of_an_environment_is_given_up_within_it() -> None:
    assert fenced("audit_r1") == f"{FENCED}audit_r1"
    assert fenced("env_pr_1__audit_r1") == f"env_pr_1__{FENCED}audit_r1"
