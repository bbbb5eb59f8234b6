"""What is done with versions of a rule: a draft is activated or discarded, an old version made the draft."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from advancement.criteria.errors import AdvancementError
from advancement.evaluation.effect import effect_of
from advancement.forms.rules import RuleEntry
from advancement.rights import Right
from advancement.rulebook.drafts import activate_draft, discard_draft, save_draft
from advancement.runs.schedule import next_slot
from advancement.views.access import allows, others_may
from advancement.views.rule_preview import details_context, guardrails, max_share, read_subject
from advancement.views.rule_stored import StoredRule, stored_rule, with_titles


@allows(GET=Right.ACTIVATE_RULES, POST=Right.ACTIVATE_RULES)
def activate(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what a draft changes and what it would move; make it what runs use."""
    stored = stored_rule(slug)
    if request.method == "POST":
        return _activate(request, slug)
    if stored.draft is None:
        messages.info(request, "This rule has no draft to activate.")
        return redirect("console:rule", slug=slug)
    if stored.archived:  # Its page says so, and offers to bring it back.
        return redirect("console:rule", slug=slug)
    return render(request, "console/rule_editor/activate.html", _activation(request, stored))


def _activate(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        version = activate_draft(
            slug, by=request.user.get_username(), number=_number(request.POST.get("number", ""))
        )
    except AdvancementError as error:
        messages.error(request, str(error))
        return redirect("console:activate_rule", slug=slug)
    state = "runs use it from now on" if version.enabled else "the rule is off, and runs do not use it"
    messages.success(request, f"Version {version.number} is active: {state}.")
    return redirect("console:rule", slug=slug)


def _activation(request: HttpRequest, stored: StoredRule) -> dict[str, Any]:
    draft = stored.draft
    assert draft
    entry = RuleEntry.of(draft.definition, draft.number)
    subject = read_subject(entry, stored)
    context = details_context(subject, exact=True)
    details = context["details"]
    own = draft.created_by == request.user.get_username() and not settings.ADVANCEMENT_APPROVE_OWN
    stops = list(subject.reading.errors)
    if draft.enabled:
        stops += [fault for fault in subject.reading.warnings if fault.blocks == "enabling"]
    effect = effect_of(draft) if details and draft.enabled else None
    return context | {
        "effect": effect,
        "taken": with_titles(effect.taken.items()) if effect else [],
        "title": f"Activate version {draft.number}",
        "stored": stored,
        "draft": draft,
        "own": own,
        "others": own and others_may(request.user, Right.ACTIVATE_RULES),
        "stops": stops,
        "next_slot": next_slot(),
        "scheduled_tiers": settings.ADVANCEMENT_FROM_TIERS,
        "max_share": max_share(),
        **(guardrails(draft.definition, details.count) if details else {}),
    }


@allows(POST=Right.DRAFT_RULES)
def discard(request: HttpRequest, slug: str) -> HttpResponse:
    """Take the draft off; its version stays in the list."""
    stored_rule(slug)
    try:
        number = _number(request.POST.get("number", ""))
        version = discard_draft(slug, by=request.user.get_username(), number=number)
    except AdvancementError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request,
            f"The draft is discarded. Version {version.number} stays in the list and can be restored.",
        )
    return redirect("console:rule", slug=slug)


@allows(POST=Right.DRAFT_RULES)
def restore(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Make what an old version says the draft."""
    old = stored_rule(slug).version(number)
    based_on = _number(request.POST.get("based_on", "")) or 0
    try:
        version = save_draft(old.definition, by=request.user.get_username(), based_on=based_on)
    except AdvancementError as error:
        messages.error(request, str(error))
        return redirect("console:rule", slug=slug)
    if version.number > based_on:
        messages.success(
            request,
            f"Version {number} is restored as draft version {version.number}. "
            "Runs do not use it until it is activated.",
        )
    else:
        messages.info(request, f"Nothing was changed: version {version.number} says the same.")
    return redirect("console:rule", slug=slug)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
