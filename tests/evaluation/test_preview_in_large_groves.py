"""Where tiers are large, PostgreSQL samples them first and copies them when exact figures are asked for."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from advancement.database.clock import database_now
from advancement.database.locks import lock_previews
from advancement.evaluation import preview_cache, reading
from advancement.evaluation.histogram import histogram
from advancement.evaluation.preview import MatchCount, count_matches, preview_details
from advancement.evaluation.preview_cache import build_copy, forget_old_copies
from advancement.holds import set_holds
from advancement.models import PreviewCache, PreviewRow, SignalAggregation, Sprout
from advancement.models.runs import RunTrigger
from advancement.runs.override import override_tier
from tests.criteria.cast import make_rule
from tests.factories import add_rule, make_signals, make_sprout, refreshed, signal_values, sprout_values

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="on SQLite all candidates are read"),
]

RULE = make_rule("citations >= 3", "views >= 1 last_7d")
SPROUTS = 3_000
MATCHES = SPROUTS // 4


@pytest.fixture(autouse=True)
def grove() -> None:
    """Plant a grove that counts as large: half of it is cited, and half of that was viewed lately."""
    cache.clear()
    refreshed()
    sprouts = [sprout_values(title=f"notes/{number}.md") for number in range(SPROUTS)]
    Sprout.objects.bulk_create(sprouts)
    SignalAggregation.objects.bulk_create(
        row
        for number, sprout in enumerate(sprouts)
        for row in (
            signal_values(sprout, citations=number % 2 * 3),
            signal_values(sprout, "last_7d", views=number // 2 % 2),
        )
    )


@pytest.fixture(autouse=True)
def large() -> Iterator[None]:
    with mock.patch.multiple(reading, FEW=100, SAMPLE=1_000):
        yield


def move(sprout: Sprout, tier: str) -> None:
    override_tier(sprout.pk, tier, reason="because", by="operator", trigger=RunTrigger.COMMAND)


def is_exact() -> bool:
    return count_matches(RULE).exact


def test_before_there_is_a_copy_figures_are_extrapolated_from_the_same_sample_and_say_so() -> None:
    counted = count_matches(RULE)
    assert (counted.candidates, counted.exact) == (SPROUTS, False)
    assert counted.matches == pytest.approx(MATCHES, rel=0.15)
    assert count_matches(RULE) == counted
    details = preview_details(RULE, active=add_rule("citations >= 3"))
    assert details.count == counted
    assert details.alone[0] == pytest.approx(SPROUTS / 2, rel=0.15)
    assert details.lost
    # Each of the three is rounded by itself.
    lost = details.active_matches - counted.matches  # type: ignore[operator]
    assert details.lost.count == pytest.approx(lost, abs=1)
    chart = histogram(RULE, 0)
    assert not chart.exact
    assert dict(chart.at)[3] == counted.matches
    assert not PreviewCache.objects.exists()


def test_a_sample_reads_a_part_of_the_sprouts() -> None:
    with CaptureQueriesContext(connection) as queries:
        count_matches(RULE)
    (sampled,) = [query["sql"] for query in queries if "TABLESAMPLE" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(sampled)
        read, *_ = cursor.fetchone()
    assert 0 < read < SPROUTS


def test_exact_figures_are_asked_for_once_and_there_from_then_on() -> None:
    active = add_rule("citations >= 3")
    details = preview_details(RULE, active=active, exact=True)
    assert details.count == MatchCount(MATCHES, SPROUTS)
    assert (details.alone, details.active_matches) == ((SPROUTS // 2, SPROUTS // 2), SPROUTS // 2)
    assert details.lost
    assert details.lost.count == SPROUTS // 2 - MATCHES
    assert len(details.near_misses) == 10
    assert count_matches(RULE) == details.count
    assert preview_details(RULE, active=active) == details
    chart = histogram(RULE, 0)
    assert (chart.exact, dict(chart.at)[3]) == (True, MATCHES)


def test_a_copy_says_what_the_tables_say() -> None:
    rules = [
        RULE,
        make_rule("citations > 0", "utilityScore >= 0.6", "views == 1 last_7d", logic="OR"),
        make_rule("daysInTier >= 1", "qualityScore <= 0.1 last_30d", logic="OR"),
    ]
    set_holds(list(Sprout.objects.values_list("pk", flat=True)[:70]), reason="wait", by="operator")
    make_sprout()
    for rule in rules:
        with mock.patch("advancement.evaluation.reading.database_now", return_value=database_now()):
            copied = preview_details(rule, exact=True), histogram(rule, 0)
            with (
                mock.patch.object(reading, "FEW", SPROUTS + 1),
                mock.patch.object(reading, "copied_candidates", return_value=None),
            ):
                stored = preview_details(rule), histogram(rule, 0)
        assert copied == stored
    assert copied[0].count == MatchCount(SPROUTS + 1, SPROUTS + 1, held=70, no_signals=1, unknown=SPROUTS + 1)
    assert PreviewCache.objects.count() == 1


def test_signals_that_a_copy_lacks_are_added_and_the_others_stay() -> None:
    preview_details(RULE, exact=True)
    other = make_rule("upvotes >= 0")
    assert not count_matches(other).exact
    preview_details(other, exact=True)
    assert count_matches(other).exact
    assert is_exact()
    assert PreviewCache.objects.get().columns == [
        "reference_count_all_time", "upvotes_all_time", "view_count_last_7d",
    ]  # fmt: skip
    assert PreviewRow.objects.count() == SPROUTS


def test_a_copy_of_one_tier_says_nothing_about_another() -> None:
    preview_details(RULE, exact=True)
    make_sprout("seed")
    assert count_matches(make_rule("citations >= 3", from_tier="seed")) == MatchCount(0, 1, unknown=1)


def test_another_signal_refresh_ends_a_copy() -> None:
    preview_details(RULE, exact=True)
    refreshed()
    assert not is_exact()
    assert preview_details(RULE, exact=True).count.exact


def test_a_move_into_or_out_of_the_tier_ends_a_copy_and_others_do_not() -> None:
    seed, elsewhere = make_sprout("seed", signals={"citations": 3}), make_sprout("sapling")
    make_signals(seed, "last_7d", views=1)
    preview_details(RULE, exact=True)
    move(elsewhere, "tree")
    assert is_exact()
    move(seed, "sprout")
    assert not is_exact()
    assert preview_details(RULE, exact=True).count == MatchCount(MATCHES + 1, SPROUTS + 1, held=1)
    move(seed, "sapling")
    assert preview_details(RULE, exact=True).count == MatchCount(MATCHES, SPROUTS)


def test_an_event_that_is_committed_late_under_a_lower_number_ends_a_copy() -> None:
    first, second = (make_sprout("seed") for _ in range(2))
    move(first, "sprout")
    move(second, "sprout")
    preview_details(RULE, exact=True)
    PreviewCache.objects.update(events=1)  # as if only the second had been there
    assert not is_exact()


def test_a_copy_is_used_for_an_hour_and_then_deleted() -> None:
    preview_details(RULE, exact=True)
    assert forget_old_copies() == 0
    PreviewCache.objects.update(built_at=database_now() - timedelta(hours=1))
    assert not is_exact()
    assert forget_old_copies() == 1
    assert not PreviewRow.objects.exists()


def test_a_copy_whose_rows_were_lost_in_a_crash_is_not_used() -> None:
    preview_details(RULE, exact=True)
    PreviewRow.objects.all().delete()
    assert not is_exact()
    assert preview_details(RULE, exact=True).count == MatchCount(MATCHES, SPROUTS)


def test_the_rows_of_copies_are_not_written_to_the_log() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'preview_rows'")
        assert cursor.fetchone() == ("u",)


def test_copies_together_have_a_limit_and_the_oldest_goes() -> None:
    preview_details(RULE, exact=True)
    Sprout.objects.bulk_create(sprout_values("seed") for _ in range(150))
    with mock.patch.object(preview_cache, "MOST_ROWS", SPROUTS + 100):
        preview_details(make_rule("views >= 1", from_tier="seed"), exact=True)
    assert [str(cache) for cache in PreviewCache.objects.all()] == ["botanical seed"]
    assert PreviewRow.objects.count() == 150


def test_a_tier_beyond_the_limit_stays_a_sample() -> None:
    with mock.patch.object(preview_cache, "MOST_ROWS", SPROUTS - 1):
        assert not preview_details(RULE, exact=True).count.exact
    assert not PreviewCache.objects.exists()


def in_a_thread(work: Any) -> "threading.Thread":
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_sprouts_that_are_imported_or_deleted_end_a_copy(tmp_path: Path) -> None:
    file = tmp_path / "sprouts.csv"
    file.write_text(
        "id,title,lifecycle_model,tier,created_at\n"
        "00000000-0000-4000-8000-000000000001,A note,botanical,sprout,2026-01-01\n"
    )
    flush_counts()
    preview_details(RULE, exact=True)
    assert is_exact()
    call_command("import_sprouts", str(file), stdout=StringIO())
    flush_counts()
    assert not is_exact()
    assert preview_details(RULE, exact=True).count.candidates == SPROUTS + 1
    Sprout.objects.filter(title="A note").delete()
    flush_counts()
    assert preview_details(RULE, exact=True).count == MatchCount(MATCHES, SPROUTS)


def flush_counts() -> None:
    """Let the server count now what it would count some seconds later."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")


@pytest.mark.django_db(transaction=True)
def test_who_asks_while_a_copy_is_made_waits_and_uses_it() -> None:
    place, columns = ("botanical", "sprout"), {"view_count_all_time"}
    built: list[bool] = []
    with mock.patch.object(preview_cache, "_copy", wraps=preview_cache._copy) as copied:
        threads = [in_a_thread(lambda: built.append(build_copy(place, columns, "default"))) for _ in range(4)]
        for thread in threads:
            thread.join()
    assert (built, copied.call_count) == ([True] * 4, 1)
    assert PreviewCache.objects.get().candidates == PreviewRow.objects.count() == SPROUTS


@pytest.mark.django_db(transaction=True)
def test_who_waits_too_long_is_answered_from_the_sample() -> None:
    ready, done = threading.Event(), threading.Event()

    def hold_the_lock() -> None:
        with transaction.atomic():
            lock_previews()
            ready.set()
            done.wait(30)

    thread = in_a_thread(hold_the_lock)
    ready.wait(30)
    try:
        with mock.patch.object(preview_cache, "_PATIENCE_MS", 50):
            details = preview_details(RULE, exact=True)
        assert forget_old_copies() == 0
    finally:
        done.set()
        thread.join()
    assert not details.count.exact
