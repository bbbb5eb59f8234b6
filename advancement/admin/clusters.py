"""The task clusters' own pages, made safe."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django_q.models import Schedule

from advancement.admin.records import ModelAdmin, ReadOnly

if TYPE_CHECKING:
    ScheduleAdmin = ModelAdmin
else:
    from django_q.admin import ScheduleAdmin

admin.site.unregister(Schedule)


@admin.register(Schedule)
class ReadOnlyScheduleAdmin(ReadOnly, ScheduleAdmin):
    """Schedules, to look at: their form takes any dotted path, and what it names would be executed."""
