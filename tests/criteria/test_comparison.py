"""Two states of a rule seen as one, with the changes marked."""

from advancement.criteria.changes import Comparison, Fate, compare
from tests.criteria.cast import make_rule


def said(changes: Comparison) -> str:
    marks = {Fate.KEPT: "{}", Fate.ADDED: "+{}", Fate.REMOVED: "-{}"}
    return ", ".join(marks[change.fate].format(change.text) for change in changes.criteria)


def test_the_same_rule_has_no_changes_and_names_what_was_kept() -> None:
    rule = make_rule("citations >= 3", "views > 1")
    changes = compare(rule, rule)
    assert not changes.any
    assert said(changes) == "citations ≥ 3, views > 1"


def test_another_threshold_stands_beside_the_former_one_wherever_it_is() -> None:
    before = make_rule("citations >= 3", "views > 1")
    after = make_rule("views > 1", "citations >= 5")
    assert said(compare(before, after)) == "views > 1, -citations ≥ 3, +citations ≥ 5"


def test_a_signal_that_went_is_named_where_another_took_its_place() -> None:
    before = make_rule("uniqueSessions >= 4", "citations >= 6")
    after = make_rule("uniqueSessions >= 4", "refinements >= 3")
    changes = compare(before, after)
    assert said(changes) == "unique sessions ≥ 4, -citations ≥ 6, +refinements ≥ 3"
    assert [change.text for change in changes.moved_criteria] == ["citations ≥ 6", "refinements ≥ 3"]


def test_what_only_went_comes_last_and_what_only_came_stands_where_it_is() -> None:
    before, after = make_rule("views > 1", "citations >= 3"), make_rule("citations >= 3", "exports >= 1")
    assert said(compare(before, make_rule("citations >= 3"))) == "citations ≥ 3, -views > 1"
    assert said(compare(make_rule("citations >= 3"), after)) == "citations ≥ 3, +exports ≥ 1"


def test_criteria_that_stand_twice_are_told_apart_by_their_number() -> None:
    once, twice = make_rule("views > 1"), make_rule("views > 1", "views > 1")
    assert said(compare(once, twice)) == "+views > 1, views > 1"
    assert said(compare(twice, once)) == "views > 1, -views > 1"


def test_the_period_is_part_of_a_criterion() -> None:
    changes = compare(make_rule("views > 1"), make_rule("views > 1 last_7d"))
    assert said(changes) == "-views > 1, +views > 1 in the last 7 days"


def test_everything_else_is_a_line_of_its_own() -> None:
    before = make_rule("views > 1", "citations >= 3")
    changes = compare(before, make_rule("citations >= 3", "views > 1", title="Another", logic="OR"))
    assert said(changes) == "citations ≥ 3, views > 1"
    assert [change.what for change in changes.settings] == ["Title", "Needs", "Criteria"]
    assert changes.any
    assert changes.logic == "OR"
