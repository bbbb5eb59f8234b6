"""The way of every file: read, parse and stage as it streams, then check and merge set by set."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from django.db import connections, transaction

from advancement.database.clock import database_now
from advancement.database.limits import limit_idling
from advancement.database.locks import lock_imports
from advancement.importing.importer import Importer, Merged
from advancement.importing.outcome import MAX_PROBLEMS, BadFile, BadRow, ImportRefused, Outcome
from advancement.importing.reading import Source, name_of, open_source
from advancement.importing.records import Records, read_records
from advancement.importing.rejects import rejected_file
from advancement.importing.staging import Staging

OnProgress = Callable[[int, int | None], None]
BeforeCommit = Callable[[Outcome], None]

_PROGRESS_EVERY: Final = 5000


def import_file(
    importer_class: type[Importer],
    path: str,
    *,
    skip_bad_rows: bool = False,
    check_only: bool = False,
    name: str = "",
    using: str = "default",
    on_progress: OnProgress = lambda done, total: None,
    before_commit: BeforeCommit = lambda outcome: None,
) -> Outcome:
    """Import a file, or standard input for `-`, all of it or nothing.

    With `skip_bad_rows` the good rows are kept and the bad ones written to a `.rejected` file. With
    `check_only` everything is done and then taken back, so that the figures are those of an import now; the
    outcome is not `kept`. `name` is what messages call the file, by default its path.
    `on_progress` gets the bytes read and the file's size, if that is known. `before_commit` gets the outcome
    of an import inside its transaction: what it writes is kept with the rows, and when it fails neither is.
    Raise ImportRefused with the problems when nothing was kept.
    """
    started = database_now(using)
    importer = importer_class(using, started)
    name = name or name_of(path)
    try:
        with open_source(path) as source:
            run = _Import(importer, path, name, source, skip_bad_rows, check_only, on_progress, before_commit)
            return run.execute(started)
    except BadFile as fault:
        where = name if fault.line is None else f"{name}, line {fault.line:,}"
        raise ImportRefused(Outcome(name, kept=False, problems=[_sentence(where, str(fault))])) from fault


class _Import:
    """One file on its way."""

    def __init__(
        self,
        importer: Importer,
        path: str,
        name: str,
        source: Source,
        skip: bool,
        check_only: bool,
        on_progress: OnProgress,
        before_commit: BeforeCommit,
    ) -> None:
        self._importer = importer
        self._path = path
        self._name = name
        self._source = source
        self._skip = skip
        self._check_only = check_only
        self._on_progress = on_progress
        self._before_commit = before_commit
        self._connection = connections[importer.using]
        self._staging = Staging(self._connection, importer.columns, importer.key)
        self._read = 0

    def execute(self, started: datetime) -> Outcome:
        """Read, stage, check and merge; raise BadFile or ImportRefused when nothing is kept."""
        importer = self._importer
        records = read_records(
            self._source, importer.check_columns, importer.check_kind, csv_allowed=importer.csv_allowed
        )
        # Left last, so that a .rejected file goes again when the commit fails.
        with contextlib.ExitStack() as undo:
            try:
                if not self._staging.postgresql:
                    with self._reading_transaction():
                        self._stage(records)
                with transaction.atomic(using=importer.using):
                    if self._staging.postgresql:
                        self._tune()
                        self._stage(records)
                    merged, notes = self._merge(started)
                    outcome = self._outcome(merged, notes, self._hand_back(records.header, undo))
                    if self._check_only:
                        transaction.set_rollback(True, using=importer.using)
                    else:
                        self._before_commit(outcome)
                    return outcome
            finally:
                if not self._staging.postgresql:
                    self._staging.drop()

    def _tune(self) -> None:
        self._staging.execute("SET LOCAL work_mem = '64MB'")
        self._staging.execute("SET LOCAL jit = off")

    @contextlib.contextmanager
    def _reading_transaction(self) -> Iterator[None]:
        """On SQLite, fill the temporary table without keeping others from writing meanwhile."""
        if self._connection.in_atomic_block:
            yield
            return
        self._staging.execute("BEGIN DEFERRED")
        try:
            yield
        except BaseException:
            self._staging.execute("ROLLBACK")
            raise
        self._staging.execute("COMMIT")

    def _stage(self, records: Records) -> None:
        self._staging.create()
        self._staging.fill(self._rows(records))
        self._on_progress(self._source.bytes_read, self._source.size)

    def _rows(self, records: Records) -> Iterator[tuple[Any, ...]]:
        parse = self._importer.parse
        nothing = (None,) * len(self._importer.columns)
        for record in records.items:
            self._read += 1
            if self._read % _PROGRESS_EVERY == 0:
                self._on_progress(self._source.bytes_read, self._source.size)
            problem, values = record.problem or None, nothing
            if record.fields is not None:
                try:
                    values = parse(record.fields)
                except BadRow as error:
                    problem = str(error)
            # Of the rows that are good so far, one may turn out bad when compared with the database.
            yield record.line, problem, record.raw.encode() if self._skip else None, *values

    def _merge(self, started: datetime) -> tuple[Merged, list[str]]:
        importer, staging = self._importer, self._staging
        limit_idling(importer.using)
        # Not while the rows come in: whoever is stopped then would keep the others out, for PostgreSQL
        # does not take that for idle.
        lock_imports(importer.noun, importer.using)
        staging.find_repeats()
        staging.apply(importer.checks(staging))
        self._refuse_if_bad()
        merged = importer.merge(staging)
        # Rows that were just inserted equal themselves.
        if merged.inserted < self._read:
            staging.apply(importer.checks_after(staging))
            self._refuse_if_bad()
        return merged, importer.finish(staging, started)

    def _refuse_if_bad(self) -> None:
        if not self._skip and (rejected := self._staging.rejected()):
            raise ImportRefused(
                Outcome(self._name, kept=False, read=self._read, rejected=rejected, problems=self._problems())
            )

    def _hand_back(self, header: str, undo: contextlib.ExitStack) -> str | None:
        if not self._staging.rejected():
            return None
        rows = ((raw, self._problem(line, reason)) for line, reason, raw in self._staging.rejects())
        return undo.enter_context(rejected_file(self._path, header, rows))

    def _problems(self) -> list[str]:
        return [self._problem(line, reason) for line, reason in self._staging.problems(MAX_PROBLEMS)]

    def _problem(self, line: int, reason: str) -> str:
        return _sentence(f"{self._name}, line {line:,}", reason)

    def _outcome(self, merged: Merged, notes: list[str], rejected_file: str | None) -> Outcome:
        rejected, repeated = self._staging.rejected(), self._staging.repeated()
        return Outcome(
            self._name,
            kept=not self._check_only,
            read=self._read,
            inserted=merged.inserted,
            updated=merged.updated,
            unchanged=self._read - rejected - repeated - merged.inserted - merged.updated,
            repeated=repeated,
            rejected=rejected,
            problems=self._problems(),
            notes=notes,
            rejected_file=rejected_file,
        )


def _sentence(where: str, reason: str) -> str:
    sentence = f"{where}: {reason}" + ("" if reason.endswith((".", "?")) else ".")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in sentence)
