"""PgBouncer in transaction mode in front of the test server, installed when it is missing and root may."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
from django.conf import settings

from tests.faults import copies
from tests.faults.waiting import wait_until
from tests.postgres import end_with_parent

_CONFIG: Final = """\
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 2
server_round_robin = 1
logfile = {folder}/log
"""
_INSTALL: Final = "apt-get update -q && apt-get install -y -q --no-install-recommends pgbouncer"


def find() -> str | None:
    """Return the path of PgBouncer, installed if need be and possible."""
    places = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if (
        not (found := shutil.which("pgbouncer", path=places))
        and os.geteuid() == 0
        and shutil.which("apt-get")
    ):
        quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "sh", "-c", _INSTALL]
        subprocess.run(command, check=False, stdin=subprocess.DEVNULL, **quiet)
        found = shutil.which("pgbouncer", path=places)
    return found


class Pooler:
    """A PgBouncer of our own on a free port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        config = copies.config()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        text = _CONFIG.format(server=config["PORT"], port=self.port, folder=folder)
        (folder / "pgbouncer.ini").write_text(text)
        (folder / "users").write_text(f'"{config["USER"]}" "{config["PASSWORD"]}"\n')
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        owner = os.environ.get("GROVE_TEST_PGOWNER") or None
        identity: Any = {"user": owner, "group": owner, "extra_groups": []} if owner else {}
        self._process = subprocess.Popen(
            [find() or "pgbouncer", "-q", str(self._folder / "pgbouncer.ini")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=end_with_parent(signal.SIGKILL),
            **identity,
        )
        wait_until(self._answers, 20)

    def kill(self) -> None:
        """Kill it, and with it every connection through it."""
        self._process.kill()
        self._process.wait()

    def use(self) -> None:
        """Let this process's Django work through it; `DATABASE_TRANSACTION_POOLER=1` comes to the same."""
        settings.DATABASE_TRANSACTION_POOLER = True
        copies.use(copies.current(), PORT=self.port, DISABLE_SERVER_SIDE_CURSORS=True)

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            copies.open_session("postgres", self.port).close()
            return True
        return False


@contextlib.contextmanager
def in_front() -> Iterator[Pooler]:
    """Put a pooler in front of the server for a while."""
    folder = Path(tempfile.mkdtemp(prefix="grove-pooler-"))
    if owner := os.environ.get("GROVE_TEST_PGOWNER"):
        shutil.chown(folder, owner, owner)
    try:
        pooler = Pooler(folder)
        try:
            yield pooler
        finally:
            pooler.kill()
    finally:
        shutil.rmtree(folder)
