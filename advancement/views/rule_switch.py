"""Switch rules on and off, archive them and bring them back; each asks first and says what follows."""

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from advancement.criteria.errors import AdvancementError
from advancement.criteria.validation import check_rule, unnamed
from advancement.criteria.wording import isolated, percent_words, quoted
from advancement.evaluation.effect import Effect, effect_of
from advancement.models import AdvancementEvent, AdvancementRule, RuleVersion
from advancement.models.events import AdvancementEventType
from advancement.rights import Right
from advancement.rulebook.reading import lifecycles, switches, writer_of
from advancement.rulebook.switching import archive_rule, disable_rule, enable_rule, unarchive_rule
from advancement.runs.guardrails import share_exceeded
from advancement.views.access import allows, may, others_may, require
from advancement.views.paging import count_up_to

_RECENTLY: Final = (7, 30)  # days


@allows(GET=Right.VIEW_RULES, POST=Right.VIEW_RULES)
def switch_rule(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what switching a rule on or off would do, and do it by POST.

    On needs the right to activate rules, off the right to disable them. The form names the direction and
    the version that was looked at, so that a rule that changed since is looked at again.
    """
    rule, version = _switchable(slug)
    on = version.enabled
    require(request, Right.DISABLE_RULES if on else Right.ACTIVATE_RULES)
    if request.method != "POST":
        return _confirm_switch(request, rule, version)
    if request.POST.get("version") != str(version.number):
        return _confirm_switch(
            request, rule, version, "The rule changed since; look again before you decide."
        )
    by = request.user.get_username()
    try:
        if on:
            disable_rule(slug, by=by)
        else:
            enable_rule(slug, by=by, own=settings.ADVANCEMENT_APPROVE_OWN)
    except AdvancementError as error:
        return _confirm_switch(request, rule, version, str(error))
    messages.success(request, f"“{isolated(version.title)}” is {'off' if on else 'on'}.")
    return redirect("console:rules")


@allows(GET=Right.DISABLE_RULES, POST=Right.DISABLE_RULES)
def archive(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what stays when a rule is archived, and do it by POST."""
    rule = _rule(slug)
    version = rule.active_version or rule.draft_version
    if version is None or rule.archived_at:
        messages.info(request, f"The rule {quoted(slug)} is archived already.")
        return redirect("console:rules")
    events, more = count_up_to(AdvancementEvent.objects.filter(rule_id=slug))
    versions = rule.versions.count()
    if request.method == "POST":
        archive_rule(slug, by=request.user.get_username())
        messages.success(request, f"“{isolated(version.title)}” is archived. Its versions and events stay.")
        return redirect("console:rules")
    context = _about(rule, version) | {
        "title": f"Archive “{isolated(version.title)}”?",
        "versions": versions,
        "events": events,
        "more_events": more,
    }
    return render(request, "console/archive_rule.html", context)


@allows(GET=Right.ACTIVATE_RULES, POST=Right.ACTIVATE_RULES)
def unarchive(request: HttpRequest, slug: str) -> HttpResponse:
    """Say how a rule comes back from the archive, and do it by POST."""
    rule = _rule(slug)
    version = rule.active_version or rule.draft_version
    if version is None or not rule.archived_at:
        said = (
            "was never active and has no draft: restore one of its versions"
            if rule.archived_at
            else "is not archived"
        )
        messages.info(request, f"The rule {quoted(slug)} {said}.")
        return redirect("console:rule", slug) if rule.archived_at else redirect("console:rules")
    if request.method == "POST":
        try:
            unarchive_rule(slug, by=request.user.get_username())
        except AdvancementError as error:
            messages.info(request, str(error))
            return redirect("console:rules")
        state = "off" if rule.active_version else "a draft"
        messages.success(request, f"“{isolated(version.title)}” is back. It is {state}.")
        return redirect("console:rules")
    context = _about(rule, version) | {"title": f"Bring “{isolated(version.title)}” back?"}
    return render(request, "console/unarchive_rule.html", context)


def _rule(slug: str) -> AdvancementRule:
    rules = AdvancementRule.objects.select_related("active_version", "draft_version")
    rule = rules.filter(pk=slug).first()
    if rule is None:
        raise Http404(f"There is no rule {quoted(slug)}.")
    return rule


def _switchable(slug: str) -> tuple[AdvancementRule, RuleVersion]:
    rule = _rule(slug)
    if rule.archived_at:
        raise Http404(f"The rule {quoted(slug)} is archived; bring it back before you switch it on.")
    if rule.active_version is None:
        raise Http404(f"The rule {quoted(slug)} is a draft so far; it is activated in the editor.")
    return rule, rule.active_version


def _confirm_switch(
    request: HttpRequest, rule: AdvancementRule, version: RuleVersion, error: str = ""
) -> HttpResponse:
    problems = check_rule(version.definition, lifecycles())
    on = version.enabled
    blocked = [unnamed(problem) for problem in problems if problem.blocks != "nothing"]
    own = not on and not settings.ADVANCEMENT_APPROVE_OWN and writer_of(rule) == request.user.get_username()
    countable = all(problem.blocks != "saving" for problem in problems)
    context = _about(rule, version) | {
        "title": f"Switch “{isolated(version.title)}” {'off' if on else 'on'}?",
        "on": on,
        "in_daily_run": version.from_tier in settings.ADVANCEMENT_FROM_TIERS,
        "error": error,
        "blocked": blocked,
        "own": own,
        "others": own and others_may(request.user, Right.ACTIVATE_RULES),
        "possible": on or not (blocked or own),
        "effect": effect_of(version) if countable else None,
        "recently": _recently(rule.pk),
        "may_roll_back": may(request.user, Right.ROLL_BACK),
    }
    if effect := context["effect"]:
        context["taken"] = _titles(effect)
        context["warnings"] = _guardrails(version, effect)
    return render(request, "console/switch_rule.html", context, status=422 if error else 200)


def _about(rule: AdvancementRule, version: RuleVersion) -> dict[str, Any]:
    switched = version.pk in switches([version])
    return {"rule": rule, "version": version, "definition": version.definition, "switched": switched}


def _recently(slug: str) -> list[tuple[int, int, bool]]:
    """Return what the rule advanced in the last days: (days, how many, more than were counted)."""
    events = AdvancementEvent.objects.filter(rule_id=slug, event_type=AdvancementEventType.AUTO_ADVANCEMENT)
    now = timezone.now()
    return [
        (days, *count_up_to(events.filter(timestamp__gte=now - timedelta(days=days)))) for days in _RECENTLY
    ]


def _titles(effect: Effect) -> list[tuple[str, str, int]]:
    """Return slug, title and matches of the rules that move matches in its place."""
    versions = RuleVersion.objects.filter(active_in__in=list(effect.taken)).order_by("priority", "rule")
    return [(slug, title, effect.taken[slug]) for slug, title in versions.values_list("rule", "title")]


def _guardrails(version: RuleVersion, effect: Effect) -> list[str]:
    """Return, as sentences, the guardrails that hold a run which moves so many, and what skips the tier."""
    held = "the run would be held for an approver."
    share, most = settings.ADVANCEMENT_MAX_SHARE, settings.ADVANCEMENT_MAX_MOVES
    found = []
    if share_exceeded(effect.moves, effect.candidates):
        found.append(
            f"A run may move at most {percent_words(share)} of its candidates (ADVANCEMENT_MAX_SHARE); "
            "one of this tier alone would be held for an approver."
        )
    if version.max_moves is not None and effect.moves > version.max_moves:
        found.append(f"The rule's own guardrail allows {version.max_moves:,} moves a run; {held}")
    if most is not None and effect.moves > most:
        found.append(f"ADVANCEMENT_MAX_MOVES allows {most:,} moves a run; {held}")
    if version.from_tier not in settings.ADVANCEMENT_FROM_TIERS:
        found.append(
            "Scheduled runs do not look at its tier (ADVANCEMENT_FROM_TIERS); only a run that somebody "
            "starts for it does."
        )
    return found
