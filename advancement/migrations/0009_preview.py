"""What previews of rules are counted from in large groves; on PostgreSQL without write-ahead log."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def keep_out_of_the_log(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE preview_rows SET UNLOGGED")


class Migration(migrations.Migration):

    dependencies = [
        ('advancement', '0008_roles'),
    ]

    operations = [
        migrations.CreateModel(
            name='PreviewCache',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lifecycle_model_id', models.CharField(max_length=100)),
                ('tier', models.CharField(max_length=100)),
                ('columns', models.JSONField(default=list)),
                ('candidates', models.PositiveIntegerField(default=0)),
                ('built_at', models.DateTimeField()),
                ('refresh_id', models.BigIntegerField(default=0)),
                ('event_id', models.BigIntegerField(default=0, help_text='Events above it are counted.')),
                ('events', models.PositiveIntegerField(default=0, help_text='Events of the tier above it, when built.')),
                ('sprouts_written', models.BigIntegerField(default=0, help_text='Sprouts that the server had counted as added or deleted, when built.')),
            ],
            options={
                'db_table': 'preview_caches',
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('lifecycle_model_id', 'tier'), name='one_preview_cache_per_tier'), models.CheckConstraint(condition=models.Q(('candidates__gte', 0), ('candidates__lte', 2147483647)), name='preview_caches_candidates_in_range'), models.CheckConstraint(condition=models.Q(('events__gte', 0), ('events__lte', 2147483647)), name='preview_caches_events_in_range')],
            },
        ),
        migrations.CreateModel(
            name='PreviewRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sprout_id', models.UUIDField()),
                ('tier_updated_at', models.DateTimeField()),
                ('retrieval_count_all_time', models.FloatField(null=True)),
                ('retrieval_count_last_30d', models.FloatField(null=True)),
                ('retrieval_count_last_7d', models.FloatField(null=True)),
                ('reference_count_all_time', models.FloatField(null=True)),
                ('reference_count_last_30d', models.FloatField(null=True)),
                ('reference_count_last_7d', models.FloatField(null=True)),
                ('diversity_index_all_time', models.FloatField(null=True)),
                ('diversity_index_last_30d', models.FloatField(null=True)),
                ('diversity_index_last_7d', models.FloatField(null=True)),
                ('utility_score_all_time', models.FloatField(null=True)),
                ('utility_score_last_30d', models.FloatField(null=True)),
                ('utility_score_last_7d', models.FloatField(null=True)),
                ('view_count_all_time', models.FloatField(null=True)),
                ('view_count_last_30d', models.FloatField(null=True)),
                ('view_count_last_7d', models.FloatField(null=True)),
                ('search_appearances_all_time', models.FloatField(null=True)),
                ('search_appearances_last_30d', models.FloatField(null=True)),
                ('search_appearances_last_7d', models.FloatField(null=True)),
                ('upvotes_all_time', models.FloatField(null=True)),
                ('upvotes_last_30d', models.FloatField(null=True)),
                ('upvotes_last_7d', models.FloatField(null=True)),
                ('downvotes_all_time', models.FloatField(null=True)),
                ('downvotes_last_30d', models.FloatField(null=True)),
                ('downvotes_last_7d', models.FloatField(null=True)),
                ('export_count_all_time', models.FloatField(null=True)),
                ('export_count_last_30d', models.FloatField(null=True)),
                ('export_count_last_7d', models.FloatField(null=True)),
                ('promotion_count_all_time', models.FloatField(null=True)),
                ('promotion_count_last_30d', models.FloatField(null=True)),
                ('promotion_count_last_7d', models.FloatField(null=True)),
                ('refinement_count_all_time', models.FloatField(null=True)),
                ('refinement_count_last_30d', models.FloatField(null=True)),
                ('refinement_count_last_7d', models.FloatField(null=True)),
                ('unique_sessions_all_time', models.FloatField(null=True)),
                ('unique_sessions_last_30d', models.FloatField(null=True)),
                ('unique_sessions_last_7d', models.FloatField(null=True)),
                ('unique_users_all_time', models.FloatField(null=True)),
                ('unique_users_last_30d', models.FloatField(null=True)),
                ('unique_users_last_7d', models.FloatField(null=True)),
                ('unique_lenses_all_time', models.FloatField(null=True)),
                ('unique_lenses_last_30d', models.FloatField(null=True)),
                ('unique_lenses_last_7d', models.FloatField(null=True)),
                ('unique_hubs_all_time', models.FloatField(null=True)),
                ('unique_hubs_last_30d', models.FloatField(null=True)),
                ('unique_hubs_last_7d', models.FloatField(null=True)),
                ('unique_queries_all_time', models.FloatField(null=True)),
                ('unique_queries_last_30d', models.FloatField(null=True)),
                ('unique_queries_last_7d', models.FloatField(null=True)),
                ('days_active_all_time', models.FloatField(null=True)),
                ('days_active_last_30d', models.FloatField(null=True)),
                ('days_active_last_7d', models.FloatField(null=True)),
                ('quality_score_all_time', models.FloatField(null=True)),
                ('quality_score_last_30d', models.FloatField(null=True)),
                ('quality_score_last_7d', models.FloatField(null=True)),
                ('cache', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='rows', to='advancement.previewcache')),
            ],
            options={
                'db_table': 'preview_rows',
                'default_permissions': (),
            },
        ),
        migrations.RunPython(keep_out_of_the_log, migrations.RunPython.noop),
    ]
