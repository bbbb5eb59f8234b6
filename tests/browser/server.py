"""The processes behind the browser: the web server as on a server, and the cluster that does the runs."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.processes import ROOT, environment

PATIENCE = 60.0


def settings(database_url: str) -> dict[str, str]:
    """Return the environment of the processes."""
    return {
        "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
        "DATABASE_URL": database_url,
        "SECRET_KEY": "x" * 60,
        "ALLOWED_HOSTS": "127.0.0.1",
        "HTTPS_ONLY": "0",
        "ADVANCEMENT_APPROVE_OWN": "1",
        "PYTHONPATH": str(ROOT),
    }


@contextlib.contextmanager
def web(database_url: str, log: Path) -> Iterator[str]:
    """Serve the console with gunicorn, as on a server; yield its address."""
    values = settings(database_url)
    collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "--clear", "--verbosity=0"]
    subprocess.run(collect, cwd=ROOT, env=environment(**values), check=True)
    # The port is ours before the server starts, so that no other process can take it.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = ["-m", "gunicorn", "grove_console.wsgi", "--bind", f"fd://{listener.fileno()}"]
        command += ["--worker-class", "gthread", "--threads", "4", "--no-control-socket"]
        with _process(command, log, values, listener.fileno()) as server:
            _wait_for(address, server, log)
            yield address


@contextlib.contextmanager
def cluster(database_url: str, log: Path) -> Iterator[None]:
    """Let the cluster `runs` work on what the console starts."""
    values = settings(database_url) | {"Q_CLUSTER_NAME": "runs"}
    with _process(["manage.py", "qcluster"], log, values):
        yield


@contextlib.contextmanager
def _process(
    command: list[str], log: Path, values: dict[str, str], *keep_open: int
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process in a group of its own; end it, and whatever it started, afterwards."""
    with log.open("ab") as output:
        started = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment(**values),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=keep_open,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        started.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.wait(timeout=15)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def _wait_for(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"{address}/healthz", timeout=PATIENCE).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"The web server did not start:\n{log.read_text()}")
