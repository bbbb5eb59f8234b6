"""Switching, archiving and bringing back rules: each asks first, says what follows, and checks the right."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from advancement.models import AdvancementEvent, AdvancementRule, Tier
from advancement.rulebook.drafts import save_draft
from advancement.rulebook.saving import save_rules
from advancement.rulebook.switching import archive_rule, disable_rule, unarchive_rule
from advancement.views import rule_switch
from tests.console.people import approver, editor, operator, signed_in, viewer
from tests.criteria.cast import make_rule
from tests.factories import add_model, add_rule, add_rules, finished_run, make_sprout

pytestmark = pytest.mark.django_db

SWITCH, ARCHIVE, UNARCHIVE = (f"/rules/a-rule/{page}/" for page in ("switch", "archive", "unarchive"))


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())).replace("\u00a0", " ")


def rule() -> AdvancementRule:
    return AdvancementRule.objects.get(pk="a-rule")


def enabled() -> bool:
    version = rule().active_version
    assert version
    return version.enabled


def switched(client: Client, version: int = 1) -> Any:
    return client.post(SWITCH, {"version": version})


def test_switching_on_says_what_it_would_move_and_where_the_other_matches_stay() -> None:
    add_rules(
        make_rule("views >= 1", slug="first", title="First", priority=1),
        make_rule("citations >= 1", title="Second", enabled=False),
    )
    make_sprout(signals={"citations": 1, "views": 1})
    for _ in range(2):
        make_sprout(signals={"citations": 1})
    make_sprout(signals={"citations": 0})
    answer = approver().get(SWITCH)
    said = words(answer)
    assert "Switch “Second” on?" in said
    assert "2 of 4 in" in said
    assert "Match its criteria 3 Moved by First −1 On hold 0" in said
    assert "Would move by this rule 2" in said
    assert "it moves what matches: 2 sprouts as things stand" in said
    assert not enabled(), "looking switches nothing"


def test_switching_on_makes_a_version_that_is_on() -> None:
    add_rule("citations >= 1", enabled=False)
    client = approver()
    answer = switched(client)
    assert (answer.status_code, answer["Location"]) == (302, "/rules/")
    version = rule().active_version
    assert version
    assert (version.enabled, version.number, version.created_by) == (True, 2, "approver")
    assert rule().activated_by == "approver"
    assert "“A rule” is on." in words(client.get("/rules/"))


def test_switching_off_says_what_it_moved_lately_and_that_nothing_moves_by_it_any_more() -> None:
    add_rule("citations >= 1")
    make_sprout(signals={"citations": 1})
    finished_run()
    make_sprout(signals={"citations": 1})
    client = operator()
    said = words(client.get(SWITCH))
    assert "1 of 1 in" in said
    assert "Last 7 days 1 Last 30 days 1" in said
    assert "nothing moves by this rule" in said
    assert switched(client).status_code == 302
    assert not enabled()
    assert "“A rule” is off." in words(client.get("/rules/"))


def test_on_is_for_approvers_and_off_for_operators() -> None:
    add_rule("citations >= 1")
    for client in (viewer(), editor(), approver()):
        assert client.get(SWITCH).status_code == 403
        assert switched(client).status_code == 403
    assert enabled()
    disable_rule("a-rule", by="operator")
    for client in (signed_in("Viewer", "v2"), signed_in("Operator", "o2")):
        assert client.get(SWITCH).status_code == 403
        assert switched(client, 2).status_code == 403
    assert not enabled()


def test_a_rule_that_changed_since_the_look_is_looked_at_again() -> None:
    add_rule("citations >= 1")
    client = operator()
    disable_rule("a-rule", by="somebody")
    save_rules([make_rule("citations >= 2")], by="somebody")
    answer = switched(client, 1)
    assert answer.status_code == 422
    assert "The rule changed since" in words(answer)
    assert enabled()


def test_a_rule_that_nothing_can_meet_is_not_switched_on_and_the_reason_is_said() -> None:
    add_rule("queryDiversity > 1", enabled=False)
    client = approver()
    page = client.get(SWITCH)
    assert "It cannot be switched on as it is" in words(page)
    assert re.search(r'<button class="btn btn-primary" type="submit" disabled>', page.content.decode())
    answer = switched(client)
    assert answer.status_code == 422
    assert "can never be met" in words(answer)
    assert not enabled()


def test_a_rule_that_became_invalid_is_not_switched_on_and_can_be_switched_off() -> None:
    add_model("academic", "draft", "preprint", "published")
    add_rule("views >= 1", lifecycle_model="academic", from_tier="draft", to_tier="preprint")
    Tier.objects.get(slug="preprint").delete()
    client = signed_in("Operator", "op")
    assert "Not counted" in words(client.get(SWITCH))
    assert switched(client).status_code == 302
    answer = switched(approver(), 2)
    assert answer.status_code == 422
    assert "preprint" in words(answer)


def test_nobody_switches_on_what_they_wrote_unless_a_setting_allows_it(settings: Settings) -> None:
    settings.ADVANCEMENT_APPROVE_OWN = False
    save_rules([make_rule("citations >= 1")], by="approver")
    disable_rule("a-rule", by="operator")
    client = approver()
    assert "You wrote what this rule says" in words(client.get(SWITCH))
    answer = switched(client, 2)
    assert answer.status_code == 422
    assert "somebody else has to switch it on" in words(answer)
    assert switched(signed_in("Approver", "another"), 2).status_code == 302
    disable_rule("a-rule", by="operator")
    settings.ADVANCEMENT_APPROVE_OWN = True
    assert "You wrote" not in words(client.get(SWITCH))
    assert switched(client, 4).status_code == 302


def test_guardrails_that_would_hold_the_run_are_said(settings: Settings) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 1
    add_rule("citations >= 1", enabled=False, from_tier="seed", max_moves=2)
    for _ in range(3):
        make_sprout("seed", signals={"citations": 1})
    client = approver()
    said = words(client.get(SWITCH))
    assert "own guardrail allows 2 moves a run" in said
    assert "ADVANCEMENT_MAX_MOVES allows 1 moves a run" in said
    assert "Scheduled runs do not look at its tier" in said
    assert "at most 50 % of its candidates" not in said, "there are only three"
    for _ in range(97):
        make_sprout("seed", signals={"citations": 1})
    assert "at most 50 % of its candidates" in words(client.get(SWITCH))


@pytest.mark.parametrize("path", ["switch", "archive", "unarchive"])
def test_a_rule_that_there_is_not_is_not_found(path: str) -> None:
    for client in (operator(), approver()):
        assert client.get(f"/rules/none/{path}/").status_code in {403, 404}
    assert signed_in("Operator", "o3").get("/rules/none/switch/").status_code == 404


def test_a_draft_and_an_archived_rule_cannot_be_switched() -> None:
    save_draft(make_rule("views >= 1"), by="editor")
    answer = operator().get(SWITCH)
    assert answer.status_code == 404
    assert "it is activated in the editor" in words(answer)
    add_rule("views >= 1")
    archive_rule("a-rule", by="operator")
    answer = approver().post(SWITCH, {"version": 2})
    assert answer.status_code == 404
    assert "bring it back" in words(answer)


def test_archiving_says_what_stays_and_takes_the_rule_out_of_use() -> None:
    add_rule("citations >= 1")
    add_rule("citations >= 2")
    make_sprout(signals={"citations": 2})
    finished_run()
    client = operator()
    said = words(client.get(ARCHIVE))
    assert "The rule is on" in said
    assert "2 versions and 1 event stay." in said
    assert rule().archived_at is None
    assert client.post(ARCHIVE)["Location"] == "/rules/"
    assert (bool(rule().archived_at), rule().archived_by) == (True, "operator")
    assert "Its versions and events stay." in words(client.get("/rules/"))
    assert "by operator" in words(client.get("/rules/a-rule/"))
    assert AdvancementEvent.objects.filter(rule_id="a-rule").count() == 1
    assert "is archived already" in words(client.get(ARCHIVE, follow=True))


def test_archiving_is_for_operators_and_bringing_back_for_approvers() -> None:
    add_rule("citations >= 1")
    for client in (viewer(), editor(), approver()):
        assert client.get(ARCHIVE).status_code == 403
        assert client.post(ARCHIVE).status_code == 403
    assert rule().archived_at is None
    archive_rule("a-rule", by="operator")
    for name in ("Viewer", "Rule editor", "Operator"):
        client = signed_in(name, f"{name}-2")
        assert client.get(UNARCHIVE).status_code == 403
        assert client.post(UNARCHIVE).status_code == 403
    assert rule().archived_at


def test_a_rule_comes_back_switched_off() -> None:
    add_rule("citations >= 1")
    archive_rule("a-rule", by="operator")
    client = approver()
    assert "It comes back switched off" in words(client.get(UNARCHIVE))
    assert client.post(UNARCHIVE)["Location"] == "/rules/"
    assert rule().archived_at is None
    assert not enabled()
    assert "is back. It is off." in words(client.get("/rules/"))
    assert "is not archived" in words(client.get(UNARCHIVE, follow=True))


def test_a_draft_comes_back_as_a_draft() -> None:
    save_draft(make_rule("citations >= 1"), by="editor")
    archive_rule("a-rule", by="operator")
    client = approver()
    assert "It comes back as a draft" in words(client.get(UNARCHIVE))
    client.post(UNARCHIVE)
    assert (rule().archived_at, rule().archived_by, rule().active_version) == (None, "", None)
    assert "It is a draft." in words(client.get("/rules/"))


@pytest.mark.parametrize("address", [SWITCH, ARCHIVE, UNARCHIVE])
def test_whoever_is_not_signed_in_is_led_to_sign_in(address: str, client: Client) -> None:
    add_rule("citations >= 1")
    for answer in (client.get(address), client.post(address)):
        assert answer["Location"].startswith("/admin/login/")
    assert client.delete(address).status_code == 405


def test_bringing_back_what_somebody_brought_back_at_the_same_moment_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_rule("views >= 1")
    archive_rule("a-rule", by="ada")

    def late(slug: str, *, by: str) -> None:
        unarchive_rule(slug, by="bert")
        unarchive_rule(slug, by=by)

    monkeypatch.setattr(rule_switch, "unarchive_rule", late)
    page = approver().post(UNARCHIVE, follow=True)
    assert "is not archived" in words(page)
    assert rule().archived_at is None
