"""`python -m tests.bench.grove`: a generated grove for load tests, the same for the same arguments.

It fills the database of DATABASE_URL, which must be migrated and without sprouts, or with `--folder`
writes the files that `import_sprouts` and `import_events` read. Sprouts are of the botanical model.
A few sprouts get most of the events, as in a real grove; times reach over the 90 days before `--until`.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

SPROUTS, EVENTS = "sprouts.csv", "usage_events.jsonl"
_TIERS: Final = ("seed", "sprout", "sprout", "sprout", "sapling", "tree")
_TYPES: Final = {
    "sprout_viewed": 40, "sprout_searched": 25, "sprout_retrieved": 15, "sprout_referenced": 8,
    "sprout_rated": 6, "sprout_refined": 3, "sprout_exported": 2, "sprout_promoted": 1,
}  # fmt: skip
_REACH: Final = timedelta(days=90)


def sprout_ids(count: int, seed: int) -> list[str]:
    """Return the ids of the sprouts, in the order in which they are written."""
    chance = random.Random(f"sprouts {seed}")
    return [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(count)]


def sprout_lines(ids: list[str], until: datetime, seed: int) -> Iterator[str]:
    """Yield the lines of the file of sprouts."""
    chance = random.Random(f"tiers {seed}")
    yield "id,title,lifecycle_model,tier,created_at\n"
    for number, key in enumerate(ids):
        created = until - _REACH - timedelta(minutes=chance.randrange(500_000))
        yield f"{key},notes/{number:07d}.md,botanical,{chance.choice(_TIERS)},{created:%Y-%m-%dT%H:%M:%SZ}\n"


def event_lines(ids: list[str], count: int, until: datetime, seed: int) -> Iterator[str]:
    """Yield the lines of the file of usage events, in order of time."""
    chance = random.Random(f"events {seed}")
    types, weights = list(_TYPES), list(_TYPES.values())
    for number in range(count):
        at = until - _REACH + _REACH * ((number + 1) / count)
        (kind,) = chance.choices(types, weights)
        event: dict[str, Any] = {
            "id": f"event-{seed}-{number}",
            "sproutId": ids[int(len(ids) * chance.random() ** 3)],
            "eventType": kind,
            "createdAt": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
            "sessionId": f"session-{chance.randrange(count // 5 + 1)}",
            "userId": f"user-{chance.randrange(500)}" if chance.random() < 0.7 else None,
            "provenance": {"lensId": f"lens-{chance.randrange(8)}", "hubId": f"hub-{chance.randrange(8)}"},
        }
        if kind == "sprout_rated":
            event["metadata"] = {"rating": "up" if chance.random() < 0.8 else "down"}
        yield json.dumps(event) + "\n"


def write_files(folder: Path, *, sprouts: int, events: int, until: datetime, seed: int) -> None:
    """Write the two files into a folder that is there."""
    ids = sprout_ids(sprouts, seed)
    with (folder / SPROUTS).open("w", encoding="utf-8") as file:
        file.writelines(sprout_lines(ids, until, seed))
    with (folder / EVENTS).open("w", encoding="utf-8") as file:
        file.writelines(event_lines(ids, events, until, seed))


def fill_database(folder: Path) -> None:
    """Import the two files with the project's own commands; refuse a database that holds sprouts."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "grove_console.settings")
    os.environ.setdefault("DEBUG", "1")
    import django

    django.setup()
    from django.core.management import call_command

    from advancement.models import Sprout

    if Sprout.objects.exists():
        sys.exit("This database holds sprouts already: name an empty one, or write files with --folder.")
    call_command("import_sprouts", str(folder / SPROUTS))
    call_command("import_events", str(folder / EVENTS))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.grove", description=__doc__)
    parser.add_argument("--sprouts", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--until",
        type=lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC),
        default=datetime(2026, 3, 1, tzinfo=UTC),
        metavar="DATE",
        help="the time of the last event (2026-03-01)",
    )
    parser.add_argument("--folder", type=Path, help="write the files here instead of filling the database")
    options = vars(parser.parse_args())
    if options["sprouts"] < 1 or options["events"] < 0:
        parser.error("--sprouts must be 1 or more, --events 0 or more.")
    folder = options.pop("folder")
    if folder is not None:
        write_files(folder, **options)
        return
    with tempfile.TemporaryDirectory(prefix="grove-") as temporary:
        write_files(Path(temporary), **options)
        fill_database(Path(temporary))


if __name__ == "__main__":
    main()
