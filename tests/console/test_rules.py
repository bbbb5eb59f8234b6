"""The list of rules: what it shows of each, what it filters, who may do what, and that it stays quick."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from advancement.evaluation import counts
from advancement.evaluation.counts import count_rules, refresh_counts
from advancement.holds import set_holds
from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    RuleCount,
    RuleVersion,
    SignalRefresh,
    Tier,
)
from advancement.rulebook.drafts import save_draft
from advancement.rulebook.switching import archive_rule, disable_rule
from tests.console.markup import markup
from tests.console.people import approver, editor, operator, person, viewer
from tests.criteria.cast import make_rule
from tests.factories import add_model, add_rule, add_rules, finished_run, make_sprout, refreshed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_counts() -> None:
    cache.clear()


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


def words(html: str) -> str:
    """Return what a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("\u00a0", " ").strip()


def page(client: Client, query: str = "") -> str:
    answer = client.get(f"/rules/{query}")
    assert answer.status_code == 200
    return markup(answer)


def row(client: Client, slug: str, query: str = "") -> str:
    found = re.search(rf'<tr class="top" id="rule-{slug}">.*?</tr>', page(client, query), re.DOTALL)
    assert found, f"the list does not show {slug}"
    return words(found[0])


def shown(client: Client, query: str = "") -> list[str]:
    return re.findall(r'<tr class="top" id="rule-([^"]+)">', page(client, query))


def test_a_rule_says_its_move_its_sentence_its_version_and_who_wrote_it(root: Client) -> None:
    add_rule("citations >= 3", "views >= 1 last_30d", title="Steady use", priority=50)
    said = row(root, "a-rule")
    assert "Steady use" in said
    assert "Priority 50" in said
    assert "🌱 Sprout to 🌿 Sapling" in said
    assert "When citations ≥ 3 and views ≥ 1 in the last 30 days." in said
    assert "a-rule , version 1, edited by tests" in said
    assert "not counted yet" in said


def test_it_says_how_many_rules_are_on_off_and_in_draft(root: Client) -> None:
    add_rules(make_rule("views >= 1"), make_rule("views >= 1", slug="b", enabled=False))
    save_draft(make_rule("views >= 9", slug="c"), by="editor")
    assert "3 rules: 1 on, 1 off, 1 in draft" in words(page(root))


def test_matches_stand_with_their_candidates_and_an_age_where_they_are_out_of_date(root: Client) -> None:
    add_rule("views >= 1")
    make_sprout(signals={"views": 1})
    make_sprout(signals={"views": 0})
    count_rules()
    assert "1 of 2" in row(root, "a-rule")
    assert "Counts from signals refreshed" in words(page(root))
    assert "Counted just now." in words(page(root))
    SignalRefresh.objects.update(finished_at=timezone.now() - timedelta(hours=9))
    AdvancementRule.objects.update(activated_at=None)
    RuleCount.objects.update(as_of=timezone.now() - timedelta(hours=5))
    assert "Up to date; the oldest count is from 5 hours ago." in words(page(root))
    SignalRefresh.objects.update(finished_at=timezone.now() - timedelta(hours=4))
    assert "1 of 2 5 hours ago" in row(root, "a-rule")
    assert "Some counts are out of date." in words(page(root))


def test_sprouts_that_came_or_went_since_the_count_make_it_out_of_date(root: Client) -> None:
    add_rule("views >= 1")
    make_sprout(signals={"views": 1})
    count_rules()
    assert "Counted just now." in words(page(root))
    make_sprout()
    assert "Some counts are out of date." in words(page(root))
    assert refresh_counts()
    assert "1 of 2" in row(root, "a-rule")
    assert "Counted just now." in words(page(root))


def test_of_a_large_grove_the_sizes_may_be_older_than_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "COUNTED_ANEW", 0)
    add_rule("views >= 1")
    make_sprout()
    count_rules()
    versions, now = list(counts.current_versions()), timezone.now()
    assert not counts.outdated(versions, None, {("botanical", "sprout"): 2}, now)
    assert counts.outdated(versions, None, {("botanical", "sprout"): 2}, now + timedelta(minutes=2))


def test_the_last_seven_days_are_those_of_the_rule_and_never_of_a_rollback(root: Client) -> None:
    add_rules(make_rule("citations >= 3"), make_rule("views >= 1", slug="b"))
    for _ in range(3):
        make_sprout(signals={"citations": 5})
    run = finished_run()
    assert "3 On" in row(root, "a-rule")
    assert "0 On" in row(root, "b")
    moved = AdvancementEvent.objects.filter(run_id=run.pk).values()
    for n, values in enumerate(moved):
        restored = values | {
            "id": None,
            "revision": 9,
            "event_type": "bulk-rollback",
            "reason": "undone",
            "timestamp": timezone.now(),
        }
        AdvancementEvent.objects.create(**restored)
        old = values | {"id": None, "revision": 10 + n, "timestamp": timezone.now() - timedelta(days=8)}
        AdvancementEvent.objects.create(**old)
    assert "3 On" in row(root, "a-rule")


def test_a_draft_that_waits_is_marked_and_leads_to_the_editor(root: Client) -> None:
    add_rule("views >= 1")
    save_draft(make_rule("views >= 2"), by="editor")
    assert "Draft waiting" in row(root, "a-rule")
    assert 'href="/rules/a-rule/#draft"' in page(root)
    assert "When views ≥ 1 ." in row(root, "a-rule"), "the list says what runs use"


def test_a_rule_that_is_a_draft_so_far_is_shown_as_one_and_cannot_be_switched(root: Client) -> None:
    save_draft(make_rule("views >= 2"), by="editor")
    assert row(root, "a-rule").endswith("Draft")
    assert 'role="switch"' not in page(root)


def test_never_matched_takes_a_count_and_no_event_ever(root: Client) -> None:
    add_rule("views >= 1")
    assert "Never matched" not in row(root, "a-rule")
    count_rules()
    assert "Never matched" in row(root, "a-rule")
    make_sprout(signals={"views": 1})
    finished_run()
    count_rules()
    assert "0 of 0" in row(root, "a-rule")
    assert "Never matched" not in row(root, "a-rule")


def test_overlaps_name_the_earlier_rule_and_how_many(root: Client) -> None:
    add_rules(
        make_rule("views >= 1", slug="first", title="First", priority=1),
        make_rule("citations >= 1", slug="second", title="Second", priority=2),
        make_rule("retrievals >= 1", slug="third", title="Third", priority=3),
        make_rule("exports >= 1", slug="fourth", title="Fourth", priority=4),
    )
    for _ in range(2):
        make_sprout(signals={"views": 1, "citations": 1, "retrievals": 1, "exports": 1})
    make_sprout(signals={"citations": 1, "exports": 1})
    count_rules()
    assert "overlap" not in row(root, "first")
    assert "2 overlap with First" in row(root, "second")
    assert "2 overlap with First and 2 overlap with Second" in row(root, "third")
    assert "3 overlap with Second, 2 overlap with First and with 1 more" in row(root, "fourth")
    disable_rule("first", by="operator")
    assert "First" not in row(root, "second"), "a rule that is off takes nothing from it"


def test_matches_that_a_run_would_leave_where_they_are_are_named_beside_the_figure(root: Client) -> None:
    add_rules(make_rule("views >= 1"), make_rule("daysInTier >= 1", slug="b"))
    sprouts = [make_sprout(signals={"views": 1}) for _ in range(3)]
    make_sprout()
    set_holds([sprout.pk for sprout in sprouts[:2]], reason="wait", by="operator")
    count_rules()
    assert "3 of 4 2 of them on hold" in row(root, "a-rule")
    assert "4 of 4 2 of them on hold and 1 without signals" in row(root, "b")
    set_holds([sprouts[2].pk], reason="wait", by="operator")
    count_rules()
    assert "3 of 4 all of them on hold" in row(root, "a-rule")


def test_a_rule_that_matches_more_of_its_tier_than_the_guardrail_allows_is_marked(
    root: Client, settings: Settings
) -> None:
    (version,) = add_rules(make_rule("views >= 1", enabled=False))
    count = RuleCount.objects.create(version=version, matches=76, candidates=100, as_of=timezone.now())
    assert "76 % of its tier" in row(root, "a-rule")
    settings.ADVANCEMENT_MAX_SHARE = 0.76
    assert "of its tier" not in row(root, "a-rule")
    settings.ADVANCEMENT_MAX_SHARE = 0.75
    count.held = 1
    count.save()
    assert "of its tier" not in row(root, "a-rule"), "what is on hold does not move"
    settings.ADVANCEMENT_MAX_SHARE = 0.5
    count.candidates = 99
    count.save()
    assert "of its tier" not in row(root, "a-rule"), "of so few, a large share is nothing unusual"


def test_an_invalid_rule_is_marked_with_the_reason_and_not_counted(root: Client) -> None:
    add_model("academic", "draft", "preprint", "published")
    add_rule("views >= 1", lifecycle_model="academic", from_tier="draft", to_tier="preprint")
    Tier.objects.get(slug="preprint").delete()
    count_rules()
    said = row(root, "a-rule")
    assert "Invalid" in said
    assert "The to tier &quot;preprint&quot; is unknown to the lifecycle model &quot;academic&quot;" in said
    assert "not counted" in said
    assert "not counted yet" not in said
    assert "Count now" not in page(root)


def test_a_rule_that_nothing_can_meet_is_marked_with_the_reason(root: Client) -> None:
    add_rule("queryDiversity > 1", enabled=False)
    assert "Nothing can meet it" in row(root, "a-rule")
    assert "query diversity is never outside 0 to 1" in row(root, "a-rule")


def test_duplicates_and_shadowed_rules_are_marked_with_the_earlier_one(root: Client) -> None:
    add_rules(
        make_rule("citations >= 3", slug="first", priority=1),
        make_rule("citations >= 3", slug="twin", priority=2),
        make_rule("citations >= 9", slug="shadow", priority=3),
    )
    assert "Duplicate" in row(root, "twin").split("More")[0]
    assert "It says exactly the same as rule &quot;first&quot;" in row(root, "twin")
    assert "Can never win" in row(root, "shadow")
    assert "whatever meets it also meets rule &quot;first&quot;" in row(root, "shadow")


def test_a_rule_that_the_signal_gate_stops_is_marked_with_the_reason(
    root: Client, settings: Settings
) -> None:
    add_rules(make_rule("views >= 1"), make_rule("views >= 1", slug="off", enabled=False))
    refreshed(hours_ago=72)
    assert "Stopped by the signal gate" in row(root, "a-rule")
    assert "were last refreshed 72 hours ago" in row(root, "a-rule")
    assert "Stopped" not in row(root, "off")
    settings.ADVANCEMENT_MAX_SIGNAL_AGE = timedelta(0)
    assert "Stopped" not in row(root, "a-rule")


def test_a_rule_that_came_into_use_after_the_last_run_is_marked(root: Client) -> None:
    add_rule("views >= 1")
    assert "Changed since" not in row(root, "a-rule"), "no run has asked it yet"
    finished_run()
    assert "Changed since" not in row(root, "a-rule")
    add_rule("views >= 2")
    assert "Changed since the last run" in row(root, "a-rule")


def test_a_rule_of_a_tier_that_scheduled_runs_do_not_look_at_is_marked(
    root: Client, settings: Settings
) -> None:
    add_rule("views >= 1", from_tier="seed")
    assert "Not in scheduled runs" in row(root, "a-rule")
    settings.ADVANCEMENT_FROM_TIERS = ("seed",)
    assert "Not in scheduled runs" not in row(root, "a-rule")


def test_the_order_is_model_tier_priority_slug(root: Client) -> None:
    add_model("academic", "draft", "preprint")
    add_rules(
        make_rule("views >= 1", slug="d", priority=1),
        make_rule("views >= 1", slug="c", from_tier="seed", priority=200),
        make_rule("views >= 1", slug="b", from_tier="seed", to_tier="tree", priority=100),
        make_rule("views >= 1", slug="a", from_tier="seed", to_tier="grove", priority=100),
        make_rule("views >= 1", slug="z", lifecycle_model="academic", from_tier="draft", to_tier="preprint"),
    )
    assert shown(root) == ["z", "a", "b", "c", "d"]


@pytest.fixture
def cast() -> None:
    """One rule of each state, in two models."""
    add_model("academic", "draft", "preprint")
    add_rules(
        make_rule("uniqueSessions >= 1", slug="on", title="Much visited"),
        make_rule("views >= 1", slug="off", from_tier="seed", enabled=False),
        make_rule("queryDiversity > 1", slug="beyond", from_tier="tree", to_tier="grove", enabled=False),
        make_rule("exports >= 1", slug="away"),
        make_rule("views >= 1", slug="ac", lifecycle_model="academic", from_tier="draft", to_tier="preprint"),
    )
    save_draft(make_rule("views >= 5", slug="off", from_tier="seed"), by="editor")
    archive_rule("away", by="operator")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["ac", "off", "on", "beyond"]),
        ("?q=MUCH", ["on"]),
        ("?q=unique+sessions", ["on"]),
        ("?q=uniquesess", ["on"]),
        ("?q=beyo", ["beyond"]),
        ("?q=away", []),
        ("?model=academic", ["ac"]),
        ("?tier=seed", ["off"]),
        ("?model=academic&tier=seed", []),
        ("?state=on", ["ac", "on"]),
        ("?state=off", ["off", "beyond"]),
        ("?state=draft", ["off"]),
        ("?state=invalid", ["beyond"]),
        ("?state=archived", ["away"]),
        ("?state=archived&q=nothing", []),
        ("?state=nonsense", ["ac", "off", "on", "beyond"]),
        ("?after=off", ["on", "beyond"]),
        ("?after=unheard-of", ["ac", "off", "on", "beyond"]),
    ],
)
def test_the_address_filters(cast: None, root: Client, query: str, expected: list[str]) -> None:
    assert shown(root, query) == expected


def test_where_nothing_matches_it_says_how_many_are_hidden_and_how_to_clear_the_filter(
    cast: None, root: Client
) -> None:
    said = words(page(root, "?q=<b>zz"))
    assert "No rule matches “&lt;b&gt;zz”" in said
    assert "4 rules are hidden by the filter." in said
    assert "Clear the filter" in said


def test_the_filter_shows_what_it_is_set_to_and_offers_what_there_is(cast: None, root: Client) -> None:
    html = page(root, "?model=academic&state=on")
    assert '<option value="academic" selected>Academic</option>' in html
    assert '<option value="on" selected>On</option>' in html
    assert '<option value="draft">Draft</option>' in html
    assert '<option value="seed">' not in html, "the tiers are those of the model"


def test_before_the_first_rule_it_says_what_a_rule_is_and_offers_what_one_may_do() -> None:
    said = words(page(editor()))
    assert "No rules yet A rule moves sprouts up a tier" in said
    assert "New rule" in said
    assert "Import JSON" not in said
    assert "Import JSON" in words(page(operator()))
    assert "You may look at rules, and neither write nor import them." in words(page(viewer()))


def test_when_all_rules_are_archived_it_leads_to_them(root: Client) -> None:
    add_rule("views >= 1")
    archive_rule("a-rule", by="operator")
    assert "All rules are archived" in words(page(root))
    assert shown(root, "?state=archived") == ["a-rule"]


def test_many_rules_come_by_pages_that_keep_the_filter(root: Client) -> None:
    add_rules(*(make_rule(f"views >= {n}", slug=f"r{n:03}") for n in range(1, 121)))
    first = page(root, "?state=on")
    assert "50 of 120 rules" in words(first)
    assert 'href="?state=on&amp;after=r050"' in first
    assert shown(root, "?state=on&after=r050")[0] == "r051"
    last = page(root, "?state=on&after=r100")
    assert "20 of 120 rules" in words(last)
    assert ">Next<" not in last
    assert 'href="?state=on&amp;after=r050"' in last
    assert 'href="?state=on"' in last


def test_who_only_switched_a_rule_has_not_edited_it() -> None:
    add_rule()
    add_rule("views >= 1", slug="written")
    disable_rule("a-rule", by="olga")
    client = Client()
    client.force_login(person("Operator"))
    assert "switched off by olga" in row(client, "a-rule")
    assert "edited by tests" in row(client, "written")
    assert "switched off by <bdi>olga</bdi>" in markup(client.get("/rules/a-rule/archive/"))
    with CaptureQueriesContext(connection) as queries:
        page(client)
    assert len(queries) <= 16


@pytest.mark.parametrize("number", [2, 300])
def test_a_page_takes_the_same_few_queries_however_many_rules_there_are(number: int) -> None:
    add_rules(
        *(
            make_rule(f"views >= {n + 1}", slug=f"r{n:03}", from_tier=tier, to_tier="grove")
            for n, tier in zip(range(number), ["seed", "sprout", "sapling"] * number, strict=False)
        )
    )
    save_draft(make_rule("views >= 999", slug="r000", from_tier="seed"), by="editor")
    for _ in range(3):
        refreshed()
    finished_run()
    count_rules()
    client = Client()
    client.force_login(person("Operator"))
    page(client)
    with CaptureQueriesContext(connection) as queries:
        page(client)
    assert len(queries) <= 16, "\n".join(query["sql"][:150] for query in queries)


def loads(html: str) -> str | None:
    found = re.search(r'hx-post="([^"]+)" hx-trigger="load"', html)
    return found[1].replace("&amp;", "&") if found else None


def test_what_is_not_counted_is_loaded_once_the_page_is_shown() -> None:
    add_rule("views >= 1")
    make_sprout(signals={"views": 1})
    client = viewer()
    html = page(client, "?state=on")
    assert not RuleCount.objects.exists(), "looking writes nothing"
    address = loads(html)
    assert address == "/rules/count/?state=on"
    part = markup(client.post(address, headers={"HX-Request": "true"}))
    assert "1 of 1" in words(part)
    assert part.startswith('<section class="card" id="rules"')
    assert loads(part) is None
    assert 'id="rules-counted" hx-swap-oob="true"' in part
    assert "Counted just now." in words(part)
    assert loads(page(client)) is None


def test_without_a_script_a_button_counts_and_comes_back_to_the_same_list() -> None:
    add_rule("views >= 1")
    client = viewer()
    assert "Count now" in page(client)
    answer = client.post("/rules/count/?state=on&q=a")
    assert (answer.status_code, answer["Location"]) == (302, "/rules/?state=on&q=a")
    assert RuleCount.objects.exists()
    assert "Count now" not in page(client)


def test_counting_that_fails_is_said_and_does_not_load_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**kwargs: Any) -> bool:
        raise OperationalError("database is locked")

    add_rule("views >= 1")
    monkeypatch.setattr("advancement.views.rules.refresh_counts", broken)
    client = viewer()
    part = client.post("/rules/count/", headers={"HX-Request": "true"}).content.decode()
    assert "The matches could not be counted" in words(part)
    assert loads(part) is None
    assert "The matches could not be counted" in words(
        client.post("/rules/count/", follow=True).content.decode()
    )


def test_while_somebody_else_counts_it_says_so() -> None:
    add_rule("views >= 1")
    cache.add("advancement.counting_rules", True, 60)
    said = words(viewer().post("/rules/count/", follow=True).content.decode())
    assert "Somebody else is counting right now" in said


@pytest.mark.parametrize(
    ("who", "offered"),
    [
        (viewer, set()),
        (editor, {"New rule", "Duplicate"}),
        (operator, {"Import", "Export", "Bulk Rollback", "Archive"}),
        (approver, set()),
    ],
)
def test_everybody_is_offered_what_they_may_do(who: Any, offered: set[str]) -> None:
    add_rule("views >= 1")
    said = re.sub(r"Bulk Rollback", "", html := words(page(who())))
    everything = {"New rule", "Duplicate", "Import", "Export", "Archive"}
    assert {label for label in everything if re.search(rf"\b{label}\b", said)} == offered - {"Bulk Rollback"}
    assert ("Bulk Rollback" in html) == ("Bulk Rollback" in offered)


def test_a_switch_is_offered_to_whoever_may_use_it_and_to_others_the_state() -> None:
    add_rules(make_rule("views >= 1", slug="on"), make_rule("views >= 2", slug="off", enabled=False))
    on = 'role="switch" aria-checked="true" aria-label="A rule enabled"'
    off = 'role="switch" aria-checked="false" aria-label="A rule enabled"'
    assert [on in (html := page(operator())), off in html] == [True, False]
    assert [on in (html := page(approver())), off in html] == [False, True]
    nobody = viewer()
    assert 'role="switch"' not in page(nobody)
    assert row(nobody, "on").endswith("On")
    assert row(nobody, "off").endswith("Off")


def test_whoever_is_not_signed_in_is_led_to_sign_in(client: Client) -> None:
    assert client.get("/rules/")["Location"].startswith("/admin/login/")
    assert client.post("/rules/count/")["Location"].startswith("/admin/login/")
    assert client.get("/rules/count/")["Location"] == "/rules/"


def test_whoever_may_not_look_at_rules_is_told_so(client: Client) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    for answer in (client.get("/rules/"), client.post("/rules/count/")):
        assert answer.status_code == 403
        assert "You may not look at advancement rules" in answer.content.decode()


def test_an_archived_rule_says_when_and_offers_to_come_back() -> None:
    add_rule("views >= 1")
    archive_rule("a-rule", by="operator")
    said = row(approver(), "a-rule", "?state=archived")
    assert "archived" in said
    assert "Bring back" in said
    assert said.endswith("Archived")
    assert "Bring back" not in row(operator(), "a-rule", "?state=archived")
    assert RuleVersion.objects.count() == 1
    assert AdvancementRule.objects.get().archived_at
