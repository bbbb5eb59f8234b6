"""The points at which a fault can be injected, and how a forked child is brought to do it there.

Production code knows nothing of this: the child wraps the function or method and counts its calls.
"""

import functools
import importlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

BEFORE, AFTER = "before", "after"
STATEMENT: Final = "django.db.backends.utils:CursorWrapper.execute"
COMMIT: Final = "django.db.backends.postgresql.base:DatabaseWrapper._commit"

# One line each, as module:function or module:class.method, where it is called: what is imported by name
# is wrapped in the importing module.
POINTS: Final = (
    # every statement, and every commit of a transaction of several
    STATEMENT,
    COMMIT,
    # a run's life
    "advancement.runs.start:insert_leased",
    "advancement.runs.start:check_triggers",
    "advancement.runs.schedule:claim_date",
    "advancement.runs.schedule:due_date",
    "advancement.runs.schedule:take_lease",
    "advancement.runs.work:_Worker._renew",
    "advancement.runs.work:_Worker._plan",
    "advancement.runs.work:_Worker._supersede_older",
    "advancement.runs.work:_Worker._start_applying",
    "advancement.runs.work:_Worker._try_to_start",
    "advancement.runs.work:_Worker._apply",
    "advancement.runs.work:_Worker._advanced",
    "advancement.runs.work:_Worker._finish",
    "advancement.runs.work:_Worker._hold",
    "advancement.runs.work:_Worker._update",
    "advancement.runs.work:limits_exceeded",
    "advancement.runs.work:announce",
    "advancement.runs.work:seal_ended_runs",
    "advancement.runs.decisions:_decide",
    "advancement.runs.decisions:_drop_struck",
    # plan
    "advancement.runs.work:make_plan",
    "advancement.evaluation.plan:prepare_planning",
    "advancement.evaluation.plan:load_rule_set",
    "advancement.evaluation.plan:_store_outcomes",
    "advancement.evaluation.plan:_store_moves",
    "advancement.evaluation.plan:_store_left_out",
    "advancement.evaluation.plan:_count_outcomes",
    "advancement.evaluation.plan:_drop_outcomes",
    "advancement.evaluation.plan:publish_plan",
    # apply
    "advancement.apply.batches:Applier.__init__",
    "advancement.apply.batches:Applier._apply_batch",
    "advancement.apply.batches:Applier._limit_waiting",
    "advancement.apply.batches:Applier._claim",
    "advancement.apply.batches:Applier._lock_rules",
    "advancement.apply.batches:Applier._make_moves",
    "advancement.apply.batches:Applier._moves_planned",
    "advancement.apply.batches:Applier.close",
    "advancement.database.statements:Statement.execute",
    # rollback and undo
    "advancement.runs.work:make_rollback_plan",
    "advancement.rollback.plan:judged_events",
    "advancement.rollback.plan:_store_moves",
    "advancement.rollback.plan:_store_left_out",
    "advancement.rollback.plan:_digest",
    "advancement.rollback.plan:publish_plan",
    "advancement.runs.work:disable_rolled_back_rules",
    "advancement.rollback.rules:disable_rule",
    "advancement.rulebook.versions:add_version",
    # override and holds
    "advancement.runs.override:insert_leased",
    "advancement.runs.override:publish_plan",
    "advancement.runs.override:_plan",
    "advancement.runs.override:_apply",
    "advancement.holds:_raise_revisions",
    "advancement.holds:_release",
    # aggregation
    "advancement.runs.work:refresh_signals",
    "advancement.aggregation.refresh:lock_signals",
    "advancement.aggregation.refresh:_Refresh.run",
    "advancement.aggregation.refresh:_Refresh._choose_sprouts",
    "advancement.aggregation.refresh:_Refresh._compute",
    "advancement.aggregation.refresh:_Refresh._totals",
    # seals
    "advancement.ledger.seals:_seal",
    "advancement.ledger.seals:_append",
    # outbox
    "advancement.notifications.outbox:_write",
    "advancement.notifications.send:give_up_on_deadly",
    "advancement.notifications.send:claim",
    "advancement.notifications.send:_deliver",
    "advancement.notifications.send:mark_sent",
    # import
    "advancement.importing.staging:Staging.create",
    "advancement.importing.staging:Staging.fill",
    "advancement.importing.staging:Staging.find_repeats",
    "advancement.importing.staging:Staging.apply",
    "advancement.importing.pipeline:_Import._merge",
    "advancement.importing.sprouts:SproutImporter.merge",
    "advancement.importing.events:EventImporter.merge",
    "advancement.importing.signals:SignalImporter.merge",
    "advancement.importing.signals:SignalImporter.finish",
    # imports and refreshes that people asked for
    "advancement.importing.uploads:UploadPart.save",
    "advancement.importing.uploads:take_first",
    "advancement.importing.uploads:_write",
    "advancement.importing.uploads:import_file",
    "advancement.importing.uploads:_end",
    "advancement.importing.uploads:_keep_rejects",
    "advancement.runs.refreshing:take_first",
    "advancement.runs.refreshing:refresh_signals",
    "advancement.aggregation.refresh:_end_wish",
    "advancement.leases:hand_over",
    "advancement.leases:Held.write",
    "advancement.leases:Held.__enter__",
    "advancement.leases:Held.__exit__",
)


@dataclass(frozen=True, order=True)
class Place:
    """Before or after the `number`th call of a point."""

    point: str
    moment: str
    number: int

    def __str__(self) -> str:
        return f"{short(self.point)}:{self.moment}#{self.number}"


def short(point: str) -> str:
    """Return a point's name as it stands in reports: module.function."""
    module, _, name = point.partition(":")
    return f"{module.removeprefix('advancement.')}.{name}"


def wrap(point: str, around: Callable[[Callable[..., Any], Any, Any], Any]) -> None:
    """Replace the function of a point; `around` gets it, its arguments and its keywords."""
    module, _, path = point.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, name = path.split(".")
    for part in classes:
        owner = getattr(owner, part)
    function = getattr(owner, name)

    @functools.wraps(function)
    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        return around(function, arguments, keywords)

    setattr(owner, name, wrapped)


def count_calls() -> Counter[str]:
    """Wrap every point in this process and return what will have counted its calls."""
    counter: Counter[str] = Counter()
    for point in POINTS:

        def count(function: Any, arguments: Any, keywords: Any, point: str = point) -> Any:
            counter[point] += 1
            return function(*arguments, **keywords)

        wrap(point, count)
    return counter


def at(place: Place, act: Callable[[Any], None]) -> None:
    """Let this process act at a place, once; `act` gets the first argument of the call there."""
    seen = [0]

    def around(function: Any, arguments: Any, keywords: Any) -> Any:
        seen[0] += 1
        now = seen[0] == place.number
        if now and place.moment == BEFORE:
            act(arguments[0] if arguments else None)
        value = function(*arguments, **keywords)
        if now and place.moment == AFTER:
            act(arguments[0] if arguments else None)
        return value

    wrap(place.point, around)
