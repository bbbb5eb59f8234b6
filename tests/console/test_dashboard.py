"""The dashboard: the morning's look at what last night did."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from advancement.aggregation import refresh_signals
from advancement.database.clock import database_now
from advancement.ladders import archive_model
from advancement.models import DailyCount, Run
from advancement.rollback.scope import Counted
from advancement.rulebook.drafts import activate_draft, save_draft
from advancement.rulebook.switching import archive_rule, disable_rule
from advancement.runs.decisions import apply_plan
from advancement.runs.schedule import work_off
from advancement.views import odd_nights
from tests.aggregation.conftest import make_event
from tests.console.markup import markup
from tests.console.people import approver, operator, viewer
from tests.console.runs_cast import words
from tests.criteria.cast import make_rule
from tests.factories import CREATED, add_model, add_rule, finished_run, make_sprout
from tests.rollback.cast import rollback
from tests.test_history import _today, _usually

pytestmark = pytest.mark.django_db


def _dashboard(client: Client) -> Any:
    page = client.get(reverse("console:dashboard"))
    assert page.status_code == 200
    return page


def _left(client: Client) -> list[str]:
    return [step.name for step in _dashboard(client).context["steps"] if not step.done]


def test_an_empty_console_shows_the_first_steps() -> None:
    assert _left(approver()) == ["sprouts", "usage", "signals", "rule", "activate", "dry-run", "apply"]


def test_each_first_step_is_ticked_off_when_it_is_really_done_and_all_go_with_the_first_advancement() -> None:
    client = operator()
    assert "kind=events" in markup(_dashboard(client))
    sprout = make_sprout()
    assert _left(client)[0] == "usage"
    make_event(sprout, CREATED)
    assert _left(client)[0] == "signals"
    assert "Refresh signals</button>" in markup(_dashboard(client))
    refresh_signals()
    assert _left(client)[0] == "rule"
    assert "Refresh signals</button>" not in markup(_dashboard(client))
    save_draft(make_rule("views >= 1"), by="somebody")
    assert _left(client)[0] == "activate"
    finished_run(dry_run=True)
    assert "dry-run" in _left(client), "its plan is empty"
    activate_draft("a-rule", by="another")
    assert _left(client)[0] == "dry-run"
    run = finished_run(dry_run=True)
    assert _left(client) == ["apply"]
    assert reverse("console:plan", args=[run.pk]) in markup(_dashboard(client))
    finished_run()
    assert _left(client) == []


def test_a_first_step_leads_somewhere_for_those_alone_who_may_make_it() -> None:
    steps = {step.name: step.address for step in _dashboard(viewer()).context["steps"]}
    assert steps["sprouts"] == steps["rule"] == steps["dry-run"] == ""
    assert steps["signals"] == reverse("console:signals")


def test_it_shows_the_last_run_the_tiers_and_their_change() -> None:
    add_rule()
    make_sprout(signals={"citations": 5})
    finished_run()
    page = _dashboard(viewer())
    assert page.context["last_run"].advanced == 1
    ladder = {tier.slug: (count, change) for tier, count, change in page.context["ladders"][0][1]}
    assert ladder["sprout"] == (0, -1)
    assert ladder["sapling"] == (1, 1)


def test_a_plan_counts_from_when_it_was_applied_though_a_later_run_came_first() -> None:
    add_rule()
    make_sprout(signals={"citations": 5})
    plan = finished_run(dry_run=True)
    earlier = plan.created_at - timedelta(days=2)
    Run.objects.filter(pk=plan.pk).update(created_at=earlier, started_at=earlier)
    later = finished_run(from_tiers=("seed",))
    client = viewer()
    assert _dashboard(client).context["last_run"] == later
    apply_plan(plan.pk, revision=0, by="grace")
    work_off()
    context = _dashboard(client).context
    assert (context["last_run"], context["night"]) == (plan, _today())
    assert context["last_run"].advanced == 1
    assert f"{earlier:%a %-d %b}" not in client.get(reverse("console:runs")).text


def test_the_last_run_says_what_was_rolled_back_of_it() -> None:
    add_rule()
    for _ in range(3):
        make_sprout(signals={"citations": 5})
    run, client = finished_run(), viewer()
    assert "rolled back since" not in words(_dashboard(client))
    rollback(run=run.pk)
    assert "All of it was rolled back since" in words(_dashboard(client))


def test_a_rule_of_a_tier_that_no_scheduled_run_looks_at_is_not_said_to_have_never_moved() -> None:
    add_rule(slug="steady")
    add_rule(slug="later", from_tier="tree", to_tier="grove")
    finished_run()
    page = words(_dashboard(viewer()))
    assert page.count("Never moved") == 1
    assert page.count("Not in scheduled runs") == 1


def test_a_spike_leads_straight_to_its_rollback_until_it_is_marked_as_expected() -> None:
    add_rule(slug="steady", title="Steady use")
    _usually(3, 60)
    client = operator()
    page = markup(_dashboard(client))
    assert "Steady use</bdi> moved 60 sprouts" in page
    today, tomorrow = _today(), _today() + timedelta(days=1)
    assert f"?rule=steady&amp;since={today}T00:00Z&amp;until={tomorrow}T00:00Z" in page
    asked = {"rule": "steady", "day": _today().isoformat()}
    assert client.post(reverse("console:expect"), asked).status_code == 302
    assert "Steady use</bdi> moved 60 sprouts" not in markup(_dashboard(client))
    assert DailyCount.objects.get(rule_id="steady").expected_by == "operator"


def test_what_was_marked_as_expected_by_mistake_is_taken_back_and_warned_of_again() -> None:
    add_rule(slug="steady", title="Steady use")
    _usually(3, 60)
    finished_run()
    client = operator()
    asked = {"rule": "steady", "day": _today().isoformat()}
    client.post(reverse("console:expect"), asked)
    assert "Expected by operator Take back" in words(_dashboard(client))
    assert "Take back" not in words(_dashboard(viewer()))
    said = client.post(reverse("console:expect"), asked | {"back": "1"}, follow=True)
    assert "is not marked as expected any more" in words(said)
    assert "Steady use moved 60 sprouts" in words(said)


def test_a_spike_of_a_rule_that_is_off_by_now_is_warned_of_all_the_same() -> None:
    add_rule(slug="steady", title="Steady use")
    _usually(3, 60)
    disable_rule("steady", by="olga")
    client = operator()
    page = words(_dashboard(client))
    assert "Steady use moved 60 sprouts" in page
    assert "The rule is off by now. Version 1, by" in page
    assert "Review rollback of 60" in page


def test_spikes_that_were_taken_back_make_room_for_those_that_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(4):
        add_rule(slug=f"rule-{number}", title=f"Rule {number}")
        _usually(3, 90 - number, f"rule-{number}")
    gone = Counted(standing=0, more=False, taken_back=90, whole=True)
    counted = odd_nights.count_standing

    def count(events: Any, most: int) -> Counted:
        """Return the biggest three as taken back."""
        return gone if events.count() > 87 else counted(events, most)

    monkeypatch.setattr(odd_nights, "count_standing", count)
    monkeypatch.setattr("advancement.views.dashboard._SHOWN", 2)
    context = _dashboard(operator()).context
    assert [one.rule.pk for one in context["odd"]] == ["rule-3"]
    assert context["more_odd"] == 0


def test_who_may_only_look_is_not_offered_what_acts() -> None:
    add_rule(slug="steady")
    _usually(3, 60)
    client = viewer()
    page = _dashboard(client).text
    assert "Mark as expected" not in page
    assert reverse("console:rollback") not in page
    asked = {"rule": "steady", "day": _today().isoformat()}
    assert client.post(reverse("console:expect"), asked).status_code == 403


def test_somebody_without_a_role_learns_nothing_of_the_rules() -> None:
    add_rule(slug="steady", title="Steady use")
    _usually(3, 60)
    client = Client()
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    page = _dashboard(client).text
    assert "Steady use" not in page
    assert "rule on" not in page
    assert "Drafts waiting" not in page


def test_the_chart_names_every_rule_by_its_title_and_marks_what_was_rolled_back() -> None:
    add_rule(slug="steady", title="Steady use", enabled=False)
    _usually(3, 60)
    Run.objects.create(
        kind="rollback", trigger="console", status="succeeded", from_tiers=[], batch_size=10,
        advanced=40, created_at=database_now(), finished_at=database_now(),
    )  # fmt: skip
    page = _dashboard(viewer())
    assert [name for name, _, _ in page.context["chart"].names] == ["Steady use"]
    assert page.context["chart"].bars[-1].back == 40
    assert "Rolled back that day" in page.text


def test_the_chart_names_a_fourth_rule_and_sums_up_more_than_that() -> None:
    for count in range(1, 5):
        _usually(1, count, f"rule-{count}")
    client = viewer()
    assert "Other rules" not in words(_dashboard(client))
    _usually(1, 5, "rule-5")
    assert "Other rules" in words(_dashboard(client))


def test_the_table_of_rules_says_what_of_the_day_was_rolled_back_since() -> None:
    add_rule("citations >= 3", slug="steady")
    sprouts = [make_sprout(signals={"citations": 3}) for _ in range(3)]
    run = finished_run()
    client = viewer()
    assert "rolled back" not in words(_dashboard(client))
    rollback(run=run.pk, sprout=sprouts[0].pk)
    assert "3 1 rolled back" in words(_dashboard(client))
    rest = rollback(run=run.pk)
    assert "3 all rolled back" in words(_dashboard(client))
    rollback(undoes=rest.pk)
    assert "3 1 rolled back" in words(_dashboard(client))


def test_a_broken_night_is_not_found() -> None:
    client = operator()
    for asked in ({"rule": "none", "day": "2026-01-01"}, {"rule": "", "day": "x"}, {}):
        assert client.post(reverse("console:expect"), asked).status_code == 404


def test_held_runs_and_drafts_wait_there() -> None:
    add_rule("views >= 1")
    save_draft(make_rule("views >= 2", title="A stricter one"), by="anna")
    for _ in range(100):
        make_sprout(signals={"views": 3})
    held = finished_run()
    assert held.status == "held"
    page = _dashboard(viewer()).text
    assert f"Run {held.pk} is held" in page
    assert "A stricter one" in page
    assert "Approving needs the Approver role" in page


def test_it_takes_few_queries_however_much_there_is(
    django_assert_max_num_queries: Any, settings: Any
) -> None:
    settings.ADVANCEMENT_MAX_SHARE = 1
    for number in range(12):
        add_rule(slug=f"rule-{number}", priority=number)
    for _ in range(20):
        make_sprout(signals={"citations": 5})
    finished_run()
    assert Run.objects.count() == 1
    client = viewer()
    with django_assert_max_num_queries(30):
        _dashboard(client)


def test_people_stand_in_the_menu_of_whoever_may_change_them() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    assert reverse("admin:auth_user_changelist") in _dashboard(client).text
    assert reverse("admin:auth_user_changelist") not in _dashboard(approver()).text


def test_what_moved_into_and_out_of_a_tier_is_not_said_to_be_all_that_came_and_went() -> None:
    make_sprout()
    page = _dashboard(viewer())
    assert page.context["ladders"][0][1][1][1:] == (1, 0)
    assert "net moves in 24 hours" in page.text


def test_models_without_tiers_are_left_out_and_the_largest_stands_beside_the_chart() -> None:
    add_model("bare")
    add_model("other", "bud")
    make_sprout("bud", lifecycle_model_id="other")
    assert [model.pk for model, _, _ in _dashboard(viewer()).context["ladders"]] == ["other", "botanical"]


def test_an_archived_model_is_counted_and_marked_as_long_as_it_holds_sprouts() -> None:
    make_sprout()
    add_model("academic", "draft", "preprint")
    archive_model("botanical")
    archive_model("academic")
    page = _dashboard(viewer())
    assert [model.pk for model, _, _ in page.context["ladders"]] == ["botanical"]
    assert re.search(
        r"Sprouts per tier, Botanical</h2><span class=\"badge\">.*?Archived</span>", markup(page)
    )


def test_a_rule_that_moved_something_that_day_is_listed_though_it_is_off_or_archived_by_now() -> None:
    add_rule()
    make_sprout(signals={"citations": 5})
    finished_run()
    client = viewer()
    disable_rule("a-rule", by="somebody")
    page = _dashboard(client)
    assert [(rule.pk, night.count) for rule, night, *_ in page.context["nights"]] == [("a-rule", 1)]
    assert "Off now" in page.text
    archive_rule("a-rule", by="somebody")
    page = _dashboard(client)
    assert [rule.pk for rule, *_ in page.context["nights"]] == ["a-rule"]
    assert "Archived" in page.text


def test_signals_that_stand_as_of_an_earlier_day_than_their_refresh_say_so() -> None:
    client = operator()
    pages = [reverse(f"console:{name}") for name in ("dashboard", "start_run", "health", "signals")]
    sprout = make_sprout()
    make_event(sprout, CREATED)
    refresh_signals()
    for page in pages[:3]:
        assert "2025-12-01T" not in client.get(page).text, page
    refresh_signals(as_of=CREATED)
    for page in pages:
        assert re.search(r"as of <time datetime=\"2025-12-01T", client.get(page).text), page


def test_a_run_that_failed_is_called_by_its_kind() -> None:
    add_rule()
    make_sprout(signals={"citations": 5})
    run = finished_run()
    back = rollback(run=run.pk)
    Run.objects.filter(pk=back.pk).update(status="failed", error="no luck", finished_at=None)
    assert f"Rollback {back.pk} failed" in markup(_dashboard(operator()))
