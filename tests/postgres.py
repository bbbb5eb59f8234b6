"""Run a command against a private PostgreSQL server that ends with it.

    python tests/postgres.py [--keep DIR] -- COMMAND…

The command finds the server in DATABASE_URL. Fault tests, which stop and start it, also find
GROVE_TEST_PGDATA (the data directory), GROVE_TEST_PGCTL (the path of pg_ctl) and GROVE_TEST_PGOWNER
(the system user that pg_ctl must run as; empty when that is the current one).
"""

import argparse
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

PR_SET_PDEATHSIG, START_SECONDS, PATIENCE_SECONDS = 1, 60, 20
Command = list[str | Path]
Place = dict[str, Any]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
QUIET: Place = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

# A test server may lose its data with the machine, but not with a killed process: commits stay synchronous.
SERVER_CONF = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 100
fsync = off
full_page_writes = off
timezone = 'UTC'
log_timezone = 'UTC'
"""

INSTALL = """\
set -e
mkdir -p /etc/postgresql-common
grep -qs '^create_main_cluster' /etc/postgresql-common/createcluster.conf ||
    echo 'create_main_cluster = false' >> /etc/postgresql-common/createcluster.conf
export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
apt-get update -q
apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold postgresql
"""

# The janitor's input is a pipe that closes when the wrapper ends, however it ends.
JANITOR = """\
cat > /dev/null
"$1" stop -D "$2" -s -m fast -t 15 || "$1" stop -D "$2" -s -m immediate
[ -z "$3" ] || rm -rf "$3" || { sleep 2; rm -rf "$3"; }
"""


def main() -> int:
    """Start the server, run the command, stop the server; return the command's exit code."""
    parser = argparse.ArgumentParser(description="Run a command against a private PostgreSQL server.")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep the data in DIR for next time")
    parser.add_argument("command", metavar="COMMAND", nargs="+", help="what to run, after --")
    arguments = parser.parse_args()
    for number in SIGNALS:
        signal.signal(number, _leave)
    end_with_parent(signal.SIGTERM)()
    binaries = find_binaries() or install_binaries()
    owner = server_owner()
    directory = make_directory(arguments.keep, owner)
    # Where and as whom the server's own programs run: PostgreSQL refuses to be root.
    place: Place = {"cwd": directory, "user": owner, "group": owner, "extra_groups": [] if owner else None}
    remove = "" if arguments.keep else directory
    tidy: Command = ["sh", "-c", JANITOR, "janitor", binaries / "pg_ctl", directory / "data", remove]
    janitor = subprocess.Popen(tidy, stdin=subprocess.PIPE, start_new_session=True, **QUIET, **place)
    try:
        server, url = start_server(binaries, directory, place)
        # Reap the server at once when a test kills it, so that its process id is not taken for alive.
        signal.signal(signal.SIGCHLD, lambda *_: server.poll() and None)
        environment = {"DATABASE_URL": url, "GROVE_TEST_PGDATA": str(directory / "data")}
        environment |= {"GROVE_TEST_PGCTL": str(binaries / "pg_ctl"), "GROVE_TEST_PGOWNER": owner or ""}
        return run_command(arguments.command, os.environ | environment)
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        janitor.communicate()


def find_binaries() -> Path | None:
    """Return the directory of the newest installed server, if there is one."""
    debian = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    candidates = sorted(debian, key=lambda path: float(path.parent.name), reverse=True)
    candidates += [Path(subprocess.getoutput("pg_config --bindir"))]
    candidates += [Path(found).resolve().parent for found in [shutil.which("postgres")] if found]
    needed = ("initdb", "pg_ctl", "postgres")
    return next((path for path in candidates if all((path / name).exists() for name in needed)), None)


def install_binaries() -> Path:
    """Install Debian's PostgreSQL without the cluster that it would start."""
    print("Installing PostgreSQL, which the tests need …", file=sys.stderr)
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if all(shutil.which(name) for name in ["apt-get", *as_root[:1]]):
        install = [*as_root, "sh", "-c", INSTALL]
        subprocess.run(install, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if binaries := find_binaries():
        return binaries
    sys.exit("No PostgreSQL server was found or could be installed: please install one (Debian: postgresql).")


def server_owner() -> str | None:
    """Return the system user to run the server as, when it cannot be the current one."""
    if os.geteuid() != 0:
        return None
    if "postgres" not in (user.pw_name for user in pwd.getpwall()):
        subprocess.run(["useradd", "--system", "--user-group", "postgres"], check=True)
    return "postgres"


def make_directory(keep: Path | None, owner: str | None) -> Path:
    """Make the directory that holds the data, the password and the server's log."""
    directory = keep.resolve() if keep else Path(tempfile.mkdtemp(prefix="grove-postgres-"))
    directory.mkdir(parents=True, exist_ok=True)
    if owner:
        shutil.chown(directory, owner, owner)
    return directory


def start_server(binaries: Path, directory: Path, place: Place) -> tuple[subprocess.Popen[Any], str]:
    """Start the server, its cluster made first where there is none; return it and its URL."""
    data, secret, log = directory / "data", directory / "password", directory / "server.log"
    ending: Place = {"preexec_fn": end_with_parent(signal.SIGINT), "stdin": subprocess.DEVNULL, **place}
    if not (data / "PG_VERSION").exists():
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_hex(16))
        if place["user"]:
            shutil.chown(secret, place["user"])
        locale = "C.UTF-8" if Path("/usr/lib/locale/C.utf8").exists() else "C"
        options = ["--encoding=UTF8", f"--locale={locale}", "--no-sync", "--username=grove"]
        access = [f"--pwfile={secret}", "--auth=scram-sha-256"]
        make: Command = [binaries / "initdb", *options, *access, data]
        subprocess.run(make, stdout=subprocess.DEVNULL, check=True, **ending)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (data / "postgresql.conf").write_text(SERVER_CONF.format(port=port))
    with log.open("ab") as output:
        start: Command = [binaries / "postgres", "-D", data]
        server = subprocess.Popen(start, stdout=output, stderr=output, start_new_session=True, **ending)
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(data, server.pid):
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
    return server, f"postgres://grove:{secret.read_text()}@127.0.0.1:{port}/postgres"


def run_command(command: list[str], environment: dict[str, str]) -> int:
    """Run the command, hand signals on to it, and return its exit code as a shell would."""
    try:
        process = subprocess.Popen(command, env=environment, preexec_fn=end_with_parent(signal.SIGTERM))
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127

    def hand_on(number: int, _frame: FrameType | None) -> None:
        # The terminal has sent its Ctrl-C to the command already.
        if number != signal.SIGINT or not sys.stdin.isatty():
            process.send_signal(number)
        signal.alarm(PATIENCE_SECONDS)

    for number in SIGNALS:
        signal.signal(number, hand_on)
    signal.signal(signal.SIGALRM, lambda *_: process.kill())
    code = process.wait()
    return code if code >= 0 else 128 - code


def end_with_parent(number: signal.Signals) -> Callable[[], object]:
    """Return a call that lets this process get the signal when its parent dies (Linux only)."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: 0
    return lambda: prctl(PR_SET_PDEATHSIG, int(number))


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _is_ready(data: Path, server_id: int) -> bool:
    notes = data / "postmaster.pid"
    lines = notes.read_text().split() if notes.exists() else []
    return lines[:1] == [str(server_id)] and lines[-1] == "ready"


if __name__ == "__main__":
    sys.exit(main())
