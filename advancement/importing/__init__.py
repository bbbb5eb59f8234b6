"""Import sprouts, usage events and signals from files: streaming, idempotent, all or nothing."""

from advancement.importing.events import EventImporter
from advancement.importing.outcome import ImportRefused, Outcome
from advancement.importing.pipeline import import_file
from advancement.importing.signals import SignalImporter
from advancement.importing.sprouts import SproutImporter

__all__ = ["EventImporter", "ImportRefused", "Outcome", "SignalImporter", "SproutImporter", "import_file"]
