"""The figures of a rollback's plan add up, whatever it moves."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from advancement import remembered
from advancement.models import Move, Run
from advancement.rollback import figures
from advancement.rollback.figures import Destination, figures_of, rules_to_disable
from advancement.runs.review import set_struck
from tests.criteria.cast import make_rule
from tests.factories import CREATED, add_model, add_rules, finished_run, make_sprout
from tests.rollback.cast import advanced, override, rollback

pytestmark = pytest.mark.django_db


def slugs(plan: Run) -> list[str]:
    return [rule.pk for rule in rules_to_disable(plan)]


def test_every_event_in_scope_is_counted_once() -> None:
    _, sprouts = advanced(6)
    override(sprouts[0], "tree")
    sprouts[1].delete()
    plan = rollback(rule="a-rule", dry_run=True)
    set_struck(plan.pk, Move.objects.filter(sprout=sprouts[2].pk), struck=True)
    plan.refresh_from_db()
    found = figures_of(plan)
    assert (found.steps, found.sprouts, found.struck, found.chosen) == (4, 4, 1, 3)
    assert found.left_out == {"overridden_since": 1, "gone": 1}
    assert (found.in_scope, found.unwound, slugs(plan)) == (6, 0, ["a-rule"])
    assert found.destinations == [Destination("", "sprout", 3)]


def test_sprouts_are_counted_where_their_last_step_leads() -> None:
    add_rules(
        make_rule("citations >= 3", slug="zero", from_tier="seed", to_tier="sprout"),
        make_rule("citations >= 3", slug="one"),
        make_rule("citations >= 3", slug="two", from_tier="sapling", to_tier="tree"),
    )
    for start in ("seed", "seed", "sprout", "sapling"):
        make_sprout(start, signals={"citations": 3})
    for start in ("seed", "sprout", "sapling"):
        finished_run(from_tiers=(start,))
    plan = rollback(since=CREATED, dry_run=True)
    found = figures_of(plan)
    assert (found.steps, found.sprouts) == (9, 4)
    assert found.destinations == [
        Destination("", "seed", 2), Destination("", "sprout", 1), Destination("", "sapling", 1),
    ]  # fmt: skip
    assert slugs(plan) == ["one", "two", "zero"]


def test_later_moves_that_are_unwound_lie_outside_the_scope() -> None:
    advanced(2)
    add_rules(make_rule("citations >= 3", slug="later", from_tier="sapling", to_tier="tree"))
    finished_run(from_tiers=("sapling",))
    plan = rollback(rule="a-rule", unwind=True, dry_run=True)
    found = figures_of(plan)
    assert (found.steps, found.sprouts, found.unwound, found.in_scope) == (4, 2, 2, 2)
    assert found.destinations == [Destination("", "sprout", 2)]
    assert slugs(plan) == ["a-rule"]


def test_tiers_of_one_name_are_told_apart_by_their_model_also_for_sprouts_that_are_gone() -> None:
    add_model("academic", "sprout", "sapling")
    _, sprouts = advanced(2)
    add_rules(make_rule("citations >= 3", slug="b-rule", lifecycle_model="academic"))
    make_sprout(lifecycle_model_id="academic", signals={"citations": 3})
    finished_run(lifecycle_model="academic")
    plan = rollback(since=CREATED, dry_run=True)
    sprouts[0].delete()
    assert figures_of(plan, ambiguous={"draft"}).destinations == [Destination("", "sprout", 3)]
    assert figures_of(plan, ambiguous={"sprout"}).destinations == [
        Destination("botanical", "sprout", 2),
        Destination("academic", "sprout", 1),
    ]


def test_what_is_read_from_a_large_plans_events_is_remembered_until_the_review_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache.clear()
    monkeypatch.setattr(remembered, "MANY", 2)
    monkeypatch.setattr(figures, "MANY", 2)
    advanced(3)
    add_rules(make_rule("views >= 1", slug="other"))
    single = make_sprout(signals={"views": 1})
    finished_run()
    plan = rollback(since=CREATED, dry_run=True)
    assert slugs(plan) == ["a-rule", "other"]
    with CaptureQueriesContext(connection) as queries:
        assert slugs(plan) == ["a-rule", "other"]
    assert not any("advancement_events" in query["sql"] for query in queries)
    set_struck(plan.pk, Move.objects.filter(sprout=single.pk), struck=True)
    plan.refresh_from_db()
    assert slugs(plan) == ["a-rule"]
