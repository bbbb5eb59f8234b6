"""Reading a part of a large table instead of all of it."""

from typing import Any, Final

from django.db import connections
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.datastructures import BaseTable

# The same rows each time, as long as the table stays as it is, so that two answers can be compared.
_SEED: Final = 1


class _SampledTable(BaseTable):
    """A query's first table, of which PostgreSQL reads some pages, picked at random."""

    percent: float

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        """Add the clause that samples."""
        sql, params = super().as_sql(compiler, connection)
        return f"{sql} TABLESAMPLE SYSTEM ({self.percent:.6f}) REPEATABLE ({_SEED})", params

    def relabeled_clone(self, change_map: dict[str | None, str]) -> "_SampledTable":
        """Keep the share under another alias."""
        return _sampled(super().relabeled_clone(change_map), self.percent)


def _sampled(table: BaseTable, percent: float) -> _SampledTable:
    found = _SampledTable(table.table_name, table.table_alias)
    found.percent = percent
    return found


def sampled(queryset: "QuerySet[Any]", share: float) -> "QuerySet[Any]":
    """Let a queryset on PostgreSQL read about this share of its table, by whole pages."""
    assert connections[queryset.db].vendor == "postgresql"
    part = queryset.all()
    alias = part.query.get_initial_alias()
    table = part.query.alias_map[alias]
    assert isinstance(table, BaseTable)
    part.query.alias_map[alias] = _sampled(table, min(100.0, share * 100.0))
    return part
