"""Serve the console on this machine: the web and the task clusters."""

import errno
import socket
import sys
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from advancement.database.triggers import missing_triggers
from advancement.management.base import ConsoleCommand, usage_error
from advancement.management.commands.demo import OPERATOR, PASSWORD
from grove_console.processes import Ended, Program, run_together

_HIGHEST_PORT: Final = 65_535
_GRACE_SECONDS: Final = 10.0


class Command(ConsoleCommand):
    """Start the web server and the task clusters, and stop them together."""

    help = (
        "Serve the console: the web, and the task clusters that wake up, do the daily run and send "
        "notifications. Ctrl-C stops all. For lasting service, let a supervisor run each of the four."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="the port (8000); 0 takes a free one")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, serve until told to stop, and fail when a part of it failed."""
        if not 0 <= options["port"] <= _HIGHEST_PORT:
            raise usage_error(f"--port must be a whole number from 0 to {_HIGHEST_PORT:,}.")
        self._check_web()
        with _listen(options["host"], options["port"]) as listener:
            self._prepare_database()
            sign_in = _sign_in()
            connections.close_all()
            failed = run_together(
                _programs(listener.fileno()),
                grace=_GRACE_SECONDS,
                started=lambda: self._announce(_address(listener), sign_in),
            )
        if failed:
            raise CommandError(_sentence(failed))
        self.stdout.write("Stopped.")

    def _check_web(self) -> None:
        if not settings.ALLOWED_HOSTS:
            raise CommandError(
                "ALLOWED_HOSTS is not set. Name the hosts that the console is reached by, or set DEBUG=1."
            )
        if not settings.DEBUG and not staticfiles_storage.exists("staticfiles.json"):
            raise CommandError("The static files are not there yet: run manage.py collectstatic --noinput.")

    def _prepare_database(self) -> None:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if not pending and not missing_triggers(connection):
            return
        if not settings.DEBUG:
            raise CommandError("The database is not up to date: run manage.py migrate.")
        self.stdout.write("Bringing the database up to date …")
        call_command("migrate", verbosity=0, interactive=False)

    def _announce(self, address: str, sign_in: str) -> None:
        self.stdout.write(f"Grove Console is at {self.style.MIGRATE_HEADING(address)}")
        self.stdout.write(sign_in)
        self.stdout.write("Ctrl-C stops it.")
        self.stdout.flush()


def _sign_in() -> str:
    """Say how to sign in; the demo operator's password is shown while it is the well-known one."""
    users = get_user_model()._default_manager
    operator = users.filter(username=OPERATOR, is_active=True).first()
    if settings.DEBUG and operator and operator.check_password(PASSWORD):
        return f"Sign in as {OPERATOR} with the password {PASSWORD}"
    if users.exists():
        return "Sign in with your own name and password."
    hint = "make demo loads a sample grove with an operator; " if settings.DEBUG else ""
    return f"Nobody can sign in yet: {hint}manage.py createsuperuser adds one of your own."


def _listen(host: str, port: int) -> socket.socket:
    """Return the socket that the web server takes over: the port is certain before anything starts."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise CommandError(_listen_sentence(host, port, error)) from error


def _listen_sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use: stop what uses it, or choose another with --port."
    reason = error.strerror or str(error)
    return f"The console cannot listen on port {port} of {host} ({reason}): try another --host or --port."


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _programs(listener: int) -> list[Program]:
    manage = str(Path(settings.BASE_DIR) / "manage.py")
    cluster = [sys.executable, manage, "qcluster"]
    web = [
        *[sys.executable, "-m", "gunicorn", "grove_console.wsgi"],
        *["--chdir", str(settings.BASE_DIR), "--bind", f"fd://{listener}"],
        *["--worker-class", "gthread", "--threads", "4", "--graceful-timeout", "5"],
        *["--log-level", "warning", "--no-control-socket"],
    ]
    return [
        Program("The web server", web, keep_open=(listener,)),
        # An inherited name would make all of them the same cluster.
        Program("The task cluster control", cluster, {"Q_CLUSTER_NAME": ""}),
        Program("The task cluster runs", cluster, {"Q_CLUSTER_NAME": "runs"}),
        Program("The task cluster notifications", cluster, {"Q_CLUSTER_NAME": "notifications"}),
    ]


def _sentence(failed: Ended) -> str:
    how = f"was killed by signal {-failed.code}" if failed.code < 0 else f"ended with code {failed.code}"
    return f"{failed.name} {how}, so the rest was stopped too. What it said stands above."
