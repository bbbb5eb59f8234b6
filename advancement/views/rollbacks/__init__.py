"""The wizard for bulk rollbacks: scope, then review and confirmation, then the result with its undo."""

from advancement.views.rollbacks.review_page import review
from advancement.views.rollbacks.scope_page import scope

__all__ = ["review", "scope"]
