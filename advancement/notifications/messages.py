"""What is said about a run that came to its end, to people and to programs."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.urls import reverse

from advancement.models import Run
from advancement.models.outbox import NotificationKind
from advancement.models.runs import RunKind, RunStatus

# Of long lists and texts a message shows the start; the console shows the rest.
_MOST_RULES: Final = 20
_MOST_CHARACTERS: Final = 1_000


@dataclass(frozen=True)
class Message:
    """What to tell; `key` names the event, so that it is told once."""

    key: str
    kind: NotificationKind
    run_id: int | None
    subject: str
    text: str
    fields: dict[str, Any]


def kind_of(run: Run) -> NotificationKind | None:
    """Return what there is to tell about a run, if anything.

    Nothing about dry runs, overrides and runs that moved nothing.
    """
    if run.dry_run or run.kind == RunKind.OVERRIDE:
        return None
    if run.status == RunStatus.SUCCEEDED and run.advanced:
        back = run.kind == RunKind.ROLLBACK
        return NotificationKind.ROLLED_BACK if back else NotificationKind.ADVANCED
    others: dict[str, NotificationKind] = {
        RunStatus.FAILED: NotificationKind.FAILED,
        RunStatus.HELD: NotificationKind.HELD,
    }
    return others.get(run.status)


def describe(run: Run, kind: NotificationKind, summary: Mapping[str, Any]) -> Message:
    """Say what happened, from the run and the object that `run_advancement --json` prints of it."""
    headline, paragraphs = _TELL[kind](run, summary)
    url = run_url(run.pk)
    paragraphs.append(f"Look at the run: {url}" if url else "")
    return Message(
        key=_key(run),
        kind=kind,
        run_id=run.pk,
        subject=f"Grove Console: {headline}",
        text="\n\n".join([f"{headline[:1].upper()}{headline[1:]}.", *filter(None, paragraphs)]),
        fields=_fields(run, kind, summary, url),
    )


def trial_message() -> Message:
    """Return a message that only shows that a channel works."""
    fields: dict[str, Any] = {"kind": "test", "run": None, "status": None, "counts": {}, "by_rule": []}
    return Message(
        key="test",
        kind=NotificationKind.TEST,
        run_id=None,
        subject="Grove Console: a test",
        text="This is a test: notifications of Grove Console arrive here.",
        fields={**fields, "url": settings.CONSOLE_URL or None},
    )


def run_url(run_id: int) -> str | None:
    """Return the address of a run in the console, where the console's own address is known."""
    return _url("console:run", run_id)


def _url(page: str, *arguments: object) -> str | None:
    if not settings.CONSOLE_URL:
        return None
    return f"{settings.CONSOLE_URL}{reverse(page, args=arguments)}"


def _key(run: Run) -> str:
    """Name the event. A run that keeps failing tells of an error once a day, not at each attempt."""
    if run.status != RunStatus.FAILED:
        return f"run-{run.pk}-{run.status}"
    # Numbers differ from try to try though the error is the same.
    error = hashlib.sha256(re.sub(r"\d+", "0", run.error).encode()).hexdigest()[:8]
    day = f"{run.finished_at:%Y%m%d}" if run.finished_at else ""
    return f"run-{run.pk}-failed-{day}-{error}"


def _fields(run: Run, kind: str, summary: Mapping[str, Any], url: str | None) -> dict[str, Any]:
    day = run.logical_date
    return {
        "kind": str(kind),
        "run": str(run.pk),
        "status": run.status,
        "date": day.isoformat() if day else None,
        # Whatever is counted, which differs by kind of run; a switch is no count.
        "counts": {name: value for name, value in summary.items() if type(value) is int},
        "by_rule": [{**line, "url": _rule_url(line["rule"])} for line in summary.get("by_rule", [])],
        "url": url,
        **({"error": run.error} if run.error else {}),
        **({"held_because": run.held_because} if run.held_because else {}),
        **({"requested_by": run.requested_by} if run.requested_by else {}),
        **({"decided_by": run.decided_by} if run.decided_by else {}),
        **({"reason": run.reason} if run.reason else {}),
    }


def _advanced(run: Run, summary: Mapping[str, Any]) -> tuple[str, list[str]]:
    headline = f"{_sprouts(run.advanced)} advanced in {_name(run)}"
    return headline, [_by_rule(summary), _noteworthy(summary)]


def _rolled_back(run: Run, summary: Mapping[str, Any]) -> tuple[str, list[str]]:
    what = "1 advancement" if run.advanced == 1 else f"{run.advanced:,} advancements"
    headline = f"{what} rolled back in {_name(run)}"
    if run.undoes_id:
        headline = f"{what} restored in {_name(run)}, which undoes run {run.undoes_id}"
    # Who confirmed it answers for it, whoever planned it.
    by = run.decided_by or run.requested_by
    who = f"By {_shown(by)}. " if by else ""
    return headline, [f"{who}Reason: {_shown(run.reason)}", _by_rule(summary)]


def _failed(run: Run, summary: Mapping[str, Any]) -> tuple[str, list[str]]:
    done = (
        f"{run.moves_dealt_with():,} of {run.moves_to_make:,} moves were dealt with and stay."
        if run.planned_at
        else "Nothing moved."
    )
    again = f" It is tried again at {run.retry_at:%Y-%m-%d %H:%M} UTC." if run.retry_at else ""
    return f"{_name(run)} failed", [f"The error: {_shown(run.error)}", done + again]


def _held(run: Run, summary: Mapping[str, Any]) -> tuple[str, list[str]]:
    decide = (
        f"Look at its plan with manage.py show_plan {run.pk}, then decide with manage.py decide_run "
        f"{run.pk} --approve or --discard, and --reason."
    )
    because = " ".join(map(str, run.held_because))
    return f"{_name(run)} is held by a guardrail", [f"Nothing was changed. {because}", decide]


_TELL: Final[dict[str, Callable[[Run, Mapping[str, Any]], tuple[str, list[str]]]]] = {
    NotificationKind.ADVANCED: _advanced,
    NotificationKind.ROLLED_BACK: _rolled_back,
    NotificationKind.FAILED: _failed,
    NotificationKind.HELD: _held,
}


def _name(run: Run) -> str:
    return f"run {run.pk} of {run.logical_date}" if run.logical_date else f"run {run.pk}"


def _sprouts(count: int) -> str:
    return "1 sprout" if count == 1 else f"{count:,} sprouts"


def _by_rule(summary: Mapping[str, Any]) -> str:
    lines = [_rule_line(line) for line in summary.get("by_rule", [])]
    if not lines:
        return ""
    more = len(lines) - _MOST_RULES
    return "\n".join(["By rule:", *lines[:_MOST_RULES], *([f"- and {more:,} more"] if more > 0 else [])])


def _rule_line(line: Mapping[str, Any]) -> str:
    name = f"{line['rule']}, version {line['version']}, " if line["rule"] else ""
    url = _rule_url(line["rule"])
    return f"- {name}{line['from']} → {line['to']}: {line['count']:,}" + (f" – {url}" if url else "")


def _rule_url(slug: str | None) -> str | None:
    return _url("console:rule", slug) if slug else None


def _noteworthy(summary: Mapping[str, Any]) -> str:
    """Name what else deserves a look; the normal ends of a candidate do not."""
    found = []
    if summary["skipped"]:
        found.append(f"{_sprouts(summary['skipped'])} changed between plan and apply and were skipped.")
    found += [f"Rule {line['rule']} was left out: {line['reason']}" for line in summary["invalid_rules"]]
    found += [f"Rule {line['rule']} was stopped: {line['reason']}" for line in summary["stopped_rules"]]
    return "\n".join(found[:_MOST_RULES])


def _shown(text: str) -> str:
    """Return foreign text on one line, shortened, with unprintable characters escaped."""
    line = " ".join(text.split())
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line[: _MOST_CHARACTERS + 1])
    return shown if len(line) <= _MOST_CHARACTERS else f"{shown[:_MOST_CHARACTERS]}…"
