"""The list of runs, the form that starts one, and a run's page."""

import re
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

import pytest
from django.core.cache import caches
from django.db import OperationalError
from django.db.models import F
from django.test import Client
from django.urls import reverse

from advancement.ladders import archive_model
from advancement.models import AdvancementEvent, Move, Run, RunLogLine, Sprout
from advancement.models.runs import RunTrigger
from advancement.rollback import reversals
from advancement.rollback.reversals import Turn, turns_of_run
from advancement.rollback.scope import RollbackRequest
from advancement.runs.override import override_tier
from advancement.runs.schedule import note_tick, work_off
from advancement.runs.start import RunRequest, claim_date, start_rollback, start_run
from advancement.runs.work import work_on
from advancement.templatetags.runs import duration
from advancement.templatetags.times import span
from tests.console.markup import markup
from tests.console.runs_cast import HTMX, approver, operator, viewer, waiting_run, words
from tests.factories import add_model, add_rule, finished_run, make_sprout, planned_run
from tests.runs.conftest import DAY, failing_batches, let_lease_expire, no_delays, plant

__all__ = ["no_delays"]

pytestmark = pytest.mark.django_db


def at(name: str, *args: object) -> str:
    return reverse(f"console:{name}", args=args)


@pytest.fixture
def grove() -> None:
    add_rule("citations >= 3", title="Cited thrice")
    plant(5)
    plant(3, citations=1)


def taken_back(**scope: Any) -> Run:
    request = RollbackRequest(reason="Too early", requested_by="ada", **scope)
    run = start_rollback(request, trigger=RunTrigger.CONSOLE)
    return work_on(run.pk, run.lease_token)


# --- Who may


GETS = ["run", "run_progress", "run_rules", "run_log", "left_out"]
ACTS = ["cancel_run", "resume_run", "drop_run"]
DECISIONS = ["approve_run", "discard_run"]


@pytest.mark.parametrize("name", ["runs", "start_run", *GETS, *ACTS, *DECISIONS])
def test_whoever_is_not_signed_in_is_led_to_the_sign_in(name: str) -> None:
    args = () if name in {"runs", "start_run"} else (finished_run().pk,)
    method = Client().post if name == "resume_run" else Client().get
    answer = method(at(name, *args))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize("name", GETS)
def test_everybody_may_look(name: str) -> None:
    answer = viewer().get(at(name, finished_run().pk))
    assert answer.status_code == 302 if name in {"run_progress", "run_rules"} else 200


@pytest.mark.parametrize("name", [*ACTS, *DECISIONS])
def test_who_may_only_look_is_refused_what_changes_something(name: str) -> None:
    run = finished_run()
    assert viewer().post(at(name, run.pk)).status_code == 403


@pytest.mark.parametrize("name", DECISIONS)
def test_an_operator_does_not_decide_about_held_runs(name: str) -> None:
    assert operator().post(at(name, finished_run().pk), {"reason": "x"}).status_code == 403


@pytest.mark.parametrize("name", ACTS)
def test_an_approver_does_not_act_on_runs(name: str) -> None:
    assert approver().post(at(name, finished_run().pk), {"reason": "x"}).status_code == 403


def test_who_may_not_start_runs_is_told_so_and_offered_nothing() -> None:
    assert viewer().post(at("start_run"), {"from_tier": "sprout"}).status_code == 403
    page = viewer().get(at("runs")).text
    assert "Nothing has run yet" in page
    assert at("start_run") not in page
    assert not Run.objects.exists()


def test_a_run_that_is_not_there_is_named() -> None:
    answer = operator().get(at("run", 77))
    assert answer.status_code == 404
    assert "There is no run 77." in answer.text


# --- Start


def test_the_form_offers_the_tiers_of_each_model_and_the_settings_as_default(settings: Any) -> None:
    settings.ADVANCEMENT_FROM_TIERS = ["seed"]
    add_model("academic", "draft", "preprint")
    page = operator().get(at("start_run")).text
    assert 'value="seed" checked' in page
    assert 'value="draft"' in page
    assert 'value="sprout" checked' not in page


def test_the_form_is_filled_in_by_its_address() -> None:
    page = operator().get(at("start_run") + "?from_tier=seed&from_tier=sapling&model=botanical").text
    assert 'value="seed" checked' in page
    assert 'value="sapling" checked' in page
    assert '<option value="botanical" selected>' in page


def test_an_archived_model_is_offered_and_run_as_long_as_it_holds_sprouts(grove: None) -> None:
    add_model("academic", "draft", "preprint")
    archive_model("botanical")
    archive_model("academic")
    page = operator().get(at("start_run"))
    assert [one.label for one in page.context["models"]] == ["Botanical (archived)"]
    operator().post(at("start_run"), {"from_tier": "sprout", "model": "botanical", "action": "dry"})
    work_off()
    assert Run.objects.get().moves_planned == 5
    Sprout.objects.all().delete()
    assert "There is no lifecycle model in use that has tiers" in words(operator().get(at("start_run")))
    asked = operator().get(at("start_run") + "?from_tier=draft&model=academic")
    assert '<option value="academic" selected>Academic (archived)</option>' in asked.text


def test_a_dry_run_is_started_and_waits_for_the_cluster(grove: None) -> None:
    answer = operator().post(
        at("start_run"), {"from_tier": ["sprout", "seed"], "model": "botanical", "action": "dry"}
    )
    run = Run.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, at("run", run.pk))
    assert (run.dry_run, run.trigger, run.requested_by) == (True, "console", "otto")
    assert (run.from_tiers, run.scope_model_id, run.lease_token) == (["sprout", "seed"], "botanical", 0)
    work_off()
    run.refresh_from_db()
    assert (run.status, run.moves_planned) == ("planned", 5)


def test_run_now_asks_first_and_says_that_nothing_is_reviewed(grove: None) -> None:
    client = operator()
    asked = client.post(at("start_run"), {"from_tier": "sprout", "action": "ask"})
    assert "Nothing is reviewed before it moves" in asked.text
    assert "Guardrails apply" in asked.text
    assert not Run.objects.exists()
    client.post(at("start_run"), {"from_tier": "sprout", "action": "now"})
    work_off()
    run = Run.objects.get()
    assert (run.dry_run, run.status, run.advanced) == (False, "succeeded", 5)


def test_run_now_names_the_tiers_and_the_model_as_pages_do(grove: None) -> None:
    chosen = {"from_tier": ["seed", "sprout"], "model": "botanical", "action": "ask"}
    assert "those in 🌰 Seed 🌱 Sprout of model Botanical that" in words(
        operator().post(at("start_run"), chosen)
    )


@pytest.mark.parametrize(("address", "last"), [("", "dry"), ("?now=1", "ask")])
def test_the_button_that_is_meant_comes_last(address: str, last: str) -> None:
    page = operator().get(at("start_run") + address).text
    buttons = re.findall(r'<button class="([^"]*)" type="submit" name="action" value="(\w+)"', page)
    assert buttons[-1] == ("btn btn-primary", last)
    assert buttons[0][0] == "btn"


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"action": "dry"}, "Choose at least one tier"),
        ({"action": "now", "from_tier": "shrub"}, "The tier &quot;shrub&quot; is unknown"),
        ({"action": "dry", "from_tier": "seed", "model": "marine"}, "&quot;marine&quot; is unknown"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused_in_place(form: dict[str, str], sentence: str) -> None:
    answer = operator().post(at("start_run"), form)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert not Run.objects.exists()


# --- The list


def test_the_list_shows_every_kind_of_run(grove: None) -> None:
    run = finished_run()
    dry = finished_run(dry_run=True)
    back = start_rollback(
        RollbackRequest(reason="no", requested_by="otto", run=run.pk), trigger=RunTrigger.COMMAND
    )
    work_on(back.pk, back.lease_token)
    sprout = make_sprout(title="notes/ash.md")
    override = override_tier(sprout.pk, "tree", reason="known", by="otto", trigger=RunTrigger.CONSOLE)
    page = operator().get(at("runs")).text
    for name in (f"Run {run.pk}", f"Dry run {dry.pk}", f"Rollback {back.pk}", f"Override {override.pk}"):
        assert name in page
    assert "ash.md" in page
    assert "otto, in the console" in page
    assert at("plan", run.pk) in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kind=override", {"override"}),
        ("what=dry", {"dry"}),
        ("what=real&kind=advancement", {"real", "waiting"}),
        ("status=planning", {"waiting"}),
        ("trigger=console", {"override", "waiting"}),
        ("who=OTT", {"override"}),
        ("status=nonsense", set()),
    ],
)
def test_the_list_is_filtered(grove: None, query: str, expected: set[str]) -> None:
    found = {"real": finished_run(), "dry": finished_run(dry_run=True)}
    sprout = make_sprout()
    found["override"] = override_tier(
        sprout.pk, "tree", reason="x", by="otto", trigger=RunTrigger.CONSOLE, hold=False
    )
    found["waiting"] = waiting_run(requested_by="ada")
    rows = operator().get(f"{at('runs')}?{query}").context["rows"]
    assert {run.pk for run, *_ in rows} == {found[name].pk for name in expected}


def test_held_runs_stand_above_the_list(grove: None, settings: Any) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 1
    run = finished_run()
    page = markup(operator().get(at("runs") + "?kind=override"))
    assert f"Run {run.pk} is held: 5 moves planned, nothing applied" in page
    assert "ADVANCEMENT_MAX_MOVES" in page
    assert "No run matches these filters" in page


def test_a_long_list_is_shown_page_by_page_in_as_many_queries(
    grove: None, django_assert_max_num_queries: Any
) -> None:
    first = finished_run(dry_run=True)
    Run.objects.bulk_create(
        [
            Run(
                kind="advancement",
                trigger="command",
                status="succeeded",
                batch_size=1,
                created_at=first.created_at,
            )
            for _ in range(120)
        ]
    )
    client = operator()
    with django_assert_max_num_queries(15):
        page = client.get(at("runs"))
    assert "50 of 121 shown" in page.text
    seen = [run.pk for run, *_ in page.context["rows"]]
    while page.context["page"].after:
        page = client.get(f"{at('runs')}?after={page.context['page'].after}")
        seen += [run.pk for run, *_ in page.context["rows"]]
    assert seen == sorted(Run.objects.values_list("pk", flat=True), reverse=True)


# --- A run's page


def test_a_finished_run_shows_its_sums_its_rules_and_its_log(
    grove: None, django_assert_max_num_queries: Any
) -> None:
    run = finished_run(batch_size=2)
    client = operator()
    with django_assert_max_num_queries(15):
        page = client.get(at("run", run.pk))
    for text in (
        "Succeeded: 5 advanced",
        "Seal 1 stands over its 5 events",
        "Where the 8 went",
        "Cited thrice",
        "5 of 5",
        "Finished: 5 advanced.",
        f"{at('rollback')}?run={run.pk}",
        f"{at('events')}?run={run.pk}",
    ):
        assert text in markup(page), text
    assert "every 1s" not in markup(page)
    assert "http-equiv" not in markup(page)
    assert sum(line.count for line in page.context["tally"]) == run.evaluated == 8


def test_a_run_that_works_is_asked_again_by_itself_and_without_script_as_well(grove: None) -> None:
    run = waiting_run(requested_by="otto")
    page = operator().get(at("run", run.pk)).text
    assert f'hx-get="{at("run_progress", run.pk)}?seen=planning' in page
    assert 'hx-trigger="every 1s"' in page
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
    assert at("cancel_run", run.pk) in page
    assert at("cancel_run", run.pk) not in viewer().get(at("run", run.pk)).text


def test_progress_is_shown_while_a_run_is_applied(grove: None) -> None:
    run = planned_run(batch_size=2)
    answers: list[Any] = []
    client = operator()

    def look(phase: str, done: int, total: int) -> None:
        if done == 2:
            last = RunLogLine.objects.filter(run=run).order_by("id")[0].pk
            address = f"{at('run_progress', run.pk)}?seen=applying&after={last}"
            answers.append(client.get(address, **HTMX))
            answers.append(client.get(at("run_rules", run.pk), **HTMX))
            answers.append(client.get(at("run", run.pk)))

    work_on(run.pk, run.lease_token, progress=look)
    progress, rules, page = answers
    assert "<b>2</b> of 5 moves dealt with" in markup(progress)
    assert "batch 2 of 3" in markup(progress)
    assert 'hx-trigger="every 1s"' in markup(progress)
    assert "Applies: 5 to deal with" in markup(progress)
    assert "Run started" not in markup(progress), "only what is new of the log"
    assert "2 of 5" in markup(rules)
    assert 'hx-trigger="every 5s"' in markup(rules)
    assert page.status_code == 200
    assert sum(line.count for line in page.context["tally"]) == 8


def test_the_page_is_loaded_anew_when_the_run_comes_to_another_state(grove: None) -> None:
    run = finished_run()
    answer = operator().get(at("run_progress", run.pk) + "?seen=applying", **HTMX)
    assert answer["HX-Refresh"] == "true"


def test_a_dry_run_leads_to_its_plan_once_that_is_there(grove: None) -> None:
    run = finished_run(dry_run=True)
    answer = operator().get(at("run_progress", run.pk) + "?seen=planning", **HTMX)
    assert answer["HX-Redirect"] == at("plan", run.pk)


def test_the_progress_takes_few_queries(grove: None, django_assert_max_num_queries: Any) -> None:
    run = planned_run()
    Run.objects.filter(pk=run.pk).update(status="applying")
    client = operator()
    with django_assert_max_num_queries(13):
        assert client.get(at("run_progress", run.pk) + "?seen=applying&after=0", **HTMX).status_code == 200


def test_a_run_that_nobody_takes_up_says_what_to_do() -> None:
    run = waiting_run()
    client = operator()
    assert "It waits" not in client.get(at("run", run.pk)).text
    Run.objects.filter(pk=run.pk).update(created_at=F("created_at") - timedelta(seconds=30))
    page = client.get(at("run", run.pk)).text
    assert "No task cluster answers: the scheduler has not looked for work yet" in page
    work_off()  # activates the schedule
    note_tick()
    other = waiting_run()
    Run.objects.filter(pk=other.pk).update(created_at=F("created_at") - timedelta(seconds=30))
    assert "See that the cluster runs runs" in client.get(at("run", other.pk)).text


def test_a_run_that_waits_for_another_says_for_which(grove: None) -> None:
    busy, run = planned_run(), planned_run()
    Run.objects.filter(pk=busy.pk).update(status="applying")
    page = operator().get(at("run", run.pk)).text
    assert f"It waits for run {busy.pk}, which is being applied" in page
    queued = waiting_run()
    Run.objects.filter(pk=queued.pk).update(created_at=F("created_at") - timedelta(seconds=30))
    assert f"The cluster runs works on run {busy.pk}" in operator().get(at("run", queued.pk)).text


def test_a_run_whose_worker_died_says_that_another_takes_it_up(grove: None) -> None:
    run = planned_run()
    let_lease_expire(run)
    assert "Its worker has not been heard of" in operator().get(at("run", run.pk)).text


def test_a_run_whose_worker_is_silent_shows_its_last_progress_and_no_speed(grove: None) -> None:
    run = planned_run(batch_size=2)
    said: list[str] = []

    def look(phase: str, done: int, total: int) -> None:
        sleep(0.01)  # or the moves would have taken no time
        if done == 4:
            said.append(words(operator().get(at("run", run.pk))))
            Run.objects.filter(pk=run.pk).update(
                lease_expires_at=F("lease_expires_at") - timedelta(minutes=5)
            )
            said.append(words(operator().get(at("run", run.pk))))

    work_on(run.pk, run.lease_token, progress=look)
    at_work, silent = said
    assert "a second" in at_work
    assert "last progress" not in at_work
    assert "last progress 5 minutes ago" in silent
    assert "a second" not in silent


@pytest.mark.usefixtures("no_delays")
@pytest.mark.django_db(transaction=True)
def test_a_failed_run_says_why_and_is_resumed(grove: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with failing_batches(monkeypatch, OperationalError("the server is away"), 4, after=1):
        run = finished_run(batch_size=2)
    client = operator()
    page = markup(client.get(at("run", run.pk)))
    assert "Failed. 2 of 5 moves are done and safe." in page
    assert "Resume 3 moves" in page
    assert "Retried" in page
    answer = client.post(at("resume_run", run.pk), follow=True)
    assert f"Run {run.pk} goes on as soon as a worker takes it up." in markup(answer)
    work_off()
    assert "Succeeded: 5 advanced" in markup(client.get(at("run", run.pk)))
    refused = client.post(at("resume_run", run.pk), follow=True)
    assert "has not failed, so there is nothing to resume" in markup(refused)


def test_a_failed_run_is_discarded_with_a_reason(grove: None) -> None:
    run = planned_run()
    Run.objects.filter(pk=run.pk).update(status="failed", error="no luck", lease_expires_at=None)
    client = operator()
    assert "Drop what is left of it?" in client.get(at("drop_run", run.pk)).text
    refused = client.post(at("drop_run", run.pk), {"reason": " "})
    assert refused.status_code == 422
    assert "A decision needs a reason" in refused.text
    client.post(at("drop_run", run.pk), {"reason": "not worth it"})
    run.refresh_from_db()
    assert (run.status, run.decided_by, run.decision_reason) == ("discarded", "otto", "not worth it")
    page = client.get(at("run", run.pk)).text
    assert "Discarded by <bdi>otto</bdi>." in page
    assert "Nothing moved." in page


def test_a_run_is_cancelled_after_a_question(grove: None) -> None:
    run = waiting_run()
    client = operator()
    assert "It has no plan yet; nothing will move." in client.get(at("cancel_run", run.pk)).text
    run.refresh_from_db()
    assert run.status == "planning"
    page = client.post(at("cancel_run", run.pk), follow=True).text
    assert f"Run {run.pk} is cancelled." in page
    assert "Cancelled by <bdi>otto</bdi>." in page
    again = client.post(at("cancel_run", run.pk), follow=True).text
    assert "there is nothing to cancel" in again


def test_a_rollback_is_acted_on_by_those_who_may_roll_back(grove: None) -> None:
    from django.contrib.auth.models import Permission, User

    run = finished_run()
    back = start_rollback(
        RollbackRequest(reason="no", requested_by="otto", run=run.pk),
        trigger=RunTrigger.CONSOLE,
        leased=False,
    )
    starter = User.objects.create_user("sam", is_staff=True)
    starter.user_permissions.add(Permission.objects.get(codename="start_runs"))
    client = Client()
    client.force_login(starter)
    assert client.post(at("cancel_run", back.pk)).status_code == 403
    operator().post(at("cancel_run", back.pk))
    back.refresh_from_db()
    assert back.status == "cancelled"


def test_a_held_run_is_approved_with_a_reason(grove: None, settings: Any) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 1
    run = finished_run()
    assert at("approve_run", run.pk) not in operator().get(at("run", run.pk)).text
    assert "An approver decides, with a reason." in operator().get(at("run", run.pk)).text
    client = approver()
    assert at("approve_run", run.pk) in client.get(at("run", run.pk)).text
    assert "Approve 5 moves" in client.get(at("approve_run", run.pk)).text
    refused = client.post(at("approve_run", run.pk), {"reason": "", "revision": 0})
    assert refused.status_code == 422
    stale = client.post(at("approve_run", run.pk), {"reason": "yes", "revision": 3})
    assert stale.status_code == 422
    assert "since you looked at it" in stale.text
    client.post(at("approve_run", run.pk), {"reason": "as announced", "revision": 0})
    run.refresh_from_db()
    assert (run.status, run.decided_by) == ("approved", "anna")
    work_off()
    assert AdvancementEvent.objects.count() == 5
    over = client.get(at("approve_run", run.pk), follow=True).text
    assert "not held: there is nothing to decide" in over


def test_many_moves_are_typed_before_they_are_approved(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advancement.views.run_actions.TYPED_ABOVE", 3)
    settings.ADVANCEMENT_MAX_MOVES = 1
    add_rule("citations >= 3")
    plant(4)
    run = finished_run()
    client = approver()
    assert "Type 4 to confirm" in client.get(at("approve_run", run.pk)).text
    for typed in ("", "5", "40"):
        form = {"reason": "yes", "revision": 0, "typed": typed}
        refused = client.post(at("approve_run", run.pk), form)
        assert refused.status_code == 422
        assert "Type 4 to confirm that many moves." in refused.text
        assert ">yes</textarea>" in refused.text, "what was written is kept"
    client.post(at("approve_run", run.pk), {"reason": "yes", "revision": 0, "typed": " 4"})
    run.refresh_from_db()
    assert run.status == "approved"


def test_a_held_run_is_discarded_by_an_approver(grove: None, settings: Any) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 1
    run = finished_run()
    led = operator().post(at("drop_run", run.pk), {"reason": "no"})
    assert led["Location"] == at("discard_run", run.pk)
    approver().post(at("discard_run", run.pk), {"reason": "too many"})
    run.refresh_from_db()
    assert (run.status, run.decided_by) == ("discarded", "anna")


def test_rollbacks_and_overrides_have_their_page_too(grove: None) -> None:
    run = finished_run()
    back = start_rollback(
        RollbackRequest(reason="a mistake", requested_by="otto", run=run.pk), trigger=RunTrigger.CONSOLE
    )
    work_on(back.pk, back.lease_token)
    page = operator().get(at("run", back.pk))
    assert f"Rollback {back.pk}" in page.text
    assert "a mistake" in page.text
    assert "5 taken back" in page.text
    assert sum(line.count for line in page.context["tally"]) == 5
    sprout = make_sprout(title="notes/ash.md")
    override = override_tier(sprout.pk, "tree", reason="well known", by="otto", trigger=RunTrigger.CONSOLE)
    page = operator().get(at("run", override.pk))
    assert "ash.md" in page.text
    assert "well known" in page.text
    key = str(sprout.pk)
    sprout.delete()
    assert key in operator().get(at("run", override.pk)).text


def test_a_run_says_how_many_of_its_moves_were_rolled_back_since_and_by_what(grove: None) -> None:
    run = finished_run()
    pages = (at("run", run.pk), at("plan", run.pk))
    assert "since, by" not in "".join(words(operator().get(page)) for page in pages)
    one, *_ = Move.objects.filter(run=run.pk).values_list("sprout_id", flat=True)
    first = taken_back(sprout=one)
    for page in pages:
        assert f"1 of 5 moves was rolled back since, by Rollback {first.pk}." in words(operator().get(page))
    assert "Roll back this run" in words(operator().get(pages[0]))
    rest = taken_back(run=run.pk)
    for page in pages:
        assert f"4 of 5 moves were rolled back since, by Rollback {rest.pk}." in words(operator().get(page))
        assert f'href="{at("run", rest.pk)}"' in operator().get(page).text
    assert "Roll back this run" not in words(operator().get(pages[0]))
    undo = taken_back(undoes=rest.pk)
    for page in pages:
        said = words(operator().get(page))
        assert f"4 of 5 moves were rolled back and put back again since, by Undo {undo.pk}." in said
        assert f"1 of 5 moves was rolled back since, by Rollback {first.pk}." in said
    assert "Roll back this run" in words(operator().get(pages[0]))


def test_a_rollback_that_was_undone_says_so_and_offers_no_undo(grove: None) -> None:
    run = finished_run()
    back = taken_back(run=run.pk)
    pages = (at("run", back.pk), at("review_rollback", back.pk))
    assert "Result and Undo" in words(operator().get(pages[0]))
    assert "Undo…" in words(operator().get(pages[1]))
    wanted = RollbackRequest(reason="all right", requested_by="ada", undoes=back.pk)
    undo = start_rollback(wanted, trigger=RunTrigger.CONSOLE)
    assert f"Undo {undo.pk} is undoing this" in words(operator().get(pages[1]))
    work_on(undo.pk, undo.lease_token)
    for page in pages:
        said = words(operator().get(page))
        assert f"5 of 5 moves were undone since, by Undo {undo.pk}." in said
        assert "and Undo" not in said
        assert "Undo…" not in said
    again = taken_back(undoes=undo.pk)
    for page in pages:
        said = words(operator().get(page))
        assert f"5 of 5 moves were undone and taken back again since, by Undo {again.pk}." in said
    assert f"5 of 5 moves were taken back since, by Undo {again.pk}." in words(
        operator().get(at("run", undo.pk))
    )


def test_what_became_of_the_moves_since_takes_as_many_queries_however_many_there_are(
    grove: None, django_assert_num_queries: Any
) -> None:
    run = finished_run()
    with django_assert_num_queries(1):
        assert turns_of_run(run) == ()
    back = taken_back(run=run.pk)
    with django_assert_num_queries(1):
        assert turns_of_run(run) == (Turn(back.pk, 5, taken_back=True),)


def test_of_a_large_run_it_is_remembered_until_a_rollback_makes_moves(
    grove: None, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    caches["process"].clear()
    monkeypatch.setattr(reversals, "MANY", 5)
    run = finished_run()
    one, *_ = Move.objects.filter(run=run.pk).values_list("sprout_id", flat=True)
    assert turns_of_run(run) == ()
    first = taken_back(sprout=one)
    assert turns_of_run(run) == (Turn(first.pk, 1, taken_back=True),)
    with django_assert_num_queries(1):
        turns_of_run(run)
    rest = taken_back(run=run.pk)
    assert {turn.run_id for turn in turns_of_run(run)} == {first.pk, rest.pk}
    caches["process"].clear()


def test_left_outs_are_grouped_with_links_and_named(grove: None) -> None:
    run = planned_run()
    for move in run.moves.order_by("position")[:2]:
        override_tier(move.sprout_id, "tree", reason="x", by="ada", trigger=RunTrigger.CONSOLE, hold=False)
    work_on(run.pk, run.lease_token)
    client = operator()
    page = client.get(at("run", run.pk)).text
    assert "It moved to tree after the plan was made." in page
    address = f"{at('left_out', run.pk)}?bucket=skipped&reason=It+moved+to+tree+after+the+plan+was+made."
    rows = client.get(address).context["rows"]
    assert len(rows) == 2
    assert client.get(f"{at('left_out', run.pk)}?bucket=held").context["rows"] == []
    assert client.get(f"{at('left_out', run.pk)}?after=x").status_code == 404


def test_rules_that_took_no_part_are_named(grove: None) -> None:
    run = planned_run()
    Run.objects.filter(pk=run.pk).update(
        invalid_rules=[{"rule": "broken", "reason": "Its tier is gone."}],
        stopped_rules=[{"rule": "a-rule", "reason": "The signals are stale."}],
    )
    page = operator().get(at("run", run.pk)).text
    assert "Its tier is gone." in page
    assert "The signals are stale." in page
    assert at("rule", "broken") in page


def test_a_scheduled_run_shows_its_date_and_whom_it_replaced() -> None:
    older, _ = claim_date(DAY, RunRequest(log_url="https://ci.example.org/7"))
    Run.objects.filter(pk=older.pk).update(status="failed", lease_expires_at=None)
    newer, _ = claim_date(DAY + timedelta(days=1), RunRequest())
    work_on(newer.pk, newer.lease_token)
    page = operator().get(at("run", older.pk)).text
    assert "2026-03-05" in page
    assert "https://ci.example.org/7" in page
    assert f"Replaced by Run {newer.pk}, whose plan is newer." in page


def test_a_run_leads_to_its_events_once_it_made_some_wherever_it_stands(grove: None) -> None:
    client, link = viewer(), f"{at('events')}?run="
    dry = planned_run()
    assert link not in client.get(at("run", dry.pk)).text
    run = finished_run()
    assert client.get(at("run", run.pk)).text.count(link) == 1
    Run.objects.filter(pk=run.pk).update(status="cancelled", decided_by="grace")
    assert client.get(at("run", run.pk)).text.count(link) == 1


def test_a_run_goes_by_one_name_in_every_place_and_leads_to_its_events(grove: None) -> None:
    advancement = finished_run()
    back = taken_back(run=advancement.pk)
    undo = taken_back(undoes=back.pk)
    client = operator()
    for run, name in (
        (advancement, f"Run {advancement.pk}"),
        (back, f"Rollback {back.pk}"),
        (undo, f"Undo {undo.pk}"),
    ):
        events = f"{reverse('console:events')}?run={run.pk}"
        heading = rf"<h1[^>]*><bdi>{name}</bdi>"
        page = markup(client.get(reverse("console:run", args=[run.pk])))
        assert re.search(heading, page)
        assert f'href="{events}"' in page
        assert "/admin/advancement/advancementevent" not in page
        assert f">{name}</a>" in markup(client.get(reverse("console:runs")))
        assert f">{name}</a></h2>" in markup(client.get(events))
        event = AdvancementEvent.objects.filter(run_id=run.pk).first()
        assert event is not None
        assert f">{name}</a>" in markup(client.get(reverse("console:event", args=[event.pk])))
        assert f">{name}</a>" in markup(client.get(reverse("console:sprout", args=[event.sprout_id])))
        if run != advancement:
            assert re.search(heading, markup(client.get(reverse("console:review_rollback", args=[run.pk]))))


def test_the_log_is_given_as_plain_text(grove: None) -> None:
    run = finished_run()
    RunLogLine.objects.create(run=run, at=run.created_at, level="warning", text="two\nlines")
    answer = viewer().get(at("run_log", run.pk))
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert len(lines) == RunLogLine.objects.filter(run=run).count()
    assert lines[0].endswith("Run started, by a command; " + run.lease_owner + " works on it, under token 1.")
    assert lines[-1].endswith(" WARNING two lines")


def test_a_run_from_before_there_were_logs_says_so(grove: None) -> None:
    run = finished_run()
    RunLogLine.objects.all().delete()
    assert "It ran before logs were kept." in operator().get(at("run", run.pk)).text


def test_names_are_escaped(grove: None) -> None:
    run = start_run(RunRequest(requested_by="<b>eve", dry_run=True), trigger=RunTrigger.CONSOLE, leased=False)
    for name in (at("runs"), at("run", run.pk)):
        assert "<b>eve" not in operator().get(name).text


_MIDNIGHT = datetime(2020, 11, 28, tzinfo=UTC)
_DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        (_MIDNIGHT, _MIDNIGHT + _DAY, "28 Nov 2020"),
        (_MIDNIGHT, _MIDNIGHT + 2 * _DAY, "28 Nov 2020 – 29 Nov 2020"),
        (_MIDNIGHT, None, "since 28 Nov 2020"),
        (_MIDNIGHT + timedelta(hours=2), None, "since 28 Nov 2020, 02:00"),
        (_MIDNIGHT, _MIDNIGHT + timedelta(hours=2), "28 Nov 2020, 00:00 – 28 Nov 2020, 02:00"),
    ],
)
def test_a_range_is_said_in_days_where_it_consists_of_whole_ones(
    since: datetime, until: datetime | None, words: str
) -> None:
    assert span(since, until).replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "unknown"),
        (-3, "0 ms"),
        (0.04, "40 ms"),
        (0.9996, "1.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (125, "2 min 5 s"),
        (3_780, "1 h 3 min"),
    ],
)
def test_durations_are_said_in_units_that_fit(seconds: float | None, words: str) -> None:
    assert duration(seconds).replace("\u00a0", " ") == words


def test_what_a_person_did_is_no_error(grove: None) -> None:
    run = waiting_run()
    operator().post(at("cancel_run", run.pk))
    page = operator().get(at("run", run.pk))
    assert page.context["troubles"] == []
    assert "otto cancelled it." in page.text
