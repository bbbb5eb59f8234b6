"""The rule editor: write a rule, see at once what it would do, keep it as a draft."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django_htmx.http import trigger_client_event

from advancement.criteria.changes import Comparison, compare
from advancement.criteria.errors import AdvancementError
from advancement.criteria.rules import Lifecycles
from advancement.criteria.validation import unnamed
from advancement.criteria.wording import isolated
from advancement.evaluation.counts import count_sprouts
from advancement.forms.choices import (
    SIGNAL_GROUPS,
    blank_entry,
    suggested_slug,
    tier_choices,
)
from advancement.forms.rules import Fault, RuleEntry
from advancement.forms.steps import CHOICES, take_step, with_fitting_tiers
from advancement.models import LifecycleModel, RuleVersion, Tier
from advancement.rights import Right
from advancement.rulebook.drafts import save_draft
from advancement.rulebook.errors import NewerVersion, RulesRefused
from advancement.rulebook.reading import lifecycles, lifecycles_and_archived
from advancement.views.access import allows, may
from advancement.views.rule_preview import (
    Subject,
    chart_context,
    count_context,
    details_context,
    max_share,
    read_subject,
    removed_criteria,
)
from advancement.views.rule_stored import StoredRule, stored_rule

SAVE, PREVIEW = "save", "preview"


@dataclass(frozen=True)
class Conflict:
    """What somebody else saved meanwhile, and what differs between theirs and what is in the form."""

    theirs: RuleVersion
    changes: Comparison


@dataclass(frozen=True)
class Editor:
    """The form as it is shown; `faults` are errors that only saving finds, `focus` is the field to go to."""

    entry: RuleEntry
    stored: StoredRule | None = None
    refused: bool = False
    faults: tuple[Fault, ...] = ()
    conflict: Conflict | None = None
    focus: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


@allows(GET=Right.DRAFT_RULES, POST=Right.DRAFT_RULES)
def new_rule(request: HttpRequest) -> HttpResponse:
    """Show an empty form, or that of a copy; save it as the draft of a new rule."""
    if request.method == "POST":
        return _posted(request, None)
    if "copy" in request.GET:
        original = stored_rule(request.GET["copy"]).shown.definition
        title = f"{original.title} (copy)"
        entry = replace(RuleEntry.of(original), title=title, slug="")
        return _page(request, Editor(replace(entry, slug=suggested_slug(entry))))
    entry = blank_entry(
        request.GET.get("model", ""),
        request.GET.get("from_tier", ""),
        ladders := _ladders_in_use(),
        settings.ADVANCEMENT_FROM_TIERS,
    )
    return _page(request, Editor(with_fitting_tiers(entry, ladders)))


def _ladders_in_use() -> Lifecycles:
    """Return the ladders that a rule may begin in, that of the model with most sprouts first."""
    sprouts: Counter[str] = Counter()
    for (model, _), count in count_sprouts().items():
        sprouts[model] += count
    ladders, archived = lifecycles_and_archived()
    slugs = [slug for slug, tiers in ladders.items() if slug not in archived and len(tiers) > 1]
    return {slug: ladders[slug] for slug in sorted(slugs, key=lambda slug: -sprouts[slug])}


@allows(GET=Right.VIEW_RULES, POST=Right.DRAFT_RULES)
def rule(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a rule: its draft, or else what runs use; save what was changed as its draft."""
    stored = stored_rule(slug)
    if request.method == "POST":
        return _posted(request, stored)
    return _page(request, Editor(RuleEntry.of(stored.shown.definition, stored.newest_number), stored))


def _posted(request: HttpRequest, stored: StoredRule | None) -> HttpResponse:
    entry = RuleEntry.from_data(request.POST)
    if stored:
        entry = replace(entry, slug=stored.slug)
        if stored.archived:
            messages.error(request, f"“{isolated(stored.shown.title)}” is archived and cannot be changed.")
            return redirect("console:rule", slug=stored.slug)
    else:
        entry = replace(entry, based_on=0)
    action = request.POST.get("action", SAVE)
    if step := take_step(entry, action, lifecycles()):
        return _after_step(request, Editor(step.entry, stored, focus=step.focus), action)
    if action != SAVE:
        return _page(request, _with_figures(Editor(entry, stored), request))
    return _save(request, entry, stored)


def _after_step(request: HttpRequest, editor: Editor, action: str) -> HttpResponse:
    """Show the form with a row more, less or elsewhere, or with other choices; of htmx, that part alone."""
    if not request.headers.get("HX-Request"):
        return _page(request, editor)
    if action == CHOICES:
        # Whoever goes through the choices by keyboard stays where they are.
        response = render(request, "console/rule_editor/tiers.html", _form(replace(editor, focus="")))
    else:
        response = render(request, "console/rule_editor/criteria.html", _form(editor))
    return trigger_client_event(response, "rule-changed", after="settle")


def _with_figures(editor: Editor, request: HttpRequest) -> Editor:
    """Count for those without script, whose page asks for nothing by itself."""
    subject = _subject(editor)
    chart = chart_context(subject, request.POST.get("chart", ""))
    return replace(editor, extra=count_context(subject) | details_context(subject) | chart)


def _save(request: HttpRequest, entry: RuleEntry, stored: StoredRule | None) -> HttpResponse:
    reading = read_subject(entry, stored).reading
    slug = reading.definition.slug
    before = stored.newest_number if stored else 0
    if reading.errors:
        return _refused(request, entry, stored)
    try:
        version = save_draft(reading.definition, by=request.user.get_username(), based_on=entry.based_on)
    except NewerVersion as newer:
        if stored is None:
            taken = Fault("slug", "Another rule has this slug already; choose another.")
            return _refused(request, entry, stored, taken)
        return _conflicting(request, entry, stored, newer.version)
    except RulesRefused as refusal:  # A tier went away since the form was read.
        faults = (Fault(problem.field or "", unnamed(problem)) for problem in refusal.problems)
        return _refused(request, entry, stored, *faults)
    except AdvancementError as error:
        messages.error(request, str(error))
        return redirect("console:rule", slug=slug)
    _say_saved(request, version, changed=version.number > before)
    return redirect("console:rule", slug=version.rule_id)


def _say_saved(request: HttpRequest, version: RuleVersion, *, changed: bool) -> None:
    if not changed:
        messages.info(request, f"Nothing was changed: version {version.number} says the same.")
        return
    messages.success(
        request, f"Version {version.number} is saved as a draft. Runs do not use it until it is activated."
    )


def _refused(
    request: HttpRequest, entry: RuleEntry, stored: StoredRule | None, *faults: Fault
) -> HttpResponse:
    return _page(request, Editor(entry, stored, refused=True, faults=faults), status=422)


def _conflicting(
    request: HttpRequest, entry: RuleEntry, stored: StoredRule, theirs: RuleVersion
) -> HttpResponse:
    """Show what differs. The form then stands on theirs, so that saving it again is a decision."""
    mine = read_subject(entry, stored).reading.definition
    conflict = Conflict(theirs, compare(theirs.definition, mine))
    entry = replace(entry, based_on=theirs.number)
    return _page(request, Editor(entry, stored, conflict=conflict), status=409)


def _subject(editor: Editor) -> Subject:
    subject = read_subject(editor.entry, editor.stored)
    errors = (*subject.reading.errors, *editor.faults)
    return replace(subject, reading=replace(subject.reading, errors=errors))


def _form(editor: Editor) -> dict[str, Any]:
    """Return what the form's parts show."""
    subject = _subject(editor)
    return {
        "editor": editor,
        "entry": editor.entry,
        "stored": editor.stored,
        "subject": subject,
        "rows": subject.rows,
        "removed": removed_criteria(subject),
        "errors": {fault.place: fault.message for fault in subject.reading.errors if fault.row is None}
        if editor.refused
        else {},
        "focus": editor.focus,
        "choices": tier_choices(editor.entry, LifecycleModel.objects.order_by("slug"), Tier.objects.all()),
        "signal_groups": SIGNAL_GROUPS,
        "scheduled_tiers": settings.ADVANCEMENT_FROM_TIERS,
    }


def _page(request: HttpRequest, editor: Editor, status: int = 200) -> HttpResponse:
    stored = editor.stored
    context = _form(editor) | {
        "title": stored.shown.title if stored else "New rule",
        "readonly": not may(request.user, Right.DRAFT_RULES) or bool(stored and stored.archived),
        "max_share": max_share(),
        "next_number": max(stored.newest_number, editor.entry.based_on) + 1 if stored else 1,
    }
    if stored:
        context["criteria"] = list(zip(stored.shown.definition.criteria, context["rows"], strict=False))
        context["versions"], context["page"] = stored.version_page(request)
        context["may_activate"] = bool(
            stored.draft and not stored.archived and may(request.user, Right.ACTIVATE_RULES)
        )
        context["own_draft"] = bool(
            stored.draft
            and stored.draft.created_by == request.user.get_username()
            and not settings.ADVANCEMENT_APPROVE_OWN
        )
    else:
        context["slug_suggestion"] = context["subject"].suggestion
    return render(request, "console/rule_editor/page.html", context | editor.extra, status=status)
