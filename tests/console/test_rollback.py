"""The Bulk Rollback wizard: scope, review, confirmation, result and undo."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from advancement.holds import set_hold
from advancement.models import AdvancementRule, Hold, Move, Run, Sprout
from advancement.rights import APPROVER, OPERATOR, VIEWER
from advancement.rulebook.switching import enable_rule
from advancement.runs.schedule import work_off
from tests.console.markup import markup
from tests.criteria.cast import make_rule
from tests.factories import CREATED, add_rules, finished_run, make_sprout
from tests.rollback.cast import advanced, buckets, newest_event, override, rollback, tier, tiers
from tests.runs.conftest import assert_ledger_holds, let_lease_expire, plant

pytestmark = pytest.mark.django_db

SCOPE = "/rollback/"
HTMX = {"HX-Request": "true"}


def client_of(role: str, name: str = "") -> Client:
    user = User.objects.create_user(name or role.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator() -> Client:
    return client_of(OPERATOR)


@pytest.fixture
def viewer() -> Client:
    return client_of(VIEWER)


def words(page: Any) -> str:
    """Return what a page says, without markup."""
    return said_in(page.text)


def said_in(markup: str) -> str:
    text = strip_tags(markup.replace("<", " <"))
    return re.sub(r"\s+([.,;:])", r"\1", re.sub(r"\s+", " ", text)).strip()


def banner(page: Any) -> str:
    found = re.search(r'<section class="banner[^"]*"[^>]*>.*?</section>', markup(page), re.DOTALL)
    return said_in(found[0]) if found else ""


def address(run: Run) -> str:
    return reverse("console:review_rollback", args=(run.pk,))


def reviewed(client: Client, **scope: Any) -> Run:
    """Send the first step; return the plan that it leads to."""
    answer = client.post(SCOPE, scope)
    assert answer.status_code == 302, words(answer)
    return Run.objects.get(pk=re.fullmatch(r"/rollback/(\d+)/", answer.url)[1])  # type: ignore[index]


def form_of(page: Any) -> dict[str, str]:
    """Return what the confirmation carries without being seen, as a browser would send it."""
    form = re.search(r'<form [^>]*id="confirm".*?</form>', markup(page), re.DOTALL)
    assert form
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0])
    return {name: value for name, value in hidden if name != "csrfmiddlewaretoken"}


def confirm(client: Client, run: Run, page: Any = None, **fields: Any) -> Any:
    page = page or client.get(address(run))
    filled_in = {"do": "confirm", "reason": "Too early.", "days": "14"} | form_of(page) | fields
    return client.post(address(run), filled_in)


def row_of(run: Run, sprout: Sprout) -> int:
    return Move.objects.get(run=run, sprout=sprout.pk, step=1).position


def two_steps(count: int = 1) -> list[Sprout]:
    add_rules(
        make_rule("citations >= 3", slug="one"),
        make_rule("citations >= 3", slug="two", from_tier="sapling", to_tier="tree"),
    )
    sprouts = [make_sprout(signals={"citations": 3}) for _ in range(count)]
    finished_run()
    finished_run(from_tiers=("sapling",))
    return sprouts


# --- Who may ------------------------------------------------------------------------------------


def test_who_is_not_signed_in_is_led_to_sign_in(client: Client) -> None:
    advanced()
    plan = rollback(rule="a-rule", dry_run=True)
    for path in (SCOPE, address(plan)):
        assert client.get(path).url.startswith("/admin/login/")  # type: ignore[attr-defined]
        assert client.post(path, {"do": "confirm"}).url.startswith("/admin/login/")  # type: ignore[attr-defined]


def test_a_viewer_looks_at_a_plan_and_changes_nothing(viewer: Client) -> None:
    advanced()
    plan = rollback(rule="a-rule", dry_run=True)
    assert viewer.get(SCOPE).status_code == 403
    assert viewer.post(SCOPE, {"rule": "a-rule"}).status_code == 403
    page = viewer.get(address(plan))
    assert page.status_code == 200
    assert "Your role may look at this plan, not confirm it: an Operator can" in words(page)
    for button in ("confirm", "exclude_page", "unwind", "discard", "undo"):
        assert f'value="{button}"' not in page.text
        answer = viewer.post(address(plan), {"do": button, "shown": "1"})
        assert answer.status_code == 403
        assert "You may not roll back" in words(answer)
    assert (Run.objects.get(pk=plan.pk).status, Move.objects.filter(struck=True).count()) == ("planned", 0)


# --- Scope --------------------------------------------------------------------------------------


def chosen(page: Any) -> dict[str, str]:
    return {
        "rule": (re.findall(r'<option value="([^"]+)" selected>[^<]*\(', markup(page)) or [""])[0],
        "range": re.findall(r'name="range" value="(\w+)" checked', markup(page))[0],
    }


def test_a_link_from_a_rule_fills_the_form_in_with_the_recommended_range(operator: Client) -> None:
    advanced(3)
    page = operator.get(SCOPE, {"rule": "a-rule"})
    assert chosen(page) == {"rule": "a-rule", "range": "24h"}
    assert "3 advancements" in words(page)
    assert "recommended" in words(page)


def test_of_a_run_everything_is_in_scope_however_long_ago(operator: Client) -> None:
    run, _ = advanced(2)
    page = operator.get(SCOPE, {"run": run.pk})
    assert chosen(page)["range"] == "all"
    assert f"In run {run.pk}." in words(page)
    assert f"Run {run.pk}, " in words(page)
    plan = reviewed(operator, run=run.pk, range="all")
    assert (plan.scope_run_id, plan.scope_since, plan.moves_planned) == (run.pk, None, 2)


@pytest.mark.parametrize(
    ("given", "range_"),
    [
        ({"since": "7d"}, "7d"),
        ({"since": "2026-03-05T08:10:00+00:00"}, "between"),
        ({"until": "2026-03-05T08:10"}, "between"),
        ({"range": "30d"}, "30d"),
        ({"range": "nonsense"}, "24h"),
    ],
)
def test_the_address_chooses_the_range(given: dict[str, str], range_: str, operator: Client) -> None:
    advanced()
    assert chosen(operator.get(SCOPE, {"rule": "a-rule"} | given))["range"] == range_


def test_times_are_those_of_the_zone_that_the_label_names(operator: Client) -> None:
    advanced()
    operator.cookies["timezone"] = "Europe/Berlin"
    page = operator.get(SCOPE, {"rule": "a-rule", "since": "2026-03-05T08:10:00+00:00"})
    assert 'name="since" type="datetime-local" step="any" value="2026-03-05T09:10"' in markup(page)
    assert "From (Europe/Berlin)" in words(page)
    late = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    plan = reviewed(operator, rule="a-rule", range="between", since="2025-07-05T09:10", until=late)
    assert plan.scope_since == datetime(2025, 7, 5, 7, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"rule": "b-rule"}, 'There is no rule "b-rule".'),
        ({"number": "x<b>"}, '"x<b>" is no number of a run.'),
        ({"number": "9" * 25}, "is no number of a run."),
        ({"number": "999999"}, "There is no run 999999."),
        ({"number": "back"}, "is a rollback: open it to undo it"),
        ({"number": "dry"}, "was a dry run; it moved nothing"),
        ({"number": "1", "run": "2"}, "Choose a run of the list or give a number, not both."),
        ({"range": "all"}, "Choose a rule or a run as well"),
        ({"range": "between"}, "Give a start or an end"),
        ({"range": "between", "since": "soon"}, '"soon" is no time'),
        ({"range": "between", "since": "0001-01-01T00:00"}, "is no time"),
        ({"range": "between", "since": "9000-01-01T00:00"}, "The start lies in the future."),
        (
            {"range": "between", "since": "2026-01-02T00:00", "until": "2026-01-01T00:00"},
            "The end lies before the start.",
        ),
    ],
)
def test_a_scope_that_cannot_be_is_refused_in_place(
    fields: dict[str, str], sentence: str, operator: Client
) -> None:
    advanced()
    numbers = {"back": rollback(rule="a-rule").pk, "dry": finished_run(dry_run=True).pk}
    runs = Run.objects.count()
    sent = {name: numbers.get(value, value) for name, value in fields.items()}
    page = operator.post(SCOPE, sent)
    assert page.status_code == 422
    assert sentence in words(page).replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">")
    assert "<b>" not in page.text.split("x&lt;b&gt;")[0][-40:]
    assert Run.objects.count() == runs
    part = operator.get(SCOPE, sent, headers=HTMX)
    assert (part.status_code, "<html" in part.text) == (200, False)


def test_the_number_of_events_follows_the_fields(operator: Client) -> None:
    advanced(2)
    part = operator.get(SCOPE, {"rule": "a-rule", "range": "7d"}, headers=HTMX)
    assert "<html" not in part.text
    assert "2 advancements" in words(part)
    assert "in the last 7 days." in words(part)


def test_long_counts_stop_and_say_so(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advancement.views.rollbacks.scope_page.MOST_COUNTED", 2)
    advanced(3)
    assert "more than 2 advancements" in words(operator.get(SCOPE, {"rule": "a-rule"}))


def test_where_there_is_nothing_a_wider_range_is_offered_and_no_run_made(operator: Client) -> None:
    run, _ = advanced(2)
    before = {"rule": "a-rule", "range": "between", "until": "2026-01-01T00:00", "since": "2025-01-01T00:00"}
    runs = Run.objects.count()
    page = operator.post(SCOPE, before, follow=True)
    assert Run.objects.count() == runs
    assert "There is nothing to take back." in words(page)
    assert 'value="2025-01-01T00:00"' in markup(page)
    [link] = re.findall(r'<a href="(/rollback/\?[^"]+)">2 [^<]*whenever it was</a>', markup(page))
    assert "2 advancements" in words(operator.get(link.replace("&amp;", "&")))
    nowhere = operator.get(SCOPE, {"run": run.pk, "rule": "other"})
    assert nowhere.status_code == 200


def test_rules_and_runs_that_never_moved_anything_are_not_listed(operator: Client) -> None:
    run, _ = advanced()
    add_rules(make_rule("views >= 999", slug="idle"))
    empty = finished_run(from_tiers=("grove",))
    page = operator.get(SCOPE)
    assert "(a-rule)" in markup(page)
    assert "(idle)" not in markup(page)
    assert (f'value="{run.pk}"' in markup(page), f'value="{empty.pk}"' in markup(page)) == (True, False)
    assert chosen(operator.get(SCOPE, {"rule": "idle"}))["rule"] == "idle"


def test_another_scope_takes_the_place_of_the_plan_before(operator: Client) -> None:
    advanced()
    first = reviewed(operator, rule="a-rule")
    page = operator.get(address(first))
    [link] = re.findall(r'href="(/rollback/\?[^"]*)">Change scope', page.text)
    assert link == f"/rollback/?rule=a-rule&amp;since=24h&amp;replaces={first.pk}"
    assert f'name="replaces" value="{first.pk}"' in operator.get(link.replace("&amp;", "&")).text
    second = reviewed(operator, rule="a-rule", range="7d", replaces=first.pk)
    first.refresh_from_db()
    assert (first.status, first.decision_reason) == ("discarded", f"Planned again as run {second.pk}.")
    assert "This plan was dropped" in words(operator.get(address(first)))


# --- Planning -----------------------------------------------------------------------------------


def test_the_plan_is_there_at_once_though_no_cluster_runs(operator: Client) -> None:
    advanced(2)
    plan = reviewed(operator, rule="a-rule")
    assert (plan.status, plan.dry_run, plan.moves_planned) == ("planned", True, 2)
    assert (plan.trigger, plan.requested_by, plan.reason) == ("console", "operator", "")
    assert tiers() == {"sapling": 2}


def test_a_very_large_plan_is_left_to_the_cluster_and_waited_for(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advancement.views.rollbacks.scope_page.MOST_AT_ONCE", 1)
    advanced(2)
    plan = reviewed(operator, rule="a-rule")
    assert (plan.status, plan.lease_expires_at) == ("planning", None)
    page = operator.get(address(plan))
    assert "Looking at what can be taken back" in words(page)
    assert "A task cluster takes it up in a moment." in words(page)
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page.text
    poll = HTMX | {"HX-Target": "wait"}
    assert "HX-Refresh" not in operator.get(address(plan), headers=poll).headers
    work_off()
    assert operator.get(address(plan), headers=poll).headers["HX-Refresh"] == "true"
    assert "2 of 2 sprouts chosen" in words(operator.get(address(plan)))


@pytest.mark.parametrize("confirmed", [False, True])
def test_who_waits_is_told_when_no_cluster_runs_and_what_it_waits_for(
    confirmed: bool, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advancement.views.rollbacks.scope_page.MOST_AT_ONCE", 9 if confirmed else 1)
    run, _ = advanced(2)
    plan = reviewed(operator, rule="a-rule")
    if confirmed:
        confirm(operator, plan)
    long_ago = datetime.now(UTC) - timedelta(minutes=42)
    Run.objects.filter(pk=plan.pk).update(
        created_at=long_ago, **{"decided_at": long_ago} if confirmed else {}
    )
    said = words(operator.get(address(plan)))
    assert "No task cluster has taken it up for 42 minutes" in said
    assert ("It is confirmed, and nothing was rolled back yet." in said) == confirmed
    soon = datetime.now(UTC) + timedelta(minutes=1)
    Run.objects.filter(pk=run.pk).update(status="applying", lease_expires_at=soon)
    assert f"It waits for run {run.pk}, which is being worked on" in words(operator.get(address(plan)))


def test_a_rollback_whose_worker_died_says_that_another_takes_it_up(operator: Client) -> None:
    advanced(2)
    plan = reviewed(operator, rule="a-rule")
    confirm(operator, plan)
    Run.objects.filter(pk=plan.pk).update(status="applying", lease_owner="gone:1")
    let_lease_expire(plan)
    said = words(operator.get(address(plan)))
    assert "Its worker has not been heard of for longer than its lease." in said
    assert "No task cluster has taken it up" not in said


def test_a_plan_that_failed_says_why_and_can_be_made_again(operator: Client) -> None:
    advanced(2)
    plan = reviewed(operator, rule="a-rule")
    Run.objects.filter(pk=plan.pk).update(status="failed", error="The disk is full.")
    page = operator.get(address(plan))
    assert "This plan could not be made The disk is full. Nothing was rolled back." in words(page)
    answer = operator.post(address(plan), {"do": "plan_again"})
    again = Run.objects.latest()
    assert answer.url == address(again)
    assert (again.status, again.scope_since, again.moves_planned) == ("planned", plan.scope_since, 2)


# --- Review -------------------------------------------------------------------------------------


def test_the_buckets_add_up_to_the_events_in_scope(operator: Client) -> None:
    _, sprouts = advanced(6)
    override(sprouts[0], "tree")
    sprouts[1].delete()
    plan = reviewed(operator, rule="a-rule")
    page = operator.get(address(plan))
    assert "4 + 1 + 1 = 6 events" in words(page)
    assert "4 of 4 sprouts chosen. The set is frozen" in words(page)
    assert banner(page).startswith("6 events in this scope Rule A rule, since")
    assert f"digest {plan.digest[:8]}" in words(page)


def test_each_sprout_is_named_with_its_way_back_and_what_counted_then(operator: Client) -> None:
    add_rules(make_rule("citations >= 3"))
    make_sprout(signals={"citations": 7}, title="notes/<b>oak.md")
    finished_run()
    plan = reviewed(operator, rule="a-rule")
    page = operator.get(address(plan))
    assert '<span class="path-file">&lt;b&gt;oak.md</span><span class="path-dir">notes/</span>' in page.text
    assert "citations 7 ≥ 3" in words(page)
    assert re.search(r"Sapling\s*to\s*🌱?\s*Sprout", words(page))


def test_a_sprout_that_is_gone_goes_by_the_title_that_it_had(operator: Client) -> None:
    add_rules(make_rule("citations >= 3"))
    sprout = make_sprout(signals={"citations": 7}, title="notes/felled.md")
    finished_run()
    sprout.delete()
    plan = reviewed(operator, rule="a-rule")
    page = operator.get(address(plan), {"bucket": "gone"})
    assert "felled.md" in words(page)
    assert "Deleted" in words(page)
    assert f"/admin/advancement/sprout/{sprout.pk}" not in page.text


def test_what_happened_since_is_said_with_who_did_it(operator: Client) -> None:
    _, sprouts = advanced(2)
    override(sprouts[0], "grove", by="pia")
    add_rules(make_rule("citations >= 3", slug="later", from_tier="sapling", to_tier="tree"))
    later = finished_run(from_tiers=("sapling",))
    plan = reviewed(operator, rule="a-rule")
    assert "Grove by pia" in words(operator.get(address(plan), {"bucket": "overridden_since"}))
    assert f"Tree by run {later.pk}" in words(operator.get(address(plan), {"bucket": "advanced_since"}))


def test_a_sprout_of_several_steps_is_one_row_with_its_whole_way(operator: Client) -> None:
    two_steps(2)
    plan = reviewed(operator, range="7d")
    page = operator.get(address(plan))
    assert page.text.count('name="row"') == 2
    assert "2 of 2 sprouts chosen" in words(page)
    assert "4 events" in words(page)
    way = re.search(r'class="tier-move tier-path">(.*?)</td>', page.text, re.DOTALL)
    assert way
    assert re.findall(r"Tree|Sapling|Sprout", strip_tags(way[1])) == ["Tree", "Sapling", "Sprout"]
    assert "Roll back 2 sprouts" in words(page)


def ticked(page: Any) -> dict[str, list[str]]:
    """Return what the form of the rows sends as it stands."""
    return {
        "row": re.findall(r'name="row" value="(\d+)" checked', markup(page)),
        "chosen": re.findall(r'name="chosen" value="(\d+)"', markup(page)),
        "shown": re.findall(r'name="shown" value="(\d+)"', markup(page)),
    }


def test_a_row_that_is_not_ticked_any_more_is_excluded_and_can_be_put_back(operator: Client) -> None:
    _, sprouts = advanced(3)
    plan = reviewed(operator, rule="a-rule")
    key = str(row_of(plan, sprouts[1]))
    fields: dict[str, Any] = {"do": "ticks"} | ticked(operator.get(address(plan)))
    fields["row"].remove(key)
    answer = operator.post(address(plan), fields, follow=True)
    assert "2 of 3 sprouts chosen: all but the 1 excluded" in words(answer)
    assert "Roll back 2 sprouts" in words(answer)
    assert list(Move.objects.filter(struck=True).values_list("sprout_id", flat=True)) == [sprouts[1].pk]
    fields = {"do": "ticks"} | ticked(answer)
    fields["row"].append(key)
    assert "3 of 3 sprouts chosen." in words(operator.post(address(plan), fields, follow=True))


def test_ticks_leave_alone_what_a_colleague_excluded_meanwhile(operator: Client) -> None:
    _, sprouts = advanced(3)
    plan = reviewed(operator, rule="a-rule")
    mine: dict[str, Any] = {"do": "ticks"} | ticked(operator.get(address(plan)))
    client_of(OPERATOR, "pia").post(
        address(plan), {"do": "ticks", "chosen": [str(row_of(plan, sprouts[0]))], "shown": "1"}
    )
    mine["row"].remove(str(row_of(plan, sprouts[2])))
    operator.post(address(plan), mine)
    struck = Move.objects.filter(struck=True).values_list("sprout_id", flat=True)
    assert set(struck) == {sprouts[0].pk, sprouts[2].pk}


def test_with_script_the_rows_and_what_they_change_in_the_confirmation_are_answered(
    operator: Client,
) -> None:
    _, sprouts = advanced(3)
    plan = reviewed(operator, rule="a-rule")
    fields: dict[str, Any] = ticked(operator.get(address(plan)))
    fields["row"].remove(str(row_of(plan, sprouts[1])))
    part = operator.post(address(plan), fields, headers=HTMX | {"HX-Target": "rows"})
    assert markup(part).startswith('<div id="rows">')
    assert '<div id="chosen" hx-swap-oob="true">' in markup(part)
    assert 'id="go" hx-swap-oob="true"' in markup(part)
    assert 'name="revision" value="1"' in markup(part)
    assert "Roll back 2 sprouts" in words(part)
    assert "<textarea" not in markup(part)


def test_a_page_or_all_that_match_a_search_are_excluded_and_put_back(operator: Client) -> None:
    add_rules(make_rule("citations >= 3"))
    for number in range(4):
        make_sprout(signals={"citations": 3}, title=f"docs/{'oak' if number < 3 else 'elm'}-{number}.md")
    finished_run()
    plan = reviewed(operator, rule="a-rule")
    page = operator.get(address(plan), {"q": "OAK"})
    assert "3 match “OAK”" in words(page)
    assert "Exclude all 3 that match" in words(page)
    found = operator.post(f"{address(plan)}?q=OAK", {"do": "exclude_matching"}, follow=True)
    assert "1 of 4 sprouts chosen" in words(found)
    excluded = operator.get(address(plan), {"show": "excluded"})
    assert excluded.text.count('name="row"') == 3
    assert "Put all 3 back" in words(excluded)
    operator.post(f"{address(plan)}?show=excluded&q=oak-1", {"do": "put_back_matching", **ticked(excluded)})
    assert "2 of 4 sprouts chosen" in words(operator.get(address(plan)))
    operator.post(address(plan), {"do": "exclude_page", **ticked(operator.get(address(plan)))})
    assert "of them excluded." in words(operator.get(address(plan)))
    assert "Put this page back" in words(operator.get(address(plan)))
    nothing = operator.get(address(plan))
    assert "0 of 4 sprouts chosen" in words(nothing)
    assert "All 4 are excluded. Put some back to go on." in words(nothing)
    assert 'value="confirm"' not in nothing.text
    operator.post(address(plan), {"do": "put_back_page", **ticked(nothing)})
    assert "4 of 4 sprouts chosen." in words(operator.get(address(plan)))
    assert "No title here has “nothing” in it" in words(operator.get(address(plan), {"q": "nothing"}))
    assert operator.get(address(plan), {"q": "a\0b"}).status_code == 400


@pytest.mark.usefixtures("settings")
def test_long_lists_come_in_pages_and_cost_the_same(operator: Client, settings: Any) -> None:
    settings.ADVANCEMENT_MAX_SHARE = 1
    add_rules(make_rule("citations >= 3"))
    plant(120)
    run = finished_run()
    plan = reviewed(operator, run=run.pk)
    seen: list[str] = []
    query: dict[str, str] = {}
    while True:
        with CaptureQueriesContext(connection) as queries:
            page = operator.get(address(plan), query)
        assert len(queries) <= 16, [q["sql"][:90] for q in queries]
        seen += ticked(page)["shown"]
        after = re.search(r"after=(\d+)#list\"", page.text)
        if not after:
            break
        query = {"after": after[1]}
    assert len(seen) == len(set(seen)) == 120
    back = re.search(r"before=(\d+)#list\"", page.text)
    assert back
    assert ticked(operator.get(address(plan), {"before": back[1]}))["shown"] == seen[50:100]
    assert operator.get(address(plan), {"after": "x"}).status_code == 404


def test_other_pages_do_not_cost_more_than_sixteen_queries_either(operator: Client) -> None:
    sprouts = two_steps(4)
    override(sprouts[0], "grove")
    plan = reviewed(operator, range="7d")
    back = rollback(rule="one", unwind=True, hold=True, disable_rules=True)
    undo = rollback(undoes=back.pk)
    for path in (
        SCOPE, f"{SCOPE}?rule=one", address(plan), f"{address(plan)}?bucket=overridden_since",
        f"{address(plan)}?bucket=changed", address(back), f"{address(back)}?bucket=skipped", address(undo),
    ):  # fmt: skip
        with CaptureQueriesContext(connection) as queries:
            assert operator.get(path).status_code == 200
        assert len(queries) <= 16, (path, [q["sql"][:90] for q in queries])


def test_unwinding_plans_again_and_keeps_what_was_excluded_and_written(operator: Client) -> None:
    sprouts = two_steps(3)
    add_rules(make_rule("views >= 1", slug="third"))
    plan = reviewed(operator, rule="one")
    page = operator.get(address(plan))
    assert "3 events" in words(page)
    assert "3 advanced since and are left as they are." in words(page)
    assert "None of these events can be taken back; the buckets say why." in words(page)
    answer = operator.post(address(plan), {"do": "unwind", "reason": "Half written"})
    unwound = Run.objects.latest()
    assert answer.url == address(unwound)
    page = operator.get(answer.url)
    assert "3 events, and 3 later ones" in words(page)
    assert ">Half written</textarea>" in markup(page)
    plan.refresh_from_db()
    assert plan.status == "discarded"
    fields: dict[str, Any] = {"do": "ticks"} | ticked(page)
    fields["row"].remove(str(row_of(unwound, sprouts[0])))
    operator.post(address(unwound), fields)
    operator.post(address(unwound), {"do": "plan_again"})
    again = Run.objects.latest()
    assert set(Move.objects.filter(run=again, struck=True).values_list("sprout_id", flat=True)) == {
        sprouts[0].pk
    }
    assert "Roll back 2 sprouts" in words(operator.get(address(again)))
    operator.post(address(again), {"do": "keep_later"})
    assert Run.objects.latest().unwind is False


def test_a_plan_that_the_cluster_makes_again_is_given_what_was_excluded(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sprouts = two_steps(3)
    plan = reviewed(operator, rule="two")
    chosen_rows = [str(row_of(plan, sprouts[0])), str(row_of(plan, sprouts[1]))]
    operator.post(address(plan), {"do": "ticks", "chosen": chosen_rows})
    monkeypatch.setattr("advancement.views.rollbacks.planning.MOST_AT_ONCE", 1)
    monkeypatch.setattr("advancement.views.rollbacks.planning.MOST_EXCLUDED", 1)
    page = operator.post(address(plan), {"do": "plan_again"}, follow=True)
    assert "More than 1 sprouts are excluded, too many to be handed on" in words(page)
    monkeypatch.setattr("advancement.views.rollbacks.planning.MOST_EXCLUDED", 2)
    operator.post(address(plan), {"do": "plan_again"})
    [again] = work_off()
    assert buckets(again) == {"reverted": 1, "excluded": 2}


def test_a_plan_that_is_not_wanted_is_dropped(operator: Client) -> None:
    advanced()
    plan = reviewed(operator, rule="a-rule")
    page = operator.post(address(plan), {"do": "discard"}, follow=True)
    assert f"The plan of run {plan.pk} was discarded; nothing was rolled back." in words(page)
    assert tiers() == {"sapling": 1}


def test_an_empty_plan_says_so_and_leads_to_another_range(operator: Client) -> None:
    advanced()
    plan = rollback(rule="a-rule", until=CREATED, dry_run=True)
    page = operator.get(address(plan))
    assert "Nothing to take back There is no advancement by" in words(page)
    assert 'href="/rollback/?rule=a-rule&amp;until=2025-12-01T00%3A00%3A00%2B00%3A00' in page.text
    assert 'value="confirm"' not in page.text


@pytest.mark.parametrize("kind", ["missing", "advancement"])
def test_what_is_no_rollback_is_not_shown_as_one(kind: str, operator: Client) -> None:
    run, _ = advanced()
    number = run.pk if kind == "advancement" else 999_999
    assert operator.get(reverse("console:review_rollback", args=(number,))).status_code == 404


# --- Confirming ---------------------------------------------------------------------------------


def test_from_a_rules_page_to_confirmed_it_takes_three_clicks_and_the_reason(operator: Client) -> None:
    advanced(3)
    # The rule's page links here: the first click.
    page = operator.get(SCOPE, {"rule": "a-rule"})
    # Review them: the second click, with the form as it is filled in.
    plan = reviewed(operator, rule="a-rule", range=chosen(page)["range"])
    # The reason, and Roll back 3 sprouts: the third click; holding and switching off are ticked.
    page = operator.get(address(plan))
    assert re.search(r'name="hold" id="hold" checked', markup(page))
    assert re.search(r'name="disable" id="disable"[^>]* checked', markup(page))
    answer = confirm(operator, plan, page, hold="on", disable="on")
    assert answer.url == address(plan)
    [run] = work_off()
    assert (run.pk, run.status, run.decided_by, run.reason) == (
        plan.pk,
        "succeeded",
        "operator",
        "Too early.",
    )
    assert tiers() == {"sprout": 3}
    assert Hold.objects.filter(set_by_run_id=run.pk).count() == 3
    assert run.rules_disabled == ["a-rule"]
    assert_ledger_holds()


def test_what_was_excluded_stays_and_is_on_record(operator: Client) -> None:
    _, sprouts = advanced(3)
    plan = reviewed(operator, rule="a-rule")
    operator.post(address(plan), {"do": "ticks", "chosen": [str(row_of(plan, sprouts[0]))]})
    confirm(operator, plan)
    work_off()
    assert (tier(sprouts[0]), tiers()) == ("sapling", {"sapling": 1, "sprout": 2})
    page = operator.get(address(plan), {"bucket": "excluded"})
    assert "2 + 1 = 3 events" in words(page)
    assert "operator took it out of the plan." in words(page)


@pytest.mark.parametrize("days", ["14", "30", "90", "released"])
def test_sprouts_are_held_as_long_as_chosen(days: str, operator: Client) -> None:
    advanced()
    plan = reviewed(operator, rule="a-rule")
    confirm(operator, plan, hold="on", days=days)
    [run] = work_off()
    if days == "released":
        assert Hold.objects.get().until is None
        assert "1 set, until they are released" in words(operator.get(address(run)))
    else:
        reach = Hold.objects.get().until - run.decided_at
        assert abs(reach - timedelta(days=int(days))) < timedelta(minutes=1)
        assert "1 set, until" in words(operator.get(address(run)))


def test_without_a_hold_and_with_the_rule_on_the_result_warns(operator: Client) -> None:
    advanced()
    plan = reviewed(operator, rule="a-rule")
    confirm(operator, plan)
    work_off()
    said = words(operator.get(address(plan)))
    assert "none: rules may move them again" in said
    assert "left as they were" in said
    assert AdvancementRule.objects.get().active_version.enabled


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"reason": "  "}, "Say why; the reason is kept with each event."),
        ({"hold": "on", "days": "99"}, "Choose how long they are held."),
    ],
)
def test_a_confirmation_that_lacks_something_is_refused_in_place(
    fields: dict[str, str], sentence: str, operator: Client
) -> None:
    advanced()
    plan = reviewed(operator, rule="a-rule")
    page = confirm(operator, plan, **fields)
    assert page.status_code == 422
    assert "Nothing was rolled back" in words(page)
    assert sentence in words(page)
    assert 'aria-invalid="true"' in page.text
    assert Run.objects.get(pk=plan.pk).status == "planned"


def test_a_large_rollback_is_confirmed_by_typing_its_number(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("confirmation", "review_page"):
        monkeypatch.setattr(f"advancement.views.rollbacks.{module}.MOST_UNTYPED", 2)
    _, sprouts = advanced(3)
    plan = reviewed(operator, rule="a-rule")
    assert "Type 3 to confirm so many" in words(operator.get(address(plan)))
    assert "Type 3, the number of sprouts." in words(confirm(operator, plan, typed="2"))
    assert confirm(operator, plan, typed=" 3 ").status_code == 302
    other = reviewed(operator, rule="a-rule")
    operator.post(address(other), {"do": "ticks", "chosen": [str(row_of(other, sprouts[0]))]})
    assert "Type 2" not in words(operator.get(address(other)))


def test_the_rule_is_offered_to_be_switched_off_only_while_it_is_on_and_by_who_may(
    operator: Client,
) -> None:
    advanced(2)
    plan = reviewed(operator, rule="a-rule")
    only_rollback = User.objects.create_user("rob", is_staff=True)
    rights = Group.objects.get(name=OPERATOR).permissions.exclude(codename="disable_rules")
    only_rollback.user_permissions.set(rights)
    rob = Client()
    rob.force_login(only_rollback)
    page = rob.get(address(plan))
    assert "Your role may not switch rules off." in words(page)
    confirm(rob, plan, page, disable="on")
    assert work_off()[0].rules_disabled == []
    assert AdvancementRule.objects.get().active_version.enabled
    finished_run()
    second = reviewed(operator, rule="a-rule")
    confirm(operator, second, disable="on")
    work_off()
    undone = rollback(undoes=second.pk)
    assert undone.advanced
    assert "Switch off" not in words(operator.get(address(reviewed(operator, rule="a-rule"))))


def test_what_changed_while_it_was_read_is_said_before_anything_is_rolled_back(operator: Client) -> None:
    _, sprouts = advanced(5)
    plan = reviewed(operator, rule="a-rule")
    page = operator.get(address(plan))
    override(sprouts[0], "tree")
    override(sprouts[1], "tree")
    gone = sprouts[2].title
    sprouts[2].delete()
    told = confirm(operator, plan, page, hold="on")
    assert told.status_code == 422
    assert banner(told) == (
        "3 of the 5 changed while you were reading 2 were overridden, 1 was deleted. "
        "Nothing was rolled back yet. See them Roll back the other 2"
    )
    assert tiers() == {"tree": 2, "sapling": 2}
    assert told.text.count('data-label="Now"') == 3
    assert gone.rpartition("/")[2] in words(told)
    assert ">Too early.</textarea>" in told.text
    override(sprouts[3], "tree")
    again = confirm(operator, plan, told)
    assert banner(again).startswith("4 of the 5 changed while you were reading 3 were overridden")
    assert confirm(operator, plan, again).status_code == 302
    [run] = work_off()
    assert buckets(run) == {"reverted": 1, "skipped": 4}
    assert tiers() == {"tree": 3, "sprout": 1}
    result = words(operator.get(address(run)))
    assert "1 + 4 = 5 events" in result
    assert "It moved to tree after the plan was made. 3" in result
    assert_ledger_holds()


def test_where_all_changed_there_is_nothing_to_confirm_but_a_new_plan(operator: Client) -> None:
    _, sprouts = advanced(2)
    plan = reviewed(operator, rule="a-rule")
    for sprout in sprouts:
        set_hold(sprout.pk, reason="wait", by="pia")
    told = confirm(operator, plan)
    assert "2 were put on hold or released from one." in banner(told)
    assert "Nothing left to roll back" in words(told)
    answer = operator.post(address(plan), {"do": "plan_again", "reason": "Still."})
    again = Run.objects.latest()
    assert answer.url == address(again)
    assert confirm(operator, again, reason="Still.").status_code == 302
    assert buckets(work_off()[0]) == {"reverted": 2}


def test_what_changes_between_the_last_look_and_the_rollback_is_skipped(operator: Client) -> None:
    _, sprouts = advanced(2)
    plan = reviewed(operator, rule="a-rule")
    confirm(operator, plan)
    override(sprouts[0], "tree")
    assert buckets(work_off()[0]) == {"reverted": 1, "skipped": 1}


def test_who_confirms_another_choice_than_was_looked_at_is_told(operator: Client) -> None:
    _, sprouts = advanced(3)
    plan = reviewed(operator, rule="a-rule")
    page = operator.get(address(plan))
    pia = client_of(OPERATOR, "pia")
    pia.post(address(plan), {"do": "ticks", "chosen": [str(row_of(plan, sprouts[0]))]})
    told = confirm(operator, plan, page)
    assert told.status_code == 422
    assert "Somebody changed what is excluded: 2 are chosen now." in words(told)
    assert tiers() == {"sapling": 3}
    assert confirm(operator, plan, told).status_code == 302
    assert buckets(work_off()[0]) == {"reverted": 2, "excluded": 1}


def test_of_two_who_confirm_the_second_sees_what_the_first_did(operator: Client) -> None:
    _, sprouts = advanced(2)
    plan = reviewed(operator, rule="a-rule")
    page = operator.get(address(plan))
    confirm(client_of(OPERATOR, "pia"), plan, reason="Pia says so.")
    for answer in (
        confirm(operator, plan, page),
        operator.post(address(plan), {"do": "exclude_page", "shown": "1"}),
    ):
        assert answer.status_code == 302
    shown = operator.get(address(plan))
    assert f"Run {plan.pk} was decided about already by pia: it is approved." in words(shown)
    [run] = work_off()
    assert (run.decided_by, run.reason) == ("pia", "Pia says so.")
    part = operator.post(
        address(plan),
        {"do": "ticks", "chosen": str(row_of(plan, sprouts[0]))},
        headers=HTMX | {"HX-Target": "rows"},
    )
    assert part.headers["HX-Refresh"] == "true"


def test_a_button_that_does_not_exist_is_refused_in_a_sentence(operator: Client) -> None:
    advanced()
    plan = reviewed(operator, rule="a-rule")
    page = operator.post(address(plan), {"do": "explode"}, follow=True)
    assert "This page has no such button" in words(page)


# --- Result and undo ----------------------------------------------------------------------------


def test_the_result_tells_what_was_done_and_leads_on(operator: Client, viewer: Client) -> None:
    advanced(3)
    plan = reviewed(operator, rule="a-rule")
    confirm(operator, plan, hold="on", disable="on")
    page = operator.get(address(plan))
    assert "Rolling back" in words(page)
    assert "0 of 3 moves dealt with" in words(page)
    work_off()
    page = operator.get(address(plan))
    assert banner(page) == "3 sprouts rolled back Too early. Undo…"
    assert "3 events" in words(page)
    for link in (
        reverse("console:run", args=(plan.pk,)),
        f"{reverse('console:events')}?run={plan.pk}",
        reverse("console:rule", args=("a-rule",)),
    ):
        assert f'href="{link}"' in markup(page)
    assert banner(viewer.get(address(plan))) == "3 sprouts rolled back Too early."


def test_a_rollback_that_came_too_late_says_that_it_did_nothing_and_who_was_first(operator: Client) -> None:
    advanced(3)
    first, second = reviewed(operator, rule="a-rule"), reviewed(operator, rule="a-rule")
    for plan in (first, second):
        confirm(operator, plan)
    work_off()
    assert banner(operator.get(address(first))) == "3 sprouts rolled back Too early. Undo…"
    page = operator.get(address(second))
    assert "None of the 3 confirmed sprouts were rolled back" in banner(page)
    assert f"3 were taken back by Rollback {first.pk} meanwhile." in banner(page)
    assert "banner-ok" not in markup(page)
    run = operator.get(reverse("console:run", args=(second.pk,)))
    assert "Took back less than was confirmed: 0 taken back, 3 skipped" in words(run)


def test_a_rollback_that_did_a_part_says_how_much_and_why_not_the_rest(operator: Client) -> None:
    _, sprouts = advanced(3)
    plan = reviewed(operator, rule="a-rule")
    confirm(operator, plan)
    override(sprouts[0], "tree")
    work_off()
    said = banner(operator.get(address(plan)))
    assert "Only 2 of the 3 confirmed sprouts were rolled back" in said
    assert "1 was left alone: " in said


def test_an_undo_is_reviewed_and_confirmed_and_leaves_the_rule_off(operator: Client) -> None:
    _, sprouts = advanced(3)
    plan = reviewed(operator, rule="a-rule")
    confirm(operator, plan, hold="on", disable="on")
    work_off()
    answer = operator.post(address(plan), {"do": "undo"})
    undo = Run.objects.latest()
    assert (answer.url, undo.undoes_id, undo.dry_run, undo.status) == (
        address(undo),
        plan.pk,
        True,
        "planned",
    )
    page = operator.get(address(undo))
    said = words(page)
    assert f"Undo rollback {plan.pk} for 3 sprouts" in said
    assert f"The holds that rollback {plan.pk} set on these sprouts are released." in said
    assert "Rules that it switched off stay off: A rule" in said
    assert f'href="{reverse("console:rule", args=("a-rule",))}"' in page.text
    assert "citations 3 ≥ 3" in said
    assert 'name="hold"' not in page.text
    assert "Say why" in words(confirm(operator, undo, reason=""))
    operator.post(address(undo), {"do": "ticks", "chosen": [str(row_of(undo, sprouts[0]))]})
    confirm(operator, undo, reason="It was right.", hold="on", disable="on")
    [run] = work_off()
    assert buckets(run) == {"reverted": 2, "excluded": 1}
    assert newest_event(sprouts[1]).rule_id == "a-rule"
    assert Hold.objects.filter(released_at__isnull=True).count() == 1
    assert not AdvancementRule.objects.get().active_version.enabled
    result = words(operator.get(address(run)))
    assert f"2 sprouts of rollback {plan.pk} undone" in result
    assert "2 released" in result
    assert "still off: A rule" in result
    assert "switch on…" not in result
    approver = client_of(APPROVER)
    assert reverse("console:switch_rule", args=("a-rule",)) in approver.get(address(run)).text
    enable_rule("a-rule", by="approver")
    assert "on again: A rule" in words(operator.get(address(run)))
    former = operator.get(address(plan))
    assert f"2 of 3 moves were undone since, by Undo {run.pk}." in words(former)
    assert "2 of them released since" in words(former)
    assert "Undo the rest…" in words(former)
    assert_ledger_holds()


def test_an_undo_can_be_undone_and_what_is_undone_whole_is_not_offered_again(operator: Client) -> None:
    _, [sprout] = advanced()
    plan = reviewed(operator, rule="a-rule")
    confirm(operator, plan)
    work_off()
    last = plan
    for expected in ("sapling", "sprout"):
        operator.post(address(last), {"do": "undo"})
        undo = Run.objects.latest()
        confirm(operator, undo, reason="Once more.")
        work_off()
        assert tier(sprout) == expected
        assert "Undo…" not in words(operator.get(address(last)))
        assert "Undo the rest…" not in words(operator.get(address(last)))
        last = undo
    assert_ledger_holds()


def test_the_scope_counts_what_can_be_taken_back_once_and_tells_what_was_apart(operator: Client) -> None:
    run, sprouts = advanced(3)

    def counted() -> str:
        return words(operator.get(reverse("console:rollback"), {"run": run.pk, "range": "all"}))

    assert "3 advancements" in counted()
    rollback(undoes=rollback(run=run.pk).pk)
    assert "3 advancements" in counted()
    assert "rolled back already" not in counted()
    rollback(run=run.pk, excluded=(sprouts[0].pk,))
    assert "1 advancement In run" in counted()
    assert "2 others were rolled back already." in counted()
    plan = reviewed(operator, run=run.pk, range="all")
    assert (plan.moves_planned, plan.evaluated) == (1, 3)
    rollback(run=run.pk)
    assert "There is nothing to take back." in counted()
    assert "3 were rolled back already." in counted()


def test_what_stands_is_found_behind_more_that_was_rolled_back_than_is_looked_at(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, sprouts = advanced(5)
    rollback(run=run.pk, excluded=tuple(sprout.pk for sprout in sprouts[3:]))
    monkeypatch.setattr("advancement.views.rollbacks.scope_page.MOST_COUNTED", 2)
    said = words(operator.get(reverse("console:rollback"), {"run": run.pk, "range": "all"}))
    assert "2 advancements In run" in said
    assert "more than 2 advancements" not in said
    monkeypatch.undo()
    rollback(run=run.pk)
    monkeypatch.setattr("advancement.views.rollbacks.scope_page.MOST_COUNTED", 2)
    said = words(operator.get(reverse("console:rollback"), {"run": run.pk, "range": "all"}))
    assert "There is nothing to take back." in said
    assert "More than 2 were rolled back already." in said


def test_what_counted_is_still_said_after_rollbacks_and_undos_in_turn(operator: Client) -> None:
    _, sprouts = advanced(2)
    for _ in range(2):
        rollback(undoes=rollback(rule="a-rule").pk)
    rollback(rule="a-rule", excluded=(sprouts[1].pk,))
    plan = reviewed(operator, rule="a-rule")
    assert "citations 3 ≥ 3" in words(operator.get(address(plan)))
    before = words(operator.get(address(plan), {"bucket": "already_rolled_back"}))
    assert before.count("citations 3 ≥ 3") == 1
    confirm(operator, plan)
    work_off()
    assert "citations 3 ≥ 3" in words(operator.get(address(plan)))
    operator.post(address(plan), {"do": "undo"})
    assert "citations 3 ≥ 3" in words(operator.get(address(Run.objects.latest())))


def test_a_rollback_that_may_still_go_on_is_not_undone(operator: Client) -> None:
    advanced()
    plan = reviewed(operator, rule="a-rule")
    confirm(operator, plan)
    Run.objects.filter(pk=plan.pk).update(status="failed", error="The server went away.")
    page = operator.get(address(plan))
    assert "0 sprouts rolled back; 1 move still to come The server went away." in banner(page)
    assert "Undo…" not in words(page)
    told = operator.post(address(plan), {"do": "undo"}, follow=True)
    assert f"Rollback {plan.pk} is failed and may go on" in words(told)


def test_a_rollback_that_was_cancelled_halfway_tells_what_was_dropped(operator: Client) -> None:
    advanced(2)
    plan = reviewed(operator, rule="a-rule")
    confirm(operator, plan)
    Run.objects.filter(pk=plan.pk).update(status="cancelled")
    page = operator.get(address(plan))
    assert banner(page).startswith("0 sprouts rolled back; 2 moves dropped")
    assert "2 events" in words(page)


def test_parts_are_only_answered_to_who_asks_for_them(operator: Client) -> None:
    advanced()
    plan = reviewed(operator, rule="a-rule")
    part = operator.get(address(plan), {"bucket": "gone"}, headers=HTMX | {"HX-Target": "list"})
    assert markup(part).startswith('<section class="card" id="list"')
    assert '<nav class="buckets" id="buckets"' in markup(part)
    assert 'hx-swap-oob="true"' in markup(part)


def test_an_undo_has_no_scope_among_its_steps(operator: Client) -> None:
    run, _ = advanced()
    done = rollback(run=run.pk)
    steps = re.compile(r'<ol class="wizard".*?</ol>', re.DOTALL)
    before = steps.search(operator.get(address(done)).text)
    assert before
    assert "Scope" in before[0]
    undo = Run.objects.get(pk=operator.post(address(done), {"do": "undo"}).url.strip("/").split("/")[1])
    page = operator.get(address(undo))
    after = steps.search(page.text)
    assert after
    assert said_in(after[0]) == "1 Review 2 Confirm"
    assert "step 2" in words(page)
