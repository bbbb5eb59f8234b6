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
    the first findings. A head that was refuted stays so until one as late is in the chain.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    checked_at = models.DateTimeField(help_text="As of when it looked.")
    checked_by = models.CharField(max_length=150, blank=True, help_text="Empty: the command.")
    faults = models.JSONField(default=list)
    kept_fault = models.TextField(blank=True, help_text="Why a head that was kept elsewhere is refuted.")
    kept_seal = models.PositiveIntegerField(null=True, help_text="The seal of that head.")

    class Meta:
        db_table = "ledger_checks"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(name="one_ledger_check", condition=models.Q(id=1)),
            in_range("ledger_checks", "kept_seal", 0, MAX_INTEGER),
        ]

    def __str__(self) -> str:
        return f"{self.found:,} found at {self.checked_at:%Y-%m-%d %H:%M} UTC"

    @property
    def found(self) -> int:
        """How many faults there are in all."""
        return sum(int(fault["found"]) for fault in self.faults) + bool(self.kept_fault)
