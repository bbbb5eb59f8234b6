"""What every test may rely on: a grove that is emptied between tests, its audit trail included."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction
from hypothesis import settings

from advancement.database.triggers import APPEND_ONLY_TABLES

# A busy machine is no defect of the code under test.
settings.register_profile("grove", deadline=None)
settings.load_profile("grove")

# Rows that migrations put in are not emptied between tests.
_KEPT = {
    *("lifecycle_models", "lifecycle_tiers"),
    *("auth_group", "auth_group_permissions", "auth_permission", "django_content_type"),
}


_operations = type(connection.ops)
_sql_flush = _operations.sql_flush


def _flush_of_the_rest(self: Any, style: Any, tables: Iterable[str], **options: Any) -> Any:
    return _sql_flush(self, style, [table for table in tables if table not in _KEPT], **options)


def _execute_flush(self: Any, sql_list: Sequence[str]) -> None:
    """Flush past the append-only triggers; only tests may, and the next migrate signal puts them back."""
    with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
        if self.connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = 'replica'")
        else:
            for table in APPEND_ONLY_TABLES:
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_update")
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_delete")
        for sql in sql_list:
            cursor.execute(sql)
        # Rows that were deleted on the way may have made sprouts dirty.
        cursor.execute("DELETE FROM signal_dirty_sprouts")
        cursor.execute("DELETE FROM lifecycle_tiers WHERE lifecycle_model_id <> 'botanical'")
        cursor.execute("DELETE FROM lifecycle_models WHERE slug <> 'botanical'")


_operations.sql_flush = _flush_of_the_rest
_operations.execute_sql_flush = _execute_flush
