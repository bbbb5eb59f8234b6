"""Statements that are compiled once and executed many times, with named variables."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.db.models import Field, QuerySet
from django.db.models.expressions import Expression
from django.db.models.sql.compiler import SQLCompiler

_PLACEHOLDER: Final = re.compile(r"(?<!%)%s")


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
        pieces = _PLACEHOLDER.split(sql)
        constants: dict[str, Any] = {}
        text = pieces[0]
        for number, (param, piece) in enumerate(zip(params, pieces[1:], strict=True)):
            name = str(param) if isinstance(param, _Mark) else f"{prefix}{number}"
            if not isinstance(param, _Mark):
                constants[name] = param
            text += f"%({name})s{piece}"
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
        sql = self._fragment.sql
        for name, mark in numbers.items():
            sql = sql.replace(f"%({name})s", mark)
        cursor.execute(f"PREPARE {self._name} AS {sql}", self._fragment.constants)
        self._prepared_on = self._connection.connection

    def close(self) -> None:
        """Forget the prepared statement, if the connection that knows it is still there."""
        if self._prepared_on is not None and self._prepared_on is self._connection.connection:
            with self._connection.cursor() as cursor:
                cursor.execute(f"DEALLOCATE {self._name}")
        self._prepared_on = None
