"""What a search finds: by words of a name, by a number, by an id; by a name with typing errors if need be."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from advancement.criteria.nearness import near_names
from advancement.database.near_titles import near_titles
from advancement.models import AdvancementEvent, AdvancementRule, LifecycleModel, Run, Sprout
from advancement.models.sprouts import titled
from advancement.rights import Right
from advancement.templatetags.runs import run_name
from advancement.views.access import may
from advancement.views.destinations import PAGES, Destination, destinations, near_destinations
from advancement.views.filtered_lists import FILTERED_LISTS
from advancement.views.shell import Console

MOST: Final = 8
PLACES: Final = (*PAGES, *FILTERED_LISTS)
VIEW_PEOPLE: Final = "auth.view_user"
# More rules than this are not compared letter by letter.
_MOST_COMPARED: Final = 2_000
# “run 3”, “undo #6”, “event 12”, or the number alone.
_NUMBERED: Final = re.compile(
    r"(?:(?P<kind>(?:dry |held )?run|(?:plan of )?(?:rollback|undo)|override|plan|event) ?)?"
    r"#?(?P<number>[0-9]{1,18})"
)

# What an id may be cut to; less than this is rather a word or a number.
_ID_BEGINS: Final = re.compile("[0-9a-fA-F]{8,31}")


@dataclass(frozen=True)
class Hit:
    """Something that was found: what it is, what it is called, where it is."""

    kind: str
    icon: str
    name: str
    note: str
    address: str


@dataclass(frozen=True)
class Numbered:
    """A number that somebody gave, of a run (which a rollback is, too), of an event, or of either."""

    number: int
    is_run: bool = True
    is_event: bool = True


def hits_of(request: HttpRequest, text: str) -> Iterator[Hit]:
    """Yield what a text finds, of what whoever asks may look at; of sprouts one more than is shown."""
    user = request.user
    if may(user, Right.VIEW_RUNS):
        yield from _runs(text)
    if may(user, Right.VIEW_EVENTS):
        yield from _numbered_events(text)
    yield from _places(destinations(request, text, PLACES))
    if may(user, Right.VIEW_LIFECYCLES):
        yield from _models(LifecycleModel.objects.filter(titled(text, "slug") | titled(text, "label")))
    if may(user, Right.VIEW_RULES):
        yield from _rules(_rules_called(text))
    if user.has_perm(VIEW_PEOPLE):
        yield from _people(text)
    if may(user, Right.VIEW_SPROUTS):
        wanted = as_uuid(text)
        if wanted:
            found = list(Sprout.objects.filter(pk=wanted))
        else:
            found = [*_sprouts_by_beginning(text), *_sprouts_called(text)]
        yield from _sprouts(request, found[: MOST + 1])
    if may(user, Right.VIEW_EVENTS):
        yield from _events_of_deleted(text)


def near_hits_of(request: HttpRequest, text: str) -> Iterator[Hit]:
    """Yield what is nearly called so: pages, models, rules; and sprouts where titles have an index."""
    user = request.user
    yield from _places(list(near_destinations(request, text, PLACES))[:MOST])
    if may(user, Right.VIEW_LIFECYCLES):
        labels = dict(LifecycleModel.objects.values_list("slug", "label"))
        near = near_names(text, {slug: f"{slug} {label}" for slug, label in labels.items()})
        yield from _models(LifecycleModel.objects.filter(pk__in=near))
    if may(user, Right.VIEW_RULES):
        rules = AdvancementRule.objects.values_list("pk", "active_version__title", "draft_version__title")
        names = {row[0]: " ".join(filter(None, row)) for row in rules[:_MOST_COMPARED]}
        yield from _rules(AdvancementRule.objects.filter(pk__in=near_names(text, names)))
    if may(user, Right.VIEW_SPROUTS):
        near_ids = near_titles(text, MOST)
        found = Sprout.objects.in_bulk(near_ids)
        yield from _sprouts(request, [found[key] for key in near_ids if key in found])


def numbered(text: str) -> Numbered | None:
    """Return the number that a text is, if it is nothing else but that and a word for what has it."""
    found = _NUMBERED.fullmatch(text.casefold())
    if not found:
        return None
    kind = found["kind"]
    return Numbered(int(found["number"]), is_run=kind != "event", is_event=kind in {None, "event"})


def as_uuid(text: str) -> UUID | None:
    """Return the id that a text is, None if it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _places(places: Iterable[Destination]) -> Iterator[Hit]:
    for place in places:
        yield Hit("List" if place.filter else "Page", place.icon, place.label, place.note, place.address)


def _runs(text: str) -> Iterator[Hit]:
    if (asked := numbered(text)) and asked.is_run:
        for run in Run.objects.filter(pk=asked.number):
            address = reverse("console:run", args=[run.pk])
            yield Hit("Run", "runs", run_name(run), run.get_status_display(), address)


def _models(models: "QuerySet[LifecycleModel]") -> Iterator[Hit]:
    for model in models.order_by("label", "pk")[:MOST]:
        address = f"{reverse('console:lifecycles')}#m-{model.pk}"
        yield Hit("Model", "models", model.label, "archived" if model.archived_at else model.pk, address)


def _rules_called(text: str) -> "QuerySet[AdvancementRule]":
    return AdvancementRule.objects.filter(
        titled(text, "pk") | titled(text, "active_version__title") | titled(text, "draft_version__title")
    )


def _rules(rules: "QuerySet[AdvancementRule]") -> Iterator[Hit]:
    for rule in rules.select_related("active_version", "draft_version").order_by("pk")[:MOST]:
        version = rule.active_version or rule.draft_version
        title = version.title if version else rule.pk
        yield Hit("Rule", "rules", title, rule.pk, reverse("console:rule", args=[rule.pk]))


def _people(text: str) -> Iterator[Hit]:
    called = Q()
    for word in text.split():
        called &= Q(username__icontains=word) | Q(first_name__icontains=word) | Q(last_name__icontains=word)
    for person in User.objects.filter(called).order_by("username")[:MOST]:
        note = person.get_full_name() if person.is_active else "may not sign in"
        address = reverse("admin:auth_user_change", args=[person.pk])
        yield Hit("Person", "user", person.username, note, address)


def _sprouts_by_beginning(text: str) -> list[Sprout]:
    """Return the first sprouts whose ids begin with a text, if that can be the beginning of one."""
    digits = text.replace("-", "")
    if not _ID_BEGINS.fullmatch(digits):
        return []
    first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
    return list(Sprout.objects.filter(pk__range=(first, last)).order_by("pk")[:MOST])


def _sprouts_called(text: str) -> list[Sprout]:
    """Return the first sprouts by title, before them those that are files of that name."""
    found = list(Sprout.objects.filter(titled(text)).in_title_order()[: MOST + 1])
    candidates = found
    if len(found) > MOST:  # some that are called so may come later
        named = Q(title__iexact=text) | Q(title__istartswith=f"{text}.")
        named |= Q(title__icontains=f"/{text}.") | Q(title__iendswith=f"/{text}")
        candidates = list(Sprout.objects.filter(named).in_title_order()[:MOST])
    first = [sprout for sprout in candidates if _is_file_name(text, sprout.title)]
    return [*first, *(sprout for sprout in found if sprout not in first)][: MOST + 1]


def _is_file_name(text: str, title: str) -> bool:
    """Whether a text is the name of the file that a title is, with its ending or without."""
    name = title.rpartition("/")[2].casefold()
    return text.casefold() in {name, name.rpartition(".")[0]}


def _sprouts(request: HttpRequest, sprouts: Sequence[Sprout]) -> Iterator[Hit]:
    tiers = Console(request).tiers if sprouts else {}
    for sprout in sprouts:
        tier = tiers.get((sprout.lifecycle_model_id, sprout.tier), sprout.tier)
        yield Hit("Sprout", "sprouts", sprout.title, str(tier), reverse("console:sprout", args=[sprout.pk]))


def _numbered_events(text: str) -> Iterator[Hit]:
    if (asked := numbered(text)) and asked.is_event:
        for event in AdvancementEvent.objects.filter(pk=asked.number):
            address = reverse("console:event", args=[event.pk])
            yield Hit("Event", "events", f"Event {event.pk}", event.sprout_title, address)


def _events_of_deleted(text: str) -> Iterator[Hit]:
    if (wanted := as_uuid(text)) and not Sprout.objects.filter(pk=wanted).exists():
        # Of a sprout that was deleted the events remain.
        for event in AdvancementEvent.objects.filter(sprout_id=wanted).order_by("-revision")[:1]:
            address = f"{reverse('console:events')}?sprout={wanted}"
            yield Hit("Events", "events", event.sprout_title, "deleted; its events", address)
