"""The roles: groups with the rights that the console's pages ask for."""

from typing import Any

from django.db import migrations

# What everybody may look at, by app and model.
VIEWED = {
    "advancement": [
        "advancementevent", "advancementrule", "hold", "leftout", "lifecyclemodel", "outboxmessage", "rulecriterion",
        "ruleversion", "run", "seal", "signalaggregation", "signalrefresh", "sprout", "tier", "usageevent",
    ],
    "django_q": ["failure", "ormq", "schedule", "success"],
}
NAMES = {
    "draft_rules": ("advancementrule", "Can write drafts of rules"),
    "activate_rules": ("advancementrule", "Can activate rules"),
    "disable_rules": ("advancementrule", "Can switch rules off and archive them"),
    "start_runs": ("run", "Can start runs, apply plans, cancel and resume"),
    "approve_runs": ("run", "Can decide about held runs"),
    "roll_back": ("run", "Can roll back"),
    "override_tiers": ("sprout", "Can override the tier of a sprout"),
    "hold_sprouts": ("sprout", "Can set and release holds"),
    "import_data": ("sprout", "Can import"),
    "export_data": ("sprout", "Can export"),
    "change_outboxmessage": ("outboxmessage", "Can change outbox message"),
    "add_lifecyclemodel": ("lifecyclemodel", "Can add lifecycle model"),
    "change_lifecyclemodel": ("lifecyclemodel", "Can change lifecycle model"),
    "add_tier": ("tier", "Can add tier"),
    "change_tier": ("tier", "Can change tier"),
    "delete_tier": ("tier", "Can delete tier"),
}
ROLES = {
    "Viewer": [],
    "Rule editor": ["draft_rules"],
    "Operator": [
        "disable_rules", "start_runs", "roll_back", "override_tiers", "hold_sprouts", "import_data", "export_data",
        "change_outboxmessage",
    ],
    "Approver": [
        "activate_rules", "approve_runs", "add_lifecyclemodel", "change_lifecyclemodel", "add_tier", "change_tier",
        "delete_tier",
    ],
}


def make_roles(apps: Any, schema_editor: Any) -> None:
    using = schema_editor.connection.alias
    types = apps.get_model("contenttypes", "ContentType").objects.using(using)
    rights = apps.get_model("auth", "Permission").objects.using(using)
    groups = apps.get_model("auth", "Group").objects.using(using)

    def right(app: str, model: str, codename: str, name: str) -> Any:
        # Django itself makes permissions after all migrations only, and leaves those that are there.
        content_type, _ = types.get_or_create(app_label=app, model=model)
        return rights.get_or_create(content_type=content_type, codename=codename, defaults={"name": name})[0]

    looking = [
        right(app, model, f"view_{model}", f"Can view {_words(apps, app, model)}")
        for app, models in VIEWED.items()
        for model in models
    ]
    for role, codenames in ROLES.items():
        group, _ = groups.get_or_create(name=role)
        more = [right("advancement", NAMES[codename][0], codename, NAMES[codename][1]) for codename in codenames]
        group.permissions.add(*looking, *more)


def _words(apps: Any, app: str, model: str) -> str:
    try:
        return str(apps.get_model(app, model)._meta.verbose_name_raw)
    except LookupError:
        return model


def keep_roles(apps: Any, schema_editor: Any) -> None:
    """Groups may have members and other rights by now; whoever goes back decides about them."""


class Migration(migrations.Migration):

    dependencies = [
        ("advancement", "0007_console"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [migrations.RunPython(make_roles, keep_roles)]
