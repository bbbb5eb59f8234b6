"""The Django app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AdvancementConfig(AppConfig):
    """Put back, after every migrate, what is not a table: triggers, the cache table, the wake-up schedule."""

    name = "advancement"
    verbose_name = "Advancement"

    def ready(self) -> None:
        """Connect to the end of `migrate`."""
        from advancement.database.setup import prepare_database

        post_migrate.connect(prepare_database, sender=self)
