"""Rules as JSON in the browser: the export is the command's, the import shows what it would change first."""

import gzip
import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from advancement.criteria.rule_json import rules_to_json
from advancement.criteria.rules import RuleDefinition
from advancement.holds import set_hold
from advancement.models import AdvancementRule, RuleVersion
from advancement.rulebook.drafts import save_draft
from advancement.rulebook.reading import current_rules
from advancement.rulebook.saving import save_rules
from advancement.rulebook.switching import archive_rule
from tests.console.people import approver, editor, operator, person, signed_in, viewer
from tests.criteria.cast import make_rule
from tests.factories import add_rule, add_rules, make_sprout
from tests.runs.conftest import plant

pytestmark = pytest.mark.django_db

IMPORT = "/rules/import/"


@pytest.fixture
def both(settings: Settings) -> Client:
    """Somebody who may import, activate and disable, where one may activate one's own."""
    settings.ADVANCEMENT_APPROVE_OWN = True
    user = person("Operator", "both")
    user.groups.add(*person("Approver", "unused").groups.all())
    client = Client()
    client.force_login(user)
    return client


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())).replace("\u00a0", " ")


def checked(client: Client, *rules: RuleDefinition, **more: Any) -> Any:
    return client.post(IMPORT, {"text": rules_to_json(rules)} | more)


def basis(answer: Any) -> str:
    found = re.search(r'name="basis" value="(\w+)"', answer.content.decode())
    assert found
    return found[1]


def imported(client: Client, *rules: RuleDefinition) -> Any:
    return checked(client, *rules, basis=basis(checked(client, *rules)))


def state() -> list[Any]:
    return [list(rows.order_by("pk").values()) for rows in (AdvancementRule.objects, RuleVersion.objects)]


def test_the_export_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    add_rules(make_rule("views >= 1", title="Ä"), make_rule("views >= 2", slug="b", max_moves=3))
    call_command("export_rules")
    answer = operator().get("/rules/export/")
    assert answer.content.decode() == capsys.readouterr().out
    assert answer["Content-Type"].startswith("application/json")
    assert re.fullmatch(r'attachment; filename="rules-\d{4}-\d\d-\d\d\.json"', answer["Content-Disposition"])


def test_one_rule_can_be_exported_alone() -> None:
    add_rules(make_rule("views >= 1"), make_rule("views >= 2", slug="b"))
    client = operator()
    answer = client.get("/rules/export/?rule=b")
    assert [item["id"] for item in json.loads(answer.content)] == ["b"]
    assert answer["Content-Disposition"] == 'attachment; filename="b.json"'
    assert client.get("/rules/export/?rule=none").status_code == 404


@pytest.mark.parametrize("address", ["/rules/export/", IMPORT])
def test_import_and_export_are_for_operators(address: str, client: Client) -> None:
    assert client.get(address)["Location"].startswith("/admin/login/")
    for who in (viewer(), editor(), approver()):
        assert who.get(address).status_code == 403
    assert operator().get(address).status_code == 200


def test_importing_needs_the_right_by_post_as_well() -> None:
    for who in (viewer(), editor(), approver()):
        assert checked(who, make_rule("views >= 1")).status_code == 403
    assert not AdvancementRule.objects.exists()


def test_checking_shows_what_would_change_and_keeps_nothing(both: Client) -> None:
    add_rules(make_rule("citations >= 3"), make_rule("views >= 1", slug="same", from_tier="seed"))
    before = state()
    answer = checked(
        both,
        make_rule("citations >= 5", "views >= 2 last_7d", priority=50, logic="OR", max_moves=7),
        make_rule("views >= 1", slug="same", from_tier="seed"),
        make_rule("exports >= 1", slug="fresh", title="Fresh"),
    )
    said = words(answer)
    assert answer.status_code == 200
    assert "3 rules read 1 new 1 changed 1 unchanged" in said
    assert "Criterion was citations ≥ 3 becomes citations ≥ 5" in said
    assert "Criterion becomes views ≥ 2 in the last 7 days" in said
    assert "Needs was all of its criteria becomes any of its criteria" in said
    assert "Priority was 100 becomes 50" in said
    assert "Guardrail was none becomes at most 7 moves a run" in said
    assert "Fresh" in said
    assert "Import 2 rules" in said
    assert state() == before


def test_checking_says_what_each_rule_that_is_activated_would_move_as_the_switch_does(both: Client) -> None:
    add_rules(
        make_rule("views >= 1", slug="first", priority=1),
        make_rule("citations >= 9"),
        make_rule("exports >= 9", slug="yielding", priority=2, title="Yields"),
    )
    for signals in ({"citations": 3}, {"citations": 5}, {"citations": 5, "views": 1}, {"exports": 1}):
        make_sprout(signals=signals)
    held = make_sprout(signals={"citations": 9})
    set_hold(held.pk, reason="wait", by="operator")
    rules = (
        make_rule("citations >= 3"),
        make_rule("exports >= 1", slug="fresh"),
        make_rule("citations >= 5", slug="rests", enabled=False),
        make_rule("citations >= 1", slug="yielding", priority=2, enabled=False),
    )
    with CaptureQueriesContext(connection) as few:
        answer = checked(both, *rules)
    said = words(answer)
    assert said.count("would move by it in a run now") == 2
    assert "2 sprouts would move by it in a run now" in said
    assert "1 sprout would move by it in a run now" in said
    assert "As things stand, a run of all their tiers would move 3 sprouts by them." in said
    more = [make_rule(f"citations >= {number}", slug=f"r{number}") for number in range(1, 9)]
    with CaptureQueriesContext(connection) as many:
        checked(both, *rules, *more)
    assert len(many) == len(few)
    client = operator()  # Keeps them as drafts.
    assert "would move by it" not in words(checked(client, *rules[:2]))
    imported(both, *rules)
    for slug, count in (("a-rule", 2), ("fresh", 1)):
        assert f"{count} of 5" in words(both.get(f"/rules/{slug}/switch/"))


def test_guardrails_that_would_hold_what_a_file_moves_are_named(both: Client, settings: Settings) -> None:
    for _ in range(3):
        make_sprout(signals={"citations": 5})
    limited = make_rule("citations >= 1", slug="limited", max_moves=2)
    said = words(checked(both, limited))
    assert "Its own guardrail allows 2: the run would be held for an approver." in said
    settings.ADVANCEMENT_MAX_MOVES = 2
    said = words(checked(both, make_rule("citations >= 1", slug="limited")))
    assert "more than ADVANCEMENT_MAX_MOVES allows, and be held for an approver." in said
    plant(97)
    settings.ADVANCEMENT_MAX_SHARE = 0.5
    said = words(checked(both, make_rule("citations >= 1", slug="limited")))
    both_named = (
        "more than ADVANCEMENT_MAX_SHARE and ADVANCEMENT_MAX_MOVES allow, and be held for an approver."
    )
    assert both_named in said
    assert "Its own guardrail" not in said


def test_a_rule_that_the_signal_gate_stops_says_so_before_it_is_imported(both: Client) -> None:
    make_sprout()
    said = words(checked(both, make_rule("citations >= 0")))
    assert "It would move nothing now." in said
    assert "a run of all their tiers would move 0 sprouts" in said


def test_confirming_keeps_what_was_shown(both: Client) -> None:
    add_rules(make_rule("citations >= 3"), make_rule("views >= 1", slug="same", from_tier="seed"))
    rules = [
        make_rule("citations >= 5"),
        make_rule("views >= 1", slug="same", from_tier="seed"),
        make_rule("exports >= 1", slug="fresh"),
    ]
    answer = imported(both, *rules)
    assert (answer.status_code, answer["Location"]) == (302, "/rules/")
    assert {rule.slug: rule for rule in current_rules()} == {rule.slug: rule for rule in rules}
    assert RuleVersion.objects.get(active_in="a-rule").created_by == "both"
    assert "3 rules read: 1 new, 1 changed, 1 unchanged." in words(both.get("/rules/"))


def test_an_upload_travels_on_as_text(both: Client) -> None:
    data = ("\ufeff" + rules_to_json([make_rule("views >= 1", title="Ä “q” <b>")])).encode()
    for content in (data, gzip.compress(data)):
        answer = both.post(IMPORT, {"file": SimpleUploadedFile("rules.json", content)})
        assert answer.status_code == 200
        assert "Import 1 rule" in words(answer)
    found = re.search(r'<input type="hidden" name="text" value="([^"]*)"', answer.content.decode())
    assert found
    assert "Ä “q” &lt;b&gt;" in found[1]


def test_somebody_else_changing_a_rule_in_between_shows_the_difference_again(both: Client) -> None:
    add_rule("citations >= 3")
    rule = make_rule("citations >= 5")
    looked_at = basis(checked(both, rule))
    save_rules([make_rule("citations >= 4")], by="somebody")
    answer = checked(both, rule, basis=looked_at)
    assert answer.status_code == 422
    assert "Somebody changed these rules since" in words(answer)
    assert "was citations ≥ 4 becomes citations ≥ 5" in words(answer)
    assert current_rules()[0].criteria[0].threshold == 4
    assert checked(both, rule, basis=basis(answer)).status_code == 302


def test_nothing_to_change_offers_nothing_to_confirm(both: Client) -> None:
    add_rule("citations >= 3")
    said = words(checked(both, make_rule("citations >= 3")))
    assert "Nothing would change" in said
    assert "Import 0" not in said


def test_whoever_may_not_activate_gets_drafts_and_is_told_so(settings: Settings) -> None:
    settings.ADVANCEMENT_APPROVE_OWN = True
    add_rules(make_rule("citations >= 3"), make_rule("views >= 1", slug="off", enabled=False))
    rules = [
        make_rule("citations >= 5"),
        make_rule("exports >= 1", slug="fresh"),
        make_rule("views >= 2", slug="off", enabled=False),
    ]
    client = operator()
    answer = checked(client, *rules)
    assert "2 rules of the file would be kept as drafts" in words(answer)
    assert "You may not activate rules." in words(answer)
    assert "Import 1 rule and 2 drafts" in words(answer)
    assert imported(client, *rules).status_code == 302
    rule, fresh = AdvancementRule.objects.get(pk="a-rule"), AdvancementRule.objects.get(pk="fresh")
    assert rule.active_version
    assert rule.draft_version
    assert rule.active_version.definition.criteria[0].threshold == 3
    assert rule.draft_version.definition == make_rule("citations >= 5")
    assert (fresh.active_version, bool(fresh.draft_version)) == (None, True)
    off = RuleVersion.objects.get(active_in="off")
    assert off.definition.criteria[0].threshold == 2
    assert "2 of them wait as drafts." in words(client.get("/rules/"))
    assert "3 unchanged" in words(checked(client, *rules)), "the same file again has nothing to add"


def test_nobody_activates_what_they_bring_in_unless_a_setting_allows_it(
    both: Client, settings: Settings
) -> None:
    settings.ADVANCEMENT_APPROVE_OWN = False
    answer = checked(both, make_rule("views >= 1"))
    assert "nobody activates their own" in words(answer)
    imported(both, make_rule("views >= 1"))
    assert AdvancementRule.objects.get().active_version is None


def test_whoever_may_not_switch_rules_off_gets_a_draft_for_that(settings: Settings) -> None:
    add_rule("citations >= 3")
    client = signed_in("Operator", "op")
    rule = make_rule("citations >= 3", enabled=False)
    assert "Import 1 rule" in words(checked(client, rule))
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="import_data"))
    client = Client()
    client.force_login(clerk)
    assert "Import 1 draft" in words(checked(client, rule))
    imported(client, rule)
    assert current_rules()[0].enabled


def test_an_archived_rule_comes_back_only_with_the_right_to_activate(both: Client) -> None:
    add_rule("citations >= 3")
    archive_rule("a-rule", by="operator")
    rule = make_rule("citations >= 3", enabled=False)
    client = operator()
    assert "stays archived" in words(checked(client, rule))
    imported(client, rule)
    assert AdvancementRule.objects.get().archived_at
    assert "comes back from the archive" in words(checked(both, rule))
    imported(both, rule)
    assert AdvancementRule.objects.get().archived_at is None


def test_a_draft_that_would_be_lost_is_named(both: Client) -> None:
    add_rule("citations >= 3")
    save_draft(make_rule("citations >= 9"), by="editor")
    said = words(checked(both, make_rule("citations >= 5")))
    assert "in place of the draft that waits" in said
    imported(both, make_rule("citations >= 3"))
    assert AdvancementRule.objects.get().draft_version, "an unchanged rule keeps its draft"


def test_warnings_are_shown_before_and_after(both: Client) -> None:
    add_rule("citations >= 3", slug="first", priority=1)
    said = words(checked(both, make_rule("citations >= 5")))
    assert "it can never win" in said
    imported(both, make_rule("citations >= 5"))
    assert "it can never win" in words(both.get("/rules/"))


BAD = {
    "nothing": ({}, "There is nothing to import; choose a file, or paste its content."),
    "blank text": ({"text": " \n "}, "There is nothing to import"),
    "no JSON": ({"text": "{"}, "The file is not JSON"),
    "no list": ({"text": "{}"}, "The file must hold a JSON list of rules, but it holds an object."),
    "an empty list": ({"text": "[]"}, "The list is empty"),
    "a missing key": ({"text": '[{"id": "a"}]'}, "lacks keys"),
    "an unknown tier": ({"text": rules_to_json([make_rule("views >= 1", to_tier="tre")])}, "tree"),
    "a bound that nothing meets": (
        {"text": rules_to_json([make_rule("queryDiversity > 1")])},
        "never be met",
    ),
    "too much text": ({"text": "[" + " " * 2**20}, "The text is larger than 1 MiB"),
    "too much in a file": ({"file": b"[" + b" \n" * 2**20}, "The file is larger than 1 MiB"),
    "too much packed": ({"file": gzip.compress(b"[" + b" \n" * 2**19)}, "The file is larger than 1 MiB"),
    "Windows-1252": ({"file": '[{"id": "ä"}]'.encode("cp1252")}, "is not UTF-8"),
    "UTF-16": ({"file": "[]".encode("utf-16")}, "The file is UTF-16, not UTF-8"),
    "a spreadsheet": ({"file": b"PK\x03\x04 and so on"}, "This is a ZIP archive or a spreadsheet"),
    "half of an archive": ({"file": gzip.compress(b"[" * 900)[:-9]}, "gzip file is truncated"),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_cannot_be_used_is_refused_with_a_sentence(fault: str) -> None:
    add_rule("citations >= 3")
    before = state()
    fields, sentence = BAD[fault]
    form: dict[str, Any] = dict(fields)
    if "file" in form:
        form["file"] = SimpleUploadedFile("rules.json", form["file"])
    answer = operator().post(IMPORT, form)
    assert answer.status_code == 422
    assert "Nothing was imported" in words(answer)
    assert sentence in words(answer).replace("&quot;", '"')
    assert state() == before


def test_a_refused_text_stays_in_the_form_and_only_the_first_problems_are_shown() -> None:
    text = json.dumps([{"id": f"r{n}"} for n in range(60)])
    answer = operator().post(IMPORT, {"text": text})
    assert text.replace('"', "&quot;") in answer.content.decode()
    assert "There are 40 more problems." in words(answer)
    rules = [make_rule("views >= 1", slug=f"r{n}", to_tier="tre") for n in range(60)]
    assert "There are 40 more problems." in words(checked(signed_in("Operator", "o2"), *rules))


@pytest.mark.parametrize(
    ("slugs", "said"),
    [
        (["one"], "1 rule read: 1 new, 0 changed, 0 unchanged. It waits as a draft."),
        (["one", "two"], "2 of them wait as drafts."),
    ],
)
def test_one_draft_is_not_spoken_of_as_many(slugs: list[str], said: str) -> None:
    client = operator()
    assert imported(client, *(make_rule("views >= 1", slug=slug) for slug in slugs)).status_code == 302
    assert said in words(client.get("/rules/"))
