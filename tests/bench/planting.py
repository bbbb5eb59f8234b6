"""A generated grove: seeded, so that the same arguments always give the same rows.

Sprouts of two lifecycle models with random UUIDs in random order, a signal row for each of the three
periods, and twenty rules over eight (model, tier) pairs. Values are uniform, and thresholds are set
so that about `share` of the sprouts meet a rule.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection

from advancement.criteria.rules import CriterionDefinition, RuleDefinition
from advancement.criteria.signals import SIGNALS, Period, Unit
from advancement.database.clock import database_now
from advancement.models import LifecycleModel, SignalRefresh, Tier
from advancement.rulebook.saving import save_rules

MODELS: Final = {
    "botanical": ("seed", "sprout", "sapling", "tree"),
    "academic": ("draft", "preprint", "paper", "book"),
}
LAST_TIER: Final = {"botanical": "grove", "academic": "classic"}
TOP: Final = 1_000_000
CROWDED: Final = ("botanical", "sprout")
_START: Final = datetime(2025, 1, 1, tzinfo=UTC)
_SPROUT_COLUMNS: Final = (
    "id", "title", "lifecycle_model_id", "tier", "initial_tier", "revision", "tier_updated_at", "created_at",
)  # fmt: skip
_SIGNALS: Final = [signal for signal in SIGNALS.values() if signal.column]
_SIGNAL_COLUMNS: Final = (
    "sprout_id", "period", "advancement_eligible", "computed_at", *(str(s.column) for s in _SIGNALS),
)  # fmt: skip


def rules(share: float) -> list[RuleDefinition]:
    """Return twenty rules that about `share` of the sprouts meet; 1 is met by all."""
    found = []
    for model, tiers in MODELS.items():
        for place, tier in enumerate(tiers):
            count = 3 if place % 2 else 2
            following = (*tiers, LAST_TIER[model])[place + 1]
            found += [_rule(model, tier, following, number, share / count) for number in range(count)]
    return found


def _rule(model: str, tier: str, following: str, number: int, share: float) -> RuleDefinition:
    # Half of the sprouts pass the first criterion, so the second one passes twice the share.
    rare = float(max(0, round(TOP * (1 - 2 * share))))
    period = list(Period)[number]
    criteria = (
        CriterionDefinition("views", ">=", 0.0 if share >= 1 / 3 else TOP / 2),
        CriterionDefinition(("citations", "retrievals", "refinements")[number], ">=", rare, period),
    )
    return RuleDefinition(
        f"{model}-{tier}-{number}", "A rule", model, tier, following, criteria, enabled=True, priority=number
    )


def plant(sprouts: int, share: float, seed: int = 1, crowd: float = 0.0) -> None:
    """Fill an empty, migrated database; `crowd` of the sprouts are put into the tier `CROWDED`."""
    academic = LifecycleModel.objects.create(slug="academic", label="Academic")
    for position, slug in enumerate((*MODELS["academic"], LAST_TIER["academic"])):
        Tier.objects.create(lifecycle_model=academic, slug=slug, label=slug.title(), position=position)
    save_rules(rules(share), by="bench")
    chance = random.Random(seed)
    ids = [uuid.UUID(int=chance.getrandbits(128), version=4) for _ in range(sprouts)]
    _load("sprouts", _SPROUT_COLUMNS, _sprout_rows(ids, chance, crowd))
    _load("signal_aggregations", _SIGNAL_COLUMNS, _signal_rows(ids, chance))
    now = database_now()
    SignalRefresh.objects.create(
        kind="import", periods=list(Period), started_at=now, finished_at=now, sprouts=sprouts
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _sprout_rows(ids: list[uuid.UUID], chance: random.Random, crowd: float) -> Iterator[tuple[Any, ...]]:
    pairs = [(model, tier) for model, tiers in MODELS.items() for tier in tiers]
    for number, key in enumerate(ids):
        model, tier = CROWDED if crowd and chance.random() < crowd else chance.choice(pairs)
        since = _START + timedelta(minutes=number % 100_000)
        yield (key, f"notes/{number:07d}.md", model, tier, tier, 0, since, since)


def _signal_rows(ids: list[uuid.UUID], chance: random.Random) -> Iterator[tuple[Any, ...]]:
    for key in ids:
        for period in Period:
            values = [
                round(chance.random(), 4) if signal.unit is Unit.SCORE else int(chance.random() * TOP)
                if signal.unit is Unit.COUNT else int(chance.random() * 400)
                for signal in _SIGNALS
            ]  # fmt: skip
            yield (key, period.value, False, _START, *values)


def _load(table: str, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> None:
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(columns))
            plain = (tuple(_plain(value) for value in row) for row in rows)
            cursor.execute("BEGIN")
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", plain)
            cursor.execute("COMMIT")


def _plain(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return value.hex
    return str(value.replace(tzinfo=None)) if isinstance(value, datetime) else value
