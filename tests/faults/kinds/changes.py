"""What a person changes between plan and apply, or between two batches: the moves concerned are skipped."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q

from advancement.holds import set_hold
from advancement.models import AdvancementEvent, LeftOut, Move, Run, SignalAggregation, Sprout, Tier
from advancement.models.runs import RunTrigger
from advancement.rulebook.saving import save_rules
from advancement.rulebook.switching import archive_rule, disable_rule
from advancement.runs.override import override_tier
from tests.criteria.cast import make_rule
from tests.faults.children import in_child
from tests.faults.points import AFTER, BEFORE, Place
from tests.faults.standing import standing_at
from tests.faults.verdict import Fault, Stage
from tests.faults.works import WORKS, Work

KIND = "changed between plan and apply"
_RULE: Final = "cited"
_LATER_STEP: Final = "A step before this one was skipped."
# Before the first batch, after it, and after the second one.
_BETWEEN: Final = (
    Place("advancement.runs.work:_Worker._start_applying", BEFORE, 1),
    Place("advancement.runs.work:_Worker._advanced", AFTER, 2),
    Place("advancement.runs.work:_Worker._advanced", AFTER, 3),
)


@dataclass(frozen=True)
class Change:
    """What is changed, which moves that concerns, and the reason that their skipping names."""

    name: str
    do: Callable[[Sprout], Any]
    concerns: Callable[[Move], Q]
    reason: str


def _of_rule(_: Move) -> Q:
    return Q(rule_version__rule=_RULE)


def _of_sprout(last: Move) -> Q:
    return Q(sprout=last.sprout_id)


_EDITED: Final = make_rule("citations >= 99", slug=_RULE)
_FOR_RUNS: Final = (
    Change("rule edited", lambda _: save_rules([_EDITED], by="x"), _of_rule, "Rule cited changed"),
    Change("rule disabled", lambda _: disable_rule(_RULE, by="x"), _of_rule, "Rule cited changed"),
    Change("rule archived", lambda _: archive_rule(_RULE, by="operator"), _of_rule, "Rule cited changed"),
    Change(
        "tier removed",
        lambda _: Tier.objects.filter(slug="tree").delete(),
        lambda _: Q(to_tier="tree"),
        "In its lifecycle model tree no longer comes after",
    ),
    Change(
        "signals fallen",
        lambda _: SignalAggregation.objects.update(reference_count=0),
        _of_rule,
        "Its signals no longer meet",
    ),
)
_FOR_ALL: Final = (
    Change("sprout deleted", lambda sprout: sprout.delete(), _of_sprout, "The sprout no longer exists."),
    Change(
        "hold set",
        lambda sprout: set_hold(sprout.pk, reason="x", by="x"),
        _of_sprout,
        "It was put on hold after",
    ),
    Change(
        "overridden",
        lambda sprout: override_tier(
            sprout.pk, "grove", reason="x", by="x", trigger=RunTrigger.CONSOLE, hold=False
        ),
        _of_sprout,
        "It moved to grove after",
    ),
)


_TO_A_LATER_STEP: Final = Change(
    "overridden to where a step would lead",
    lambda sprout: override_tier(
        sprout.pk,
        _moves().latest("position").from_tier,
        reason="x",
        by="x",
        trigger=RunTrigger.CONSOLE,
        hold=False,
    ),
    _of_sprout,
    "It moved to ",
)


def faults() -> list[Fault]:
    """Return every change at every place."""
    found = [_fault(WORKS["advance"], change, at) for change in _FOR_RUNS + _FOR_ALL for at in _BETWEEN]
    found += [_fault(WORKS["rollback"], change, at) for change in _FOR_ALL for at in _BETWEEN[:2]]
    return [*found, _fault(WORKS["rollback"], _TO_A_LATER_STEP, _BETWEEN[0])]


def _fault(work: Work, change: Change, place: Place) -> Fault:
    cursors: list[int] = []

    def apply_change() -> int:
        change.do(Sprout.objects.get(pk=_moves().latest("position").sprout_id))
        return _run().cursor

    def inject(stage: Stage) -> None:
        changing = stage.in_child(work, apply_change)
        standing_at(stage, work, place, lambda: cursors.append(in_child(changing)))

    def check() -> list[str]:
        run = _run()
        concerned = _moves().filter(change.concerns(_moves().latest("position")), position__gt=cursors[-1])
        expected = sorted(concerned.values_list("sprout", flat=True))
        skipped = LeftOut.objects.filter(run=run, bucket="skipped")
        found = sorted(skipped.values_list("sprout_id", flat=True))
        others = skipped.exclude(reason__startswith=change.reason).exclude(reason=_LATER_STEP)
        moved = AdvancementEvent.objects.filter(run_id=run.pk).count()
        return [
            sentence
            for sentence, wrong in (
                (f"the run is {run.status}: {run.error}", run.status != "succeeded"),
                (f"{len(found)} of {len(expected)} were skipped", found != expected or not found),
                (f"{moved} moved", moved != run.moves_planned - len(expected)),
                (f"other reasons: {list(others.values_list('reason', flat=True))}", others.exists()),
            )
            if wrong
        ]

    return Fault(KIND, f"{change.name} at {place}", work, inject, check)


def _run() -> Run:
    return Run.objects.get(requested_by="the work")


def _moves() -> Any:
    return Move.objects.filter(run=_run())
