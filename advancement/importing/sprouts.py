"""Import sprouts: new ones start in their tier, known ones are at most retitled."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from advancement.criteria.wording import quoted
from advancement.importing import values
from advancement.importing.importer import EXAMPLE_SPROUT, Importer, Merged
from advancement.importing.outcome import BadRow
from advancement.importing.staging import GOOD, TABLE, Check, Column, Staging
from advancement.models import LifecycleModel, Tier

# The first and the last event of each sprout in the file that has any, and how often each was raised to
# another revision by events and by holds.
_LEDGER = (
    "LEFT JOIN (SELECT sprout_id, MIN(revision) AS first, MAX(revision) AS last, COUNT(*) AS count"
    " FROM advancement_events"
    f" WHERE sprout_id IN (SELECT id FROM {TABLE}) GROUP BY sprout_id) AS span ON span.sprout_id = r.id"
    " LEFT JOIN (SELECT sprout_id, COUNT(*) + COUNT(released_at) AS count FROM advancement_holds"
    f" WHERE sprout_id IN (SELECT id FROM {TABLE}) GROUP BY sprout_id) AS held ON held.sprout_id = r.id"
    " LEFT JOIN advancement_events AS oldest"
    " ON oldest.sprout_id = span.sprout_id AND oldest.revision = span.first"
    " LEFT JOIN advancement_events AS newest"
    " ON newest.sprout_id = span.sprout_id AND newest.revision = span.last"
)


MAX_TITLE: Final = 10_000


class SproutImporter(Importer):
    """Columns id, title, lifecycle_model, tier and created_at."""

    noun = "sprouts"
    required = ("id", "title", "lifecycle_model", "tier", "created_at")
    columns = (
        Column("id", "uuid"),
        Column("title", "text"),
        Column("lifecycle_model_id", "text"),
        Column("tier", "text"),
        Column("created_at", "time"),
    )
    key = ("id",)
    example = MappingProxyType(
        {
            "id": EXAMPLE_SPROUT,
            "title": "notes/an-example.md",
            "lifecycle_model": "botanical",
            "tier": "sprout",
            "created_at": "2026-01-01T09:00:00Z",
        }
    )

    def __init__(self, using: str, now: datetime) -> None:
        super().__init__(using, now)
        self._time = values.TimeParser(now)
        models = LifecycleModel.objects.using(using).order_by("slug").values_list("slug", "archived_at")
        self._archived = {slug for slug, archived_at in models if archived_at}
        self._tiers: dict[str, list[str]] = {slug: [] for slug, archived_at in models if not archived_at}
        tiers = Tier.objects.using(using).filter(lifecycle_model__archived_at=None).order_by("position")
        for model, tier in tiers.values_list("lifecycle_model_id", "slug"):
            self._tiers[model].append(tier)

    def parse(self, fields: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values of a sprout."""
        self.check_names(fields, "field")
        model = fields.get("lifecycle_model")
        if isinstance(model, str) and model in self._archived:
            raise BadRow(
                f"lifecycle_model {quoted(model)} is archived and takes no new sprouts; "
                "take it up again first"
            )
        model = values.one_of(model, "lifecycle_model", self._tiers)
        return (
            values.uuid(fields.get("id"), "id"),
            values.text(fields.get("title"), "title", MAX_TITLE),
            model,
            values.one_of(fields.get("tier"), f"tier of model {model}", self._tiers[model]),
            self._time(fields.get("created_at"), "created_at"),
        )

    def merge(self, staging: Staging) -> Merged:
        """Add the new sprouts and retitle those whose title differs; a tier is never touched.

        A sprout that was deleted and comes back goes on where its events and holds left it, whatever the
        row says.
        """
        # Before the insert, so that the new ones are not compared.
        updated = staging.execute(
            f"UPDATE sprouts SET title = r.title FROM {TABLE} AS r"
            f" WHERE r.id = sprouts.id AND {GOOD} AND sprouts.title <> r.title"
        )
        inserted = staging.execute(
            "INSERT INTO sprouts (id, title, lifecycle_model_id, tier, initial_tier, revision,"
            " tier_updated_at, created_at)"
            " SELECT r.id, r.title, r.lifecycle_model_id, COALESCE(newest.to_tier, r.tier),"
            " COALESCE(oldest.from_tier, r.tier), COALESCE(span.count, 0) + COALESCE(held.count, 0),"
            " COALESCE(newest.timestamp, r.created_at), r.created_at"
            f" FROM {TABLE} AS r {_LEDGER} WHERE {GOOD} ON CONFLICT (id) DO NOTHING"
        )
        return Merged(inserted, updated)

    def finish(self, staging: Staging, started: datetime) -> list[str]:
        """Say how many rows name another tier than that of their sprout."""
        differ = staging.number(
            f"SELECT COUNT(*) FROM {TABLE} AS r JOIN sprouts AS s ON s.id = r.id"
            f" WHERE {GOOD} AND s.tier <> r.tier"
        )
        if not differ:
            return []
        rows = "1 row" if differ == 1 else f"{differ:,} rows"
        return [f"Tier differs, left as it is: {rows}. Runs and overrides move sprouts, imports do not."]

    def checks(self, staging: Staging) -> Sequence[Check]:
        """Refuse another lifecycle model for a known sprout, and what went out of use meanwhile."""
        # Until the commit no tier can be removed and no model archived; SQLite's transaction keeps everybody
        # out anyway.
        if staging.postgresql:
            staging.execute(
                "SELECT 1 FROM lifecycle_tiers AS t"
                " JOIN lifecycle_models AS m ON m.slug = t.lifecycle_model_id ORDER BY t.id FOR SHARE"
            )
        stored = "FROM sprouts AS s WHERE s.id = r.id"
        return [
            Check(
                "'the tier ' || r.tier || ' was removed from the lifecycle model ' || r.lifecycle_model_id ||"
                " ', or that was archived, while this was read; write a tier of a model in use'",
                "NOT EXISTS (SELECT 1 FROM lifecycle_tiers AS t"
                " JOIN lifecycle_models AS m ON m.slug = t.lifecycle_model_id AND m.archived_at IS NULL"
                " WHERE t.lifecycle_model_id = r.lifecycle_model_id AND t.slug = r.tier)",
            ),
            Check(
                f"'this sprout is in the lifecycle model ' || (SELECT s.lifecycle_model_id {stored}) ||"
                " ', and a sprout''s model cannot change; write that model or leave the row out'",
                f"EXISTS (SELECT 1 {stored} AND s.lifecycle_model_id <> r.lifecycle_model_id)",
            ),
            Check(
                "'this sprout was here before, in another lifecycle model, and its events are kept;"
                " write that model or give it a new id'",
                "EXISTS (SELECT 1 FROM advancement_events AS e WHERE e.sprout_id = r.id"
                " AND e.lifecycle_model_id <> r.lifecycle_model_id)",
            ),
        ]
