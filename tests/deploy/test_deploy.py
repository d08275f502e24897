"""What is in `deploy/` is read by what reads such files; that it was tried in a cloud nobody claims."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import blocks_of
from tests.docs.pages import ROOT
from tests.orchestrators.lab import installed

pytestmark = pytest.mark.orchestrators
kubernetes = installed("kubernetes_validate")
yaml = installed("yaml")
hcl2 = installed("hcl2")
DEPLOY = ROOT / "deploy"
TERRAFORM = sorted((DEPLOY / "terraform").glob("*.tf"))


def _kubernetes() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize("version", ["1.30", "1.33"])
def test_every_object_is_one_of_kubernetes_with_no_field_that_it_does_not_know(version: str) -> None:
    for one in _kubernetes():
        kubernetes.validate(one, version, strict=True)
    misspelled = _kubernetes()[1]
    misspelled["spec"]["concurrencyPolicies"] = "Forbid"
    with pytest.raises(kubernetes.ValidationError):
        kubernetes.validate(misspelled, version, strict=True)


def test_the_container_file_passes_hadolint_and_a_bad_one_does_not(tmp_path: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    subprocess.run([hadolint, DEPLOY / "Containerfile"], check=True)
    bad = tmp_path / "Containerfile"
    bad.write_text("FROM python\nRUN cd /tmp && sudo pip install x\n")
    assert subprocess.run([hadolint, bad], check=False, capture_output=True).returncode == 1


def test_terraform_is_read_and_names_only_what_it_makes() -> None:
    (main,) = TERRAFORM
    with main.open(encoding="utf-8") as file:
        read = hcl2.load(file)
    resources = ((kind, named) for one in read["resource"] for kind, named in one.items())
    made = {(kind.strip('"'), name.strip('"')) for kind, named in resources for name in named}
    assert {"aws_s3_bucket", "aws_db_instance", "aws_iam_policy"} <= {kind for kind, _ in made}
    used = set(re.findall(r"\b(?<!data\.)(aws_\w+)\.(\w+)\.", main.read_text(encoding="utf-8")))
    assert used - {("aws_iam_policy_document", "runs"), ("aws_iam_policy_document", "readers")} <= made
    variables = {name.strip('"') for one in read["variable"] for name in one}
    assert set(re.findall(r"\bvar\.(\w+)", main.read_text(encoding="utf-8"))) == variables


def test_a_job_ends_for_good_where_a_person_must_look_and_runs_as_the_images_user() -> None:
    job = _kubernetes()[1]["spec"]["jobTemplate"]["spec"]
    (rule,) = job["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["values"] == [1, 2]
    user = re.search(r"^USER (\d+)$", (DEPLOY / "Containerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert user is not None
    assert int(user[1]) == job["template"]["spec"]["securityContext"]["runAsUser"]


def test_workflows_of_the_page_are_yaml_of_their_kind() -> None:
    blocks = {block.path: block.text for block in blocks_of(ROOT / "docs/orchestrators.md")}
    argo, actions = (yaml.safe_load(blocks[name]) for name in ("argo.yaml", ".github/workflows/shop.yml"))
    (template,) = argo["spec"]["workflowSpec"]["templates"]
    assert argo["spec"]["workflowSpec"]["entrypoint"] == template["name"]
    assert template["container"]["command"][0] == "lakeflow"
    assert [step["run"] for step in actions["jobs"]["materialize"]["steps"] if "run" in step][-1].startswith("lakeflow")
