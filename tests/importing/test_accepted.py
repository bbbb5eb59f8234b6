"""What is unusual and fine."""

import gzip
import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from advancement.models import Sprout, UsageEvent
from tests.importing.conftest import (
    FERN,
    MOSS,
    NEW,
    PLANTED,
    SPROUT_HEADER,
    event_row,
    everything,
    jsonl,
    run,
    sprout_row,
)

Write = Callable[..., str]
pytestmark = pytest.mark.usefixtures("grove")


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_it_adds_new_sprouts_in_their_tier(mark: str, write: Write) -> None:
    result = run(
        "import_sprouts", write(f"{mark}{SPROUT_HEADER}{NEW},Ivy,botanical,tree,2026-01-13T13:39:52-05:00\n")
    )
    assert (result.code, result.out) == (0, "1 sprout read: 1 new, 0 retitled, 0 unchanged.\n")
    sprout = Sprout.objects.get(pk=NEW)
    assert (sprout.title, sprout.tier, sprout.initial_tier, sprout.revision) == ("Ivy", "tree", "tree", 0)
    assert sprout.created_at == sprout.tier_updated_at == datetime(2026, 1, 13, 18, 39, 52, tzinfo=UTC)


def test_it_retitles_sprouts_that_are_here_and_leaves_their_tier(write: Write) -> None:
    rows = [sprout_row(id=FERN, title="Bracken", tier="tree"), sprout_row(id=MOSS, title="Moss", tier="tree")]
    result = run("import_sprouts", write(jsonl(*rows)))
    assert result.out == (
        "2 sprouts read: 0 new, 1 retitled, 1 unchanged.\nTier differs, left as it is: 2 rows. "
        "Runs and overrides move sprouts, imports do not.\n"
    )
    fern = Sprout.objects.get(pk=FERN)
    assert (fern.title, fern.tier, fern.initial_tier, fern.created_at) == (
        "Bracken",
        "sprout",
        "seed",
        PLANTED,
    )


@pytest.mark.parametrize(
    "title", ["שלום", "a\u202eb", "bell\x07", "tab\tand\\", "two\nlines", '"quoted", so', "🌱"]
)
@pytest.mark.parametrize("table", [True, False], ids=["CSV", "JSONL"])
def test_it_keeps_any_title(title: str, table: bool, write: Write) -> None:
    cell = '"' + title.replace('"', '""') + '"'
    csv = f"{SPROUT_HEADER}{NEW},{cell},botanical,sprout,2026-01-01\r\n"
    assert run("import_sprouts", write(csv if table else jsonl(sprout_row(title=title)))).code == 0
    assert Sprout.objects.get(pk=NEW).title == title


def test_it_takes_the_same_file_twice(write: Write) -> None:
    path = write(gzip.compress(jsonl(event_row(), event_row(id="e2")).encode()))
    assert run("import_events", path).out == "2 usage events read: 2 new, 0 unchanged.\n"
    before = everything()
    assert run("import_events", path).out == "2 usage events read: 0 new, 2 unchanged.\n"
    assert everything() == before


def test_it_counts_identical_rows_once(write: Write) -> None:
    result = run(
        "import_events", write(jsonl(event_row(), event_row(), event_row(createdAt="2026-02-01 10:00")))
    )
    assert result.out == "3 usage events read: 1 new, 0 unchanged, 2 repeated in the file.\n"


def test_it_takes_events_older_than_their_sprout(write: Write) -> None:
    assert run("import_events", write(jsonl(event_row(createdAt="2001-01-01")))).code == 0
    assert UsageEvent.objects.get().created_at == datetime(2001, 1, 1, tzinfo=UTC)


def test_it_keeps_what_an_event_says_and_ignores_the_rest(write: Write) -> None:
    provenance = {"lensId": "docs", "hubId": "garden", "queryHash": "71ef", "journeyId": 7}
    row = event_row(
        eventType="sprout_rated",
        userId="u1",
        provenance=provenance,
        metadata={"rating": "up", "text": "nice"},
    )
    viewed = event_row(id="e2", userId=None, provenance=None, metadata={"rating": "up"})
    assert run("import_events", write(jsonl(row, viewed))).code == 0
    kept = UsageEvent.objects.get(pk="e1")
    assert (kept.user_id, kept.lens_id, kept.hub_id, kept.query_hash, kept.rating) == (
        "u1", "docs", "garden", "71ef", "up",
    )  # fmt: skip
    plain = UsageEvent.objects.get(pk="e2")
    assert (plain.user_id, plain.lens_id, plain.rating) == ("", "", "")


def test_it_skips_blank_lines_and_takes_a_last_line_without_end(write: Write) -> None:
    path = write("\n" + jsonl(event_row()) + "\n  \n" + jsonl(event_row(id="e2")).strip())
    assert run("import_events", path).out.startswith("2 usage events read: 2 new")


def test_it_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.TextIOWrapper(io.BytesIO(gzip.compress(jsonl(event_row()).encode())))
    monkeypatch.setattr(sys, "stdin", text)
    assert run("import_events", "-").out.startswith("1 usage event read: 1 new")


def test_a_table_without_rows_changes_nothing(write: Write) -> None:
    before = everything()
    assert run("import_signals", write("sprout_id,period,view_count\n")).code == 0
    assert everything() == before


def test_rows_whose_tier_differs_from_that_of_their_sprout_are_counted_and_leave_it(write: Write) -> None:
    rows = [sprout_row(id=FERN, tier="tree"), sprout_row(tier="grove")]
    result = run("import_sprouts", write(jsonl(*rows)), "--json").json
    assert result["notes"] == [
        "Tier differs, left as it is: 1 row. Runs and overrides move sprouts, imports do not."
    ]
    assert Sprout.objects.get(pk=FERN).tier == "sprout"
    assert Sprout.objects.get(pk=NEW).tier == "grove"
