"""Rules as JSON: export them, and import a file after a look at what it would change."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from advancement.criteria.errors import AdvancementError
from advancement.criteria.rule_json import rules_from_json, rules_to_json
from advancement.criteria.rules import RuleDefinition
from advancement.criteria.wording import join_words, quoted
from advancement.evaluation.counts import count_sprouts
from advancement.evaluation.effect import Moves, moves_with
from advancement.importing.rule_changes import (
    Allowed,
    RuleImport,
    RulesChanged,
    RulesKept,
    compare_rules,
    keep_rules,
)
from advancement.importing.rules import MAX_UPLOAD, uploaded_text
from advancement.rights import Right
from advancement.rulebook.reading import current_rules
from advancement.runs.guardrails import share_exceeded
from advancement.views.access import allows, may

# So many warnings, and so many problems of a file, are shown one by one.
_SHOWN: Final = 5
_PROBLEMS: Final = 20


@allows(GET=Right.EXPORT_DATA)
def export_rules(request: HttpRequest) -> HttpResponse:
    """Download every rule that is not archived, or the one that the address names, as `export_rules` does."""
    rules, slug = current_rules(), request.GET.get("rule", "")
    if slug:
        rules = [rule for rule in rules if rule.slug == slug]
        if not rules:
            raise Http404(f"There is no rule {quoted(slug)} in use.")
    name = slug or f"rules-{timezone.localdate().isoformat()}"
    response = HttpResponse(rules_to_json(rules), content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response


@allows(GET=Right.IMPORT_DATA, POST=Right.IMPORT_DATA)
def import_rules(request: HttpRequest) -> HttpResponse:
    """Take a file or pasted text, show what it would change, and keep it once that is confirmed.

    The text travels in the form; what it would do is worked out again before it is kept.
    """
    if request.method != "POST":
        return _form(request)
    text = ""
    try:
        text = _text(request)
        definitions = rules_from_json(text)
        if not definitions:
            raise AdvancementError("The list is empty: there is no rule in it.")
        if "basis" not in request.POST:
            return _preview(request, text, definitions)
        by, basis = request.user.get_username(), request.POST["basis"]
        kept = keep_rules(definitions, _allowed(request), by=by, basis=basis)
    except RulesChanged as error:
        return _preview(request, text, definitions, str(error))
    except AdvancementError as error:
        return _form(request, text, str(error).splitlines())
    _report(request, kept)
    return redirect("console:rules")


def _allowed(request: HttpRequest) -> Allowed:
    """Whoever brings rules in has written them, so activating them is activating one's own."""
    return Allowed(
        enabling=may(request.user, Right.ACTIVATE_RULES) and settings.ADVANCEMENT_APPROVE_OWN,
        disabling=may(request.user, Right.DISABLE_RULES),
    )


def _text(request: HttpRequest) -> str:
    """Return what was uploaded, else what was pasted; raise AdvancementError where that cannot be read."""
    upload = request.FILES.get("file")
    if upload:
        if (upload.size or 0) > MAX_UPLOAD:
            raise AdvancementError(
                "The file is larger than 1 MiB; split it, or use the command import_rules."
            )
        return uploaded_text(upload.read())
    text = request.POST.get("text", "")
    if not text.strip():
        raise AdvancementError("There is nothing to import; choose a file, or paste its content.")
    # Browsers send a line end as two characters.
    text = text.replace("\r\n", "\n")
    if len(text.encode()) > MAX_UPLOAD:
        raise AdvancementError("The text is larger than 1 MiB; split it, or use the command import_rules.")
    return text


def _form(request: HttpRequest, text: str = "", errors: list[str] | None = None) -> HttpResponse:
    shown = list(errors or [])
    # Reading the form says itself how many more there are, in a line of its own.
    if len(shown) > _PROBLEMS + 1:
        shown[_PROBLEMS:] = [f"There are {len(shown) - _PROBLEMS:,} more problems."]
    context = {"title": "Import rules", "text": text, "errors": shown, "allowed": _allowed(request)}
    return render(request, "console/import_rules.html", context, status=422 if errors else 200)


def _preview(
    request: HttpRequest, text: str, definitions: list[RuleDefinition], error: str = ""
) -> HttpResponse:
    allowed = _allowed(request)
    found = compare_rules(definitions, allowed)
    changing = [*found.of_kind("added"), *found.of_kind("changed")]
    # Of what is activated; drafts move nothing.
    moves = moves_with([rule.definition for rule in changing if not rule.drafted])
    context: dict[str, Any] = {
        "title": "Import rules",
        "text": text,
        "found": found,
        "changing": len(changing),
        "moves": sum(each.count for each in moves.values()),
        "moving": bool(moves),
        "exceeded": _exceeded([rule.definition for rule in changing if not rule.drafted], moves),
        "button": _button(found),
        "groups": [
            (title, [(rule, None if rule.drafted else moves.get(rule.definition.slug)) for rule in rules])
            for title, kind in (("New", "added"), ("Changed", "changed"), ("Unchanged", "unchanged"))
            for rules in [found.of_kind(kind)]
        ],
        "scheduled_tiers": settings.ADVANCEMENT_FROM_TIERS,
        "may_activate": may(request.user, Right.ACTIVATE_RULES),
        "error": error,
        "allowed": allowed,
    }
    return render(request, "console/import_rules_preview.html", context, status=422 if error else 200)


def _exceeded(definitions: list[RuleDefinition], moves: Mapping[str, Moves]) -> str:
    """Name the settings that a run of these rules would exceed."""
    on = [definition for definition in definitions if definition.slug in moves]
    places = {(definition.lifecycle_model, definition.from_tier) for definition in on}
    sprouts = count_sprouts() if places else {}
    count = sum(each.count for each in moves.values())
    names = []
    if share_exceeded(count, sum(sprouts.get(place, 0) for place in places)):
        names.append("ADVANCEMENT_MAX_SHARE")
    if settings.ADVANCEMENT_MAX_MOVES is not None and count > settings.ADVANCEMENT_MAX_MOVES:
        names.append("ADVANCEMENT_MAX_MOVES")
    return f"{join_words(names, 'and')} {'allows' if len(names) == 1 else 'allow'}" if names else ""


def _button(found: RuleImport) -> str:
    """Return what the button does, with how many."""
    drafts = len([rule for rule in found.drafted if rule.kind != "unchanged"])
    active = len(found.of_kind("added")) + len(found.of_kind("changed")) - drafts
    words = []
    if active:
        words.append(f"{active:,} {'rule' if active == 1 else 'rules'}")
    if drafts:
        words.append(f"{drafts:,} {'draft' if drafts == 1 else 'drafts'}")
    return f"Import {join_words(words, 'and')}"


def _waiting(drafts: int, read: int) -> str:
    if not drafts:
        return ""
    if read == 1:
        return " It waits as a draft."
    return f" {drafts:,} of them {'waits as a draft' if drafts == 1 else 'wait as drafts'}."


def _report(request: HttpRequest, kept: RulesKept) -> None:
    figures = [
        f"{len(kept.added):,} new",
        f"{len(kept.changed):,} changed",
        f"{len(kept.unchanged):,} unchanged",
    ]
    read = len(kept.added) + len(kept.changed) + len(kept.unchanged)
    drafts = _waiting(len(kept.drafted), read)
    said = f"{read:,} {'rule' if read == 1 else 'rules'} read: {', '.join(figures)}.{drafts}"
    messages.success(request, said)
    for warning in kept.warnings[:_SHOWN]:
        messages.warning(request, warning)
    if (more := len(kept.warnings) - _SHOWN) > 0:
        messages.warning(request, f"{more:,} more warnings stand beside the rules.")
