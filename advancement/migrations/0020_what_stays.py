"""Of what rules match, what a run would leave where it is."""

from typing import Any

from django.db import migrations, models


def forget_what_was_counted(apps: Any, schema_editor: Any) -> None:
    """Counts and copies made before know nothing of it; they are made again when somebody looks."""
    for name in ("RuleCount", "PreviewRow", "PreviewCache"):
        apps.get_model("advancement", name).objects.using(schema_editor.connection.alias).all()._raw_delete(
            schema_editor.connection.alias
        )


class Migration(migrations.Migration):

    dependencies = [
        ('advancement', '0019_left_out_by_hand'),
    ]

    operations = [
        migrations.RunPython(forget_what_was_counted, migrations.RunPython.noop),
        migrations.AddField(
            model_name='previewrow',
            name='no_signals',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='rulecount',
            name='held',
            field=models.PositiveIntegerField(default=0, help_text='Those of the matches that are on hold.'),
        ),
        migrations.AddField(
            model_name='rulecount',
            name='no_signals',
            field=models.PositiveIntegerField(default=0, help_text='Those of the other matches that have no signals at all.'),
        ),
        migrations.AddConstraint(
            model_name='rulecount',
            constraint=models.CheckConstraint(condition=models.Q(('held__gte', 0), ('held__lte', 2147483647)), name='rule_counts_held_in_range'),
        ),
        migrations.AddConstraint(
            model_name='rulecount',
            constraint=models.CheckConstraint(condition=models.Q(('no_signals__gte', 0), ('no_signals__lte', 2147483647)), name='rule_counts_no_signals_in_range'),
        ),
    ]
