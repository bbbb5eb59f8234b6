"""Plant a small grove with a history in a checkout of an earlier state; see the README beside it."""

import contextlib
import csv
import gzip
import io
import json
import os
import sys
from collections import defaultdict
from pathlib import Path

import django
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings

SAMPLE = Path("advancement/sample_grove")
TIERS = ("seed", "sprout", "sapling")
SPROUTS_OF_A_TIER = 25
EVENTS_OF_A_SPROUT = 40


def main() -> None:
    """Load a part of the sample grove, and do to it what leaves rows in the tables of runs."""
    sys.path.insert(0, str(Path.cwd()))
    os.environ["DJANGO_SETTINGS_MODULE"] = "grove_console.settings"
    django.setup()
    call_command("migrate", verbosity=0)
    load()
    advance_and_take_back()
    call_command("verify_ledger")


def load() -> None:
    """Import some documents of each tier with their first usage events, and the sample's rules."""
    from django.contrib.auth.models import User

    User.objects.create_superuser("olga", password="grove-demo")
    with (SAMPLE / "sprouts.csv").open(encoding="utf-8", newline="") as file:
        documents = [row for row in csv.DictReader(file) if row["title"].startswith("docs/")]
    chosen = [
        row for tier in TIERS for row in [row for row in documents if row["tier"] == tier][:SPROUTS_OF_A_TIER]
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, chosen[0])
    writer.writeheader()
    writer.writerows(chosen)
    import_text("import_sprouts", text.getvalue())
    events: dict[str, list[str]] = defaultdict(list)
    with gzip.open(SAMPLE / "usage_events.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            events[json.loads(line)["sproutId"]].append(line)
    import_text(
        "import_events", "".join(line for row in chosen for line in events[row["id"]][:EVENTS_OF_A_SPROUT])
    )
    call_command("import_rules", str(SAMPLE / "rules.json"))
    call_command("aggregate_signals", "--as-of", "2026-01-20T00:00:00Z")


def import_text(command: str, text: str) -> None:
    """Hand a text to an import as a file."""
    path = Path("part.txt")
    path.write_text(text, encoding="utf-8")
    call_command(command, str(path))
    path.unlink()


def advance_and_take_back() -> None:
    """Make a dry run, two runs, a rollback, an override, a hold, a run that waits for a decision."""
    from advancement.models import AdvancementEvent, Run

    call_command("run_advancement", "--dry-run", "--from-tier", "seed")
    call_command("run_advancement")
    call_command("run_advancement", "--from-tier", "seed")
    first, second = Run.objects.filter(advanced__gt=0).order_by("pk")
    call_command("rollback_advancements", "--run", str(first.pk), "--reason", "Too early", "--hold", "30")
    events = AdvancementEvent.objects.filter(run_id=second.pk).order_by("pk")
    held, moved = events.values_list("sprout_id", flat=True)[:2]
    call_command("override_tier", str(moved), "tree", "--reason", "The maintainers vouch for it.")
    call_command("hold_sprouts", str(held), "--reason", "Under discussion")
    with override_settings(ADVANCEMENT_MAX_MOVES=1), contextlib.suppress(CommandError, SystemExit):
        call_command("run_advancement", "--from-tier", "sprout", "--from-tier", "sapling")


if __name__ == "__main__":
    main()
