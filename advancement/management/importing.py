"""What the three import commands share."""

from typing import Any, ClassVar

from django.core.management.base import CommandParser

from advancement.importing import ImportRefused, Outcome, import_file
from advancement.importing.importer import Importer
from advancement.importing.rejects import REASONS_SUFFIX
from advancement.management.base import ConsoleCommand


class ImportCommand(ConsoleCommand):
    """Import one file; `updated_word` says what happened to rows that were here already and changed."""

    importer: ClassVar[type[Importer]]
    updated_word: ClassVar[str] = "updated"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add FILE, --skip-bad-rows and --json."""
        formats = "CSV or JSONL" if self.importer.csv_allowed else "JSONL"
        parser.add_argument("file", metavar="FILE", help=f"{formats}, plain or .gz; - for standard input")
        parser.add_argument(
            "--skip-bad-rows",
            action="store_true",
            help="keep the good rows; write the bad ones to FILE.rejected and why to FILE.rejected.reasons",
        )
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Import the file and say what came of it."""
        try:
            outcome = self._import(options["file"], skip_bad_rows=options["skip_bad_rows"])
        except ImportRefused as refusal:
            if options["json"]:
                self.print_json(refusal.outcome.as_json)
            raise
        if options["json"]:
            self.print_json(outcome.as_json)
        else:
            self.stdout.write("\n".join([self._result(outcome), *outcome.notes]))
        if outcome.rejected:
            self.stderr.write(outcome.report)
            rows = f"{outcome.rejected:,} {'row was' if outcome.rejected == 1 else 'rows were'}"
            self.stderr.write(
                f"{rows} left out and written to {outcome.rejected_file}: mend and import that file. "
                f"Every reason is in {outcome.rejected_file}{REASONS_SUFFIX}."
            )

    def _import(self, path: str, *, skip_bad_rows: bool) -> Outcome:
        with self.progress(f"Importing {self.importer.noun}") as advance:
            return import_file(self.importer, path, skip_bad_rows=skip_bad_rows, on_progress=advance)

    def _result(self, outcome: Outcome) -> str:
        parts = [f"{outcome.inserted:,} new"]
        if self.updated_word:
            parts.append(f"{outcome.updated:,} {self.updated_word}")
        parts.append(f"{outcome.unchanged:,} unchanged")
        if outcome.repeated:
            parts.append(f"{outcome.repeated:,} repeated in the file")
        if outcome.rejected:
            parts.append(f"{outcome.rejected:,} rejected")
        noun = self.importer.noun.removesuffix("s") if outcome.read == 1 else self.importer.noun
        return f"{outcome.read:,} {noun} read: {', '.join(parts)}."
