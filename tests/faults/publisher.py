"""One of several processes that publish to the same three tables at once.

`python -m tests.faults.publisher <root> <name> <batches>` prints `<name>-<batch>` for each acknowledged publish.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lakeflow.core.model.run import RunState
from tests.faults.zygote import open_lake

TABLES = ("bronze.a", "bronze.b", "bronze.c")


def asset(name: str) -> str:
    return f"""
import os
from lakeflow import asset

@asset
def {name}():
    batch = os.environ["BATCH"]
    return f"select '{{batch}}' as batch"
"""


def lay_down(root: Path) -> None:
    (root / "layers" / "bronze").mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.lakeflow]\n")
    for table in TABLES:
        name = table.partition(".")[2]
        (root / "layers" / "bronze" / f"{name}.py").write_text(asset(name))


def main() -> None:
    root, name, batches = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with open_lake(root) as lake:
        for batch in range(batches):
            os.environ["BATCH"] = f"{name}-{batch}"
            run = lake.materialize(wait=120.0)
            if run is not None and run.state is RunState.PUBLISHED:
                print(os.environ["BATCH"], flush=True)


if __name__ == "__main__":
    main()
