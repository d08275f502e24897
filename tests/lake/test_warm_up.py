"""What commits and scans are made with is loaded while the first rows are written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import lakeflow
from lakeflow.adapters.iceberg.catalog import IcebergCatalog

def watched(name):
    call = getattr(IcebergCatalog, name)
    def calls(self, *given):
        before = {module for module in sys.modules}
        found = call(self, *given)
        new = sys.modules.keys() - before - {"pyiceberg.avro.decoder_fast"}  # no Python: 0.4 ms
        new = sorted(module for module in new if "iceberg" in module)
        print(name, new)
        return found
    setattr(IcebergCatalog, name, calls)

for name in ("stage", "scan"):
    watched(name)
assert "pyiceberg" not in sys.modules
with lakeflow.open(".") as lake:
    run = lake.materialize()
assert run.state == "published", run
assert "pyiceberg.table" not in sys.modules, "a third of what pyiceberg takes to import, and nothing asks for it"
"""


def test_no_commit_and_no_audit_waits_for_an_import_of_pyiceberg(tmp_path: Path) -> None:
    for name, text in {"bronze/a": "select 1 as id", "silver/b": "/*\nkey = ['id']\n*/\nfrom bronze.a"}.items():
        file = tmp_path / "layers" / f"{name}.sql"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
    ran = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert {line.partition(" ")[0] for line in lines} == {"stage", "scan"}
    assert [line for line in lines if not line.endswith(" []")] == []
