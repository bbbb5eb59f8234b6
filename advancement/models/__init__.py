"""The tables of Grove Console, a module for each group of nouns."""

from advancement.models.events import AdvancementEvent, DailyCount
from advancement.models.holds import Hold
from advancement.models.lifecycle import LifecycleModel, Tier
from advancement.models.outbox import OutboxMessage
from advancement.models.previews import PreviewCache, PreviewRow
from advancement.models.rules import AdvancementRule, RuleCount, RuleCriterion, RuleVersion
from advancement.models.runs import LeftOut, Move, Run, RunLogLine, Schedule
from advancement.models.seals import LedgerCheck, Seal
from advancement.models.signals import DirtySprout, SignalAggregation, SignalRefresh, SignalRequest
from advancement.models.sprouts import Sprout, UsageEvent
from advancement.models.uploads import Upload, UploadPart

__all__ = [
    "AdvancementEvent",
    "AdvancementRule",
    "DailyCount",
    "DirtySprout",
    "Hold",
    "LedgerCheck",
    "LeftOut",
    "LifecycleModel",
    "Move",
    "OutboxMessage",
    "PreviewCache",
    "PreviewRow",
    "RuleCount",
    "RuleCriterion",
    "RuleVersion",
    "Run",
    "RunLogLine",
    "Schedule",
    "Seal",
    "SignalAggregation",
    "SignalRefresh",
    "SignalRequest",
    "Sprout",
    "Tier",
    "Upload",
    "UploadPart",
    "UsageEvent",
]
