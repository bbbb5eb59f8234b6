"""Apply a run's plan batch by batch, each batch in one transaction that moves the run's cursor on."""

import contextlib
from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Max, QuerySet

from advancement.apply import statements
from advancement.apply.holding import hold_statements
from advancement.apply.skipped import record_skipped
from advancement.criteria.errors import LeaseLost
from advancement.database.statements import Statement
from advancement.models import Move, Run
from advancement.models.runs import RunKind, RunStatus

Progress = Callable[[int, int], None]


class Applier:
    """Makes the moves of one run's plan; compiled once, then executed for each batch.

    `token` is the lease token under which the caller works. Every batch first touches the run's row
    where that token still stands, so a worker whose lease was taken over writes nothing.
    """

    def __init__(self, run: Run, token: int, *, prepare: bool = True, using: str = "default") -> None:
        self._run = run
        self._token = token
        self._using = using
        self._connection = connections[using]
        self._limited: object = None
        # What the batches that it committed came to.
        self.moved = self.skipped = 0
        moves = run.moves.using(using).order_by()
        self._versions = list(
            moves.filter(rule_version__isnull=False).values_list("rule_version", flat=True).distinct()
        )
        self._step_ends = _step_ends(run, moves)
        # Behind a transaction pooler, and inside somebody's transaction, nothing may outlast a transaction.
        prepare = prepare and not settings.DATABASE_TRANSACTION_POOLER
        self._scope = "SESSION" if prepare else "LOCAL"
        window = ("lo", "hi")
        if self._connection.vendor == "postgresql":
            moving = statements.move_on_postgresql(run, using)
        else:
            moving = statements.insert_events_on_sqlite(run, using)
        self._move = Statement(f"move_run_{run.pk}_{token}", moving, window, using=using, prepare=prepare)
        self._update = Statement("", statements.update_sprouts_on_sqlite(run), (), using=using, prepare=False)
        self._skip = Statement("", record_skipped(run, using), (), using=using, prepare=False)
        self._holding = [
            Statement(f"hold_run_{run.pk}_{token}_{number}", fragment, window, using=using, prepare=prepare)
            for number, fragment in enumerate(hold_statements(run, _now(self._connection)))
        ]

    def apply_all(self, progress: Progress = lambda done, total: None) -> None:
        """Make every move that is left, from the run's cursor on; safe to call again after a failure.

        Raise LeaseLost when another worker has taken the run over, and DatabaseError as it comes: the
        batch at hand is then rolled back and the cursor still points in front of it.
        """
        cursor, total = self._position()
        progress(cursor, total)
        while cursor < total:
            cursor = self._apply_batch(cursor, self._end_of_batch(cursor, total))
            progress(cursor, total)

    def close(self) -> None:
        """Give back what the connection still holds for this run, unless the connection is lost.

        It then holds nothing any more, and the error that broke it is the one to report.
        """
        with contextlib.suppress(OperationalError, InterfaceError):
            for statement in (self._move, *self._holding):
                statement.close()
            if self._limited is not None and self._limited is self._connection.connection:
                with self._connection.cursor() as cursor:
                    cursor.execute("RESET statement_timeout; RESET idle_in_transaction_session_timeout")
        self._limited = None

    def _position(self) -> tuple[int, int]:
        run = Run.objects.using(self._using).get(pk=self._run.pk)
        if run.lease_token != self._token or run.status != RunStatus.APPLYING:
            raise LeaseLost
        return run.cursor, run.moves_planned

    def _end_of_batch(self, low: int, total: int) -> int:
        """Return where the batch after `low` ends: one statement moves a sprout by one step at most."""
        high = min(low + self._run.batch_size, total)
        return next((end for end in self._step_ends if low < end < high), high)

    def _apply_batch(self, low: int, high: int) -> int:
        with transaction.atomic(using=self._using), self._connection.cursor() as cursor:
            self._limit_waiting(cursor)
            self._claim(cursor, low, high)
            self._lock_rules(cursor)
            moved = self._make_moves(cursor, low, high)
            planned = self._moves_planned(low, high)
            skipped = 0
            if moved < planned:
                skipped = self._skip.execute(cursor, lo=low, hi=high)
            if moved + skipped != planned:
                raise RuntimeError(
                    f"Run {self._run.pk}: {moved} moved and {skipped} skipped of {planned} moves."
                )
            for statement in self._holding:
                statement.execute(cursor, lo=low, hi=high)
        self.moved, self.skipped = self.moved + moved, self.skipped + skipped
        return high

    def _moves_planned(self, low: int, high: int) -> int:
        if not self._run.moves_struck:
            return high - low
        window = self._run.moves.using(self._using).filter(position__gt=low, position__lte=high)
        return window.count()

    def _limit_waiting(self, cursor: CursorWrapper) -> None:
        # Below the lease, so that a worker that was stopped gives its locks back before it is replaced.
        if self._connection.vendor != "postgresql" or self._limited is self._connection.connection:
            return
        milliseconds = int(settings.ADVANCEMENT_LEASE.total_seconds() * 500)
        cursor.execute(
            f"SET {self._scope} statement_timeout = {milliseconds};"
            f"SET {self._scope} idle_in_transaction_session_timeout = {milliseconds}"
        )
        if self._scope == "SESSION":
            self._limited = self._connection.connection

    def _claim(self, cursor: CursorWrapper, low: int, high: int) -> None:
        later = (
            "clock_timestamp() + %(lease)s * INTERVAL '1 second'"
            if self._connection.vendor == "postgresql"
            else "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', 'now', %(lease)s || ' seconds')"
        )
        cursor.execute(
            f"""
            UPDATE advancement_runs SET cursor = %(high)s, lease_expires_at = {later}
            WHERE id = %(run)s AND lease_token = %(token)s AND cursor = %(low)s AND status = 'applying'
            """,
            {
                "run": self._run.pk,
                "token": self._token,
                "low": low,
                "high": high,
                "lease": int(settings.ADVANCEMENT_LEASE.total_seconds()),
            },
        )
        if cursor.rowcount != 1:
            raise LeaseLost

    def _lock_rules(self, cursor: CursorWrapper) -> None:
        # Until the commit nobody can edit, disable or archive a rule of this plan. SQLite's immediate
        # transaction keeps everybody out anyway.
        if self._versions and self._connection.vendor == "postgresql":
            cursor.execute(
                "SELECT 1 FROM advancement_rules WHERE active_version_id = ANY(%s)"
                # The order in which the rulebook locks them, whatever the database's language.
                ' ORDER BY id COLLATE "C" FOR SHARE',
                [self._versions],
            )

    def _make_moves(self, cursor: CursorWrapper, low: int, high: int) -> int:
        if self._connection.vendor == "postgresql":
            return self._move.execute(cursor, lo=low, hi=high)
        cursor.execute("SELECT COALESCE(MAX(id), 0) FROM advancement_events")
        (last,) = cursor.fetchone()
        inserted = self._move.execute(cursor, lo=low, hi=high)
        updated = self._update.execute(cursor, last=last)
        if inserted != updated:
            raise RuntimeError(f"Run {self._run.pk}: {inserted} events for {updated} moved sprouts.")
        return inserted


def _step_ends(run: Run, moves: "QuerySet[Move]") -> list[int]:
    """Return the last position of each step, in order; a plan has its moves in the order of their steps."""
    if run.kind != RunKind.ROLLBACK:  # moves every sprout once
        return []
    return sorted(moves.values_list("step").annotate(end=Max("position")).values_list("end", flat=True))


def _now(connection: BaseDatabaseWrapper) -> str:
    if connection.vendor == "postgresql":
        return "STATEMENT_TIMESTAMP()"
    return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', 'now')"
