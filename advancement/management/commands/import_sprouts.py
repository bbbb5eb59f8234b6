"""Import sprouts from a file."""

from advancement.importing import SproutImporter
from advancement.management.importing import ImportCommand


class Command(ImportCommand):
    """The command `import_sprouts`."""

    help = "Import sprouts: new ones start in their tier, those already here are at most retitled."
    importer = SproutImporter
    updated_word = "retitled"
