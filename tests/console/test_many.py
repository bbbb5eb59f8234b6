"""With hundreds of rules and dozens of lifecycle models a page still begins with what matters."""

import re

import pytest
from django.urls import reverse

from tests.console.markup import markup
from tests.console.people import operator, viewer
from tests.criteria.cast import make_rule
from tests.factories import add_model, add_rule, add_rules, finished_run, make_sprout

pytestmark = pytest.mark.django_db

MODELS, RULES = 12, 40


@pytest.fixture
def many_models() -> None:
    for number in range(MODELS):
        add_model(f"model-{number}", "bud", "leaf")


@pytest.fixture
def many_rules() -> None:
    add_rules(*(make_rule(f"citations >= {20 + n}", slug=f"rule-{n}", priority=n + 1) for n in range(RULES)))
    add_rule("views >= 1", slug="busy", priority=RULES + 1)


def test_the_dashboard_counts_the_tiers_of_models_that_hold_sprouts_and_names_how_many_more_there_are(
    many_models: None,
) -> None:
    make_sprout()
    page = viewer().get(reverse("console:dashboard"))
    assert [model.pk for model, _, _ in page.context["ladders"]] == ["botanical"]
    assert re.search(rf"{MODELS} more <a [^>]+>lifecycle models</a>,\s+without sprouts", markup(page))


def test_the_dashboard_lists_the_rules_that_moved_something_first_and_counts_those_it_leaves_out(
    many_rules: None,
) -> None:
    make_sprout(signals={"views": 1})
    finished_run()
    page = viewer().get(reverse("console:dashboard"))
    listed = [rule.pk for rule, *_ in page.context["nights"]]
    assert listed[:2] == ["busy", "rule-0"]
    assert f"{RULES + 1 - len(listed)} more rules moved nothing that day" in markup(page)


def test_the_tiers_of_many_models_are_folded_away_and_those_of_a_few_are_not(many_models: None) -> None:
    assert (
        markup(viewer().get(reverse("console:lifecycles"))).count('<details class="disclosure">')
        == MODELS + 1
    )


def test_a_tier_names_three_of_its_rules_and_says_how_many_more_there_are(many_rules: None) -> None:
    page = markup(viewer().get(reverse("console:lifecycles")))
    assert '<details class="disclosure">' not in page
    assert page.count(f"{RULES + 1 - 3} more</a>") == 2, (
        "on the tier they lead from and on the one they lead to"
    )


def test_of_many_models_the_form_for_a_run_opens_those_in_which_a_tier_is_ticked(many_models: None) -> None:
    client = operator()
    page = markup(client.get(reverse("console:start_run")))
    assert page.count('<details class="disclosure" open>') == 1
    assert page.count('<details class="disclosure"') == MODELS + 1
    page = markup(client.get(reverse("console:start_run"), {"model": "model-3"}))
    assert re.search(r"<details class=\"disclosure\" open>\s*<summary>Model-3", page)


def test_a_sprouts_page_shows_the_rule_that_moves_it_and_the_nearest_ones_and_folds_the_others_away(
    many_rules: None,
) -> None:
    sprout = make_sprout(signals={"views": 1})
    page = viewer().get(reverse("console:sprout", args=[sprout.pk]))
    rules = page.context["rules"]
    assert [rule.version.rule_id for rule in rules.first][-1] == "busy", (
        "they stay in the order of their turns"
    )
    assert len(rules.first) + len(rules.others) == RULES + 1
    assert f"{len(rules.others)} more rules of its tier" in markup(page)


def test_a_runs_page_names_a_dozen_rules_and_leads_to_its_plan_for_the_others() -> None:
    add_rules(*(make_rule(f"citations >= {50 - n}", slug=f"rule-{n}", priority=n + 1) for n in range(15)))
    for number in range(15):
        make_sprout(signals={"citations": 50 - number})
    page = markup(viewer().get(reverse("console:run", args=[finished_run().pk])))
    assert "3 more: see the plan</a>" in page
