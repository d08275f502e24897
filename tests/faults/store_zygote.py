"""As `zygote`, with the warehouse in an object store: each object that is put, removed or uploaded is an operation, and
the process dies before it and after it.

Started by `test_kill_in_a_store.py` as `python -m tests.faults.store_zygote <folder> <first> <stride>`, with the store
in its environment, and the database where that is on a server. Both are put back before each kill. No process that
forks opens the store.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.fs
import pyiceberg.catalog.sql

from lakeflow.adapters.objects.files import ArrowFiles
from lakeflow.adapters.objects.store import Store
from lakeflow.core.model.run import RunState
from lakeflow.lake.lake import Lake
from tests.faults import zygote
from tests.faults.kept_database import KeptDatabase
from tests.faults.zygote import (
    NEW_ROWS,
    OLD_ROWS,
    PROJECT,
    TABLES,
    KillAt,
    database_of,
    forked,
    killed,
    open_lake,
    rehearsed,
)

PYPROJECT = """[tool.lakeflow]
warehouse = "${LAKE}"

[tool.lakeflow.storage]
endpoint = "${STORE}"
access_key_id = "${STORE_KEY}"
secret_access_key = "${STORE_SECRET}"
"""


def filesystem() -> Any:
    return pyarrow.fs.S3FileSystem(
        access_key=os.environ["STORE_KEY"],
        secret_key=os.environ["STORE_SECRET"],
        endpoint_override=os.environ["STORE"],
        region="us-east-1",
    )


def prefix() -> str:
    return os.environ["LAKE"].removeprefix("s3://")


def kept_objects(to: Path) -> None:
    pyarrow.fs.copy_files(prefix(), str(to), source_filesystem=filesystem())


def put_back(source: Path) -> None:
    there, wanted = filesystem(), {str(path.relative_to(source)): path for path in source.rglob("*") if path.is_file()}
    found = there.get_file_info(pyarrow.fs.FileSelector(prefix(), recursive=True, allow_not_found=True))
    for one in found:
        if one.is_file and one.path.removeprefix(f"{prefix()}/") not in wanted:
            there.delete_file(one.path)
    standing = {one.path for one in found}
    for name, path in wanted.items():
        if f"{prefix()}/{name}" not in standing or "proof-" in name:
            with there.open_output_stream(f"{prefix()}/{name}") as stream:
                stream.write(path.read_bytes())


def watched(killer: KillAt) -> None:
    """Every object that this process changes counts twice."""

    def around(method: Callable[..., Any]) -> Callable[..., Any]:
        def doing(*arguments: Any) -> Any:
            killer._operation()
            done = method(*arguments)
            killer._operation()
            return done

        return doing

    for owner, name in ((Store, "put"), (Store, "remove"), (ArrowFiles, "upload")):
        setattr(owner, name, around(getattr(owner, name)))


def baseline(root: Path) -> None:
    for name, text in {**PROJECT, "pyproject.toml": PYPROJECT}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "orders.csv").write_text(OLD_ROWS)
    with open_lake(root) as lake:
        run = lake.materialize()
        assert run is not None
        assert run.state is RunState.PUBLISHED, run


def killed_run(root: Path, chosen: int) -> dict[str, int]:
    killer = KillAt(chosen, root / ".lakeflow", torn=False)
    killer.install()
    watched(killer)
    with open_lake(root) as lake:
        lake.materialize()
    return {"operations": killer.count}


def rows_seen(root: Path) -> dict[str, int]:
    """What a reader of main sees that knows nothing of lakeflow."""
    at = {
        "s3.endpoint": os.environ["STORE"],
        "s3.access-key-id": os.environ["STORE_KEY"],
        "s3.secret-access-key": os.environ["STORE_SECRET"],
        "s3.region": "us-east-1",
    }
    catalog = pyiceberg.catalog.sql.SqlCatalog("lakeflow", uri=database_of(root), **at)
    try:
        return {name: catalog.load_table(name).scan().to_arrow().num_rows for name in TABLES}
    finally:
        catalog.engine.dispose()


def broken(lake: Lake) -> list[str]:
    """I1 and I5, and I4 by a look at every file."""
    looked = lake.verify()
    said = [*zygote._unruled(lake), *zygote._disagreeing(lake)]
    return [*said, *(str(one) for one in looked.faults)]


def recovered(root: Path) -> dict[str, Any]:
    """Check the promises on what the dead run left, finish the work, and check them again."""
    seen = rows_seen(root)
    with open_lake(root) as lake:
        left = broken(lake)
        run = lake.materialize() if lake.runs(1)[0].state is not RunState.RUNNING else lake.retry()
        ended = run.state if run else "nothing to do"
        states = sorted({str(known.state) for known in lake.runs()})
        return {"seen": seen, "broken": left + broken(lake), "ended": ended, "states": states, "after": rows_seen(root)}


def main() -> None:
    folder, chosen, stride = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    root, kept, objects, answer = folder / "lake", folder / "kept", folder / "objects", folder / "answer.json"
    rehearsed(lambda: baseline(root), answer)
    (root / "orders.csv").write_text(NEW_ROWS)
    database = KeptDatabase(os.environ.get("LAKEFLOW_CATALOG", ""))
    shutil.copytree(root, kept)
    database.keep()
    rehearsed(lambda: kept_objects(objects), answer)
    rehearsed(lambda: recovered(root), answer)
    while True:
        shutil.rmtree(root)
        shutil.copytree(kept, root)
        rehearsed(lambda: put_back(objects), answer)
        database.bring()
        if not killed(lambda: killed_run(root, chosen), answer):  # noqa: B023 - run at once
            print(json.dumps({"finished": json.loads(answer.read_text())}), flush=True)
            return
        forked(lambda: recovered(root), answer)
        print(json.dumps({"at": chosen, **json.loads(answer.read_text())}), flush=True)
        chosen += stride


if __name__ == "__main__":
    main()
