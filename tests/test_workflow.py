"""The GitHub workflow that makes the daily run is valid and runs what it should."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOW = Path(__file__).parents[1] / ".github" / "workflows" / "advancement-cron.yml"
LINTER = Path(__file__).parent / "workflow_lint"


def lint(text: str) -> list[str]:
    node = shutil.which("node")
    assert node, "node is missing: make setup-dev installs it"
    done = subprocess.run(
        [node, LINTER / "lint.cjs"], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"make setup-dev installs the linter: {done.stderr}"
    findings = [f"{finding['line']}: {finding['message']}" for finding in json.loads(done.stdout)]
    # GitHub has had this context since 2023, the linter does not know it.
    return [finding for finding in findings if 'undefined variable "vars"' not in finding]


@pytest.fixture(scope="module")
def text() -> str:
    return WORKFLOW.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def workflow(text: str) -> dict[str, Any]:
    # YAML 1.1 reads the key "on" as true.
    return {"on" if key is True else key: value for key, value in yaml.safe_load(text).items()}


@pytest.fixture(scope="module")
def job(workflow: dict[str, Any]) -> dict[str, Any]:
    (job,) = workflow["jobs"].values()
    return job


def test_the_linter_finds_nothing(text):
    assert lint(text) == []


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("inputs.dry-run", "inputs.nonesuch", 'property "nonesuch" is not defined'),
        ("0 2 * * *", "0 25 * * *", "invalid CRON format"),
        ("runs-on: ubuntu-latest", "runs-on: ubuntu-nine", 'label "ubuntu-nine" is unknown'),
        ("contents: read", "contents: reed", '"reed" is invalid for permission'),
    ],
)
def test_the_linter_notices_a_broken_workflow(text, right, wrong, complaint):
    assert right in text
    assert any(complaint in finding for finding in lint(text.replace(right, wrong)))


def test_it_runs_at_two_utc_and_on_request(workflow):
    assert workflow["on"]["schedule"] == [{"cron": "0 2 * * *"}]
    dry_run = workflow["on"]["workflow_dispatch"]["inputs"]["dry-run"]
    assert dry_run["type"] == "boolean"
    assert dry_run["default"] is False


def test_it_may_only_read_and_never_overlaps(workflow, job):
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"] == {"group": "advancement", "cancel-in-progress": False}
    assert 0 < job["timeout-minutes"] <= 360
    assert not job.get("continue-on-error")


def test_it_has_its_secrets_and_settings_and_leaves_the_schedule_to_github(job):
    assert job["env"] == {
        **{name: f"${{{{ vars.{name} }}}}" for name in settings_of_a_run()},
        "DATABASE_URL": "${{ secrets.DATABASE_URL }}",
        "SECRET_KEY": "${{ secrets.SECRET_KEY }}",
        "ADVANCEMENT_CRON": "off",
        "CONSOLE_URL": "${{ secrets.CONSOLE_URL }}",
        "NOTIFY_EMAILS": "${{ secrets.NOTIFY_EMAILS }}",
        "EMAIL_URL": "${{ secrets.EMAIL_URL }}",
        "NOTIFY_WEBHOOK_URL": "${{ secrets.NOTIFY_WEBHOOK_URL }}",
        "NOTIFY_WEBHOOK_SECRET": "${{ secrets.NOTIFY_WEBHOOK_SECRET }}",
        "RUN_URL": "${{ github.server_url }}/${{ github.repository }}/actions/runs/${{ github.run_id }}",
    }


def settings_of_a_run() -> set[str]:
    """Return the settings that decide what a run does, wherever it is scheduled."""
    source = (Path(__file__).parents[1] / "grove_console" / "settings.py").read_text(encoding="utf-8")
    read = re.findall(r"parse\.read\(\s*_values,\s*\"((?:ADVANCEMENT|DATABASE)_[A-Z_]+)\"", source)
    return set(read) - {"ADVANCEMENT_CRON", "ADVANCEMENT_APPROVE_OWN", "DATABASE_URL"}


def test_it_claims_the_day_or_makes_a_dry_run(job):
    commands = {step.get("if"): shlex.split(step["run"]) for step in job["steps"] if "manage.py" in str(step)}
    start = ["python", "manage.py", "run_advancement"]
    assert commands == {
        "${{ inputs.dry-run }}": [*start, "--dry-run", "--log-url", "$RUN_URL"],
        "${{ !inputs.dry-run }}": [*start, "--scheduled", "--log-url", "$RUN_URL"],
    }


def test_its_scripts_stop_at_a_failure_and_hold_no_expressions(job):
    scripts = [step for step in job["steps"] if "run" in step]
    assert "pip install --require-hashes -r requirements.txt" in [step["run"] for step in scripts]
    for step in scripts:
        assert "${{" not in step["run"]
        assert not step.get("continue-on-error")
