"""`manage.py console` for real: the web answers, the clusters work, and all end together."""

import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import ROOT, environment, manage, sqlite

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PATIENCE = 60.0
TASKS = {"runs": "advancement.tasks.work", "notifications": "advancement.tasks.send_notifications"}
ENQUEUE = "from django_q.tasks import async_task as task; " + "; ".join(
    f"task('{function}', cluster='{cluster}')" for cluster, function in TASKS.items()
)


@dataclass
class Console:
    """A console that was started, and where it says it is."""

    process: subprocess.Popen[str]
    address: str
    introduction: str
    mark: bytes

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.address + path, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def family(self) -> set[int]:
        """Everybody who was started with this console's database, orphans included."""
        return {pid for pid in _pids() if self.mark in _environment(pid)}


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str]:
    """Return what /proc says of a process after its name: state, parent, …; nothing when it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _environment(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""


def _parent(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[1]) if stat else 0


def _until(true: Callable[[], object], seconds: float = PATIENCE) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _done(folder: Path) -> set[tuple[str, str | None]]:
    """Return the functions that the clusters executed successfully, with the cluster that was asked."""
    with contextlib.closing(sqlite3.connect(folder / "grove.sqlite3", timeout=20)) as database:
        return set(database.execute("SELECT func, cluster FROM django_q_task WHERE success"))


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return {"DEBUG": "1", "DATABASE_URL": sqlite(tmp_path)}


@pytest.fixture
def console(settings: dict[str, str]) -> Iterator[Console]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "console", "--port", "0"],
        cwd=ROOT,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    started = Console(process, "", "", settings["DATABASE_URL"].encode())
    try:
        for line in process.stdout:
            started.introduction += line
            if line.startswith("Ctrl-C"):
                break
        address = re.search(r"http://127\.0\.0\.1:\d+/", started.introduction)
        assert address, started.introduction
        started.address = address[0]
        yield started
    finally:
        for pid in {process.pid} | started.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(timeout=PATIENCE)
        process.stdout.close()


def test_after_the_demo_it_says_how_to_sign_in(
    settings: dict[str, str], request: pytest.FixtureRequest
) -> None:
    assert manage("demo", **settings).returncode == 0
    console = request.getfixturevalue("console")
    assert "\nSign in as operator with the password grove-demo\n" in console.introduction


def test_the_console_serves_works_and_ends_as_a_whole(
    console: Console, settings: dict[str, str], tmp_path: Path
) -> None:
    assert "Nobody can sign in yet" in console.introduction
    assert console.get("healthz") == (200, "ok")
    assert console.get("readyz")[0] == 200
    status, page = console.get("")
    assert status == 200
    assert 'name="password"' in page
    style = re.search(r'href="/(static/[^"]+\.css)"', page)
    assert style
    assert console.get(style[1])[0] == 200
    assert console.get("no-such-page")[0] == 404

    assert manage("shell", "--no-imports", "-c", ENQUEUE, **settings).returncode == 0
    expected = {("advancement.tasks.tick", "control")}
    expected |= {(function, cluster) for cluster, function in TASKS.items()}
    assert _until(lambda: expected <= _done(tmp_path)), _done(tmp_path)

    assert len(console.family()) > 4
    console.process.send_signal(signal.SIGTERM)
    rest, _ = console.process.communicate(timeout=PATIENCE)
    assert console.process.returncode == 0
    assert rest.endswith("Stopped.\n")
    assert "Traceback" not in rest
    assert not console.family()


def test_when_a_part_dies_the_rest_is_stopped_and_the_console_says_which(console: Console) -> None:
    assert console.get("healthz")[0] == 200
    cluster = next(
        pid
        for pid in console.family()
        if _parent(pid) == console.process.pid
        and "qcluster" in Path(f"/proc/{pid}/cmdline").read_text()
        and b"Q_CLUSTER_NAME=runs" in _environment(pid)
    )
    os.kill(cluster, signal.SIGKILL)
    rest, _ = console.process.communicate(timeout=PATIENCE)
    assert console.process.returncode == 1
    assert "The task cluster runs was killed by signal 9, so the rest was stopped too." in rest
    assert not console.family()


def test_nothing_outlives_a_console_that_is_killed(console: Console) -> None:
    assert console.get("healthz")[0] == 200
    assert len(console.family()) > 4
    console.process.kill()
    assert _until(lambda: not console.family()), console.family()


def test_nothing_outlives_a_console_that_is_killed_while_it_starts(console: Console) -> None:
    console.process.kill()  # its clusters miss a SIGTERM while they start
    assert _until(lambda: not console.family()), console.family()


def test_a_port_in_use_is_said_in_a_sentence(settings: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = manage("console", "--port", str(port), **settings)
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"Port {port} of 127.0.0.1 is in use")
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "start"),
    [
        (["--port", "70000"], 2, "--port must be"),
        (
            ["--host", "no-such-host.invalid"],
            1,
            "The console cannot listen on port 8000 of no-such-host.invalid",
        ),
    ],
)
def test_wrong_addresses_are_said_in_a_sentence(
    arguments: list[str], code: int, start: str, settings: dict[str, str]
) -> None:
    answer = manage("console", *arguments, **settings)
    assert answer.returncode == code
    assert answer.stderr.startswith(start)


def test_outside_debug_it_says_what_is_missing_and_changes_nothing(tmp_path: Path) -> None:
    production = {"SECRET_KEY": "x" * 60, "DATABASE_URL": sqlite(tmp_path)}
    answer = manage("console", **production)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("ALLOWED_HOSTS is not set.")
    assert not (tmp_path / "grove.sqlite3").exists()
