"""Import events from a file."""

from advancement.importing import EventImporter
from advancement.management.importing import ImportCommand


class Command(ImportCommand):
    """The command `import_events`."""

    help = "Import usage events."
    importer = EventImporter
    updated_word = ""
