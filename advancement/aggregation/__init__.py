"""Usage events in, signals out: one set of SQL statements for all sprouts that need it."""

from advancement.aggregation.refresh import refresh_signals

__all__ = ["refresh_signals"]
