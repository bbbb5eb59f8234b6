"""What is stored of a rule, as its editor needs it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, zip_longest

from django.db.models import Max, QuerySet
from django.http import Http404, HttpRequest

from advancement.criteria.changes import Comparison, compare
from advancement.criteria.wording import quoted
from advancement.models import AdvancementRule, RuleVersion
from advancement.views.paging import Page, page_of

_VERSIONS_SHOWN = 20


@dataclass(frozen=True)
class VersionLine:
    """A version in the list, with what changed against the one before; None for the first."""

    version: RuleVersion
    changes: Comparison | None


@dataclass(frozen=True)
class StoredRule:
    """A rule with its versions: `active` is what runs use, `draft` what waits to be activated."""

    rule: AdvancementRule

    @property
    def slug(self) -> str:
        """Its id."""
        return self.rule.pk

    @property
    def archived(self) -> bool:
        """Whether it is out of use."""
        return self.rule.archived_at is not None

    @property
    def active(self) -> RuleVersion | None:
        """The version that runs use."""
        return self.rule.active_version

    @property
    def draft(self) -> RuleVersion | None:
        """The version that waits to be activated."""
        return self.rule.draft_version

    @cached_property
    def newest_number(self) -> int:
        """The highest number of its versions."""
        return self.rule.versions.aggregate(newest=Max("number"))["newest"] or 0

    @cached_property
    def shown(self) -> RuleVersion:
        """What the editor opens with: the draft, else the active version, else the newest."""
        return self.draft or self.active or self._versions.get(number=self.newest_number)

    @cached_property
    def draft_changes(self) -> Comparison | None:
        """What activating the draft changes; None without a draft, or without anything to compare it with."""
        if self.draft is None or self.active is None:
            return None
        return compare(self.active.definition, self.draft.definition)

    def version(self, number: int) -> RuleVersion:
        """Return one of its versions; raise Http404 when there is none of that number."""
        found = self._versions.filter(number=number).first()
        if found is None:
            raise Http404(f"The rule {quoted(self.slug)} has no version {number}.")
        return found

    def version_page(self, request: HttpRequest) -> tuple[list[VersionLine], Page[RuleVersion]]:
        """Return a page of its versions, newest first, each compared with the one before."""
        page = page_of(self._versions, request, key="number", newest_first=True, size=_VERSIONS_SHOWN)
        versions = list(page.rows)
        older = (
            self._versions.filter(number__lt=versions[-1].number).order_by("-number")[:1] if versions else ()
        )
        definitions = [version.definition for version in (*versions, *older)]
        changes: list[Comparison | None] = [compare(before, after) for after, before in pairwise(definitions)]
        # The first version has none before it.
        lines = zip_longest(versions, changes[: len(versions)])
        return [VersionLine(version, change) for version, change in lines], page

    @property
    def _versions(self) -> "QuerySet[RuleVersion]":
        return self.rule.versions.prefetch_related("criteria")


def with_titles(counts: Iterable[tuple[str, int]]) -> list[tuple[str, str, int]]:
    """Return slug, title and count of active rules, given slug and count, the highest count first."""
    known = dict(counts)
    versions = RuleVersion.objects.filter(active_in__in=list(known)).values_list("rule", "title")
    return sorted(((slug, title, known[slug]) for slug, title in versions), key=lambda line: -line[2])


def find_rule(slug: str) -> StoredRule | None:
    """Return the rule of that slug, None when there is none."""
    rule = (
        AdvancementRule.objects.select_related("active_version", "draft_version")
        .prefetch_related("active_version__criteria", "draft_version__criteria")
        .filter(pk=slug)
        .first()
    )
    return StoredRule(rule) if rule else None


def stored_rule(slug: str) -> StoredRule:
    """Return the rule of that slug; raise Http404 when there is none."""
    if found := find_rule(slug):
        return found
    raise Http404(f"There is no rule {quoted(slug)}.")
