"""The form of a rule: nothing typed is lost, every fault has its place, buttons move rows."""

from dataclasses import replace
from typing import Any

import pytest
from django.http import QueryDict

from advancement.forms.choices import suggested_slug, tier_choices
from advancement.forms.rules import CriterionEntry, Fault, RuleEntry, read_rule
from advancement.forms.steps import take_step, with_fitting_tiers
from advancement.models import LifecycleModel, Tier
from tests.criteria.cast import LIFECYCLES, make_rule
from tests.factories import add_model, add_rule

RULE = make_rule(
    "citations >= 3", "queryDiversity > 0.25 last_30d", "views <= 1e15", max_moves=40, logic="OR"
)
FORM = RuleEntry.of(RULE)


def typed(**fields: Any) -> RuleEntry:
    return replace(FORM, **fields)


def rows(*thresholds: str, signal: str = "citations") -> tuple[CriterionEntry, ...]:
    return tuple(CriterionEntry(signal, ">=", threshold) for threshold in thresholds)


def errors(entry: RuleEntry) -> dict[str, str]:
    return {fault.place: fault.message for fault in read_rule(entry, LIFECYCLES).errors}


def test_a_rule_that_is_opened_and_sent_unchanged_is_the_same_rule() -> None:
    reading = read_rule(FORM, LIFECYCLES)
    assert (reading.definition, reading.errors) == (RULE, ())


def test_a_browser_s_fields_become_rows_in_their_order() -> None:
    data = QueryDict(
        "slug=a&title=+T+&lifecycle_model=m&from_tier=f&to_tier=t&logic=OR&priority=5&max_moves=&enabled=1"
        "&description=one%0D%0Atwo&based_on=7&signal=views&operator=%3E&threshold=x&period=all_time"
        "&signal=exports&operator=%3D%3D&threshold=2&period=last_7d"
    )
    entry = RuleEntry.from_data(data)
    assert (entry.title, entry.description, entry.enabled, entry.based_on) == ("T", "one\ntwo", True, 7)
    assert entry.criteria == (
        CriterionEntry("views", ">", "x", "all_time"),
        CriterionEntry("exports", "==", "2", "last_7d"),
    )


@pytest.mark.parametrize("broken", ["", "-1", "x", "9" * 40, "²"])
def test_a_broken_number_of_the_version_counts_as_none(broken: str) -> None:
    data = QueryDict(mutable=True)
    data["based_on"] = broken
    assert RuleEntry.from_data(data).based_on == 0


def test_fields_that_are_missing_leave_the_rest_of_their_row() -> None:
    assert RuleEntry.from_data(QueryDict("threshold=5&signal=views&signal=exports")).criteria == (
        CriterionEntry("views", "", "5", ""),
        CriterionEntry("exports", "", "", ""),
    )


def test_every_number_that_cannot_be_read_is_named_in_its_place() -> None:
    entry = typed(priority="soon", max_moves="1,5", criteria=rows("3", "NaN", ""))
    found = errors(entry)
    assert list(found) == ["priority", "max_moves", "criteria.1.threshold", "criteria.2.threshold"]
    assert found["criteria.2.threshold"] == "Enter a number."
    assert "as in 1.5" in found["max_moves"]


def test_what_cannot_be_read_is_left_out_of_the_sentence_and_never_read_as_zero() -> None:
    reading = read_rule(typed(criteria=rows("3", "x")), LIFECYCLES)
    assert [c.threshold for c in reading.definition.criteria] == [3]
    assert reading.warnings == ()


def test_a_stand_in_is_not_judged() -> None:
    entry = typed(criteria=rows("x", signal="nonsense"), logic="AND")
    assert set(errors(entry)) == {"criteria.0.signal", "criteria.0.threshold"}


@pytest.mark.parametrize(
    ("fields", "place", "sentence"),
    [
        ({"title": ""}, "title", "Give the rule a title."),
        ({"slug": "Not A Slug"}, "slug", "lowercase"),
        ({"priority": "40000"}, "priority", "0 to 32,767"),
        ({"priority": "-1"}, "priority", "0 to 32,767"),
        ({"max_moves": "0"}, "max_moves", "1 to"),
        ({"from_tier": "tree"}, "to_tier", "later tier"),
        ({"from_tier": "sapling"}, "to_tier", "same tier"),
        ({"from_tier": "bush"}, "from_tier", "unknown"),
        ({"lifecycle_model": "academy"}, "lifecycle_model", '"academic"'),
        ({"logic": "XOR"}, "logic", "unknown"),
        ({"criteria": ()}, "criteria", "Add at least one criterion"),
        ({"criteria": rows("1.4", signal="qualityScore")}, "criteria.0.threshold", "0 to 1"),
        ({"criteria": rows("-3")}, "criteria.0.threshold", "outside the range"),
        ({"criteria": rows("1", signal="")}, "criteria.0.signal", "Choose a signal."),
        ({"criteria": rows("1", signal="quality")}, "criteria.0.signal", "did you mean"),
        ({"criteria": (CriterionEntry("views", "~", "1"),)}, "criteria.0.operator", "unknown"),
        ({"criteria": (CriterionEntry("views", ">", "1", "ever"),)}, "criteria.0.period", "unknown"),
    ],
)
def test_every_fault_has_a_place_and_a_sentence(fields: dict[str, Any], place: str, sentence: str) -> None:
    found = errors(typed(**fields))
    assert list(found) == [place]
    assert sentence in found[place]


def test_a_fault_leads_to_its_field_and_says_which_one_it_is() -> None:
    fault = Fault("criteria.2.threshold", "Enter a number.")
    assert (fault.field_id, fault.summary) == ("criterion-2-threshold", "Criterion 3: Enter a number.")
    assert Fault("criteria.1", "criterion 2 repeats").summary == "criterion 2 repeats"
    assert (Fault("criteria", "none").field_id, Fault("title", "x").summary) == ("add-criterion", "Title: x")


@pytest.mark.parametrize("field", ["title", "slug", "to_tier", "priority", "max_moves"])
def test_what_a_rule_is_called_and_where_it_leads_does_not_keep_it_from_being_counted(field: str) -> None:
    reading = read_rule(typed(**{field: "?"}), LIFECYCLES)
    assert field == "title" or reading.errors
    assert reading.uncounted == ()
    assert read_rule(typed(criteria=rows("x")), LIFECYCLES).uncounted


def test_what_nothing_can_meet_is_a_warning_that_says_it_cannot_be_activated() -> None:
    impossible = typed(criteria=rows("1"), logic="AND")
    impossible = replace(impossible, criteria=(CriterionEntry("qualityScore", ">", "1"),))
    (warning,) = read_rule(impossible, LIFECYCLES).warnings
    assert warning.place == "criteria.0"
    assert "cannot be activated" in warning.message
    (warning,) = read_rule(replace(impossible, enabled=False), LIFECYCLES).warnings
    assert "cannot be activated" not in warning.message


def test_rows_come_go_and_move_and_the_focus_goes_along() -> None:
    entry = typed(criteria=rows("1", "2", "3"))

    def after(action: str, entry: RuleEntry = entry) -> tuple[str, str]:
        step = take_step(entry, action, LIFECYCLES)
        assert step
        return "".join(row.threshold or "_" for row in step.entry.criteria), step.focus

    assert after("add") == ("123_", "criterion-3-signal")
    assert after("remove-1") == ("13", "criterion-1-remove")
    assert after("remove-2") == ("12", "criterion-1-remove")
    assert after("up-1") == ("213", "criterion-0-down")
    assert after("up-2") == ("132", "criterion-1-up")
    assert after("down-0") == ("213", "criterion-1-down")
    assert after("down-1") == ("132", "criterion-2-up")
    assert after("up-0") == ("123", "criterion-0-down")
    assert after("down-2") == ("123", "criterion-2-up")
    assert after("remove-9") == ("123", "add-criterion")
    assert after("remove-0", typed(criteria=rows("1"))) == ("", "add-criterion")


@pytest.mark.parametrize("action", ["save", "preview", "", "remove", "remove-x", "remove--1", "up-1; drop"])
def test_other_actions_are_no_steps(action: str) -> None:
    assert take_step(FORM, action, LIFECYCLES) is None


def test_another_model_or_from_tier_changes_the_tiers_that_do_not_fit() -> None:
    def tiers(**fields: str) -> tuple[str, str]:
        entry = with_fitting_tiers(typed(**fields), LIFECYCLES)
        return entry.from_tier, entry.to_tier

    assert tiers(from_tier="seed", to_tier="grove") == ("seed", "grove")
    assert tiers(from_tier="tree") == ("tree", "grove")
    assert tiers(from_tier="grove") == ("seed", "sapling")
    assert tiers(lifecycle_model="academic") == ("draft", "preprint")
    assert tiers(lifecycle_model="nothing") == ("", "")


@pytest.mark.django_db
def test_the_choices_lead_forward_and_keep_what_was_chosen() -> None:
    add_model("academic", "draft", "preprint")

    def choices(**fields: str) -> Any:
        return tier_choices(typed(**fields), LifecycleModel.objects.order_by("slug"), Tier.objects.all())

    offered = choices()
    assert [slug for slug, _ in offered.models] == ["academic", "botanical"]
    assert [slug for slug, _ in offered.from_tiers] == ["seed", "sprout", "sapling", "tree"]
    assert [slug for slug, _ in offered.to_tiers] == ["sapling", "tree", "grove"]
    assert choices(to_tier="seed").to_tiers[-1] == ("seed", "seed (not after the from tier)")
    assert choices(from_tier="bush").from_tiers[-1] == ("bush", "bush (unknown)")
    assert choices(lifecycle_model="gone").models[-1] == ("gone", "gone (unknown)")


@pytest.mark.django_db
def test_an_archived_model_is_offered_only_where_it_was_chosen() -> None:
    model = add_model("academic", "draft", "preprint")
    model.archived_at = model.created_at
    model.save()
    models, tiers = LifecycleModel.objects.order_by("slug"), Tier.objects.all()
    assert [slug for slug, _ in tier_choices(FORM, models, tiers).models] == ["botanical"]
    chosen = tier_choices(typed(lifecycle_model="academic"), models, tiers)
    assert [label for _, label in chosen.models] == ["Academic (archived)", "Botanical"]
    assert chosen.archived


@pytest.mark.django_db
def test_a_slug_is_suggested_that_no_rule_has() -> None:
    assert suggested_slug(typed(title="Steady use!")) == "steady-use"
    assert suggested_slug(typed(title="…")) == "sprout-to-sapling"
    assert len(suggested_slug(typed(title="long " * 80))) <= 100
    for slug in ("steady-use", "steady-use-2", "steady-user"):
        add_rule(slug=slug)
    assert suggested_slug(typed(title="Steady use")) == "steady-use-3"
    assert suggested_slug(typed(title="New")) == "new-2"
