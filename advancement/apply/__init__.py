"""Apply a plan: the only writer of sprouts' tiers and of advancement events."""

from advancement.apply.batches import Applier

__all__ = ["Applier"]
