"""The rule editor: what is typed is counted, checked and kept as a draft, and nothing is overwritten."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from advancement.database.clock import database_now
from advancement.evaluation.preview import MatchCount, preview_details
from advancement.holds import set_holds
from advancement.ladders import archive_model
from advancement.models import AdvancementRule, RuleVersion, SignalRefresh
from advancement.rights import APPROVER, RULE_EDITOR, VIEWER, Right
from advancement.rulebook.drafts import save_draft
from advancement.rulebook.switching import archive_rule
from advancement.views import rule_preview
from tests.console.markup import markup
from tests.console.people import approver, editor, operator, person, signed_in, viewer
from tests.criteria.cast import make_rule
from tests.factories import add_model, add_rule, make_sprout

pytestmark = pytest.mark.django_db

NEW = reverse("console:new_rule")
RULE = reverse("console:rule", args=["a-rule"])
COUNT, DETAILS, CHART = (
    reverse(f"console:{name}") for name in ("preview_rule", "preview_details", "preview_chart")
)
HTMX = {"HX-Request": "true"}


def form(*criteria: str, **fields: Any) -> dict[str, Any]:
    """Return what a browser sends of a filled in form; criteria as in `citations >= 3`."""
    rows = [[*text.split(), "all_time"][:4] for text in criteria or ("citations >= 3",)]
    return {
        "title": "A rule",
        "lifecycle_model": "botanical",
        "from_tier": "sprout",
        "to_tier": "sapling",
        "logic": "AND",
        "priority": "100",
        "max_moves": "",
        "enabled": "1",
        "signal": [row[0] for row in rows],
        "operator": [row[1] for row in rows],
        "threshold": [row[2] for row in rows],
        "period": [row[3] for row in rows],
        **fields,
    }


def stored(**fields: Any) -> dict[str, Any]:
    """Return the form of the rule `a-rule` as it was opened in its first version."""
    return form(**{"slug": "a-rule", "based_on": "1", **fields})


def text_of(html: str) -> str:
    """Return what people read of a page."""
    plain = re.sub(r"<(script|style|svg|template)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", plain).replace("\u00a0", " ").split())


@pytest.fixture
def grove() -> list[Any]:
    """Sprouts with 0 to 9 citations and the rule `a-rule`, which needs 3."""
    add_rule("citations >= 3")
    return [
        make_sprout(signals={"citations": n, "uniqueSessions": n % 2}, title=f"notes/{n}.md")
        for n in range(10)
    ]


# Writing


def test_a_new_rule_is_kept_as_a_draft_and_no_run_uses_it() -> None:
    answer = editor().post(NEW, form("citations >= 1,000", "views < 5 last_7d", slug="my-rule"), follow=True)
    assert answer.redirect_chain == [(reverse("console:rule", args=["my-rule"]), 302)]
    rule = AdvancementRule.objects.get(pk="my-rule")
    assert rule.active_version is None
    assert rule.draft_version
    definition = rule.draft_version.definition
    assert [(c.signal, c.threshold, c.period) for c in definition.criteria] == [
        ("citations", 1000.0, "all_time"),
        ("views", 5.0, "last_7d"),
    ]
    assert (definition.enabled, rule.draft_version.created_by) == (True, "rule-editor")
    assert "Version 1 is saved as a draft" in answer.text


def test_an_empty_slug_becomes_the_one_that_was_suggested() -> None:
    browser = editor()
    assert "sprout-to-sapling" in browser.get(NEW).text
    browser.post(NEW, form(title="Steady use"))
    browser.post(NEW, form(title="Steady use"))
    assert set(AdvancementRule.objects.values_list("pk", flat=True)) == {"steady-use", "steady-use-2"}


@pytest.mark.parametrize("slug", ["a-rule", "new", "preview"])
def test_a_slug_that_is_taken_or_names_a_page_is_refused_in_its_place(slug: str) -> None:
    add_rule("citations >= 3")
    answer = editor().post(NEW, form("views > 1", slug=slug))
    assert answer.status_code == 422
    assert re.search(r'id="slug-error"[^§]*choose another', answer.text)
    assert RuleVersion.objects.count() == 1


def test_a_refused_form_keeps_all_that_was_typed_and_names_every_fault_with_a_link_to_it() -> None:
    typed = form("citations >= NaN", "qualityScore >= 1.4", title="", priority="soon", max_moves="0,5")
    answer = editor().post(NEW, typed | {"description": "why <b>"})
    assert answer.status_code == 422
    assert "Not saved. 5 things need a change." in markup(answer)
    for field in ("title", "priority", "max_moves", "criterion-0-threshold", "criterion-1-threshold"):
        assert f'href="#{field}"' in markup(answer)
        assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', markup(answer)), field
    for kept in ('value="NaN"', 'value="1.4"', 'value="soon"', 'value="0,5"', "why &lt;b&gt;"):
        assert kept in markup(answer)
    assert not AdvancementRule.objects.exists()


def test_saving_a_change_makes_a_draft_beside_the_active_version() -> None:
    add_rule("citations >= 3")
    answer = editor().post(RULE, stored(threshold=["5"]), follow=True)
    assert "Version 2 is saved as a draft" in answer.text
    rule = AdvancementRule.objects.get()
    assert rule.active_version
    assert rule.draft_version
    assert (rule.active_version.number, rule.draft_version.number) == (1, 2)


def test_saving_without_a_change_says_so_and_makes_no_version() -> None:
    add_rule("citations >= 3")
    assert "Nothing was changed" in editor().post(RULE, stored(), follow=True).text
    assert RuleVersion.objects.count() == 1


def test_the_slug_of_a_rule_cannot_be_changed_by_the_form() -> None:
    add_rule("citations >= 3")
    editor().post(RULE, stored(slug="another", threshold=["5"]))
    assert list(AdvancementRule.objects.values_list("pk", flat=True)) == ["a-rule"]


def test_saving_over_a_newer_version_shows_the_difference_and_is_then_a_decision() -> None:
    add_rule("citations >= 3", title="Ours")
    save_draft(make_rule("citations >= 4", title="Ours"), by="colleague", based_on=1)
    browser = editor()
    answer = browser.post(RULE, stored(title="Mine", threshold=["5"]))
    assert answer.status_code == 409
    assert RuleVersion.objects.count() == 2
    said = text_of(answer.text)
    assert "colleague saved version 2" in said
    assert "Criteria citations ≥ 4 citations ≥ 5" in said
    assert "Title Ours Mine" in said
    assert "Save mine as version 3" in said
    assert "Take theirs" in said
    based_on = re.search(r'name="based_on" value="(\d+)"', answer.text)
    assert based_on
    browser.post(RULE, stored(title="Mine", threshold=["5"], based_on=based_on[1]))
    assert RuleVersion.objects.get(draft_of="a-rule").number == 3


# Buttons within the form


def test_buttons_change_the_rows_without_saving_and_without_script() -> None:
    browser = editor()
    answer = browser.post(NEW, form("citations >= 3", "views > x", action="add"))
    assert answer.status_code == 200
    assert re.findall(r'name="threshold" inputmode="decimal" value="([^"]*)"', markup(answer)) == [
        "3",
        "x",
        "",
    ]
    assert re.search(r'id="criterion-2-signal"[^>]* autofocus', markup(answer))
    assert not AdvancementRule.objects.exists()


def test_htmx_gets_the_criteria_alone_and_is_told_to_count_again() -> None:
    answer = editor().post(
        NEW, form("citations >= 3", "views > 4", "exports > 5", action="up-2"), headers=HTMX
    )
    assert markup(answer).strip().startswith('<section class="card" id="criteria"')
    assert re.findall(r'name="threshold" inputmode="decimal" value="([^"]*)"', markup(answer)) == [
        "3",
        "5",
        "4",
    ]
    assert "rule-changed" in answer["HX-Trigger-After-Settle"]


def test_another_model_brings_its_own_tiers() -> None:
    add_model("academic", "draft", "preprint", "published")
    answer = editor().post(NEW, form(lifecycle_model="academic", action="choices"), headers=HTMX)
    assert re.findall(r'<option value="([^"]*)" selected', answer.text) == ["academic", "draft", "preprint"]
    assert 'value="seed"' not in answer.text


def test_without_script_a_button_counts_and_saves_nothing(grove: list[Any]) -> None:
    said = text_of(editor().post(RULE, stored(threshold=["5"], action="preview")).text)
    assert "5 of 10 would match" in said
    assert "Lost 2 of 2" in said
    assert "≥ 5, now" in said
    assert RuleVersion.objects.count() == 1


# The panel


def test_the_count_comes_with_the_sentence_and_calls_for_the_details(grove: list[Any]) -> None:
    answer = editor().post(COUNT, stored(threshold=["5"]), headers=HTMX)
    said = text_of(answer.text)
    assert "5 of 10 would match" in said
    assert "Sprout becomes 🌿 Sapling when citations ≥ 5 , counted over all time" in said
    assert "No longer in the rule: citations ≥ 3" in said
    assert "Unsaved" in said
    assert "rule-counted" in answer["HX-Trigger-After-Settle"]


def test_a_rule_as_it_is_stored_is_not_called_unsaved(grove: list[Any]) -> None:
    said = text_of(viewer().post(COUNT, stored(), headers=HTMX).text)
    assert "Saved" in said
    assert "Unsaved" not in said
    assert "No longer in the rule" not in said


def test_while_the_form_is_invalid_the_last_count_stays_and_it_says_what_is_missing(grove: list[Any]) -> None:
    answer = editor().post(COUNT, stored(threshold=["0,5"]), headers=HTMX)
    assert answer["HX-Reswap"] == "none"
    assert "HX-Trigger-After-Settle" not in answer
    assert 'id="count-note" hx-swap-oob="true"' in answer.text
    assert "would match" not in answer.text
    assert "write decimals with a point" in answer.text
    for part in (DETAILS, CHART):
        assert editor_answer(part, threshold=["0,5"])["HX-Reswap"] == "none"


def editor_answer(address: str, **fields: Any) -> Any:
    return signed_in(RULE_EDITOR, f"editor-{User.objects.count()}").post(
        address, stored(**fields), headers=HTMX
    )


def test_what_is_not_typed_yet_is_no_error_while_somebody_is_at_it(grove: list[Any]) -> None:
    answer = editor().post(COUNT, stored(threshold=[""]), headers=HTMX)
    assert "Fill in signal and threshold" in answer.text
    assert "field-error" not in answer.text
    after_refusal = editor_answer(COUNT, threshold=[""], refused="1")
    assert "Enter a number." in after_refusal.text


def test_a_title_that_is_missing_does_not_keep_it_from_being_counted(grove: list[Any]) -> None:
    assert "7 of 10" in text_of(editor().post(COUNT, stored(title="", priority="x"), headers=HTMX).text)


def test_the_fields_may_come_by_get_as_well(grove: list[Any]) -> None:
    assert "7 of 10" in text_of(viewer().get(COUNT, stored()).text)


def test_the_guardrails_that_would_hold_it_are_named(grove: list[Any], settings: Settings) -> None:
    browser = editor()
    assert "held until somebody approves" in browser.post(COUNT, stored(max_moves="5"), headers=HTMX).text
    assert "held until" not in browser.post(COUNT, stored(max_moves="7"), headers=HTMX).text
    settings.ADVANCEMENT_MAX_MOVES = 6
    assert "ADVANCEMENT_MAX_MOVES" in browser.post(COUNT, stored(), headers=HTMX).text


def test_matches_that_a_run_would_leave_where_they_are_are_named_beside_the_count(grove: list[Any]) -> None:
    set_holds([sprout.pk for sprout in grove[-3:]], reason="wait", by="operator")
    make_sprout()
    said = text_of(editor().post(COUNT, stored(), headers=HTMX).text)
    assert "7 of 11 would match" in said
    assert "3 of them on hold: a run would leave them where they are." in said
    assert "7 of 11 match, 3 of them on hold" in said
    timed = text_of(editor_answer(COUNT, signal=["daysInTier"], threshold=["1"]).text)
    assert "3 of them on hold and 1 without signals: a run would leave them where they are." in timed


def test_a_single_match_that_a_run_would_leave_is_said_to_stay(grove: list[Any]) -> None:
    held = text_of(editor().post(COUNT, stored(threshold=["9"]), headers=HTMX).text)
    assert "leave it" not in held
    set_holds([grove[-1].pk], reason="wait", by="operator")
    assert "On hold: a run would leave it where it is." in text_of(editor_answer(COUNT, threshold=["9"]).text)


def test_matches_on_hold_do_not_count_against_a_guardrail(grove: list[Any]) -> None:
    assert "held until" in editor().post(COUNT, stored(max_moves="6"), headers=HTMX).text
    set_holds([grove[-1].pk], reason="wait", by="operator")
    assert "held until" not in editor_answer(COUNT, max_moves="6").text


def test_the_details_say_what_is_gained_and_lost_with_names(grove: list[Any]) -> None:
    answer = editor().post(DETAILS, stored(operator=["<"], threshold=["5"]), headers=HTMX)
    said = text_of(answer.text)
    assert "Gained +3 Lost −5 Active, v1 7" in said
    assert "Gained 3 of 3" in said
    assert "0.md notes/ citations 0" in said
    assert "5 of 10 meet this alone. Version 1: ≥ 3." in said
    assert "+3 −5 against version 1" in said


def test_near_misses_say_what_they_lack(grove: list[Any]) -> None:
    said = text_of(editor().post(DETAILS, stored(), headers=HTMX).text)
    assert "Near misses 3 of 3" in said
    assert "2.md citations notes/ 2 3 −1" in said


def test_what_an_earlier_rule_takes_first_is_named_with_its_number(grove: list[Any]) -> None:
    add_rule("citations >= 8", slug="earlier", title="The first", priority=1)
    said = text_of(editor().post(DETAILS, stored(), headers=HTMX).text)
    assert "2 of the 7 also match The first , which goes first" in said


def test_a_rule_that_could_never_win_is_named_before_it_is_saved(grove: list[Any]) -> None:
    add_rule("citations >= 1", slug="wide", priority=1)
    answer = editor().post(DETAILS, stored(), headers=HTMX)
    assert "it can never win" not in answer.text  # It could not before either.
    said = text_of(editor_answer(DETAILS, slug="another", based_on="0", threshold=["4"]).text)
    assert "It can never win" in said


def test_what_nothing_can_meet_is_named_in_its_row(grove: list[Any]) -> None:
    said = text_of(
        editor()
        .post(DETAILS, stored(operator=[">"], signal=["qualityScore"], threshold=["1"]), headers=HTMX)
        .text
    )
    assert "can never be met" in said
    assert "cannot be activated" in said


def test_the_chart_marks_the_threshold_and_says_how_many_match_at_others(grove: list[Any]) -> None:
    rows = {"signal": ["uniqueSessions", "citations"], "operator": [">=", ">="], "threshold": ["0", "3"]}
    answer = editor().post(CHART, stored(**rows, period=["all_time"] * 2, chart="1"), headers=HTMX)
    assert '<option value="1" selected>Citations' in markup(answer)
    assert "mark-line" in markup(answer)
    said = text_of(markup(answer))
    assert "≥ 3, now" in said
    assert "10 8" not in said
    assert re.search(r"Would match( \d+)+", said)[0] == "Would match 10 9 8 7 6 5 4"  # type: ignore[index]
    for odd in ("9", "-1", "x", ""):
        assert editor_answer(CHART, **rows, period=["all_time"] * 2, chart=odd).status_code == 200


@pytest.mark.parametrize("address", [COUNT, DETAILS, CHART])
@pytest.mark.parametrize(
    "sent",
    [
        "",
        "threshold=3",
        "signal=views&signal=views&threshold=1e400&threshold=%01&threshold=%D9%A3",
        "slug=%ED%A0%80&title=%01&based_on=99999999999999999999",
        "slug=a-rule&based_on=1&" + "signal=views&operator=%3E&threshold=1&period=all_time&" * 150,
    ],
)
def test_whatever_is_sent_to_a_preview_it_answers(address: str, sent: str) -> None:
    add_rule("citations >= 3")
    answer = viewer().post(address, sent, content_type="application/x-www-form-urlencoded", headers=HTMX)
    assert answer.status_code == 200
    assert answer["HX-Reswap"] == "none"


@pytest.mark.parametrize(("address", "most"), [(COUNT, 21), (DETAILS, 34), (CHART, 24)])
def test_previews_write_nothing_and_ask_no_more_where_there_are_many_rules(
    grove: list[Any], address: str, most: int
) -> None:
    browser = editor()

    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            browser.post(address, stored(threshold=["5"]), headers=HTMX)
        return [query["sql"] for query in queries]

    asked()  # It remembers how many sprouts there are.
    few = asked()
    for number in range(12):
        add_rule(f"citations >= {number}", "views > 1", slug=f"rule-{number}", priority=number)
    assert len(asked()) <= len(few) + 1 <= most  # The titles of earlier rules.
    assert not [sql for sql in few if re.match(r"(INSERT|UPDATE|DELETE)", sql)]


def test_figures_from_a_sample_are_called_so_until_exact_ones_follow(
    grove: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    exactly = preview_details

    def sampled(definition: Any, *, exact: bool = False, **options: Any) -> Any:
        found = exactly(definition, **options)
        return found if exact else replace(found, count=replace(found.count, exact=False))

    monkeypatch.setattr(rule_preview, "preview_details", sampled)
    monkeypatch.setattr(rule_preview, "count_matches", lambda d: MatchCount(6, 9, exact=False))
    browser = editor()
    counted = text_of(browser.post(COUNT, stored(threshold=["5"]), headers=HTMX).text)
    assert "about 6 of 9 would match" in counted
    assert "random sample" in counted
    first = browser.post(DETAILS, stored(threshold=["5"]), headers=HTMX)
    said = text_of(first.text)
    assert "≈ 0 Lost ≈ −2 Active, v1 ≈ 7" in said
    assert "About 5 of 10 meet this alone" in said
    assert """hx-vals='{"exact": "1"}'""" in first.text
    second = browser.post(DETAILS, stored(threshold=["5"], exact="1"), headers=HTMX)
    said = text_of(second.text)
    assert "5 of 10 would match" in said
    assert not re.search("about|sample|≈", said, re.IGNORECASE)
    assert "rule-exact" in second["HX-Trigger-After-Settle"]
    assert "hx-vals" not in second.text


# Versions


def test_a_draft_is_activated_by_somebody_else_after_a_look_at_what_it_moves(grove: list[Any]) -> None:
    save_draft(make_rule("citations >= 5", enabled=True), by="rule-editor")
    browser = approver()
    page = browser.get(reverse("console:activate_rule", args=["a-rule"]))
    said = text_of(page.text)
    assert "5 of 10 would match" in said
    assert "Gained 0 Lost −2 Active, v1 7" in said
    assert "removed: citations ≥ 3 added: citations ≥ 5" in said
    answer = browser.post(reverse("console:activate_rule", args=["a-rule"]), {"number": "2"}, follow=True)
    assert "Version 2 is active" in answer.text
    rule = AdvancementRule.objects.get()
    assert rule.active_version
    assert (rule.active_version.number, rule.activated_by) == (2, "approver")


def test_nobody_activates_their_own_draft_unless_a_setting_allows_it(settings: Settings) -> None:
    save_draft(make_rule("citations >= 5"), by="both")
    browser = signed_in(APPROVER, "both")
    address = reverse("console:activate_rule", args=["a-rule"])
    assert "somebody else has to activate it" in browser.get(address).text
    assert "somebody else has to activate it" in browser.post(address, {"number": "1"}, follow=True).text
    assert AdvancementRule.objects.get().active_version is None
    settings.ADVANCEMENT_APPROVE_OWN = True
    browser.post(address, {"number": "1"})
    assert AdvancementRule.objects.get().active_version


def test_whoever_alone_may_activate_rules_is_told_both_ways_out() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    save_draft(make_rule("citations >= 5"), by="root")
    address = reverse("console:activate_rule", args=["a-rule"])
    said = markup(client.get(address))
    assert "nobody else has the right to yet" in said
    assert reverse("admin:auth_user_add") in said
    assert "ADVANCEMENT_APPROVE_OWN=1" in said
    User.objects.create_superuser("gone", is_active=False)
    assert "nobody else has the right to yet" in markup(client.get(address))
    person(APPROVER)
    assert "Send this address to somebody with the role Approver" in markup(client.get(address))


def test_a_draft_that_is_another_by_now_is_not_activated() -> None:
    save_draft(make_rule("citations >= 5"), by="editor")
    save_draft(make_rule("citations >= 6"), by="editor")
    answer = approver().post(reverse("console:activate_rule", args=["a-rule"]), {"number": "1"}, follow=True)
    assert "is version 2 by now" in answer.text
    assert AdvancementRule.objects.get().active_version is None


def test_what_nothing_can_meet_cannot_be_activated_and_the_page_says_why() -> None:
    save_draft(make_rule("queryDiversity > 1"), by="editor")
    page = approver().get(reverse("console:activate_rule", args=["a-rule"])).text
    assert "It cannot be activated as it is." in page
    assert re.search(r'<button class="btn btn-primary" type="submit" disabled', page)


def test_activating_without_a_draft_leads_back() -> None:
    add_rule("citations >= 3")
    browser = approver()
    for answer in (
        browser.get(reverse("console:activate_rule", args=["a-rule"]), follow=True),
        browser.post(reverse("console:activate_rule", args=["a-rule"]), {"number": "1"}, follow=True),
    ):
        assert "no draft to activate" in answer.text


def test_an_old_version_is_restored_as_a_draft_and_a_draft_is_discarded() -> None:
    add_rule("citations >= 3")
    add_rule("citations >= 5")
    browser = editor()
    page = browser.get(RULE)
    assert "Restore" in page.text
    answer = browser.post(
        reverse("console:restore_version", args=["a-rule", 1]), {"based_on": "2"}, follow=True
    )
    assert "Version 1 is restored as draft version 3" in answer.text
    assert RuleVersion.objects.get(draft_of="a-rule").definition.criteria[0].threshold == 3
    stale = browser.post(
        reverse("console:restore_version", args=["a-rule", 2]), {"based_on": "2"}, follow=True
    )
    assert "Nothing was overwritten" in stale.text
    discarded = browser.post(reverse("console:discard_draft", args=["a-rule"]), {"number": "3"}, follow=True)
    assert "The draft is discarded" in discarded.text
    assert AdvancementRule.objects.get().draft_version is None


def test_a_version_whose_tier_is_gone_is_not_restored() -> None:
    model = add_model("academic", "draft", "preprint", "published")
    add_rule("citations >= 3", lifecycle_model="academic", from_tier="draft", to_tier="preprint")
    add_rule("citations >= 3", lifecycle_model="academic", from_tier="draft", to_tier="published")
    model.tiers.filter(slug="preprint").delete()
    answer = editor().post(
        reverse("console:restore_version", args=["a-rule", 1]), {"based_on": "2"}, follow=True
    )
    assert "is unknown to the lifecycle model" in answer.text
    assert RuleVersion.objects.count() == 2


def test_versions_say_what_changed_who_and_which_is_in_use() -> None:
    add_rule("uniqueSessions >= 4", "citations >= 6")
    add_rule("uniqueSessions >= 4", "refinements >= 3", logic="OR", title="Tended")
    said = text_of(viewer().get(RULE).text).partition("Versions")[2]
    assert "unique sessions ≥ 4 or removed: citations ≥ 6 added: refinements ≥ 3" in said
    assert "Title was: A rule now: Tended" in said
    assert "v1 🌱 Sprout becomes" in said
    assert "Restore" not in said


def test_many_versions_are_shown_page_by_page_each_compared_with_the_one_before() -> None:
    for threshold in range(1, 31):
        add_rule(f"citations >= {threshold}")
    browser = viewer()
    with CaptureQueriesContext(connection) as queries:
        first = browser.get(RULE)
    assert len(queries) <= 17
    assert re.findall(r'class="mono">v(\d+)<', first.text) == [str(n) for n in range(30, 10, -1)]
    assert "citations ≥ 10</del>" in first.text
    older = re.search(r"\?after=\d+", first.text)
    assert older
    second = browser.get(RULE + older[0])
    assert re.findall(r'class="mono">v(\d+)<', second.text) == [str(n) for n in range(10, 0, -1)]


# Who may


def test_somebody_without_the_right_sees_the_rule_and_its_figures_and_cannot_change_it(
    grove: list[Any],
) -> None:
    page = viewer().get(RULE)
    assert page.status_code == 200
    assert "You can look at this rule, not change it." in page.text
    assert "What it says" in page.text
    assert 'name="title" value' in page.text
    main = page.text.partition("<main")[2].partition("</main>")[0]
    assert not re.search(r'<(select|textarea)|<input(?! type="hidden")', main)
    assert "Save draft" not in page.text
    assert "Add criterion" not in page.text
    hidden = {
        name: unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', page.text)
    }
    for part in (COUNT, DETAILS):
        answer = signed_in(VIEWER, f"viewer of {part}").post(part, hidden, headers=HTMX).text
        assert "7" in text_of(answer)
        # Nothing is sent for a place that this page does not have.
        for target in re.findall(r'id="([^"]+)" hx-swap-oob', answer):
            assert f'id="{target}"' in page.text


def test_every_button_is_there_for_those_who_may(grove: list[Any]) -> None:
    save_draft(make_rule("citations >= 5"), by="somebody")
    people = {"viewer": viewer, "editor": editor, "operator": operator, "approver": approver}
    pages = {name: browser().get(RULE).text for name, browser in people.items()}

    def seen_by(label: str) -> set[str]:
        return {name for name, page in pages.items() if label in page}

    assert seen_by("Save draft version 3") == {"editor"}
    assert seen_by("Duplicate") == {"editor"}
    assert seen_by("Discard<") == {"editor"}
    assert seen_by("Dry run…") == {"operator"}
    assert seen_by("Roll back…") == {"operator"}
    assert seen_by("Version 2 waits") == seen_by("Activate version 2…") == {"approver"}


@pytest.mark.parametrize(
    ("name", "args", "method", "right"),
    [
        ("new_rule", (), "get", Right.DRAFT_RULES),
        ("new_rule", (), "post", Right.DRAFT_RULES),
        ("rule", ("a-rule",), "post", Right.DRAFT_RULES),
        ("activate_rule", ("a-rule",), "get", Right.ACTIVATE_RULES),
        ("activate_rule", ("a-rule",), "post", Right.ACTIVATE_RULES),
        ("discard_draft", ("a-rule",), "post", Right.DRAFT_RULES),
        ("restore_version", ("a-rule", 1), "post", Right.DRAFT_RULES),
    ],
)
def test_each_page_asks_for_its_right(name: str, args: tuple[Any, ...], method: str, right: Right) -> None:
    add_rule("citations >= 3")
    save_draft(make_rule("citations >= 4"), by="editor")
    address = reverse(f"console:{name}", args=args)
    before = list(AdvancementRule.objects.values())
    answer = getattr(viewer(), method)(address, {})
    assert answer.status_code == 403
    assert right.words in answer.text
    assert getattr(Client(), method)(address, {}).status_code == 302
    assert list(AdvancementRule.objects.values()) == before


@pytest.mark.parametrize("name", ["discard_draft", "restore_version"])
def test_what_changes_something_does_not_answer_a_mere_look(name: str) -> None:
    args = ("a-rule", 1) if name == "restore_version" else ("a-rule",)
    add_rule("citations >= 3")
    before = list(AdvancementRule.objects.values())
    answer = editor().get(reverse(f"console:{name}", args=args))
    assert answer["Location"] == reverse("console:rule", args=args[:1])
    assert list(AdvancementRule.objects.values()) == before


def test_an_archived_rule_is_read_only_for_everybody() -> None:
    add_rule("citations >= 3")
    archive_rule("a-rule", by="operator")
    browser = editor()
    page = browser.get(RULE).text
    assert "This rule was archived" in page
    assert "Save draft" not in page
    assert "cannot be changed" in browser.post(RULE, stored(threshold=["5"]), follow=True).text
    assert RuleVersion.objects.count() == 1


def test_a_rule_that_is_not_there_is_not_found() -> None:
    browser = editor()
    assert browser.get(RULE).status_code == 404
    assert browser.post(RULE, stored()).status_code == 404
    assert browser.get(NEW, {"copy": "nothing"}).status_code == 404
    add_rule("citations >= 3")
    assert browser.post(reverse("console:restore_version", args=["a-rule", 9]), {}).status_code == 404


# Starting points


def test_a_copy_starts_from_what_the_rule_says_now_under_another_name() -> None:
    add_rule("citations >= 3", title="Steady use")
    save_draft(make_rule("citations >= 8", title="Steady use"), by="editor")
    page = editor().get(NEW, {"copy": "a-rule"}).text
    assert 'value="Steady use (copy)"' in page
    assert 'value="steady-use-copy"' in page
    assert 'value="8"' in page


def test_a_new_rule_starts_in_the_tier_that_runs_look_at_or_the_one_asked_for(settings: Settings) -> None:
    browser = editor()
    assert '<option value="sprout" selected>' in browser.get(NEW).text
    assert '<option value="tree" selected>' in browser.get(NEW, {"from_tier": "tree"}).text
    assert "Scheduled runs look at" in browser.get(NEW, {"from_tier": "tree"}).text
    assert "Scheduled runs look at" not in browser.get(NEW).text
    settings.ADVANCEMENT_FROM_TIERS = ["sapling"]
    assert '<option value="sapling" selected>' in browser.get(NEW).text


def test_a_title_is_escaped_wherever_it_stands() -> None:
    save_draft(make_rule("citations >= 3", title="<b>bold</b>"), by="<i>me</i>")
    browser = signed_in(APPROVER)
    for address in (RULE, reverse("console:activate_rule", args=["a-rule"])):
        page = browser.get(address).text
        assert "<b>bold" not in page
        assert "<i>me" not in page


def test_what_is_counted_says_of_which_day_the_signals_are(grove: list[Any]) -> None:
    SignalRefresh.objects.create(
        kind="aggregation", periods=["all_time"], as_of=datetime(2026, 1, 20, tzinfo=UTC), sprouts=1,
        started_at=database_now(), finished_at=database_now(),
    )  # fmt: skip
    save_draft(make_rule("citations >= 5"), by="somebody")
    page = text_of(approver().get("/rules/a-rule/activate/").text)
    assert "Counted by the signals as of Tue 20 Jan" in page


def test_sprouts_without_signals_are_named_beside_the_count_and_where_it_is_activated() -> None:
    make_sprout()
    save_draft(make_rule("citations >= 5"), by="ada")
    said = text_of(viewer().post(COUNT, form("citations >= 3"), headers=HTMX).text)
    assert "0 of 1 would match" in said
    assert "1 has no signals for it yet" in said
    said = text_of(approver().get(reverse("console:activate_rule", args=["a-rule"])).text)
    assert "with no signals for it yet 1 of 1" in said


def test_a_new_rule_begins_in_the_model_with_most_sprouts_that_is_in_use() -> None:
    for slug in ("academic", "creative"):
        add_model(slug, "draft", "piece")
    make_sprout("seed")
    for model in ("creative", "creative", "academic", "academic", "academic"):
        make_sprout("draft", lifecycle_model_id=model)
    archive_model("academic")
    page = editor().get(NEW, {"model": "academic"})
    assert [value for value, _ in page.context["choices"].models] == ["botanical", "creative"]
    assert page.context["entry"].lifecycle_model == "creative"
    for slug in ("botanical", "creative"):
        archive_model(slug)
    said = text_of(editor_page(NEW))
    assert "No lifecycle model is in use" in said
    assert "No lifecycle model is chosen; a rule needs one." in said


def editor_page(address: str) -> str:
    """Return what somebody else in the role sees."""
    return signed_in(RULE_EDITOR, "another").get(address).text


def test_no_rule_begins_in_an_archived_model_and_those_that_are_there_are_still_edited() -> None:
    add_rule("citations >= 3")
    archive_model("botanical")
    browser = editor()
    page = browser.get(RULE)
    assert '<option value="botanical" selected> Botanical (archived) </option>' in " ".join(page.text.split())
    assert "Runs go on moving those that are there" in text_of(page.text)
    browser.post(RULE, stored(threshold=["5"]))
    assert RuleVersion.objects.filter(rule="a-rule").count() == 2
    assert "so no rule begins in it" in text_of(browser.get(NEW, {"copy": "a-rule"}).text)
    for address, typed in ((NEW, form(slug="another")), (NEW, form(slug="another", enabled=""))):
        refused = browser.post(address, typed)
        assert refused.status_code == 422
        assert "is archived, so no rule begins in it" in text_of(refused.text)
    assert not AdvancementRule.objects.filter(pk="another").exists()


def test_a_new_rule_is_compared_under_the_slug_that_it_would_get() -> None:
    add_rule("citations >= 5", slug="sapling-proven", title="Proven", from_tier="sapling", to_tier="tree")
    typed = form(from_tier="sapling", to_tier="tree", title="Sapling to tree: well cited", slug="")
    browser = editor()
    said = text_of(browser.post(DETAILS, typed, headers=HTMX).text)
    assert "can never win" not in said
    said = text_of(browser.post(DETAILS, typed | {"slug": "a-rule"}, headers=HTMX).text)
    assert "whatever meets it also meets rule &quot;a-rule&quot;" in said


def test_the_draft_of_an_archived_rule_is_not_offered_to_be_activated() -> None:
    add_rule("citations >= 3")
    save_draft(make_rule("citations >= 9"), by="editor")
    archive_rule("a-rule", by="operator")
    browser, address = approver(), reverse("console:activate_rule", args=["a-rule"])
    for answer in (
        browser.get(address, follow=True),
        browser.post(address, {"number": "2"}, follow=True),
    ):
        assert answer.redirect_chain[-1][0] == RULE
        assert "This rule was archived" in text_of(answer.text)
        assert "Bring it back…" in answer.text
    assert "Bring it back before you activate it." in text_of(answer.text)
    assert AdvancementRule.objects.get().archived_at
