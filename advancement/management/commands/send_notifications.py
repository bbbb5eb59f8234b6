"""Send the notifications that are due, or a test through every channel."""

import contextlib
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from advancement.management.base import ConsoleCommand
from advancement.models.outbox import OutboxStatus
from advancement.notifications.outbox import recipients
from advancement.notifications.send import Result, send_due, send_test


class Command(ConsoleCommand):
    """Send notifications without a task cluster, or try the channels out."""

    help = "Send the notifications that are due, as the task cluster notifications does each minute."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--test", action="store_true", help="send a test message through every configured channel"
        )
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Send, report each result, and fail when a message was not delivered."""
        if options["test"] and not recipients():
            raise CommandError("No channel is configured: set NOTIFY_EMAILS or NOTIFY_WEBHOOK_URL.")
        # Under DEBUG e-mails are printed, where with --json nothing else may be.
        with contextlib.redirect_stdout(sys.stderr if options["json"] else sys.stdout):
            results = send_test() if options["test"] else list(send_due())
        missed = [result for result in results if not result.delivered]
        if options["json"]:
            self.print_json(
                {
                    "sent": len(results) - len(missed),
                    "not_sent": len(missed),
                    "results": [vars(result) for result in results],
                }
            )
        else:
            for result in results:
                self.stdout.write(_sentence(result))
            if not results:
                configured = "" if recipients() else " No channel is configured."
                self.stdout.write(f"Nothing is due.{configured}")
        if missed:
            raise CommandError(f"{len(missed):,} of {len(results):,} messages could not be delivered.")


def _sentence(result: Result) -> str:
    what = f"{result.message} by {result.channel} to {result.recipient}"
    if result.delivered:
        return f"Sent: {what}."
    then = " It is tried again later." if result.status == OutboxStatus.PENDING else ""
    return f"Not sent: {what}. {result.error}{then}"
