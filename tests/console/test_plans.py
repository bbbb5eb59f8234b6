"""The page of a plan: review it, leave moves out, apply or discard it, see what became of it."""

import csv
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from advancement.criteria.errors import AdvancementError
from advancement.holds import set_hold, set_holds
from advancement.models import AdvancementEvent, Move, Run, SignalAggregation, Sprout
from advancement.models.runs import RunTrigger
from advancement.rights import APPROVER, OPERATOR
from advancement.rollback.scope import RollbackRequest
from advancement.runs.decisions import apply_plan, discard
from advancement.runs.override import override_tier
from advancement.runs.planned import moves_of
from advancement.runs.review import set_struck
from advancement.runs.schedule import work_off
from advancement.runs.start import start_rollback
from advancement.runs.work import work_on
from tests.console.markup import markup
from tests.console.runs_cast import HTMX, approver, operator, sign_in, viewer, waiting_run, words
from tests.factories import add_rule, finished_run, make_sprout
from tests.runs.conftest import assert_ledger_holds, plant

pytestmark = pytest.mark.django_db


def at(name: str, *args: object) -> str:
    return reverse(f"console:{name}", args=args)


@pytest.fixture
def run() -> Run:
    """A dry run of five moves among eight candidates, of sprouts with names."""
    add_rule("citations >= 3", title="Cited thrice", slug="cited", priority=1)
    add_rule("citations >= 9", title="Seeds that are cited", slug="seeds", from_tier="seed", to_tier="sprout")
    for name in ("ash", "beech", "cedar", "elm"):
        make_sprout(title=f"trees/{name}.md", signals={"citations": 4})
    make_sprout("seed", title="trees/oak.md", signals={"citations": 9})
    make_sprout(title="trees/yew.md", signals={"citations": 1})
    make_sprout(title="trees/fir.md")
    held = make_sprout(title="trees/fig.md", signals={"citations": 4})
    set_hold(held.pk, reason="under discussion", by="ada")
    return finished_run(dry_run=True, from_tiers=("seed", "sprout"), requested_by="otto")


def position_of(run: Run, name: str) -> int:
    return moves_of(run, title=name).get().position


def shown(page: Any) -> list[str]:
    return [row.title.removeprefix("trees/").removesuffix(".md") for row in page.context["rows"]]


# --- Who may

POSTS = ["strike", "strike_held", "apply_plan"]


@pytest.mark.parametrize("name", ["plan", "plan_changes", "left_out"])
def test_everybody_may_look(run: Run, name: str) -> None:
    assert viewer().get(at(name, run.pk)).status_code == 200
    assert Client().get(at(name, run.pk)).status_code == 302


@pytest.mark.parametrize("name", POSTS)
def test_who_may_only_look_changes_nothing(run: Run, name: str) -> None:
    assert viewer().post(at(name, run.pk), {"position": 1}).status_code == 403
    assert not Move.objects.filter(struck=True).exists()


def test_who_may_only_look_is_offered_nothing_and_told_who_may(run: Run) -> None:
    page = viewer().get(at("plan", run.pk)).text
    assert at("strike", run.pk) not in page
    assert at("apply_plan", run.pk) not in page
    assert at("plan_csv", run.pk) not in page
    assert "Operators apply plans; you may look." in page


def test_exporting_is_a_right_of_its_own(run: Run) -> None:
    assert viewer().get(at("plan_csv", run.pk)).status_code == 403
    assert operator().get(at("plan_csv", run.pk)).status_code == 200


def test_an_approver_does_not_strike_in_dry_runs_nor_an_operator_in_held_ones(run: Run) -> None:
    assert approver().post(at("strike", run.pk), {"position": 1}).status_code == 403
    assert operator().post(at("strike_held", run.pk), {"position": 1}).status_code == 403
    # The right address for the wrong state is refused with a sentence.
    page = approver().post(at("strike_held", run.pk), {"position": 1}, follow=True)
    assert "does not wait for this any more: it is planned" in page.text
    assert not Move.objects.filter(struck=True).exists()


# --- What it shows


def test_the_sums_add_up(run: Run, django_assert_max_num_queries: Any) -> None:
    client = operator()
    client.get(at("plan", run.pk))  # what is asked for once only
    with django_assert_max_num_queries(16):
        page = client.get(at("plan", run.pk))
    assert [(line.version.rule_id, line.planned, count) for line, count in page.context["lines"]] == [
        ("cited", 4, 7),
        ("seeds", 1, 1),
    ]
    assert {line.words: line.count for line in page.context["tally"]} == {
        "Would move": 5,
        "Left out by hand": 0,
        "Skipped: changed since the plan": 0,
        "No rule matches": 1,
        "On hold": 1,
        "Only stopped rules match": 0,
        "No signals": 1,
        "Tier not in its model": 0,
    }
    assert "Where the 8 went" in page.text
    assert "Apply 5 moves" in page.text
    assert f'data-copy="http://testserver{at("plan", run.pk)}"' in page.text


def test_each_move_has_the_figures_as_they_are_now(run: Run) -> None:
    ash = Sprout.objects.get(title="trees/ash.md")
    SignalAggregation.objects.filter(sprout=ash).update(reference_count=17)
    page = operator().get(at("plan", run.pk), {"q": "ash"})
    assert "citations <b>17</b> ≥" in page.text
    assert "The figures are the newest signals, imported" in page.text


def test_a_move_that_no_longer_holds_is_marked_where_it_stands(run: Run) -> None:
    SignalAggregation.objects.filter(sprout__title="trees/ash.md").update(reference_count=None)
    page = operator().get(at("plan", run.pk))
    stale = {row.title: row.stale for row in page.context["rows"] if row.stale}
    assert stale == {"trees/ash.md": "Its signals no longer meet rule cited."}
    assert "citations <b>unknown</b>" in page.text


def test_a_sprout_that_was_deleted_stays_in_the_list(run: Run) -> None:
    ash = Sprout.objects.get(title="trees/ash.md")
    key = str(ash.pk)
    ash.delete()
    page = operator().get(at("plan", run.pk)).text
    assert key in page
    assert "The sprout no longer exists." in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"ash", "beech", "cedar", "elm", "oak"}),
        ({"q": "E"}, {"ash", "beech", "cedar", "elm", "oak"}),  # of trees/
        ({"q": "EC"}, {"beech"}),
        ({"rule": "seeds"}, {"oak"}),
        ({"rule": "seeds", "q": "ash"}, set()),
        ({"show": "struck"}, {"cedar"}),
        ({"show": "apply", "rule": "cited"}, {"ash", "beech", "elm"}),
    ],
)
def test_the_moves_are_searched_and_filtered(run: Run, query: dict[str, str], expected: set[str]) -> None:
    set_struck(run.pk, moves_of(run, title="cedar"), struck=True)
    page = operator().get(at("plan", run.pk), query)
    assert set(shown(page)) == expected
    assert ("No move matches these filters" in page.text) == (not expected)


def test_many_moves_are_shown_page_by_page(django_assert_max_num_queries: Any) -> None:
    add_rule("citations >= 3")
    plant(120)
    run = finished_run(dry_run=True)
    client = operator()
    client.get(at("plan", run.pk))
    seen: list[int] = []
    address = at("plan", run.pk)
    while True:
        with django_assert_max_num_queries(16):
            page = client.get(address)
        seen += [row.move.position for row in page.context["rows"]]
        if not page.context["page"].after:
            break
        address = f"{at('plan', run.pk)}?after={page.context['page'].after}"
    assert seen == list(range(1, 121))
    assert "20 of 120 shown" in page.text


def test_held_sprouts_are_named_behind_the_sum(run: Run) -> None:
    client = operator()
    address = f"{at('left_out', run.pk)}?bucket=held"
    assert address in client.get(at("plan", run.pk)).text
    page = client.get(address).text
    assert "fig.md" in page
    assert "On hold: under discussion" in page


def test_a_plan_that_is_being_made_failed_or_is_missing_says_so() -> None:
    client = operator()
    waiting = waiting_run(dry_run=True)
    assert "The plan is being made" in client.get(at("plan", waiting.pk)).text
    Run.objects.filter(pk=waiting.pk).update(status="failed", error="no luck")
    page = client.get(at("plan", waiting.pk)).text
    assert "The plan could not be made" in page
    assert "no luck" in page
    Run.objects.filter(pk=waiting.pk).update(status="cancelled")
    assert "There is no plan" in client.get(at("plan", waiting.pk)).text
    assert client.get(at("plan", 404)).status_code == 404


def test_a_plan_that_moves_nothing_says_so() -> None:
    run = finished_run(dry_run=True)
    page = operator().get(at("plan", run.pk)).text
    assert "Nothing would move" in page
    assert "There is nothing to apply." in page
    assert at("apply_plan", run.pk) not in page


def test_a_rollback_has_no_plan_of_this_kind(run: Run) -> None:
    back = start_rollback(
        RollbackRequest(reason="x", requested_by="otto", rule="cited"), trigger=RunTrigger.CONSOLE
    )
    work_on(back.pk, back.lease_token)
    assert operator().get(at("plan", back.pk)).status_code == 404


# --- Leave out


def test_a_move_is_left_out_and_put_back_with_its_row_sums_and_bar(run: Run) -> None:
    client, position = operator(), position_of(run, "ash")
    form = {"position": position, "struck": "1", "revision": 0}
    part = client.post(at("strike", run.pk), form, **HTMX).text
    assert f'<tr id="move-{position}" class="row-struck">' in part
    assert 'id="plan-totals" hx-swap-oob="true"' in part
    assert 'id="plan-bar"' in part
    assert "<b>4 of 5</b> moves will be applied, 1 left out" in part
    assert "Apply 4 moves" in part
    assert 'name="revision" value="1"' in part
    assert "Somebody else" not in part
    other = {"position": position_of(run, "elm"), "struck": "1", "revision": 0, "seen": 1}
    assert "Somebody else" not in client.post(at("strike", run.pk), other, **HTMX).text, "the row is older"
    client.post(at("strike", run.pk), other | {"struck": "0", "seen": 2}, **HTMX)
    part = client.post(at("strike", run.pk), form | {"struck": "0", "seen": 3}, **HTMX).text
    assert f'<tr id="move-{position}">' in part
    assert "Apply 5 moves" in part


def test_without_script_the_same_page_is_shown_again(run: Run) -> None:
    client, position = operator(), position_of(run, "ash")
    form = {"position": position, "struck": "1", "revision": 0, "q": "a s&h", "rule": "cited", "after": "3"}
    answer = client.post(at("strike", run.pk), form)
    assert answer["Location"] == f"{at('plan', run.pk)}?q=a+s%26h&rule=cited&after=3#move-{position}"


def test_all_that_match_are_left_out_at_once(run: Run) -> None:
    client = operator()
    form = {"all": "1", "q": "e", "rule": "cited", "struck": "1", "revision": 0}
    page = client.post(at("strike", run.pk), form, follow=True)
    assert "4 moves left out." in page.text
    assert set(moves_of(run, struck=True).values_list("rule_version__rule", flat=True)) == {"cited"}
    client.post(at("strike", run.pk), {"all": "1", "q": "elm", "struck": "0", "revision": 1})
    assert moves_of(run, struck=True).count() == 3


def test_a_form_that_names_nothing_leaves_nothing_out(run: Run) -> None:
    page = operator().post(at("strike", run.pk), {"struck": "1"}, follow=True)
    assert "Nothing was chosen." in page.text
    assert not Move.objects.filter(struck=True).exists()


def test_who_strikes_beside_somebody_else_is_told(run: Run) -> None:
    set_struck(run.pk, moves_of(run, title="elm"), struck=True)
    client, position = operator(), position_of(run, "ash")
    part = client.post(
        at("strike", run.pk), {"position": position, "struck": "1", "revision": 0}, **HTMX
    ).text
    assert "Somebody else changed what is left out as well" in part
    assert "<b>3 of 5</b>" in part


def test_nothing_is_left_out_after_the_decision(run: Run) -> None:
    position = position_of(run, "ash")
    apply_plan(run.pk, revision=0, by="grace")
    client = operator()
    led = client.post(at("strike", run.pk), {"position": position, "struck": "1", "revision": 0}, **HTMX)
    assert led["HX-Redirect"] == at("plan", run.pk)
    assert "does not wait for this any more: it is approved" in client.get(at("plan", run.pk)).text
    assert run.moves.count() == 5


def test_an_approver_leaves_moves_out_of_a_held_plan(run: Run, settings: Any) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 2
    apply_plan(run.pk, revision=0, by="otto")
    client = approver()
    page = client.get(at("plan", run.pk)).text
    assert at("strike_held", run.pk) in page
    assert "Approve 5 moves…" in page
    assert at("strike_held", run.pk) not in operator().get(at("plan", run.pk)).text
    client.post(
        at("strike_held", run.pk), {"position": position_of(run, "ash"), "struck": "1", "revision": 0}
    )
    client.post(at("approve_run", run.pk), {"reason": "fine", "revision": 1})
    work_off()
    assert AdvancementEvent.objects.count() == 4


# --- Apply


def test_a_plan_is_applied_as_it_was_reviewed(run: Run) -> None:
    client = operator()
    client.post(at("strike", run.pk), {"position": position_of(run, "ash"), "struck": "1", "revision": 0})
    answer = client.post(at("apply_plan", run.pk), {"revision": 1, "struck_seen": 1})
    assert answer["Location"] == at("run", run.pk)
    work_off()
    run.refresh_from_db()
    assert (run.status, run.advanced, run.moves_struck, run.decided_by) == ("succeeded", 4, 1, "otto")
    assert Sprout.objects.get(title="trees/ash.md").tier == "sprout"
    page = client.get(at("plan", run.pk))
    assert "Applied: 4 moved" in page.text
    assert {row.fate for row in page.context["rows"]} == {"Moved"}
    assert sum(line.count for line in page.context["tally"]) == 8
    assert at("strike", run.pk) not in page.text
    assert "otto took it out of the plan." in client.get(at("left_out", run.pk)).text
    assert_ledger_holds()


def test_what_is_left_out_by_hand_has_one_name_and_one_count_in_every_place(run: Run, settings: Any) -> None:
    settings.ADVANCEMENT_BATCH_SIZE = 2
    Run.objects.filter(pk=run.pk).update(batch_size=2)
    set_struck(run.pk, moves_of(run, title="ash"), struck=True)
    apply_plan(run.pk, revision=1, by="otto")
    work_off()
    client = operator()
    page = words(client.get(at("run", run.pk)))
    assert "8 evaluated, 4 to make, 1 left out by hand" in page
    assert "Left out by hand otto took it out of the plan. 1" in page
    assert "Skipped otto" not in page
    assert "planned, " not in page
    assert "4 of 4 moves dealt with" in page
    assert "4 of 4 dealt with." in page
    assert " of 5 dealt with" not in page
    listed = words(client.get(at("runs")))
    assert "4 1 left out" in listed
    assert "4 to make, 1 left out by hand, 4 moved" in client.get(at("diagnostics")).text
    assert "Left out by hand otto took it out" in words(client.get(at("left_out", run.pk)))
    sprout = Sprout.objects.get(title="trees/ash.md")
    timeline = words(client.get(at("sprout", sprout.pk)))
    assert "Left out by hand" in timeline
    assert f"of Run {run.pk}: otto took it out of the plan." in timeline
    other = Sprout.objects.get(title="trees/oak.md")
    assert "Left out by hand" not in words(client.get(at("sprout", other.pk)))


def test_a_review_that_changed_meanwhile_is_not_applied_and_says_how(run: Run) -> None:
    set_struck(run.pk, moves_of(run, rule="cited"), struck=True)
    page = operator().post(at("apply_plan", run.pk), {"revision": 0, "struck_seen": 0}, follow=True).text
    assert "4 moves are left out now, not the 0 that you saw" in page
    run.refresh_from_db()
    assert run.status == "planned"
    assert work_off() == []


def test_a_plan_that_is_applied_already_says_so(run: Run) -> None:
    apply_plan(run.pk, revision=0, by="grace")
    client = operator()
    page = client.post(at("apply_plan", run.pk), {"revision": 0}, follow=True).text
    assert "was decided about already: it is approved" in page
    assert "was decided about already" in client.get(at("apply_plan", run.pk), follow=True).text


def test_over_a_guardrail_an_approver_is_asked(run: Run, settings: Any) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 2
    client = operator()
    page = client.get(at("plan", run.pk)).text
    assert "Over a guardrail" in page
    assert "Ask an approver for 5 moves" in page
    held = client.post(at("apply_plan", run.pk), {"revision": 0}, follow=True).text
    assert held.count("Held: 5 moves planned, nothing applied") == 1
    assert "An approver decides, with a reason." in held
    assert 'class="messagelist"' not in held
    set_struck(run.pk, moves_of(run, rule="cited"), struck=True)
    assert "Within limits" in client.get(at("plan", run.pk)).text
    assert not AdvancementEvent.objects.exists()


def test_an_approver_goes_on_to_approve_what_exceeds_a_guardrail(run: Run, settings: Any) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 2
    client = sign_in(OPERATOR, APPROVER)
    page = client.get(at("plan", run.pk)).text
    assert "Ask an approver" not in page
    assert "Approve 5 moves…" in page
    set_struck(run.pk, moves_of(run, title="elm"), struck=True)
    asked = client.post(at("apply_plan", run.pk), {"revision": 1}, follow=True)
    assert asked.redirect_chain[-1][0] == at("approve_run", run.pk)
    assert "Cited thrice v1" in words(asked)
    assert "3 of 4" in words(asked)
    assert "Reason (required)" in words(asked)
    assert at("plan", run.pk) in asked.text


def test_a_move_that_the_plan_does_not_have_is_refused_in_a_sentence(run: Run) -> None:
    answer = operator().post(at("strike", run.pk), {"position": 99, "struck": 1}, follow=True)
    assert f"The plan of run {run.pk} has no move 99: nothing was changed." in answer.text
    run.refresh_from_db()
    assert run.review_revision == 0


def test_a_plan_with_moves_left_out_counts_those_that_are_left_everywhere(run: Run, settings: Any) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 2
    client = operator()
    client.post(at("apply_plan", run.pk), {"revision": 0})
    set_struck(run.pk, moves_of(run, title="elm"), struck=True)
    page = words(client.get(at("run", run.pk)))
    assert "4 moves, 1 left out by hand" in page
    assert "1 left out by hand, waits for a decision" in page
    assert f"Run {run.pk} is held: 4 moves planned" in words(client.get(at("runs")))
    assert "4 moves planned, none applied" in words(client.get(at("dashboard")))


def test_many_moves_are_typed_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("run_actions", "plan_review", "plans"):
        monkeypatch.setattr(f"advancement.views.{module}.TYPED_ABOVE", 3)
    client = operator()
    page = client.get(at("plan", run.pk)).text
    assert f'<a class="btn btn-primary" href="{at("apply_plan", run.pk)}">' in page
    assert "Type 5 to confirm" in client.get(at("apply_plan", run.pk)).text
    assert client.post(at("apply_plan", run.pk), {"revision": 0}).status_code == 422
    assert client.post(at("apply_plan", run.pk), {"revision": 0, "typed": "5,0"}).status_code == 422
    run.refresh_from_db()
    assert run.status == "planned"
    assert client.post(at("apply_plan", run.pk), {"revision": 0, "typed": "5"}).status_code == 302


def test_a_plan_is_discarded_with_a_reason(run: Run) -> None:
    client = operator()
    client.post(at("drop_run", run.pk), {"reason": "the rule is wrong"})
    page = markup(client.get(at("plan", run.pk)))
    assert "Discarded by <bdi>otto</bdi>: nothing moved" in page
    assert "the rule is wrong" in page
    assert "not made" in page


def test_what_was_rolled_back_since_is_marked(run: Run) -> None:
    apply_plan(run.pk, revision=0, by="ada")
    work_off()
    back = start_rollback(
        RollbackRequest(reason="x", requested_by="ada", rule="seeds"), trigger=RunTrigger.CONSOLE
    )
    work_on(back.pk, back.lease_token)
    fates = {row.title: row.fate for row in operator().get(at("plan", run.pk)).context["rows"]}
    assert fates["trees/oak.md"] == "Rolled back"
    assert fates["trees/ash.md"] == "Moved"


# --- Stale


def stir(run: Run) -> None:
    """Change three of five moves, one of which is struck."""
    set_struck(run.pk, moves_of(run, title="elm"), struck=True)
    for name in ("ash", "elm"):
        set_hold(Sprout.objects.get(title=f"trees/{name}.md").pk, reason="wait", by="ada")
    oak = Sprout.objects.get(title="trees/oak.md")
    override_tier(oak.pk, "tree", reason="known", by="ada", trigger=RunTrigger.CONSOLE, hold=False)


def test_what_no_longer_holds_is_said_by_reason_and_by_name(run: Run) -> None:
    client = operator()
    part = client.get(at("plan_changes", run.pk), **HTMX).text
    assert "All of its moves still hold" in part
    stir(run)
    part = client.get(at("plan_changes", run.pk), **HTMX).text
    assert "2 of these 4 moves no longer hold" in part
    assert "1: It was put on hold after the plan was made." in part
    assert "1: It moved to tree after the plan was made." in part
    assert "Plan again" in part
    page = client.get(at("plan_changes", run.pk))
    named = {title: why for _, title, why in page.context["rows"]}
    assert named == {
        "trees/ash.md": "It was put on hold after the plan was made.",
        "trees/oak.md": "It moved to tree after the plan was made.",
    }
    assert client.get(at("plan_changes", run.pk) + "?after=99999").context["rows"] == []


def test_where_a_part_holds_the_bar_says_what_will_be_skipped(run: Run) -> None:
    stir(run)
    part = words(operator().get(at("plan_changes", run.pk), **HTMX))
    assert "To apply 4; 2 will be skipped, each with its reason." in part
    assert "2 no longer hold and will be skipped." in part
    assert "Apply 4" not in part, "the bar with its button stays as it was looked at"
    row = {"position": str(position_of(run, "beech")), "struck": "1", "seen": "1"}
    assert "2 no longer hold and will be skipped." in words(
        operator().post(at("strike", run.pk), row, **HTMX)
    )


def test_where_nothing_holds_any_more_a_new_dry_run_is_offered_instead_of_applying(run: Run) -> None:
    set_holds([move.sprout_id for move in moves_of(run)], reason="wait", by="ada")
    answer = operator().get(at("plan_changes", run.pk), **HTMX)
    said = words(answer)
    assert "None of these 5 moves holds any more: applying would move nothing" in said
    assert "Applying would move nothing. None of its 5 moves holds any more." in said
    assert "Discard… New dry run" in said
    assert said.count("New dry run") == 1
    assert "Apply 5" not in said
    assert "Within limits" not in said
    assert answer.text.count('hx-swap-oob="true"') == 2, "the bar and the sums"
    page = words(operator().get(at("plan_changes", run.pk)))
    assert "None of the 5 moves holds any more: applying would move nothing" in page
    assert "New dry run" in page


def test_who_may_only_look_is_offered_no_dry_run(run: Run) -> None:
    set_holds([move.sprout_id for move in moves_of(run)], reason="wait", by="ada")
    said = words(viewer().get(at("plan_changes", run.pk), **HTMX))
    assert "applying would move nothing" in said
    assert "New dry run" not in said


def test_the_page_asks_for_it_after_it_is_shown_or_on_demand(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = operator()
    page = client.get(at("plan", run.pk)).text
    assert f'hx-get="{at("plan_changes", run.pk)}" hx-trigger="load"' in page
    assert "check now" in page, "without script"
    monkeypatch.setattr("advancement.views.plans.LOOKED_THROUGH_AT_ONCE", 3)
    page = client.get(at("plan", run.pk)).text
    assert 'hx-trigger="load"' not in page
    assert "Of so large a plan that takes a moment" in page


def test_planning_again_starts_a_dry_run_with_the_same_scope(run: Run) -> None:
    stir(run)
    client = operator()
    form = {"from_tier": run.from_tiers, "model": run.scope_model_id, "action": "dry"}
    client.post(at("start_run"), form)
    work_off()
    again = Run.objects.latest()
    assert again.from_tiers == run.from_tiers
    assert (again.dry_run, again.moves_planned) == (True, 2)


def test_a_decided_plan_is_not_looked_through(run: Run) -> None:
    discard(run.pk, by="ada", reason="no")
    client = operator()
    assert "decided about already" in client.get(at("plan_changes", run.pk), **HTMX).text
    assert "decided about already" in client.get(at("plan_changes", run.pk)).text


# --- CSV


def rows(client: Client, run: Run) -> list[dict[str, str]]:
    answer = client.get(at("plan_csv", run.pk))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text)))


def test_all_moves_are_exported_with_what_was_left_out(run: Run) -> None:
    set_struck(run.pk, moves_of(run, title="elm"), struck=True)
    found = rows(operator(), run)
    assert len(found) == 5
    by_title = {row["title"]: row for row in found}
    assert by_title["trees/elm.md"]["left_out"] == "yes"
    assert by_title["trees/oak.md"] == {
        "position": str(position_of(run, "oak")),
        "sprout": str(Sprout.objects.get(title="trees/oak.md").pk),
        "title": "trees/oak.md",
        "lifecycle_model": "botanical",
        "from": "seed",
        "to": "sprout",
        "rule": "seeds",
        "version": "1",
        "left_out": "",
        "outcome": "",
    }


def test_the_export_of_a_decided_plan_says_what_became_of_each(run: Run) -> None:
    stir(run)
    apply_plan(run.pk, revision=1, by="ada")
    work_off()
    outcomes = {row["title"]: row["outcome"] for row in rows(operator(), run)}
    assert outcomes == {
        "trees/ash.md": "It was put on hold after the plan was made.",
        "trees/beech.md": "Moved",
        "trees/cedar.md": "Moved",
        "trees/oak.md": "It moved to tree after the plan was made.",
    }


def test_titles_that_look_like_formulas_are_defused(run: Run) -> None:
    Sprout.objects.filter(title="trees/oak.md").update(title='=HYPERLINK("http://evil")')
    assert "'=HYPERLINK" in next(row["title"] for row in rows(operator(), run) if row["rule"] == "seeds")


def test_a_large_plan_is_exported_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advancement.views.plans._CHUNK", 7)
    add_rule("citations >= 3")
    plant(30)
    run = finished_run(dry_run=True)
    assert [row["position"] for row in rows(operator(), run)] == [str(n) for n in range(1, 31)]


def test_titles_and_names_are_escaped(run: Run) -> None:
    Sprout.objects.filter(title="trees/oak.md").update(title="<script>alert(1)</script>")
    with pytest.raises(AdvancementError):
        apply_plan(run.pk, revision=9, by="x")
    for name in ("plan", "left_out", "plan_changes"):
        assert "<script>alert" not in operator().get(at(name, run.pk)).text


def test_an_empty_plan_says_whether_signals_or_rules_are_missing() -> None:
    make_sprout()
    empty = finished_run(dry_run=True)
    page = viewer().get(at("plan", empty.pk)).text
    assert "No rule that is on now looks at these tiers." in page
    assert "The only candidate has no signals yet." in page
    assert reverse("console:signals") in page
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 1})
    page = operator().get(at("plan", finished_run(dry_run=True).pk)).text
    assert "No rule that is on" not in page
    assert "1 of the 2 candidates has no signals yet." in page
    assert "1 of the 2 candidates meets no rule." in page


def test_the_filter_of_the_moves_comes_back_to_them(run: Run) -> None:
    page = operator().get(at("plan", run.pk)).text
    assert f'action="/runs/{run.pk}/plan/#moves"' in page
    assert 'id="moves"' in page
