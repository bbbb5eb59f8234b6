"""What is refused, what cannot be enabled, and what is only named."""

from dataclasses import replace
from typing import Any

import pytest

from advancement.criteria.rules import CriterionDefinition, RuleDefinition
from advancement.criteria.validation import check_rule, split_by_validity
from tests.criteria.cast import LIFECYCLES, make_rule

GOOD = make_rule("citations >= 3")


def found(rule: RuleDefinition) -> list[tuple[str, str | None, str]]:
    return [(problem.code, problem.field, problem.blocks) for problem in check_rule(rule, LIFECYCLES)]


def test_a_good_rule_has_no_problems() -> None:
    assert check_rule(GOOD, LIFECYCLES) == []


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"slug": ""}, "bad-slug", "slug"),
        ({"slug": "Sprout To Sapling"}, "bad-slug", "slug"),
        ({"slug": "new\n"}, "bad-slug", "slug"),
        ({"slug": "é"}, "bad-slug", "slug"),
        ({"slug": "-"}, "bad-slug", "slug"),
        ({"slug": "_"}, "bad-slug", "slug"),
        ({"slug": "-a"}, "bad-slug", "slug"),
        ({"slug": "a" * 101}, "bad-slug", "slug"),
        ({"title": " "}, "no-title", "title"),
        ({"title": "\u200b\u00a0"}, "no-title", "title"),
        ({"title": "t" * 201}, "long-title", "title"),
        ({"title": "a\0b"}, "unstorable-text", "title"),
        ({"description": "\ud800"}, "unstorable-text", "description"),
        ({"lifecycle_model": "botanic"}, "unknown-model", "lifecycle_model"),
        ({"from_tier": "twig"}, "unknown-tier", "from_tier"),
        ({"to_tier": "preprint"}, "unknown-tier", "to_tier"),
        ({"to_tier": "sprout"}, "same-tier", "to_tier"),
        ({"to_tier": "seed"}, "backward-move", "to_tier"),
        ({"logic": "XOR"}, "unknown-logic", "logic"),
        ({"priority": -1}, "bad-priority", "priority"),
        ({"priority": 10**5000}, "bad-priority", "priority"),
        ({"max_moves": 0}, "bad-guardrail", "max_moves"),
        ({"max_moves": 2**31}, "bad-guardrail", "max_moves"),
        ({"criteria": ()}, "no-criteria", "criteria"),
    ],
)
def test_a_wrong_setting_refuses_the_rule(changes: dict[str, Any], code: str, field: str) -> None:
    assert found(replace(GOOD, **changes)) == [(code, field, "saving")]


@pytest.mark.parametrize("slug", ["a", "a" * 100, "sprout_to-sapling2"])
def test_a_slug_of_letters_digits_hyphens_and_underscores_is_fine(slug: str) -> None:
    assert found(replace(GOOD, slug=slug)) == []


@pytest.mark.parametrize(
    ("criterion", "code", "field"),
    [
        (CriterionDefinition("reads", ">=", 1), "unknown-signal", "signal"),
        (CriterionDefinition("views", "=>", 1), "unknown-operator", "operator"),
        (CriterionDefinition("views", ">=", 1, "last_90d"), "unknown-period", "period"),
        (CriterionDefinition("views", ">=", float("nan")), "non-finite-threshold", "threshold"),
        (CriterionDefinition("views", ">=", float("-inf")), "non-finite-threshold", "threshold"),
        (CriterionDefinition("views", ">=", 10**400), "non-finite-threshold", "threshold"),
        (CriterionDefinition("views", ">=", -1), "threshold-out-of-range", "threshold"),
        (CriterionDefinition("views", ">=", 1e300), "threshold-out-of-range", "threshold"),
        (CriterionDefinition("queryDiversity", ">=", 1.01), "threshold-out-of-range", "threshold"),
    ],
)
def test_a_wrong_criterion_refuses_the_rule(criterion: CriterionDefinition, code: str, field: str) -> None:
    rule = make_rule("citations >= 3", criterion)
    assert found(rule) == [(code, f"criteria.1.{field}", "saving")]


@pytest.mark.parametrize(
    "text",
    [
        "queryDiversity > 1",
        "views < 0",
        "citations == 2.5",
        "views > 9007199254740991",
        "daysInTier < 0 last_7d",
    ],
)
def test_a_criterion_that_nothing_can_meet_keeps_the_rule_disabled(text: str) -> None:
    assert found(make_rule("citations >= 3", text)) == [("unmeetable", "criteria.1", "enabling")]


@pytest.mark.parametrize("text", ["queryDiversity >= 1", "views <= 0", "daysInTier == 2.5", "views >= 0"])
def test_a_bound_at_the_end_of_the_range_can_be_met(text: str) -> None:
    assert found(make_rule(text)) == []


@pytest.mark.parametrize(
    "criteria",
    [
        ("citations >= 5", "citations < 3"),
        ("citations > 2", "citations < 3"),
        ("citations == 2", "citations == 3"),
        ("daysInTier > 2 last_7d", "daysInTier < 2"),
        ("utilityScore > 0.5", "utilityScore <= 0.5"),
    ],
)
def test_criteria_that_contradict_each_other_keep_the_rule_disabled(criteria: tuple[str, ...]) -> None:
    assert found(make_rule("views >= 1", *criteria)) == [("contradiction", "criteria.2", "enabling")]
    assert found(make_rule("views >= 1", *criteria, logic="OR")) == []


@pytest.mark.parametrize(
    "criteria",
    [
        ("citations > 2", "citations < 4"),
        ("daysInTier > 2", "daysInTier < 3"),
        ("citations >= 5", "citations < 3 last_7d"),
        ("citations >= 5", "views < 3"),
    ],
)
def test_criteria_that_leave_room_are_fine(criteria: tuple[str, ...]) -> None:
    assert found(make_rule(*criteria)) == []


def test_an_or_is_kept_disabled_only_if_none_of_its_criteria_can_be_met() -> None:
    warned = make_rule("views < 0", "views > 3", logic="OR")
    refused = make_rule("views < 0", "citations == 2.5", logic="OR")
    assert found(warned) == [("unmeetable", "criteria.0", "nothing")]
    assert {blocks for _, _, blocks in found(refused)} == {"enabling"}


def test_the_same_criterion_twice_is_only_named() -> None:
    assert found(make_rule("views > 3", "views > 3.0")) == [("repeated-criterion", "criteria.1", "nothing")]
    same_days = make_rule("daysInTier > 3", "daysInTier > 3 last_7d")
    assert found(same_days) == [("repeated-criterion", "criteria.1", "nothing")]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            make_rule("views >= 1", "citatons >= 3"),
            'Rule "a-rule": criterion 2 has the unknown signal "citatons"; did you mean "citations"?',
        ),
        (
            make_rule("views => 1"),
            'Rule "a-rule": criterion 1 has the unknown operator "=>"; use ">=", ">", "==", "<" or "<=".',
        ),
        (
            make_rule("queryDiversity >= 5"),
            (
                'Rule "a-rule": the threshold of criterion 1 is 5, outside the range of query diversity; '
                "choose one from 0 to 1."
            ),
        ),
        (
            make_rule("citations == 2.5"),
            (
                'Rule "a-rule": criterion 1 (citations = 2.5) can never be met, because citations is always '
                "a whole number; change its operator or threshold."
            ),
        ),
        (
            replace(GOOD, to_tier="Sappling"),
            (
                'Rule "a-rule": the to tier "Sappling" is unknown to the lifecycle model "botanical"; '
                'use "seed", "sprout", "sapling", "tree" or "grove" (did you mean "sapling"?).'
            ),
        ),
    ],
)
def test_a_message_names_rule_place_and_remedy(rule: RuleDefinition, message: str) -> None:
    assert [problem.message for problem in check_rule(rule, LIFECYCLES)] == [message]


def test_a_message_shows_hostile_names_short_and_escaped() -> None:
    [problem] = check_rule(replace(GOOD, from_tier="\u202e\ud800" + "x" * 10_000), LIFECYCLES)
    assert problem.message.isprintable()
    assert len(problem.message) < 300


def test_a_run_leaves_out_what_it_cannot_use_with_the_reason() -> None:
    broken = make_rule("reads >= 1", slug="broken")
    usable, reasons = split_by_validity([broken, GOOD], LIFECYCLES)
    assert usable == [GOOD]
    assert list(reasons) == ["broken"]
    assert "unknown signal" in reasons["broken"]
