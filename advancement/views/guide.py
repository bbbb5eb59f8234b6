"""The operator's guide in the console, and which part of it is about which page."""

from pathlib import Path
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from advancement.views.access import allows
from advancement.views.documents import read_document

GUIDE: Final = Path(settings.BASE_DIR) / "docs" / "guide.md"

# By the part of the guide, the names of the pages that it is about.
_PAGES_OF: Final[dict[str, tuple[str, ...]]] = {
    "start-a-grove": ("load_sample",),
    "in-the-morning": ("dashboard",),
    "look-up-what-happened": ("search", "events", "event"),
    "write-a-rule-or-change-one": (
        *("rules", "new_rule", "rule", "activate_rule"),
        *("switch_rule", "archive_rule", "unarchive_rule"),
    ),
    "see-what-a-run-would-do-then-let-it": (
        *("runs", "start_run", "run", "left_out", "plan", "plan_changes", "apply_plan"),
        *("cancel_run", "drop_run", "approve_run", "discard_run"),
    ),
    "take-something-back": ("rollback", "review_rollback"),
    "answer-why-did-mine-not-advance": ("sprouts", "sprout"),
    "bring-data-in": ("imports", "upload", "import_rules"),
    "lifecycle-models": ("lifecycles", "new_lifecycle", "edit_lifecycle", "archive_lifecycle"),
    "is-everything-well": ("health", "signals", "notifications", "notification", "diagnostics"),
}
_PART_OF: Final = {f"console:{name}": part for part, names in _PAGES_OF.items() for name in names}
# The records, by how the names of their addresses begin.
_RECORDS: Final = {
    "admin:auth_": "who-may-do-what",
    "admin:password_": "who-may-do-what",
    "admin:advancement_lifecyclemodel_": "lifecycle-models",
    "admin:advancement_tier_": "lifecycle-models",
    "admin:advancement_outboxmessage_": "is-everything-well",
    "admin:django_q_": "is-everything-well",
    "admin:": "all-records",
}


@allows(GET=None)
def guide(request: HttpRequest) -> HttpResponse:
    """Show the guide."""
    document = read_document(GUIDE)
    return render(request, "console/guide.html", {"title": document.title, "document": document})


def part_about(name: str) -> str:
    """Return the anchor of the part that is about a page, by the page's name; empty for any other."""
    if name in _PART_OF:
        return _PART_OF[name]
    return next((part for start, part in _RECORDS.items() if name.startswith(start)), "")
