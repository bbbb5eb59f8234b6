"""What the console's commands share: one clear sentence and an exit code for whatever goes wrong."""

import contextlib
import getpass
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

import django.db
from django.core.management.base import BaseCommand, CommandError, CommandParser

from advancement.criteria.errors import AdvancementError
from advancement.management.streams import all_written
from advancement.management.values import reason

_LONGEST_USER: Final = 150  # as in the columns that keep it

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class Advance(Protocol):
    """Takes what is done so far and, where it changed or became known, the total; both in one unit."""

    def __call__(self, done: float, total: float | None = None) -> None:
        """Show it."""


class ConsoleCommand(BaseCommand):
    """A command that ends with 0, or with one sentence on stderr and 1; with 2 on wrong usage.

    Raise AdvancementError or CommandError for a failure, `usage_error` for wrong arguments. An
    exception that is neither of these nor the database's is a defect, and keeps its traceback.
    """

    # Checks of pages, forms and templates say nothing about a command and slow each one down.
    requires_system_checks = []
    # Set by Django, which its type stubs do not tell.
    _called_from_command_line: bool

    def run_from_argv(self, argv: list[str]) -> None:
        """Run from a command line: quiet on Ctrl-C and when nobody reads the output any more."""
        for stream in (sys.stdout, sys.stderr):
            # A terminal that is not UTF-8 shows titles with escapes instead of failing.
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(errors="backslashreplace")
        # As Ctrl-C does, so that what is under way is rolled back and given back.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
        if not all(map(_is_utf8, argv)):
            self.stderr.write(
                "An argument is not UTF-8: write it in UTF-8, or rename the file that it names."
            )
            sys.exit(EXIT_USAGE)
        with all_written():
            try:
                super().run_from_argv(argv)
            except KeyboardInterrupt:
                sys.stderr.write("Interrupted.\n")
                sys.exit(EXIT_INTERRUPTED)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command; refusals and database errors become CommandError with a sentence."""
        self._json_printed = False
        try:
            return self._execute(*args, **options)
        except CommandError as error:
            if options.get("json") and not self._json_printed and error.returncode != EXIT_USAGE:
                self.print_json({"error": str(error)})
            if not self._called_from_command_line or options.get("traceback"):
                raise
            # Django would put the name of the exception in front.
            self.stderr.write(str(error))
            sys.exit(error.returncode)

    def _execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except (AdvancementError, django.db.Error) as error:
            raise CommandError(sentence_of(error)) from error

    @staticmethod
    def add_json_option(parser: CommandParser) -> None:
        """Add `--json`; the command then prints with `print_json` and nothing else on stdout."""
        parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")

    @staticmethod
    def add_reason_option(parser: CommandParser, kept_with: str) -> None:
        """Add `--reason`, which is required and must not be blank."""
        parser.add_argument(
            "--reason", type=reason, required=True, metavar="TEXT", help=f"why; kept with {kept_with}"
        )

    def print_json(self, value: Mapping[str, Any]) -> None:
        """Print one JSON object on one line, in ASCII; times and UUIDs as text."""
        self._json_printed = True
        self.stdout.write(json.dumps(value, default=str, allow_nan=False))

    @contextlib.contextmanager
    def progress(self, label: str, total: float | None = None) -> Iterator[Advance]:
        """Show a progress bar on stderr while that is a terminal.

        Yields the function to call as the work goes on. `total` is in any unit; None means that the end
        is not known, or not yet.
        """
        if not self.stderr.isatty():
            yield lambda done, total=None: None
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda done, total=total: bar.update(task, completed=done, total=total)

    @contextlib.contextmanager
    def phases(self) -> Iterator[Callable[[str, int, int], None]]:
        """Show on a terminal's stderr how a run gets on: yields a function of phase, done and total."""
        if not self.stderr.isatty():
            yield lambda phase, done, total: None
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("starting", total=None)
            yield lambda phase, done, total: bar.update(
                task, description=phase, completed=done, total=total or None
            )


def system_user() -> str:
    """Return the name of the operating system's user, as far as it has one, as it can be stored."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return f"uid {os.getuid()}"
    # Whatever the environment says counts as the name, bytes that are not UTF-8 included.
    return name.encode("utf-8", "backslashreplace").decode()[:_LONGEST_USER]


def usage_error(sentence: str) -> CommandError:
    """Return the error to raise for arguments that do not make sense: exit code 2."""
    return CommandError(sentence, returncode=EXIT_USAGE)


def sentence_of(error: AdvancementError | django.db.Error) -> str:
    """Say in one sentence what a refusal or an error of the database means."""
    return database_sentence(error) if isinstance(error, django.db.Error) else str(error)


def database_sentence(error: django.db.Error) -> str:
    """Say in one sentence what is wrong with the database, and what to do where that is known."""
    detail = (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(".")
    state = getattr(error.__cause__, "sqlstate", None)
    if state in {"42P01", "42703"} or detail.startswith(("no such table", "no such column")):
        return f"The database is not up to date ({detail}): run manage.py migrate."
    if state == "55P03" or "database is locked" in detail:
        return f"Another process is writing to the database ({detail}): try again when it is done."
    if isinstance(error, django.db.OperationalError | django.db.InterfaceError) and (
        state is None or state[:2] in {"08", "28", "3D", "57"}
    ):
        return f"The database cannot be used ({detail}): is it running, and is DATABASE_URL right?"
    return f"The database refused this: {detail}."


def _is_utf8(argument: str) -> bool:
    """Whether an argument came as UTF-8; Python keeps other bytes as halves of surrogate pairs."""
    return not any("\ud800" <= character <= "\udfff" for character in argument)
