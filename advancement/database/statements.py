"""Statements that are compiled once and executed many times, with named variables."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.db.models import Field, QuerySet
from django.db.models.expressions import Expression
from django.db.models.sql.compiler import SQLCompiler

# A doubled percent sign stands for itself, whatever follows it.
_POSITIONAL: Final = re.compile(r"%%|%s")
_NAMED: Final = re.compile(r"%%|%\((\w+)\)s")


class Variable(Expression):
    """A named whole number in a query that is filled in at each execution."""

    def __init__(self, name: str, output_field: "Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        """Leave a mark among the parameters that `Fragment` recognises."""
        return "%s", (_Mark(self.name),)


class _Mark(str):
    """The place of a variable among a query's parameters."""


class Fragment:
    """SQL with named placeholders, and the values of those that are constants."""

    def __init__(self, sql: str, constants: Mapping[str, Any]) -> None:
        self.sql = sql
        self.constants = constants

    @classmethod
    def of(cls, queryset: "QuerySet[Any, Any]", using: str, prefix: str = "p") -> "Fragment":
        """Compile a queryset for the named database; `Variable`s keep their names."""
        sql, params = queryset.query.get_compiler(using=using).as_sql()
        marks = {number: str(param) for number, param in enumerate(params) if isinstance(param, _Mark)}
        names = [marks.get(number, f"{prefix}{number}") for number in range(len(params))]
        left = iter(names)
        text = _POSITIONAL.sub(lambda found: found[0] if found[0] == "%%" else f"%({next(left)})s", sql)
        constants = {names[number]: param for number, param in enumerate(params) if number not in marks}
        return cls(text, constants)


class Statement:
    """A statement to execute many times; prepared on PostgreSQL where `prepare` says so.

    Preparing saves parsing and planning at each batch. Behind a pooler in transaction mode it must be
    off, since the next transaction may meet another server session.
    """

    def __init__(
        self, name: str, fragment: Fragment, variables: tuple[str, ...], *, using: str, prepare: bool
    ) -> None:
        self._name = name
        self._fragment = fragment
        self._variables = variables
        self._connection = connections[using]
        self._prepare = prepare and self._connection.vendor == "postgresql"
        self._prepared_on: object = None

    def execute(self, cursor: CursorWrapper, **values: int) -> int:
        """Execute with the variables' values; return the number of rows written."""
        if self._prepare:
            self._ensure_prepared(cursor)
            marks = ", ".join(["%s"] * len(self._variables))
            cursor.execute(f"EXECUTE {self._name} ({marks})", [values[name] for name in self._variables])
        else:
            cursor.execute(self._fragment.sql, {**self._fragment.constants, **values})
        return int(cursor.rowcount)

    def _ensure_prepared(self, cursor: CursorWrapper) -> None:
        # A lost connection takes its prepared statements along, so remember where this one was made.
        if self._prepared_on is self._connection.connection:
            return
        numbers = {name: f"${number}" for number, name in enumerate(self._variables, 1)}
        sql = _NAMED.sub(lambda found: numbers.get(found[1], found[0]), self._fragment.sql)
        cursor.execute(f"PREPARE {self._name} AS {sql}", self._fragment.constants)
        self._prepared_on = self._connection.connection

    def close(self) -> None:
        """Forget the prepared statement, if the connection that knows it is still there."""
        if self._prepared_on is not None and self._prepared_on is self._connection.connection:
            with self._connection.cursor() as cursor:
                cursor.execute(f"DEALLOCATE {self._name}")
        self._prepared_on = None
