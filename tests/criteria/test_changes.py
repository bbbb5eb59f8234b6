"""What changed between two states of a rule, in words."""

from typing import Any

import pytest

from advancement.criteria.changes import changes_between
from tests.criteria.cast import make_rule

BEFORE = make_rule("citations >= 3", "views >= 1 last_30d")


def said(*criteria: str, **fields: Any) -> list[tuple[str, str, str]]:
    after = make_rule(*(criteria or ("citations >= 3", "views >= 1 last_30d")), **fields)
    return [(change.what, change.before, change.after) for change in changes_between(BEFORE, after)]


def test_nothing_changed() -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"title": "Other"}, ("Title", "A rule", "Other")),
        ({"description": "why"}, ("Description", "", "why")),
        ({"lifecycle_model": "academic"}, ("Lifecycle model", "botanical", "academic")),
        ({"from_tier": "seed"}, ("From tier", "sprout", "seed")),
        ({"to_tier": "tree"}, ("To tier", "sapling", "tree")),
        ({"logic": "OR"}, ("Needs", "all of its criteria", "any of its criteria")),
        ({"priority": 7}, ("Priority", "100", "7")),
        ({"max_moves": 1200}, ("Guardrail", "none", "at most 1,200 moves a run")),
        ({"enabled": False}, ("Switched", "on", "off")),
    ],
)
def test_one_thing_changed(fields: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert said(**fields) == [expected]


def test_a_criterion_with_another_threshold_or_operator_is_one_change() -> None:
    assert said("citations > 5", "views >= 1 last_30d") == [("Criterion", "citations ≥ 3", "citations > 5")]


def test_another_period_is_another_criterion() -> None:
    assert said("citations >= 3", "views >= 1") == [
        ("Criterion", "", "views ≥ 1"),
        ("Criterion", "views ≥ 1 in the last 30 days", ""),
    ]


def test_criteria_that_came_and_went() -> None:
    assert said("citations >= 3") == [("Criterion", "views ≥ 1 in the last 30 days", "")]
    assert said("citations >= 3", "views >= 1 last_30d", "exports > 0") == [("Criterion", "", "exports > 0")]


def test_two_criteria_on_one_signal_are_not_taken_for_one() -> None:
    before, after = make_rule("views >= 1", "views <= 9"), make_rule("views >= 2", "views <= 8")
    assert [(c.before, c.after) for c in changes_between(before, after)] == [
        ("views ≥ 1", "views ≥ 2"),
        ("views ≤ 9", "views ≤ 8"),
    ]


def test_another_order_is_a_change() -> None:
    assert said("views >= 1 last_30d", "citations >= 3") == [("Criteria", "in another order", "reordered")]
