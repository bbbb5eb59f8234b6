"""What every page has around it: the navigation, who is signed in, what waits for somebody."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from django.contrib.auth.models import AnonymousUser, Group
from django.db.models import F
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from advancement.models import AdvancementRule, Run, Tier
from advancement.models.runs import RunStatus
from advancement.rights import Right
from advancement.views.access import may
from advancement.views.guide import part_about


@dataclass(frozen=True)
class Place:
    """One entry of the navigation; `waiting` says what waits there, in a word or two."""

    label: str
    icon: str
    address: str
    current: bool
    key: str
    waiting: str = ""


class Console:
    """What the shell shows, asked for only where it is shown."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def navigation(self) -> list[Place]:
        """The places that whoever is signed in may go to."""
        return list(self._places())

    @property
    def keys(self) -> list[tuple[str, Place]]:
        """The letters that lead to the places after a `g`."""
        return [(place.key, place) for place in self.navigation]

    @cached_property
    def guide(self) -> str:
        """The address of the part of the guide that is about this page; none in the guide itself."""
        match = self._request.resolver_match
        name = match.view_name if match else ""
        if not self.navigation or name == "console:guide":
            return ""
        part = part_about(name)
        return f"{reverse('console:guide')}{'#' if part else ''}{part}"

    @cached_property
    def zone(self) -> str:
        """The name of the zone in which times are shown, as in `Europe/Berlin`."""
        return timezone.get_current_timezone_name()

    @cached_property
    def zone_name(self) -> str:
        """Its short name now, as in `CET`."""
        return timezone.localtime().tzname() or self.zone

    @cached_property
    def roles(self) -> str:
        """The roles of whoever is signed in, in words."""
        if getattr(self._request.user, "is_superuser", False):
            return "May do everything"
        groups = Group.objects.filter(user=self._request.user.pk).order_by("name")
        return ", ".join(groups.values_list("name", flat=True)) or "No role"

    @cached_property
    def held_runs(self) -> int:
        """How many runs wait for a decision."""
        return Run.objects.filter(status=RunStatus.HELD).count()

    @cached_property
    def tiers(self) -> dict[tuple[str, str], Tier]:
        """Every tier, by lifecycle model and slug."""
        tiers = Tier.objects.select_related("lifecycle_model")
        return {(tier.lifecycle_model_id, tier.slug): tier for tier in tiers}

    @cached_property
    def model_labels(self) -> dict[str, str]:
        """The label of every lifecycle model by slug."""
        return {model: tier.lifecycle_model.label for (model, _), tier in self.tiers.items()}

    @cached_property
    def rule_titles(self) -> dict[str, str]:
        """The title of every rule by slug, archived ones included, in the order of the titles."""
        title = Coalesce("active_version__title", "draft_version__title", F("pk"))
        return dict(AdvancementRule.objects.order_by(title, "pk").values_list("pk", title))

    def _places(self) -> Iterator[Place]:
        # Whoever asks is not known yet where a request is refused on its way in.
        user = getattr(self._request, "user", AnonymousUser())
        if not (user.is_authenticated and user.is_staff):
            return
        yield self._place("Dashboard", "dash", "console:dashboard", "d")
        for label, icon, name, key, right in _PLACES:
            if may(user, right):
                waits = f"{self.held_runs} held" if label == "Runs" and self.held_runs else ""
                yield self._place(label, icon, name, key, waits)

    def _place(self, label: str, icon: str, name: str, key: str, waiting: str = "") -> Place:
        address = reverse(name)
        path = self._request.path
        current = path == address if name == "console:dashboard" else path.startswith(address)
        # Rollbacks are runs, with an address of their own.
        current = current or (name == "console:runs" and path.startswith(reverse("console:rollback")))
        return Place(label, icon, address, current, key, waiting)


_PLACES = (
    ("Advancement rules", "rules", "console:rules", "a", Right.VIEW_RULES),
    ("Runs", "runs", "console:runs", "r", Right.VIEW_RUNS),
    ("Events", "events", "console:events", "e", Right.VIEW_EVENTS),
    ("Sprouts", "sprouts", "console:sprouts", "s", Right.VIEW_SPROUTS),
    ("Lifecycle models", "models", "console:lifecycles", "l", Right.VIEW_LIFECYCLES),
    ("Health", "health", "console:health", "h", Right.VIEW_RUNS),
)


def console(request: HttpRequest) -> dict[str, Console]:
    """Give templates the `console` around them."""
    return {"console": Console(request)}
