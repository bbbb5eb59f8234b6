"""A short form of `make faults`, with the faults that are over quickly and that nobody else suffers from."""

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT

SCALE, SEED = "0.08", "7"


@pytest.mark.timeout(400)
@pytest.mark.skipif("GROVE_TEST_PGDATA" not in os.environ, reason="faults are injected on PostgreSQL")
def test_nothing_is_lost_duplicated_or_orphaned() -> None:
    command = [sys.executable, "-m", "tests.faults", "--short", "--scale", SCALE, "--seed", SEED]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
