"""Why a message was not delivered."""

from advancement.criteria.errors import AdvancementError


class NotDelivered(AdvancementError):
    """The message was not delivered."""


class NotConfigured(NotDelivered):
    """This recipient is no longer configured, so another try would not help."""
