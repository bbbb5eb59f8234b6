"""The pages that a search leads to by their names, and by other words for what is done there."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.urls import resolve, reverse
from django.utils.http import urlencode

from advancement.criteria.nearness import near_names

_PEOPLE: Final = "admin:auth_user_changelist"
_LEAST_OF_A_WORD: Final = 3


@dataclass(frozen=True)
class Destination:
    """A page: where it is, its name, what is done there, and more words that find it.

    A list with a filter set has the filter, and the words of which one has to be asked for.
    """

    view: str
    icon: str
    label: str
    note: str
    words: str = ""
    filter: tuple[str, str] | None = None
    asked_by: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Where it is."""
        query = f"?{urlencode([self.filter])}" if self.filter else ""
        return f"{reverse(self.view)}{query}"

    @property
    def found_by(self) -> str:
        """Everything that a search compares with."""
        return f"{self.label} {self.note} {self.words} {' '.join(self.asked_by)}".casefold()

    def holds(self, words: list[str]) -> bool:
        """Whether it is found by all of these words."""
        return all(word in self.found_by for word in words) and (
            not self.asked_by or any(_begins(word, named) for word in words for named in self.asked_by)
        )


def _begins(word: str, named: str) -> bool:
    return word == named or (len(word) >= _LEAST_OF_A_WORD and named.startswith(word))


PAGES: Final = (
    Destination("console:dashboard", "dash", "Dashboard", "What last night did", "home overview start"),
    Destination("console:rules", "rules", "Advancement rules", "All rules"),
    Destination("console:new_rule", "plus", "New rule", "Write a draft", "add create"),
    Destination("console:import_rules", "upload", "Import rules", "From a JSON file", "upload"),
    Destination("console:runs", "runs", "Runs", "What ran and what waits", "history log"),
    Destination(
        "console:start_run", "play", "Start a run", "A dry run or a real one", "run now plan preview"
    ),
    Destination("console:rollback", "undo", "Bulk Rollback", "Take advancements back", "undo revert reverse"),
    Destination("console:events", "events", "Events", "Every move and why", "audit trail"),
    Destination("console:sprouts", "sprouts", "Sprouts", "Each with its tier", "documents notes"),
    Destination("console:imports", "upload", "Import", "Sprouts, usage events, signals", "upload csv jsonl"),
    Destination("console:lifecycles", "models", "Lifecycle models", "Tiers in their order", "ladder"),
    Destination("console:health", "health", "Health", "Schedule, clusters, signals, ledger", "queue status"),
    Destination("console:notifications", "health", "Notifications", "E-mails and webhooks", "outbox"),
    Destination("console:diagnostics", "health", "Diagnostics", "For whoever is asked for help", "support"),
    Destination(_PEOPLE, "user", "People", "Accounts and roles", "users groups permissions"),
    Destination("console:guide", "help", "Guide", "How to work with the console", "help manual docs"),
)


def destinations(request: HttpRequest, text: str, places: Iterable[Destination]) -> Iterator[Destination]:
    """Yield the places, open to whoever asks, whose name or purpose holds every word of a text."""
    words = text.casefold().split()
    for place in places:
        if place.holds(words) and _is_open(place, request):
            yield place


def near_destinations(
    request: HttpRequest, text: str, places: Iterable[Destination]
) -> Iterator[Destination]:
    """Yield the places, open to whoever asks, that are nearly called so."""
    names = {place: f"{place.label} {' '.join(place.asked_by)}" for place in places}
    for place in near_names(text, names):
        if _is_open(place, request):
            yield place


def _is_open(place: Destination, request: HttpRequest) -> bool:
    """Whether somebody has the right that the page itself asks for."""
    if place.view == _PEOPLE:
        return request.user.has_perm("auth.view_user")
    view: Any = resolve(reverse(place.view)).func
    right = view.rights["GET"]
    return right is None or request.user.has_perm(right)
