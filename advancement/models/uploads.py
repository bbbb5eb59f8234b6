"""Files that came in by the browser, kept until they are imported or dropped."""

from django.db import models

from advancement.models.constraints import not_empty, one_of
from advancement.models.leases import Leased, lease_in_range


class UploadKind(models.TextChoices):
    """What a file holds."""

    SPROUTS = "sprouts", "Sprouts"
    EVENTS = "events", "Usage events"
    SIGNALS = "signals", "Signals"


class UploadStatus(models.TextChoices):
    """Where an upload stands."""

    CHECKING = "checking"
    CHECKED = "checked"
    REFUSED = "refused"
    IMPORTING = "importing"
    IMPORTED = "imported"
    DROPPED = "dropped"


class Upload(Leased):
    """One file: it is checked as the import would do it, and imported once somebody confirms."""

    kind = models.CharField(max_length=7, choices=UploadKind)
    name = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField()
    uploaded_by = models.CharField(max_length=150)
    uploaded_at = models.DateTimeField()
    status = models.CharField(max_length=9, choices=UploadStatus, default=UploadStatus.CHECKING)
    waits_since = models.DateTimeField(null=True, help_text="When it was sent, confirmed or started again.")
    worked_at = models.DateTimeField(null=True, help_text="When somebody last took it up.")
    skip_bad_rows = models.BooleanField(
        db_default=False, help_text="Whether the good rows are imported without the bad ones."
    )
    outcome = models.JSONField(null=True, help_text="The figures and problems of the check or the import.")

    class Meta:
        db_table = "uploads"
        constraints = [
            one_of("uploads", "kind", UploadKind.values),
            one_of("uploads", "status", UploadStatus.values),
            not_empty("uploads", "name"),
            *lease_in_range("uploads"),
        ]

    def __str__(self) -> str:
        return self.name


class UploadContent(models.TextChoices):
    """What a piece belongs to: the file that came in, its bad rows, or the reasons why they are."""

    FILE = "file"
    REJECTED = "rejected"
    REASONS = "reasons"


class UploadPart(models.Model):
    """A piece of a file, in order; deleted when the file is imported or dropped, bad rows a week later."""

    upload = models.ForeignKey(Upload, models.CASCADE, db_index=False, related_name="parts")
    content = models.CharField(max_length=8, choices=UploadContent, db_default=UploadContent.FILE)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        db_table = "upload_parts"
        constraints = [
            one_of("upload_parts", "content", UploadContent.values),
            models.UniqueConstraint(
                fields=["upload", "content", "number"], name="one_upload_part_per_content_and_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.upload_id}/{self.number}"
