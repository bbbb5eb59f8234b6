"""The statements that move sprouts: guarded by revision, holds, criteria and the rules' versions."""

from typing import Final

from django.db.models import Exists, F, IntegerField, OuterRef, QuerySet, Subquery, Value

from advancement.database.statements import Fragment, Variable
from advancement.evaluation.compile import CompiledRules, with_signals
from advancement.models import AdvancementEvent, Hold, Move, RuleVersion, Run, Tier

# What an event takes over from the batch, in the order of `eligible_moves`.
_EVENT_COLUMNS: Final = (
    "sprout_id, sprout_title, lifecycle_model_id, revision, from_tier, to_tier,"
    " former_tier_updated_at, rule_id, rule_version, criteria_met, signal_values"
)
_CONSTANT_COLUMNS: Final = "event_type, operator_id, reason, run_id, timestamp"
_CONSTANT_VALUES: Final = "'auto-advancement', '', '', %(run)s"


def eligible_moves(run: Run, using: str) -> "QuerySet[Move]":
    """Return the moves from position `lo` (exclusive) to `hi` (inclusive) that may still be made.

    The sprout must have the revision that the plan read, must not be on hold and must still meet the
    planned version, which must still be the active one of a rule that is not archived.
    """
    assert run.as_of is not None
    planned = run.moves.using(using).order_by().values_list("rule_version", flat=True).distinct()
    versions = list(RuleVersion.objects.using(using).filter(pk__in=planned).prefetch_related("criteria"))
    rules = CompiledRules(versions, run.as_of, sprout="sprout__")
    # A row that another system put back with an old revision must not stop the others.
    behind = Exists(
        AdvancementEvent.objects.filter(
            sprout_id=OuterRef("sprout"), revision=OuterRef("sprout_revision") + Value(1)
        )
    )
    former = Tier.objects.filter(
        lifecycle_model=OuterRef("lifecycle_model"), slug=OuterRef(OuterRef("from_tier"))
    )
    forward = Exists(
        Tier.objects.filter(
            lifecycle_model=OuterRef("sprout__lifecycle_model"),
            slug=OuterRef("to_tier"),
            position__gt=Subquery(former.values("position")),
        )
    )
    held = Exists(Hold.objects.in_force(run.as_of).filter(sprout=OuterRef("sprout")))
    batch = Move.objects.filter(
        run=run.pk,
        position__gt=Variable("lo", IntegerField()),
        position__lte=Variable("hi", IntegerField()),
    )
    return (
        with_signals(batch, "sprout__")
        .filter(
            ~held,
            ~behind,
            forward,
            sprout__revision=F("sprout_revision"),
            sprout__tier=F("from_tier"),
            rule_version__active_in__isnull=False,
            rule_version__active_in__archived_at__isnull=True,
        )
        .filter(rules.still_met("rule_version"))
        .values_list(
            "sprout_id",
            "sprout__title",
            "sprout__lifecycle_model",
            F("sprout__revision") + 1,
            "from_tier",
            "to_tier",
            "sprout__tier_updated_at",
            "rule_version__rule",
            "rule_version__number",
            rules.criteria_met("rule_version"),
            rules.snapshot(),
        )
    )


def move_on_postgresql(run: Run, using: str) -> Fragment:
    """Return the one statement that updates the sprouts and inserts their events.

    The update repeats the revision, so a sprout that changes while the statement waits for its lock is
    left alone, and only what was updated gets an event.
    """
    eligible = Fragment.of(eligible_moves(run, using), using)
    sql = f"""
        WITH eligible ({_EVENT_COLUMNS}) AS MATERIALIZED ({eligible.sql}),
        moved AS (
            UPDATE sprouts AS s
            SET tier = e.to_tier, revision = e.revision, tier_updated_at = STATEMENT_TIMESTAMP()
            FROM eligible AS e
            WHERE s.id = e.sprout_id AND s.revision = e.revision - 1
            RETURNING e.*
        )
        INSERT INTO advancement_events ({_EVENT_COLUMNS}, {_CONSTANT_COLUMNS})
        SELECT {_EVENT_COLUMNS}, {_CONSTANT_VALUES}, STATEMENT_TIMESTAMP() FROM moved
    """
    return Fragment(sql, {**eligible.constants, "run": run.pk})


def insert_events_on_sqlite(run: Run, using: str) -> Fragment:
    """Return the statement that inserts the events; `update_sprouts_on_sqlite` follows it.

    SQLite cannot write two tables in one statement; the immediate transaction keeps others out between.
    """
    eligible = Fragment.of(eligible_moves(run, using), using)
    sql = f"""
        INSERT INTO advancement_events ({_EVENT_COLUMNS}, {_CONSTANT_COLUMNS})
        WITH eligible ({_EVENT_COLUMNS}) AS ({eligible.sql})
        SELECT {_EVENT_COLUMNS}, {_CONSTANT_VALUES}, STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', 'now')
        FROM eligible
    """
    return Fragment(sql, {**eligible.constants, "run": run.pk})


def update_sprouts_on_sqlite(run: Run) -> Fragment:
    """Return the statement that moves the sprouts of the events inserted after event `last`."""
    sql = """
        UPDATE sprouts
        SET tier = e.to_tier, revision = e.revision, tier_updated_at = e.timestamp
        FROM advancement_events AS e
        WHERE e.run_id = %(run)s AND e.id > %(last)s
            AND sprouts.id = e.sprout_id AND sprouts.revision = e.revision - 1
    """
    return Fragment(sql, {"run": run.pk})


def record_skipped(run: Run, using: str) -> Fragment:
    """Return the statement that records, with its reason, each move of the batch that was not made."""
    assert run.as_of is not None
    holds = Fragment.of(Hold.objects.in_force(run.as_of).values_list("sprout_id"), using, prefix="hold")
    sql = f"""
        INSERT INTO advancement_left_out (run_id, sprout_id, bucket, reason)
        SELECT m.run_id, m.sprout_id, 'skipped', CASE
            WHEN s.id IS NULL THEN 'The sprout no longer exists.'
            WHEN s.id IN ({holds.sql}) THEN 'It was put on hold after the plan was made.'
            WHEN s.tier <> m.from_tier THEN 'It moved to ' || s.tier || ' after the plan was made.'
            WHEN s.revision <> m.sprout_revision THEN 'It changed after the plan was made.'
            WHEN EXISTS (
                SELECT 1 FROM advancement_events AS e
                WHERE e.sprout_id = m.sprout_id AND e.revision > m.sprout_revision
            ) THEN 'Its revision is behind its events: it was deleted and put back past import_sprouts.'
            WHEN r.id IS NULL THEN 'Rule ' || v.rule_id || ' changed after the plan was made.'
            WHEN NOT EXISTS (
                SELECT 1 FROM lifecycle_tiers AS f
                JOIN lifecycle_tiers AS t ON t.lifecycle_model_id = f.lifecycle_model_id
                WHERE f.lifecycle_model_id = s.lifecycle_model_id
                    AND f.slug = m.from_tier AND t.slug = m.to_tier AND t.position > f.position
            ) THEN 'In its lifecycle model ' || m.to_tier || ' no longer comes after ' || m.from_tier || '.'
            ELSE 'Its signals no longer meet rule ' || v.rule_id || '.'
        END
        FROM advancement_moves AS m
        LEFT JOIN sprouts AS s ON s.id = m.sprout_id
        LEFT JOIN rule_versions AS v ON v.id = m.rule_version_id
        LEFT JOIN advancement_rules AS r ON r.active_version_id = v.id AND r.archived_at IS NULL
        WHERE m.run_id = %(run)s AND m.position > %(lo)s AND m.position <= %(hi)s
            AND NOT EXISTS (
                SELECT 1 FROM advancement_events AS e
                WHERE e.sprout_id = m.sprout_id AND e.revision = m.sprout_revision + 1
                    AND e.run_id = m.run_id
            )
    """
    return Fragment(sql, {**holds.constants, "run": run.pk})
