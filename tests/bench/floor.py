"""The floor: the same work as one run, written by hand as one fused statement for each database.

It judges every sprout by the rules, moves those that match and writes their events with evidence and
snapshot, without a plan, a lease, holds, batches or a second look. Nothing that is safe can be faster.
"""

from django.db import connection, transaction

from advancement.criteria.rules import CriterionDefinition, RuleDefinition
from advancement.criteria.signals import SIGNALS, Period

_ALIASES = {Period.ALL_TIME: "a", Period.LAST_30D: "m", Period.LAST_7D: "w"}
JOINS = " ".join(
    f"LEFT JOIN signal_aggregations {alias} ON {alias}.sprout_id = s.id AND {alias}.period = '{period}'"
    for period, alias in _ALIASES.items()
)
_COLUMNS = (
    "sprout_id, sprout_title, lifecycle_model_id, revision, event_type, from_tier, to_tier,"
    " former_tier_updated_at, rule_id, rule_version, criteria_met, signal_values, operator_id, reason,"
    " run_id, timestamp"
)


def run_floor(rules: list[RuleDefinition]) -> int:
    """Do it; return the number of sprouts that advanced."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL jit = off; SET LOCAL work_mem = '128MB'")
            cursor.execute(_postgresql(rules))
            return int(cursor.rowcount)
        cursor.execute(_sqlite(rules))
        cursor.execute(
            "UPDATE sprouts SET tier = e.to_tier, revision = e.revision, tier_updated_at = e.timestamp "
            "FROM advancement_events e WHERE e.sprout_id = sprouts.id"
        )
        return int(cursor.rowcount)


def _judged(rules: list[RuleDefinition]) -> str:
    """Select the matching sprouts with the number of the rule that they meet first."""
    pairs: dict[tuple[str, str], list[tuple[int, RuleDefinition]]] = {}
    for number, rule in enumerate(rules):
        pairs.setdefault((rule.lifecycle_model, rule.from_tier), []).append((number, rule))
    cases = " ".join(
        f"WHEN s.lifecycle_model_id = '{model}' AND s.tier = '{tier}' THEN CASE "
        + " ".join(f"WHEN {' AND '.join(map(_test, rule.criteria))} THEN {number}" for number, rule in own)
        + " END"
        for (model, tier), own in pairs.items()
    )
    return (
        f"SELECT * FROM (SELECT s.*, {evidence_columns()}, CASE {cases} END AS rule_number "
        f"FROM sprouts s {JOINS} {'OFFSET 0' if connection.vendor == 'postgresql' else ''}) j "
        "WHERE rule_number IS NOT NULL"
    )


def _test(criterion: CriterionDefinition) -> str:
    alias = _ALIASES[Period(criterion.period)]
    return f"{alias}.{SIGNALS[criterion.signal].column} {criterion.operator} {criterion.threshold:.0f}"


def evidence_columns() -> str:
    return ", ".join(
        f"{alias}.{signal.column} AS {alias}_{signal.column}"
        for alias in _ALIASES.values()
        for signal in SIGNALS.values()
        if signal.column
    )


def _events(rules: list[RuleDefinition], now: str, since: str) -> str:
    build = "jsonb_build_object" if connection.vendor == "postgresql" else "json_object"
    return (
        "SELECT j.id, j.title, j.lifecycle_model_id, j.revision + 1, 'auto-advancement', j.tier,"
        f" {_by_rule(rules, 'to_tier')}, j.tier_updated_at, {_by_rule(rules, 'slug')}, 1,"
        f" {_evidence(rules, build)}, {snapshot(since)},"
        f" '', '', 0, {now} FROM judged j"
    )


def snapshot(days_in_tier: str) -> str:
    """Return the expression of all signals of `judged j`, as events hold them."""
    build = "jsonb_build_object" if connection.vendor == "postgresql" else "json_object"
    periods = ", ".join(
        f"'{period}', {build}("
        + ", ".join(
            f"'{s.name}', {f'(j.{alias}_{s.column} + 1) / 2' if s.halved else f'j.{alias}_{s.column}'}"
            for s in SIGNALS.values()
            if s.column
        )
        + ")"
        for period, alias in _ALIASES.items()
    )
    return f"{build}({periods}, 'daysInTier', {days_in_tier})"


def _by_rule(rules: list[RuleDefinition], field: str) -> str:
    return (
        "CASE j.rule_number "
        + " ".join(f"WHEN {number} THEN '{getattr(rule, field)}'" for number, rule in enumerate(rules))
        + " END"
    )


def _evidence(rules: list[RuleDefinition], build: str) -> str:
    array = build.replace("object", "array")
    truth = "true" if connection.vendor == "postgresql" else "json('true')"

    def line(criterion: CriterionDefinition) -> str:
        actual = f"j.{_ALIASES[Period(criterion.period)]}_{SIGNALS[criterion.signal].column}"
        return (
            f"{build}('signal', '{criterion.signal}', 'operator', '{criterion.operator}', 'threshold', "
            f"{criterion.threshold:.0f}, 'period', '{criterion.period}', 'actual', {actual}, 'met', {truth})"
        )

    lines = (
        f"WHEN {number} THEN {array}({', '.join(map(line, rule.criteria))})"
        for number, rule in enumerate(rules)
    )
    return f"CASE j.rule_number {' '.join(lines)} END"


def _postgresql(rules: list[RuleDefinition]) -> str:
    since = "EXTRACT(EPOCH FROM now() - j.tier_updated_at)::float8 / 86400"
    return f"""
        WITH judged AS (
            UPDATE sprouts
            SET tier = {_by_rule(rules, "to_tier")}, revision = j.revision + 1, tier_updated_at = now()
            FROM ({_judged(rules)}) AS j
            WHERE sprouts.id = j.id AND sprouts.revision = j.revision RETURNING j.*
        )
        INSERT INTO advancement_events ({_COLUMNS}) {_events(rules, "now()", since)}
    """


def _sqlite(rules: list[RuleDefinition]) -> str:
    since = "julianday('now') - julianday(j.tier_updated_at)"
    return f"INSERT INTO advancement_events ({_COLUMNS}) WITH judged AS ({_judged(rules)}) " + _events(
        rules, "strftime('%Y-%m-%d %H:%M:%f000', 'now')", since
    )
