"""What changed between two versions, in words."""

from advancement.criteria.changes import Fate, RuleChanges, changes_between
from tests.criteria.cast import make_rule


def said(changes: RuleChanges) -> str:
    marks = {Fate.KEPT: "{}", Fate.ADDED: "+{}", Fate.REMOVED: "-{}"}
    return ", ".join(marks[change.fate].format(change.text) for change in changes.criteria)


def test_the_same_rule_has_no_changes_and_names_what_was_kept() -> None:
    rule = make_rule("citations >= 3", "views > 1")
    changes = changes_between(rule, rule)
    assert not changes.any
    assert said(changes) == "citations ≥ 3, views > 1"


def test_another_threshold_stands_beside_the_former_one_wherever_it_is() -> None:
    before = make_rule("citations >= 3", "views > 1")
    after = make_rule("views > 1", "citations >= 5")
    assert said(changes_between(before, after)) == "views > 1, -citations ≥ 3, +citations ≥ 5"


def test_a_signal_that_went_is_named_where_another_took_its_place() -> None:
    before = make_rule("uniqueSessions >= 4", "citations >= 6")
    after = make_rule("uniqueSessions >= 4", "refinements >= 3")
    changes = changes_between(before, after)
    assert said(changes) == "unique sessions ≥ 4, -citations ≥ 6, +refinements ≥ 3"
    assert [change.text for change in changes.moved_criteria] == ["citations ≥ 6", "refinements ≥ 3"]


def test_what_only_went_comes_last_and_what_only_came_stands_where_it_is() -> None:
    before, after = make_rule("views > 1", "citations >= 3"), make_rule("citations >= 3", "exports >= 1")
    assert said(changes_between(before, make_rule("citations >= 3"))) == "citations ≥ 3, -views > 1"
    assert said(changes_between(make_rule("citations >= 3"), after)) == "citations ≥ 3, +exports ≥ 1"


def test_criteria_that_stand_twice_are_told_apart_by_their_number() -> None:
    once, twice = make_rule("views > 1"), make_rule("views > 1", "views > 1")
    assert said(changes_between(once, twice)) == "+views > 1, views > 1"
    assert said(changes_between(twice, once)) == "views > 1, -views > 1"


def test_the_period_is_part_of_a_criterion() -> None:
    changes = changes_between(make_rule("views > 1"), make_rule("views > 1 last_7d"))
    assert said(changes) == "-views > 1, +views > 1 in the last 7 days"


def test_another_order_is_a_change_of_its_own() -> None:
    before, after = make_rule("views > 1", "citations >= 3"), make_rule("citations >= 3", "views > 1")
    changes = changes_between(before, after)
    assert said(changes) == "citations ≥ 3, views > 1"
    assert [change.name for change in changes.settings] == ["order of the criteria"]


def test_everything_else_that_a_rule_says_is_named_with_before_and_after() -> None:
    before = make_rule("views > 1")
    after = make_rule(
        "views > 1",
        title="Another",
        description="why",
        lifecycle_model="academic",
        from_tier="draft",
        to_tier="preprint",
        logic="OR",
        enabled=False,
        priority=7,
        max_moves=1000,
    )
    changes = changes_between(before, after)
    assert {(c.name, c.before, c.after) for c in changes.settings} == {
        ("switched", "on", "off"),
        ("how criteria combine", "all must hold", "any may hold"),
        ("lifecycle model", "botanical", "academic"),
        ("from tier", "sprout", "draft"),
        ("to tier", "sapling", "preprint"),
        ("title", "A rule", "Another"),
        ("priority", "100", "7"),
        ("guardrail", "none", "1,000 moves"),
        ("description", "", ""),
    }
