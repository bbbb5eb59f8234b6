"""Prove that the ledger is whole."""

import re
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from advancement.ledger.findings import Check, counted
from advancement.ledger.record import check_and_record
from advancement.ledger.seals import START, Head
from advancement.ledger.verify import Verification
from advancement.management.base import ConsoleCommand
from advancement.management.terminal import make_console


class Command(ConsoleCommand):
    """Check tiers, events, runs and seals; writes what it found, for Health, and nothing else."""

    help = (
        "Prove that each sprout's tier is the fold of its events and that the audit trail is whole. "
        "Ends with 1 and a list where it is not."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--head",
            type=_head,
            metavar="N:HASH",
            help="a head of the seal chain that was kept elsewhere, and must still be in it",
        )
        parser.add_argument(
            "--forget-head",
            action="store_true",
            help="take a head that was refuted before for mistyped; Health does not warn of it any more",
        )
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, print what was found, and fail where anything was."""
        with self.progress("Verifying") as advance:
            found = check_and_record(options["head"], forget=options["forget_head"], progress=advance)
        if options["json"]:
            self.print_json(_object(found))
        else:
            _print(found)
        if found.found:
            raise CommandError(f"The ledger does not hold: {counted(found.found, 'finding')}.")


def _head(text: str) -> Head:
    parts = re.fullmatch(r"([0-9]{1,9}):([0-9a-f]{64})", text.strip().lower())
    if parts is None:
        raise ArgumentTypeError(f"{text!r} is not a head; give one as verify_ledger prints it: N:HASH.")
    return Head(int(parts[1]), parts[2])


def _object(found: Verification) -> dict[str, Any]:
    return {
        "ok": not found.found,
        "checks": [
            {
                "check": check.name,
                "checked": check.checked,
                "found": check.found,
                "findings": check.findings,
            }
            for check in found.checks
        ],
        "head": found.head._asdict(),
        "expected_head": _expected(found) if found.kept else None,
    }


def _expected(found: Verification) -> dict[str, Any]:
    assert found.kept is not None
    return {**found.kept._asdict(), "ok": not found.kept_fault, "finding": found.kept_fault or None}


def _print(found: Verification) -> None:
    console = make_console()
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("Check")
    table.add_column("Checked", justify="right")
    table.add_column("Findings", justify="right")
    for check in found.checks:
        table.add_row(check.title, f"{check.checked:,}", f"{check.found:,}" if check.found else "–")
    console.print(table)
    for check in found.checks:
        _print_findings(console, check)
    if found.kept:
        sound = f"The chain still has the head that was kept, of seal {found.kept.seal}."
        _say(console, found.kept_fault or sound)
    if found.head == START:
        _say(console, "There are no seals yet.")
    else:
        _say(console, f"Head of the seals, to be kept elsewhere: {found.head}")


def _print_findings(console: Console, check: Check) -> None:
    if check.findings:
        _say(console, f"\n{check.title}? Not here:")
    for finding in check.findings:
        _say(console, f"  {''.join(c if c.isprintable() else ascii(c)[1:-1] for c in finding)}")
    if check.found > len(check.findings):
        _say(console, f"  … and {check.found - len(check.findings):,} more.")


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True)
