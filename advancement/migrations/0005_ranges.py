"""Whole numbers of runs, moves and refreshes stay in the range of their columns, also on SQLite."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('advancement', '0004_ledger'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='run',
            name='advancement_runs_batch_size_from_1',
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.CheckConstraint(condition=models.Q(('position__gte', 0), ('position__lte', 2147483647)), name='advancement_moves_position_in_range'),
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.CheckConstraint(condition=models.Q(('step__gte', 0), ('step__lte', 32767)), name='advancement_moves_step_in_range'),
        ),
        migrations.AddConstraint(
            model_name='move',
            constraint=models.CheckConstraint(condition=models.Q(('sprout_revision__gte', 0), ('sprout_revision__lte', 2147483647)), name='advancement_moves_sprout_revision_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('batch_size__gte', 1), ('batch_size__lte', 2147483647)), name='advancement_runs_batch_size_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('attempts__gte', 0), ('attempts__lte', 2147483647)), name='advancement_runs_attempts_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('lease_token__gte', 0), ('lease_token__lte', 2147483647)), name='advancement_runs_lease_token_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('moves_planned__gte', 0), ('moves_planned__lte', 2147483647)), name='advancement_runs_moves_planned_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('cursor__gte', 0), ('cursor__lte', 2147483647)), name='advancement_runs_cursor_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('evaluated__gte', 0), ('evaluated__lte', 2147483647)), name='advancement_runs_evaluated_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('advanced__gte', 0), ('advanced__lte', 2147483647)), name='advancement_runs_advanced_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('no_match__gte', 0), ('no_match__lte', 2147483647)), name='advancement_runs_no_match_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('no_signals__gte', 0), ('no_signals__lte', 2147483647)), name='advancement_runs_no_signals_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('held__gte', 0), ('held__lte', 2147483647)), name='advancement_runs_held_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('invalid__gte', 0), ('invalid__lte', 2147483647)), name='advancement_runs_invalid_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('blocked__gte', 0), ('blocked__lte', 2147483647)), name='advancement_runs_blocked_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('skipped__gte', 0), ('skipped__lte', 2147483647)), name='advancement_runs_skipped_in_range'),
        ),
        migrations.AddConstraint(
            model_name='signalrefresh',
            constraint=models.CheckConstraint(condition=models.Q(('sprouts__gte', 0), ('sprouts__lte', 2147483647)), name='signal_refreshes_sprouts_in_range'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.CheckConstraint(condition=models.Q(('moves_struck__gte', 0), ('moves_struck__lte', 2147483647)), name='advancement_runs_moves_struck_in_range'),
        ),
    ]
