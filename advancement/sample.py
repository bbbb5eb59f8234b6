"""The sample grove, to try things out: real documents and what was done with them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from django.db import OperationalError, transaction

from advancement.aggregation import refresh_signals
from advancement.criteria.errors import AdvancementError
from advancement.database.limits import limit_waiting
from advancement.database.locks import lock_imports, lock_refused
from advancement.importing import EventImporter, SproutImporter, import_file
from advancement.models import Sprout

FOLDER: Final = Path(__file__).parent / "sample_grove"
SPROUTS: Final = FOLDER / "sprouts.csv"
USAGE_EVENTS: Final = FOLDER / "usage_events.jsonl.gz"
RULES: Final = FOLDER / "rules.json"
# While the sample was in use; now, nothing would have happened in the last 30 days.
AS_OF: Final = datetime(2026, 1, 20, tzinfo=UTC)

# Of somebody who waits at a page.
_PATIENCE: Final = timedelta(seconds=10)


class GroveNotEmpty(AdvancementError):
    """There are sprouts already; the sample grove comes into an empty grove alone."""

    def __init__(self) -> None:
        super().__init__("There are sprouts already: the sample grove is loaded into an empty grove alone.")


@dataclass(frozen=True)
class Loaded:
    """How many sprouts and usage events came in."""

    sprouts: int
    usage_events: int


def load_sample_grove(*, using: str = "default") -> Loaded:
    """Import the sample's sprouts and usage events and compute their signals; all of it or nothing.

    Its rules are left out: writing the first one is what there is to try. Raise GroveNotEmpty where
    there are sprouts, ImportRefused where their lifecycle model is not as it came, and AdvancementError
    where others import or refresh for longer than somebody waits at a page.
    """
    try:
        with transaction.atomic(using=using):
            limit_waiting(using, _PATIENCE)
            # Nobody else's import of sprouts may end between the question and the answer.
            lock_imports(SproutImporter.noun, using)
            if Sprout.objects.using(using).exists():
                raise GroveNotEmpty
            sprouts = import_file(SproutImporter, str(SPROUTS), using=using)
            events = import_file(EventImporter, str(USAGE_EVENTS), using=using)
            refresh_signals(as_of=AS_OF, using=using)
    except OperationalError as error:
        if not lock_refused(error):
            raise
        raise AdvancementError(
            "Somebody imports or refreshes the signals at this moment; nothing was loaded. Try again once "
            "that is done."
        ) from error
    return Loaded(sprouts.inserted, events.inserted)
