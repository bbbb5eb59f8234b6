"""Rules as stored: immutable versions, one active, at most one newer draft."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from advancement.criteria.errors import AdvancementError
from advancement.ladders import archive_model
from advancement.models import AdvancementRule, RuleVersion
from advancement.rulebook.drafts import activate_draft, discard_draft, save_draft
from advancement.rulebook.errors import NewerVersion, OwnDraft, RulesRefused
from advancement.rulebook.reading import active_versions, current_rules, switches, writer_of
from advancement.rulebook.saving import save_rules
from advancement.rulebook.switching import archive_rule, disable_rule, enable_rule, unarchive_rule
from advancement.rulebook.versions import check_rules
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
    archive_rule("a-rule", by="operator")
    assert (active_versions(), current_rules()) == ([], [])
    save_rules([make_rule("citations >= 3")], by="editor")
    assert [version.number for version in active_versions()] == [2]


def test_saving_over_what_somebody_else_saved_meanwhile_is_refused_and_names_theirs() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    save_draft(make_rule("citations >= 9"), by="colleague", based_on=1)
    with pytest.raises(NewerVersion, match="colleague has saved version 2") as refusal:
        save_draft(make_rule("citations >= 5"), by="editor", based_on=1)
    assert refusal.value.version.number == 2
    assert numbers() == [1, 2]
    assert save_draft(make_rule("citations >= 5"), by="editor", based_on=2).number == 3


def test_what_somebody_else_saved_alike_is_no_conflict() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    save_draft(make_rule("citations >= 9"), by="colleague", based_on=1)
    assert save_draft(make_rule("citations >= 9"), by="editor", based_on=1).number == 2


def test_a_rule_that_was_switched_off_meanwhile_is_a_conflict_and_a_draft_that_was_kept_is_none() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    disable_rule("a-rule", by="operator")
    with pytest.raises(NewerVersion, match="operator"):
        save_draft(make_rule("citations >= 5"), by="editor", based_on=1)
    save_rules([make_rule("citations >= 3")], by="editor")
    save_draft(make_rule("citations >= 5"), by="editor", based_on=3)
    disable_rule("a-rule", by="operator")
    assert save_draft(make_rule("citations >= 6"), by="editor", based_on=4).number == 7


def test_a_new_rule_does_not_take_the_slug_of_another() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    with pytest.raises(NewerVersion):
        save_draft(make_rule("views >= 5"), by="colleague", based_on=0)


def test_a_rule_that_was_archived_meanwhile_gets_no_draft() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    archive_rule("a-rule", by="operator")
    with pytest.raises(AdvancementError, match="archived"):
        save_draft(make_rule("citations >= 9"), by="editor", based_on=1)


def test_the_draft_of_a_rule_that_was_archived_meanwhile_is_not_activated() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    save_draft(make_rule("citations >= 9"), by="editor")
    archive_rule("a-rule", by="operator")
    with pytest.raises(AdvancementError, match="Bring it back before you activate it"):
        activate_draft("a-rule", by="approver", number=2)
    assert active_versions() == []
    unarchive_rule("a-rule", by="approver")
    activate_draft("a-rule", by="approver")
    assert len(active_versions()) == 1


def test_who_wrote_a_draft_may_not_activate_it_unless_a_setting_allows_it(settings: Settings) -> None:
    save_draft(make_rule("citations >= 3"), by="editor")
    with pytest.raises(OwnDraft, match="somebody else"):
        activate_draft("a-rule", by="editor")
    assert active_versions() == []
    settings.ADVANCEMENT_APPROVE_OWN = True
    activate_draft("a-rule", by="editor")
    assert len(active_versions()) == 1


def test_another_draft_than_was_looked_at_is_neither_activated_nor_discarded() -> None:
    save_draft(make_rule("citations >= 3"), by="editor")
    save_draft(make_rule("citations >= 4"), by="colleague")
    for act in (
        lambda: activate_draft("a-rule", by="approver", number=1),
        lambda: discard_draft("a-rule", by="operator", number=1),
    ):
        with pytest.raises(AdvancementError, match="is version 2 by now, by colleague"):
            act()
    assert activate_draft("a-rule", by="approver", number=2).number == 2


def test_it_is_kept_who_made_the_active_version_so_and_when() -> None:
    def kept() -> str:
        rule = AdvancementRule.objects.get()
        assert rule.activated_at
        assert timezone.now() - rule.activated_at < timedelta(minutes=1)
        return rule.activated_by

    save_rules([make_rule("citations >= 3")], by="importer")
    assert kept() == "importer"
    save_draft(make_rule("citations >= 4"), by="editor")
    assert kept() == "importer"
    activate_draft("a-rule", by="approver")
    assert kept() == "approver"
    disable_rule("a-rule", by="operator")
    assert kept() == "operator"


def test_a_discarded_draft_leaves_its_version_and_the_active_one() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    save_draft(make_rule("citations >= 9"), by="editor")
    assert discard_draft("a-rule", by="operator").number == 2
    rule = AdvancementRule.objects.get()
    assert (rule.draft_version, rule.active_version_id, rule.archived_at) == (
        None, RuleVersion.objects.get(number=1).pk, None,
    )  # fmt: skip
    assert numbers() == [1, 2]
    with pytest.raises(AdvancementError, match="no draft to discard"):
        discard_draft("a-rule", by="operator")


def test_a_rule_that_was_never_active_is_archived_when_its_draft_is_discarded() -> None:
    save_draft(make_rule("citations >= 3"), by="editor")
    discard_draft("a-rule", by="operator")
    assert AdvancementRule.objects.get().archived_at
    assert current_rules() == []


def the_rule() -> AdvancementRule:
    return AdvancementRule.objects.get()


def test_switching_a_rule_on_and_off_makes_versions_that_say_the_same() -> None:
    save_rules([make_rule("citations >= 3", max_moves=9)], by="editor")
    off = disable_rule("a-rule", by="operator")
    assert off
    assert (off.number, off.enabled, off.created_by) == (2, False, "operator")
    on = enable_rule("a-rule", by="approver")
    assert on
    assert (on.number, on.definition) == (3, make_rule("citations >= 3", max_moves=9))
    assert (the_rule().activated_by, the_rule().active_version) == ("approver", on)
    assert the_rule().activated_at


def test_what_is_on_or_off_already_gets_no_version() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    assert enable_rule("a-rule", by="approver") is None
    disable_rule("a-rule", by="operator")
    assert disable_rule("a-rule", by="operator") is None
    assert numbers() == [1, 2]


def test_switching_keeps_a_draft_as_the_newest_version() -> None:
    save_rules([make_rule("citations >= 3", enabled=False)], by="editor")
    save_draft(make_rule("citations >= 9"), by="drafter")
    enable_rule("a-rule", by="approver")
    draft = the_rule().draft_version
    assert draft
    assert (draft.number, draft.created_by, draft.definition) == (4, "drafter", make_rule("citations >= 9"))
    assert [version.number for version in active_versions()] == [3]


def test_what_nothing_can_meet_and_what_is_invalid_by_now_is_not_switched_on() -> None:
    save_rules([make_rule("queryDiversity > 1", enabled=False)], by="editor")
    with pytest.raises(RulesRefused, match="never be met"):
        enable_rule("a-rule", by="approver")
    assert numbers() == [1]


def test_a_draft_an_archived_and_an_unknown_rule_are_not_switched_on() -> None:
    save_draft(make_rule("citations >= 3"), by="editor")
    with pytest.raises(AdvancementError, match="a draft so far"):
        enable_rule("a-rule", by="approver")
    archive_rule("a-rule", by="operator")
    for slug in ("a-rule", "none"):
        with pytest.raises(AdvancementError, match="bring it back first"):
            enable_rule(slug, by="approver")


def test_the_writer_of_a_rule_is_who_wrote_it_whoever_switched_it_since() -> None:
    save_rules([make_rule("citations >= 3")], by="first")
    save_rules([make_rule("citations >= 4")], by="second")
    save_draft(make_rule("citations >= 9"), by="drafter")
    disable_rule("a-rule", by="operator")
    assert writer_of(the_rule()) == "second"
    with pytest.raises(AdvancementError, match="somebody else"):
        enable_rule("a-rule", by="second", own=False)
    assert enable_rule("a-rule", by="operator", own=False), "who switched it off has not written it"
    disable_rule("a-rule", by="operator")
    assert enable_rule("a-rule", by="second")


def test_a_version_that_only_switches_a_rule_is_told_from_one_that_was_written() -> None:
    def switching() -> list[int]:
        found = switches(RuleVersion.objects.all())
        return [version.number for version in RuleVersion.objects.filter(pk__in=found)]

    save_rules([make_rule("citations >= 3")], by="writer")
    assert switching() == []
    disable_rule("a-rule", by="operator")
    save_rules([make_rule("citations >= 4", enabled=False)], by="writer")
    save_draft(make_rule("citations >= 9"), by="writer")
    assert switching() == [2]
    enable_rule("a-rule", by="approver")  # Version 5; the draft is copied as version 6.
    assert switching() == [2, 5]
    save_rules([make_rule("citations >= 4", enabled=False)], by="writer")
    assert switching() == [2, 5], "version 7 drops the draft"


def test_a_rule_without_an_active_version_has_no_writer() -> None:
    save_draft(make_rule("citations >= 3"), by="editor")
    assert writer_of(the_rule()) == ""


def test_an_archived_rule_comes_back_switched_off_with_its_draft() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    save_draft(make_rule("citations >= 9"), by="drafter")
    archive_rule("a-rule", by="operator")
    unarchive_rule("a-rule", by="approver")
    rule = the_rule()
    assert rule.archived_at is None
    assert rule.active_version
    assert rule.draft_version
    assert rule.active_version.definition == make_rule("citations >= 3", enabled=False)
    assert rule.draft_version.definition == make_rule("citations >= 9")
    with pytest.raises(AdvancementError, match="is not archived"):
        unarchive_rule("a-rule", by="approver")


def test_a_rule_that_was_off_comes_back_as_it_was() -> None:
    save_rules([make_rule("citations >= 3", enabled=False)], by="editor")
    archive_rule("a-rule", by="operator")
    unarchive_rule("a-rule", by="approver")
    assert numbers() == [1]


def test_checking_rules_keeps_nothing_and_refuses_what_saving_would() -> None:
    assert check_rules([make_rule("citations >= 3")]) == []
    (warning,) = check_rules([make_rule("queryDiversity > 1", enabled=False)])
    assert warning.code == "unmeetable"
    with pytest.raises(RulesRefused, match="never be met"):
        check_rules([make_rule("queryDiversity > 1")])
    assert not AdvancementRule.objects.exists()


def test_a_rule_in_an_archived_model_is_saved_only_when_it_was_there_before() -> None:
    save_rules([make_rule("citations >= 3")], by="editor")
    archive_model("botanical")
    save_rules([make_rule("citations >= 4")], by="editor")
    save_draft(make_rule("citations >= 5"), by="editor")
    activate_draft("a-rule", by="approver")
    disable_rule("a-rule", by="operator")
    enable_rule("a-rule", by="approver")
    for save in (lambda rule: save_rules([rule], by="editor"), lambda rule: save_draft(rule, by="editor")):
        with pytest.raises(RulesRefused, match='the lifecycle model "botanical" is archived'):
            save(make_rule("citations >= 3", slug="another", enabled=False))
    assert AdvancementRule.objects.count() == 1
