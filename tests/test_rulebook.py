"""Rules as stored: immutable versions, one active, at most one newer draft."""

import pytest

from advancement.criteria.errors import AdvancementError
from advancement.models import AdvancementRule, RuleVersion
from advancement.rulebook import (
    RulesRefused,
    activate_draft,
    active_versions,
    archive_rule,
    current_rules,
    save_draft,
    save_rules,
)
from tests.criteria.cast import make_rule

pytestmark = pytest.mark.django_db


def numbers() -> list[int]:
    return list(RuleVersion.objects.order_by("number").values_list("number", flat=True))


def test_a_changed_rule_gets_the_next_version_and_an_unchanged_one_none() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    assert save_rules([make_rule("citations >= 3")], by="editor").unchanged == ["a-rule"]
    assert save_rules([make_rule("citations >= 4")], by="editor").changed == ["a-rule"]
    assert numbers() == [1, 2]
    (active,) = active_versions()
    assert (active.number, active.created_by) == (2, "editor")


def test_enabling_is_a_change_that_makes_a_version() -> None:
    save_rules([make_rule("citations >= 3", enabled=False)], by="editor")
    assert active_versions() == []
    save_rules([make_rule("citations >= 3")], by="editor")
    assert [version.number for version in active_versions()] == [2]


def test_one_bad_rule_refuses_them_all() -> None:
    with pytest.raises(RulesRefused, match="back to"):
        save_rules(
            [make_rule("citations >= 3", slug="good"), make_rule("views >= 1", to_tier="seed")], by="editor"
        )
    assert not AdvancementRule.objects.exists()


def test_what_nothing_can_meet_is_kept_disabled_and_refused_enabled() -> None:
    assert save_rules([make_rule("queryDiversity > 1", enabled=False)], by="editor").warnings
    with pytest.raises(RulesRefused, match="never be met"):
        save_rules([make_rule("queryDiversity > 1")], by="editor")


def test_a_draft_is_kept_beside_the_active_version_and_the_batch_does_not_see_it() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    draft = save_draft(make_rule("citations >= 9"), by="editor")
    assert draft.number == 2
    assert [version.number for version in active_versions()] == [1]
    assert [rule.criteria[0].threshold for rule in current_rules()] == [3]


def test_an_activated_draft_is_what_the_batch_uses() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    save_draft(make_rule("citations >= 9"), by="editor")
    activate_draft("a-rule", by="approver")
    assert [version.number for version in active_versions()] == [2]
    with pytest.raises(AdvancementError, match="no draft to activate"):
        activate_draft("a-rule", by="approver")


def test_a_newer_draft_takes_the_place_of_the_older_one() -> None:
    save_draft(make_rule("citations >= 3"), by="editor")
    save_draft(make_rule("citations >= 4"), by="editor")
    assert save_draft(make_rule("citations >= 4"), by="editor").number == 2
    assert AdvancementRule.objects.get().draft_version == RuleVersion.objects.get(number=2)


def test_a_draft_that_nothing_can_meet_may_be_kept_but_not_activated() -> None:
    save_draft(make_rule("queryDiversity > 1"), by="editor")
    with pytest.raises(RulesRefused, match="never be met"):
        activate_draft("a-rule", by="approver")
    assert active_versions() == []


def test_a_mere_draft_is_exported_as_disabled() -> None:
    save_draft(make_rule("citations >= 3"), by="editor")
    assert [rule.enabled for rule in current_rules()] == [False]


def test_an_archived_rule_is_out_of_use_and_comes_back_with_an_import() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    archive_rule("a-rule")
    assert (active_versions(), current_rules()) == ([], [])
    save_rules([make_rule("citations >= 3")], by="editor")
    assert [version.number for version in active_versions()] == [2]
