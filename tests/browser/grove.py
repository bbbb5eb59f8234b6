"""The grove that the browser sees: the sample as the demo loads it, with a run in every state to look at.

It is made once, kept as a template, and copied again after a test that changed it.
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.test import override_settings
from django_q.models import Task
from django_q.tasks import async_task

from advancement.criteria.rules import RuleDefinition
from advancement.holds import set_hold
from advancement.importing.uploads import receive, work_on_uploads
from advancement.management.commands.demo import PASSWORD
from advancement.models import LifecycleModel, Run, Sprout, Tier
from advancement.models.runs import RunStatus, RunTrigger
from advancement.rights import OPERATOR
from advancement.rollback.scope import RollbackRequest
from advancement.rulebook.drafts import save_draft
from advancement.rulebook.switching import archive_rule
from advancement.runs.override import override_tier
from advancement.runs.start import RunRequest, start_rollback, start_run
from advancement.runs.work import work_on
from tests.criteria.cast import make_rule
from tests.faults import copies

NAME = f"grove_browser_{os.getpid()}"
_TEMPLATE = f"{NAME}_template"

# By name: the demo's people with their roles, and somebody who may do everything.
PEOPLE = {
    "viewer": "Viewer",
    "editor": "Rule editor",
    "operator": "Operator",
    "approver": "Approver",
    "root": "",
}


TWO_SPROUTS = b"""id,title,lifecycle_model,tier,created_at
7d0c0000-0000-4000-8000-000000000001,notes/one.md,botanical,seed,2026-01-01T00:00:00Z
7d0c0000-0000-4000-8000-000000000002,notes/two.md,botanical,seed,2026-01-01T00:00:00Z
"""


class Grove:
    """The database behind the browser."""

    def __init__(self) -> None:
        self.touched = False

    @property
    def url(self) -> str:
        """Its address, for processes."""
        return copies.url(NAME)

    def keep(self) -> None:
        """Keep it as it is now; that is what `restore` goes back to."""
        self._copy(NAME, _TEMPLATE)

    def restore(self) -> None:
        """Go back to what was kept, where a test changed something since."""
        if self.touched:
            self._copy(_TEMPLATE, NAME)
            self.touched = False

    def _copy(self, source: str, target: str) -> None:
        copies.use(NAME)  # Closes our own connection; that of the server is renewed at its next request.
        with copies.beside("postgres") as session:
            session.execute(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)")
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [source]
            )
            session.execute(f"CREATE DATABASE {target} TEMPLATE {source}")


@contextlib.contextmanager
def planted() -> Iterator[Grove]:
    """Make the grove and let this process's Django work on it; drop it and go back afterwards."""
    before = copies.current()
    with copies.beside("postgres") as session:
        session.execute(f"CREATE DATABASE {NAME}")
    try:
        copies.use(NAME)
        plant()
        yield Grove()
    finally:
        copies.use(before)
        with copies.beside("postgres") as session:
            for name in (NAME, _TEMPLATE):
                session.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def plant() -> None:
    """Load the sample with the demo's own command, and add what makes pages worth looking at."""
    quiet = contextlib.redirect_stdout(StringIO())
    with override_settings(DEBUG=True, NOTIFY_EMAILS=["ada@example.org"]), quiet:
        call_command("demo", use_database_url=True, stdout=StringIO(), stderr=StringIO())
    _people()
    _runs()
    _records()


def _people() -> None:
    """Make the demo's operator an Operator like any other, and leave everything else to root."""
    User.objects.create_superuser("root", password=PASSWORD)
    operator = User.objects.get(username="operator")
    operator.is_superuser = False
    operator.save()
    operator.groups.set([Group.objects.get(name=OPERATOR)])


def _runs() -> None:
    """Add a dry run, a held run, a rollback to review and a failed run, after the demo's two."""
    _worked(RunRequest(from_tiers=("sapling",), dry_run=True, requested_by="operator"))
    with override_settings(ADVANCEMENT_MAX_MOVES=1):
        held = _worked(RunRequest(from_tiers=("sapling",), requested_by="operator"))
    assert held.status == RunStatus.HELD
    advanced = Run.objects.filter(advanced__gt=0, dry_run=False).latest()
    request = RollbackRequest(run=advanced.pk, reason="", requested_by="operator", dry_run=True)
    rollback = start_rollback(request, trigger=RunTrigger.CONSOLE)
    work_on(rollback.pk, rollback.lease_token)
    failed = start_run(RunRequest(from_tiers=("tree",), requested_by="operator"), trigger=RunTrigger.CONSOLE)
    Run.objects.filter(pk=failed.pk).update(
        status=RunStatus.FAILED,
        error="OperationalError: the connection to the server was lost",
        lease_expires_at=None,
        retry_at=datetime.now(UTC) + timedelta(days=365),
    )
    # Somebody seems to work on this one, so nobody else takes it up.
    working = start_run(RunRequest(from_tiers=("tree",)), trigger=RunTrigger.CONSOLE)
    Run.objects.filter(pk=working.pk).update(lease_expires_at=datetime.now(UTC) + timedelta(days=365))


def _worked(request: RunRequest) -> Run:
    run = start_run(request, trigger=RunTrigger.CONSOLE)
    return work_on(run.pk, run.lease_token)


def _records() -> None:
    """Add an override, a hold, a draft, a second lifecycle model, and rows of the clusters' tables."""
    seeds = Sprout.objects.filter(tier="seed").order_by("title")
    why: dict[str, Any] = {"reason": "The maintainers vouch for it.", "by": "operator"}
    override_tier(seeds[0].pk, "tree", trigger=RunTrigger.CONSOLE, **why)
    set_hold(seeds[1].pk, **why)
    _worked(RunRequest(from_tiers=("seed",), dry_run=True, requested_by="operator"))
    draft: RuleDefinition = make_rule(
        "views >= 4", slug="seed-to-sprout-cited", from_tier="seed", to_tier="sprout"
    )
    save_draft(draft, by="editor")
    archive_rule("tree-to-grove-landmark", by="operator")
    receive("sprouts", "two.csv", [TWO_SPROUTS], by="operator")
    receive("sprouts", "broken.csv", [TWO_SPROUTS.replace(b"botanical", b"astral", 1)], by="operator")
    work_on_uploads()
    academic = LifecycleModel.objects.create(slug="academic", label="Academic")
    for position, slug in enumerate(["draft", "preprint", "published"]):
        Tier.objects.create(
            lifecycle_model=academic, slug=slug, label=slug.title(), position=position, emoji="📄"
        )
    editor = User.objects.get(username="editor")
    for what, flag in ((academic, ADDITION), (academic, CHANGE)):
        LogEntry.objects.create(
            user=editor,
            content_type=ContentType.objects.get_for_model(what),
            object_id=what.pk,
            object_repr=str(what),
            action_flag=flag,
            change_message='[{"changed": {"fields": ["Label"]}}]' if flag == CHANGE else '[{"added": {}}]',
        )
    now = datetime.now(UTC)
    for number, success in enumerate([True, False], start=1):
        Task.objects.create(
            id=str(number),
            name="advancement tick",
            func="advancement.tasks.tick",
            started=now,
            stopped=now,
            success=success,
            result=None if success else "RuntimeError: a worker died",
        )
    async_task("advancement.tasks.tick", task_name="advancement tick")
