"""Import signals from a file."""

from advancement.importing import SignalImporter
from advancement.management.importing import ImportCommand


class Command(ImportCommand):
    """The command `import_signals`."""

    help = "Import signals that were aggregated elsewhere."
    importer = SignalImporter
    updated_word = "updated"
