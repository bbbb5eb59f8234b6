"""Import signals that were aggregated elsewhere: a row of the file replaces the stored one as a whole."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from advancement.criteria.signals import MAX_DAYS, SIGNALS, Period, Unit
from advancement.database.clock import database_now
from advancement.database.locks import lock_signals
from advancement.importing import values
from advancement.importing.events import unknown_sprout
from advancement.importing.importer import EXAMPLE_SPROUT, Importer, Merged
from advancement.importing.outcome import BadRow
from advancement.importing.staging import GOOD, TABLE, Check, Column, Staging
from advancement.models import SignalAggregation, SignalRefresh
from advancement.models.signals import LEAST_SHARE

ELIGIBLE_QUALITY: Final = 0.6
ELIGIBLE_VIEWS: Final = 10

_UNITS: Final = {signal.column: signal.unit for signal in SIGNALS.values() if signal.column}
_LOWEST: Final = {"utility_score": -1.0}
_TIMES: Final = ("first_event_at", "last_event_at")
_OTHERS: Final = (*_TIMES, "advancement_eligible", "computed_at")
_SPROUT: Final = ("sprout_id", "document_id")
_PERIODS: Final = tuple(Period)


class SignalImporter(Importer):
    """The columns of signal_aggregations; what is empty, null or missing is unknown."""

    noun = "signal rows"
    required = ("period",)
    optional = (*_SPROUT, *_UNITS, *_OTHERS)
    columns = (
        Column("sprout_id", "uuid"),
        Column("period", "text"),
        *(Column(name, "score" if unit is Unit.SCORE else "integer") for name, unit in _UNITS.items()),
        *(Column(name, "time") for name in _TIMES),
        Column("advancement_eligible", "boolean"),
        Column("computed_at", "time"),
    )
    key = ("sprout_id", "period")
    example = MappingProxyType(
        {
            "sprout_id": EXAMPLE_SPROUT,
            "period": Period.ALL_TIME.value,
            **{name: 0.5 if unit is Unit.SCORE else 3 for name, unit in _UNITS.items()},
            "first_event_at": "2026-01-02T09:00:00Z",
            "last_event_at": "2026-01-04T09:00:00Z",
            "computed_at": "2026-01-05T00:00:00Z",
        }
    )

    def __init__(self, using: str, now: datetime) -> None:
        super().__init__(using, now)
        self._time = values.TimeParser(now)
        self._emptied = 0

    @classmethod
    def fields_in_words(cls) -> list[tuple[str, tuple[str, ...]]]:
        """Return the groups of fields: a sprout goes by one of two names, and one signal has to be there."""
        return [
            ("", cls.required),
            (", one of", _SPROUT),
            (", one or more of", tuple(_UNITS)),
            (", and if you like", _OTHERS),
        ]

    def check_columns(self, names: Sequence[str]) -> None:
        """Besides the usual, require one column that names the sprout and one signal at least."""
        super().check_columns(names)
        _check_fields(names)

    def parse(self, fields: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values of a row of signals."""
        self.check_names(fields, "field")
        _check_fields(fields)
        sprout = "sprout_id" if "sprout_id" in fields else "document_id"
        signals = [_signal(fields.get(name), name, unit) for name, unit in _UNITS.items()]
        first, last = (self._known_time(fields, name) for name in _TIMES)
        if first and last and last < first:
            raise BadRow("last_event_at is before first_event_at; exchange them")
        return (
            values.uuid(fields[sprout], sprout),
            values.one_of(fields.get("period"), "period", _PERIODS),
            *signals,
            first,
            last,
            _eligible(fields.get("advancement_eligible"), dict(zip(_UNITS, signals, strict=True))),
            self._known_time(fields, "computed_at"),
        )

    def checks(self, staging: Staging) -> Sequence[Check]:
        """Refuse signals of sprouts that do not exist."""
        return [unknown_sprout(staging)]

    def merge(self, staging: Staging) -> Merged:
        """Replace the stored rows that differ and add the new ones."""
        lock_signals(self.using)
        compared = staging.names[2:-1]
        same_row = "a.sprout_id = r.sprout_id AND a.period = r.period"
        emptied = " OR ".join(f"(a.{name} IS NOT NULL AND r.{name} IS NULL)" for name in _UNITS)
        self._emptied = staging.number(
            f"SELECT COUNT(*) FROM {TABLE} AS r JOIN signal_aggregations AS a ON {same_row}"
            f" WHERE {GOOD} AND ({emptied})"
        )
        computed = "COALESCE(r.computed_at, %s)"
        now = staging.connection.ops.adapt_datetimefield_value(self.now)
        updated = staging.execute(
            f"UPDATE signal_aggregations AS a SET computed_at = {computed}, "
            + ", ".join(f"{name} = r.{name}" for name in compared)
            + f" FROM {TABLE} AS r WHERE {same_row} AND {GOOD} AND ({staging.differ('a', 'r', compared)}"
            " OR (r.computed_at IS NOT NULL AND r.computed_at <> a.computed_at))",
            [now],
        )
        names = ", ".join(["sprout_id", "period", *compared])
        inserted = staging.execute(
            f"INSERT INTO signal_aggregations ({names}, computed_at) SELECT {names}, {computed}"
            f" FROM {TABLE} AS r WHERE {GOOD} ON CONFLICT (sprout_id, period) DO NOTHING",
            [now],
        )
        return Merged(inserted, updated)

    def finish(self, staging: Staging, started: datetime) -> list[str]:
        """Leave sprouts with usage events to the next aggregation, and record the refresh.

        It is one of the periods alone of which the file has most of the rows that there are.
        """
        sprouts = staging.number(f"SELECT COUNT(DISTINCT r.sprout_id) FROM {TABLE} AS r WHERE {GOOD}")
        if not sprouts:
            return []
        shares = _shares(staging, self.using)
        refreshed = [period for period, (given, stored) in shares.items() if given >= stored * LEAST_SHARE]
        computed = staging.execute(
            "INSERT INTO signal_dirty_sprouts (sprout_id)"
            f" SELECT DISTINCT r.sprout_id FROM {TABLE} AS r WHERE {GOOD}"
            " AND EXISTS (SELECT 1 FROM usage_events AS e WHERE e.sprout_id = r.sprout_id)"
        )
        SignalRefresh.objects.using(self.using).create(
            kind=SignalRefresh.Kind.IMPORT,
            periods=refreshed,
            started_at=started,
            finished_at=database_now(self.using),
            sprouts=sprouts,
            totals=SignalAggregation.objects.using(self.using).totals(),
        )
        notes = [_too_few(period, *shares[period]) for period in shares if period not in refreshed]
        if self._emptied:
            rows = "1 row empties" if self._emptied == 1 else f"{self._emptied:,} rows empty"
            notes.append(
                f"{rows} figures that were known: a row takes the place of the stored one as a whole. Give "
                "all figures in it to keep them."
            )
        if computed:
            sprouts_have = "1 sprout has" if computed == 1 else f"{computed:,} sprouts have"
            notes.append(
                f"{sprouts_have} usage events: the next refresh computes their signals from these again."
            )
        return notes

    def _known_time(self, fields: Mapping[str, Any], name: str) -> str | None:
        value = fields.get(name)
        return None if values.missing(value) else self._time(value, name)


def _shares(staging: Staging, using: str) -> dict[str, tuple[int, int]]:
    """Return of each period in the file how many sprouts it has there, and how many have signals at all."""
    with staging.connection.cursor() as cursor:
        cursor.execute(f"SELECT r.period, COUNT(*) FROM {TABLE} AS r WHERE {GOOD} GROUP BY r.period")
        given: dict[str, int] = dict(cursor.fetchall())
    stored = SignalAggregation.objects.using(using)
    return {
        period.value: (given[period], stored.filter(period=period).count())
        for period in Period
        if period in given
    }


def _too_few(period: str, given: int, stored: int) -> str:
    return (
        f"The {period} signals are no newer by it: the file has those of {given:,} of {stored:,} sprouts, "
        "and it takes half of them. Give those of all sprouts in one file to make them newer."
    )


def _check_fields(names: Sequence[str] | Mapping[str, Any]) -> None:
    if sum(name in names for name in _SPROUT) != 1:
        raise BadRow("exactly one of sprout_id and document_id must be there; add one or remove one")
    if not any(name in names for name in _UNITS):
        raise BadRow("there is no signal; add at least one, such as view_count")


def _signal(value: object, name: str, unit: Unit) -> int | float | None:
    if values.missing(value):
        return None
    if unit is Unit.SCORE:
        return values.score(value, name, _LOWEST.get(name, 0.0), 1.0)
    return values.count(value, name, MAX_DAYS) if unit is Unit.DAYS else values.count(value, name)


def _eligible(value: object, signals: Mapping[str, int | float | None]) -> bool:
    if not values.missing(value):
        return values.boolean(value, "advancement_eligible")
    quality, views = signals["quality_score"], signals["view_count"]
    if quality is None or views is None:
        return False
    return quality >= ELIGIBLE_QUALITY and views >= ELIGIBLE_VIEWS
