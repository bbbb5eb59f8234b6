"""The task clusters' own pages, made safe."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django_q.models import Failure, OrmQ, Schedule, Success

from advancement.admin.records import ModelAdmin, ReadOnly

if TYPE_CHECKING:
    FailAdmin = ModelAdmin
    QueueAdmin = ModelAdmin
    ScheduleAdmin = ModelAdmin
    TaskAdmin = ModelAdmin
else:
    from django_q.admin import FailAdmin, QueueAdmin, ScheduleAdmin, TaskAdmin

for model in (Schedule, Success, Failure, OrmQ):
    admin.site.unregister(model)


@admin.register(Schedule)
class ReadOnlyScheduleAdmin(ReadOnly, ScheduleAdmin):
    """Schedules, to look at: their form takes any dotted path, and what it names would be executed."""


@admin.register(Success)
class ReadOnlySuccessAdmin(ReadOnly, TaskAdmin):
    """Tasks that went well, to look at: what is to be done stands in our own tables."""

    actions = None


@admin.register(Failure)
class ReadOnlyFailureAdmin(ReadOnly, FailAdmin):
    """Tasks that failed, to look at: the next wake-up does what is left to do."""

    actions = None


@admin.register(OrmQ)
class ReadOnlyQueueAdmin(ReadOnly, QueueAdmin):
    """Tasks that wait, to look at."""
