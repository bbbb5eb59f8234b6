"""Seals: a chain of hashes over the events of each run that has ended."""

from django.db import models

from advancement.models.constraints import MAX_INTEGER, in_range, not_empty


class Seal(models.Model):
    """A fact: this run ended with these events, by their hash. Each seal includes the one before it.

    Numbers are 1, 2, 3 … without gaps. Run is a plain value, as on events, and triggers refuse every
    change and deletion. Set through `advancement.ledger.seals` alone.
    """

    number = models.PositiveIntegerField(primary_key=True)
    run_id = models.BigIntegerField()
    events = models.PositiveIntegerField(help_text="How many events the run had.")
    events_hash = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    class Meta:
        db_table = "advancement_seals"
        constraints = [
            models.UniqueConstraint(fields=["run_id"], name="one_seal_per_run"),
            in_range("advancement_seals", "number", 1, MAX_INTEGER),
            *(not_empty("advancement_seals", column) for column in ("events_hash", "previous_hash", "hash")),
        ]

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


class LedgerCheck(models.Model):
    """What the newest check of the ledger found; a single row, written by `advancement.ledger.record` alone.

    `faults` has a line for each statement that does not hold: title, how many were checked and found, and
    the first findings. A head that was refuted stays so until a check with a head finds it in the chain.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    checked_at = models.DateTimeField()
    checked_by = models.CharField(max_length=150, blank=True, help_text="Empty: the command.")
    found = models.PositiveBigIntegerField(help_text="How many faults there are in all.")
    faults = models.JSONField(default=list)
    kept_fault = models.TextField(blank=True, help_text="Why a head that was kept elsewhere is refuted.")

    class Meta:
        db_table = "ledger_checks"
        default_permissions = ()
        constraints = [models.CheckConstraint(name="one_ledger_check", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"{self.found:,} found at {self.checked_at:%Y-%m-%d %H:%M} UTC"
