"""The form that says what a rollback is about; links to it name the same fields in their address."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from advancement.criteria.wording import quoted
from advancement.models import AdvancementRule, Run, Sprout
from advancement.models.runs import RunKind

AGES: Final = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
EVERYTHING: Final = "all"
BETWEEN: Final = "between"
RECOMMENDED: Final = "24h"
_RANGES: Final = (*AGES, EVERYTHING, BETWEEN)
_LARGEST_NUMBER: Final = 2**63 - 1
# Beyond these, times cannot be told in every zone.
_YEARS: Final = range(1970, 9999)


@dataclass(frozen=True)
class Scope:
    """What a rollback is about; a time that is not given does not limit it."""

    rule: str = ""
    run: int | None = None
    sprout: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def as_run(self) -> Run:
        """Return a rollback of this scope that is not saved, to count with."""
        return Run(
            kind=RunKind.ROLLBACK,
            created_at=timezone.now(),
            scope_rule_id=self.rule,
            scope_run_id=self.run,
            scope_sprout_id=self.sprout,
            scope_since=self.since,
            scope_until=self.until,
        )


class ScopeForm:
    """What was filled in, and in `errors`, by field, what is wrong with it."""

    def __init__(self, data: QueryDict) -> None:
        self.rule = data.get("rule", "").strip()
        self.run = data.get("number", "").strip() or data.get("run", "").strip()
        self.sprout = data.get("sprout", "").strip()
        self.since = data.get("since", "").strip()
        self.until = data.get("until", "").strip()
        self.replaces = data.get("replaces", "").strip()
        self.errors: dict[str, str] = {}
        self._chosen_run = data.get("run", "").strip()
        self._now = timezone.now()
        self.range = self._range(data.get("range", ""))
        self.scope = self._scope()

    @property
    def local_since(self) -> str:
        """The start of the range as the browser's field for times wants it."""
        return _local(self.since)

    @property
    def local_until(self) -> str:
        """The end of the range likewise."""
        return _local(self.until)

    def _range(self, named: str) -> str:
        """Return the range that is chosen; a mere age or time in the address chooses one as well."""
        if named in _RANGES:
            return named
        if self.since in AGES and not self.until:
            return self.since
        if self.since or self.until:
            return BETWEEN
        return EVERYTHING if self.run else RECOMMENDED

    def _scope(self) -> Scope | None:
        """Return the scope, None when something is wrong."""
        self._check_rule()
        run, sprout = self._run(), self._sprout()
        since, until = self._times()
        if self.range == EVERYTHING and not (self.rule or self.run or self.sprout):
            self.errors["range"] = "Choose a rule or a run as well: everything there ever was is too much."
        return None if self.errors else Scope(self.rule, run, sprout, since, until)

    def _check_rule(self) -> None:
        if self.rule and not AdvancementRule.objects.filter(pk=self.rule).exists():
            self.errors["rule"] = f"There is no rule {quoted(self.rule)}."

    def _run(self) -> int | None:
        if not self.run:
            return None
        if self._chosen_run and self._chosen_run != self.run:
            self.errors["number"] = "Choose a run of the list or give a number, not both."
            return None
        number = int(self.run) if self.run.isascii() and self.run.isdigit() and len(self.run) < 20 else -1
        if not 0 <= number <= _LARGEST_NUMBER:
            self.errors["number"] = f"{quoted(self.run)} is no number of a run."
            return None
        run = Run.objects.filter(pk=number).first()
        if run is None:
            self.errors["number"] = f"There is no run {number}."
        elif run.kind != RunKind.ADVANCEMENT:
            what = "a rollback: open it to undo it" if run.kind == RunKind.ROLLBACK else "an override"
            self.errors["number"] = f"Run {number} is {what}. Give the number of an advancement run."
        elif run.dry_run:
            self.errors["number"] = f"Run {number} was a dry run; it moved nothing."
        return number

    def _sprout(self) -> UUID | None:
        if not self.sprout:
            return None
        try:
            sprout_id = UUID(self.sprout)
        except ValueError:
            self.errors["sprout"] = f"{quoted(self.sprout)} is no id of a sprout."
            return None
        if not Sprout.objects.filter(pk=sprout_id).exists():
            self.errors["sprout"] = f"There is no sprout {sprout_id}; it may have been deleted."
        return sprout_id

    def _times(self) -> tuple[datetime | None, datetime | None]:
        if self.range == EVERYTHING:
            return None, None
        if self.range in AGES:
            return self._now - AGES[self.range], None
        since, until = self._time("since"), self._time("until")
        if not self.since and not self.until:
            self.errors["since"] = "Give a start or an end, or choose another range."
        elif since and since > self._now:
            self.errors["since"] = "The start lies in the future."
        elif since and until and since > until:
            self.errors["until"] = "The end lies before the start."
        return since, until

    def _time(self, field: str) -> datetime | None:
        text: str = getattr(self, field)
        if text in AGES:
            return self._now - AGES[text]
        moment = _parsed(text)
        if text and moment is None:
            self.errors[field] = f"{quoted(text)} is no time; write it as in 2026-03-05T09:10."
        return moment


def _parsed(text: str) -> datetime | None:
    """Return the time that is meant, by local time unless it names a zone."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    if moment is None or moment.year not in _YEARS:
        return None
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


def _local(text: str) -> str:
    moment = timezone.now() - AGES[text] if text in AGES else _parsed(text)
    if moment is None:
        return text
    local = timezone.localtime(moment)
    return local.strftime("%Y-%m-%dT%H:%M:%S" if local.second else "%Y-%m-%dT%H:%M")
