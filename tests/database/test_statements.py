"""Text and times go through compiled statements unharmed, alike on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import CharField, DateTimeField, F, IntegerField, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, Concat

from advancement.database.statements import Fragment, Statement, Variable
from advancement.evaluation.expressions import DaysBetween
from advancement.holds import set_hold
from advancement.models import AdvancementEvent, AdvancementRule, LeftOut, LifecycleModel, Sprout
from advancement.rulebook.versions import add_version
from advancement.runs.work import work_on
from tests.criteria.cast import make_rule
from tests.factories import add_model, add_rule, finished_run, make_sprout, planned_run

pytestmark = pytest.mark.django_db

TEXTS = [
    "100%", "100%%", "%s", "%%s", "%(lo)s", "%(p0)s", "%(nothing)s", "%", "$1", "?1", ":lo", "{lo}", "@lo",
    "it's", '"quoted"', "`ticks`", "back\\slash", "E'\\n'", "a; DROP TABLE sprouts; --", "/* x */", "[1]",
    "tab\tnewline\ncarriage\r", "\x01\x08\x1b[31m\x7f\x85", "\u202eright to left\u2066", "e\u0301 é ﬁ İ ß",
    "🌱🌰👩‍🌾", "\U0010fffd", "null", "NaN", "true", " ends with a space ",
]  # fmt: skip


def compiled(queryset: "QuerySet[Any, Any]", *, prepare: bool = True) -> Statement:
    return Statement("a_test", Fragment.of(queryset, "default"), ("lo",), using="default", prepare=prepare)


def rows(statement: Statement, lo: int) -> list[Any]:
    with connection.cursor() as cursor:
        statement.execute(cursor, lo=lo)
        return list(cursor.fetchall())


def labelled(text: str) -> "QuerySet[Any, Any]":
    """One row: a constant text and the variable."""
    number = Cast(Variable("lo", IntegerField()), IntegerField())
    return LifecycleModel.objects.annotate(text=Value(text, CharField()), number=number).values_list(
        "text", "number"
    )


@pytest.mark.parametrize("prepare", [True, False])
@pytest.mark.parametrize("text", TEXTS)
def test_a_constant_stays_what_it_is(text: str, prepare: bool) -> None:
    statement = compiled(labelled(text), prepare=prepare)
    assert [rows(statement, lo) for lo in (1, -2)] == [[(text, 1)], [(text, -2)]]
    statement.close()


@pytest.mark.parametrize("prepare", [True, False])
@pytest.mark.parametrize(
    ("sql", "value"), [("'%%s'", "%s"), ("'%%'||%s", "%x"), ("'%%%%s'", "%%s"), ("'%%(lo)s'", "%(lo)s")]
)
def test_a_percent_sign_in_the_sql_stays_one(sql: str, value: str, prepare: bool) -> None:
    params = ["x"] if sql.endswith("||%s") else []
    queryset = labelled("%s").annotate(raw=Concat(RawSQL(sql, params), Value(""), output_field=CharField()))
    statement = compiled(queryset.values_list("raw", "text", "number"), prepare=prepare)
    assert rows(statement, 7) == [(value, "%s", 7)]
    statement.close()


def test_a_percent_sign_right_before_a_placeholder_is_no_part_of_it() -> None:
    five = LifecycleModel.objects.annotate(five=RawSQL("5 %%%s", [3])).values_list("five")
    statement = Statement("", Fragment.of(five, "default"), (), using="default", prepare=False)
    with connection.cursor() as cursor:
        statement.execute(cursor)
        assert cursor.fetchall() == [(2,)]


def test_a_variable_may_occur_many_times() -> None:
    lo = Variable("lo", IntegerField())
    statement = compiled(LifecycleModel.objects.annotate(n=Cast(lo, IntegerField()) + lo).values_list("n"))
    assert [rows(statement, n) for n in (1, 20)] == [[(2,)], [(40,)]]
    statement.close()


def test_closing_twice_or_before_use_is_harmless() -> None:
    statement = compiled(labelled("x"))
    statement.close()
    rows(statement, 1)
    statement.close()
    statement.close()
    assert rows(statement, 2) == [("x", 2)]
    statement.close()


@pytest.mark.django_db(transaction=True)
def test_a_statement_survives_the_loss_of_its_connection() -> None:
    statement = compiled(labelled("x"))
    rows(statement, 1)
    connection.close()
    assert rows(statement, 2) == [("x", 2)]
    connection.close()
    statement.close()
    assert rows(statement, 3) == [("x", 3)]
    statement.close()


# --- From plan to event ----------------------------------------------------------------------------


ODD_SLUG = "0_-9--_"


def odd_rule(text: str) -> None:
    """Activate a rule all of whose names are the given text, past validation; only its slug is legal."""
    add_model(text, text, "upper")
    definition = make_rule(
        "citations >= 3", slug=ODD_SLUG, title=text, description=text, lifecycle_model=text, from_tier=text,
        to_tier="upper",
    )  # fmt: skip
    rule = AdvancementRule.objects.create(id=ODD_SLUG)
    rule.active_version = add_version(rule, definition, by=text)
    rule.save()


@pytest.mark.parametrize("text", TEXTS)
def test_texts_come_unharmed_from_the_plan_to_the_event(text: str) -> None:
    odd_rule(text)
    sprout = make_sprout(text, {"citations": 3}, title=text, lifecycle_model_id=text)
    run = finished_run(from_tiers=(text,), lifecycle_model=text, requested_by=text)
    assert (run.status, run.advanced, run.invalid_rules) == ("succeeded", 1, [])
    event = AdvancementEvent.objects.get(sprout_id=sprout.pk)
    assert {event.sprout_title, event.lifecycle_model_id, event.from_tier} == {text}
    assert event.rule_id == ODD_SLUG
    assert Sprout.objects.get().tier == "upper"


@pytest.mark.parametrize("text", [text for text in TEXTS if text == text.strip()])
def test_the_reason_of_a_hold_comes_unharmed_to_the_plan(text: str) -> None:
    add_rule()
    set_hold(make_sprout(signals={"citations": 3}).pk, reason=text, by="operator")
    finished_run()
    assert LeftOut.objects.get().reason == f"On hold: {text}"


@pytest.mark.parametrize("text", TEXTS)
def test_names_come_unharmed_into_the_reason_of_a_skipped_move(text: str) -> None:
    odd_rule(text)
    make_sprout(text, {"citations": 3}, lifecycle_model_id=text)
    run = planned_run(from_tiers=(text,))
    Sprout.objects.update(tier=f"{text}!")
    work_on(run.pk, run.lease_token)
    assert LeftOut.objects.get().reason == f"It moved to {text}! after the plan was made."


# --- Days in tier ----------------------------------------------------------------------------------

MICROSECOND = timedelta(microseconds=1)
NOW = datetime(2026, 1, 13, 2, 0, 0, 123457, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


STARTS = [
    utc(1900, 1, 1), utc(1900, 2, 28, 23, 59, 59, 999999), utc(1901, 12, 13, 20, 45, 51),
    utc(1969, 12, 31, 23, 59, 59), utc(1969, 12, 31, 23, 59, 59, 999999), utc(1969, 12, 31, 23, 59, 59, 1),
    utc(1970, 1, 1), utc(1970, 1, 1, 0, 0, 0, 1), utc(2000, 2, 29, 12),
    utc(2016, 12, 31, 23, 59, 59, 999500), utc(2025, 3, 30, 0, 59, 59, 999999), utc(2025, 3, 30, 1),
    utc(2025, 10, 26, 0, 30), utc(2025, 10, 26, 1, 30), utc(2026, 1, 6, 2, 0, 0, 123456),
    utc(2026, 1, 6, 2, 0, 0, 123457), utc(2026, 1, 6, 2, 0, 0, 123458), utc(2026, 1, 13, 2, 0, 0, 123456),
    NOW, utc(2026, 1, 13, 2, 0, 0, 999999), utc(2026, 1, 14), utc(2038, 1, 19, 3, 14, 7),
    utc(2038, 1, 19, 3, 14, 8, 1), utc(2106, 2, 7, 6, 28, 16, 500000),
]  # fmt: skip


def days(start: datetime, end: datetime) -> float:
    return ((end - start) // MICROSECOND) / 86_400_000_000


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns"])
@pytest.mark.parametrize(
    "end", [NOW, utc(2026, 1, 13), utc(2038, 1, 19, 3, 14, 8, 999999), utc(1969, 7, 20, 20, 17)]
)
def test_days_in_tier_are_exactly_those_of_python(end: datetime, zone: str) -> None:
    starts = {make_sprout(tier_updated_at=start).pk: start for start in STARTS}
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('TimeZone', %s, true)", [zone])
    between = DaysBetween(F("tier_updated_at"), Value(end, output_field=DateTimeField()))
    found = dict(Sprout.objects.annotate(days=between).values_list("pk", "days"))
    assert found == {pk: days(start, end) for pk, start in starts.items()}


@pytest.mark.parametrize("start", [start for start in STARTS if start < NOW - timedelta(days=1)])
def test_the_event_tells_the_days_in_tier_of_the_plans_instant(start: datetime) -> None:
    add_rule("daysInTier > 1")
    make_sprout(signals={}, tier_updated_at=start)
    run = finished_run()
    assert run.as_of
    event = AdvancementEvent.objects.get()
    assert event.former_tier_updated_at == start
    # SQLite's JSON keeps 15 digits of a number.
    assert event.signal_values["daysInTier"] == pytest.approx(days(start, run.as_of), rel=1e-14)
    assert event.criteria_met[0]["actual"] == event.signal_values["daysInTier"]


@pytest.mark.parametrize(("late", "moved"), [(-MICROSECOND, 0), (timedelta(0), 1), (MICROSECOND, 1)])
def test_seven_days_are_not_a_microsecond_less(
    late: timedelta, moved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advancement.evaluation.plan.database_now", lambda using="default": NOW)
    add_rule("daysInTier >= 7")
    make_sprout(signals={}, tier_updated_at=NOW - timedelta(days=7) - late)
    assert planned_run().moves_planned == moved
