"""The built-in lifecycle model, and room for heap-only updates of sprouts on PostgreSQL."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TIERS = [
    ("seed", "Seed", "🌰"),
    ("sprout", "Sprout", "🌱"),
    ("sapling", "Sapling", "🌿"),
    ("tree", "Tree", "🌳"),
    ("grove", "Grove", "🌲"),
]


def add_botanical(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Add the botanical model with its five tiers."""
    using = schema_editor.connection.alias
    botanical = apps.get_model("advancement", "LifecycleModel").objects.using(using).create(
        slug="botanical", label="Botanical"
    )
    tier = apps.get_model("advancement", "Tier")
    tier.objects.using(using).bulk_create(
        tier(lifecycle_model=botanical, slug=slug, label=label, emoji=emoji, position=position)
        for position, (slug, label, emoji) in enumerate(TIERS)
    )


def leave_room(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Keep a tenth of each page of sprouts free, so that moving a sprout rewrites no index."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE sprouts SET (fillfactor = 90)")


class Migration(migrations.Migration):
    dependencies = [("advancement", "0001_initial")]

    operations = [
        migrations.RunPython(add_botanical, migrations.RunPython.noop),
        migrations.RunPython(leave_room, migrations.RunPython.noop),
    ]
