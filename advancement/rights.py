"""Who may do what: the rights that pages ask for, and the roles that carry them.

Every page, action and fragment names a right. The roles are groups, made by migration; an installation
may change them, or give single rights to single people, as anywhere in Django.
"""

from enum import StrEnum
from typing import Final


class Right(StrEnum):
    """A right by the name that Django's permissions know it by."""

    VIEW_RULES = "advancement.view_advancementrule"
    VIEW_RUNS = "advancement.view_run"
    VIEW_EVENTS = "advancement.view_advancementevent"
    VIEW_SPROUTS = "advancement.view_sprout"
    VIEW_LIFECYCLES = "advancement.view_lifecyclemodel"
    DRAFT_RULES = "advancement.draft_rules"
    ACTIVATE_RULES = "advancement.activate_rules"
    DISABLE_RULES = "advancement.disable_rules"
    START_RUNS = "advancement.start_runs"
    APPROVE_RUNS = "advancement.approve_runs"
    ROLL_BACK = "advancement.roll_back"
    OVERRIDE_TIERS = "advancement.override_tiers"
    HOLD_SPROUTS = "advancement.hold_sprouts"
    IMPORT_DATA = "advancement.import_data"
    EXPORT_DATA = "advancement.export_data"
    SEND_NOTIFICATIONS = "advancement.change_outboxmessage"
    EDIT_LIFECYCLES = "advancement.change_lifecyclemodel"

    @property
    def words(self) -> str:
        """What it lets one do, as in “you may not …”."""
        return _WORDS[self]


_WORDS: Final[dict[Right, str]] = {
    Right.VIEW_RULES: "look at advancement rules",
    Right.VIEW_RUNS: "look at runs",
    Right.VIEW_EVENTS: "look at events",
    Right.VIEW_SPROUTS: "look at sprouts",
    Right.VIEW_LIFECYCLES: "look at lifecycle models",
    Right.DRAFT_RULES: "write drafts of rules",
    Right.ACTIVATE_RULES: "activate rules",
    Right.DISABLE_RULES: "switch rules off or archive them",
    Right.START_RUNS: "start runs, apply plans, cancel and resume",
    Right.APPROVE_RUNS: "decide about held runs",
    Right.ROLL_BACK: "roll back",
    Right.OVERRIDE_TIERS: "override the tier of a sprout",
    Right.HOLD_SPROUTS: "set and release holds",
    Right.IMPORT_DATA: "import",
    Right.EXPORT_DATA: "export",
    Right.SEND_NOTIFICATIONS: "send notifications again",
    Right.EDIT_LIFECYCLES: "edit lifecycle models",
}

VIEWER: Final = "Viewer"
RULE_EDITOR: Final = "Rule editor"
OPERATOR: Final = "Operator"
APPROVER: Final = "Approver"

# What each role adds to looking at everything, which all of them may.
ROLES: Final[dict[str, frozenset[Right]]] = {
    VIEWER: frozenset(),
    RULE_EDITOR: frozenset({Right.DRAFT_RULES}),
    OPERATOR: frozenset(
        {
            Right.DISABLE_RULES,
            Right.START_RUNS,
            Right.ROLL_BACK,
            Right.OVERRIDE_TIERS,
            Right.HOLD_SPROUTS,
            Right.IMPORT_DATA,
            Right.EXPORT_DATA,
            Right.SEND_NOTIFICATIONS,
        }
    ),
    APPROVER: frozenset({Right.ACTIVATE_RULES, Right.APPROVE_RUNS, Right.EDIT_LIFECYCLES}),
}


def roles_with(right: Right) -> list[str]:
    """Return the roles that carry a right, in the order of `ROLES`; a right to look is in all of them."""
    looking = ".view_" in right
    return [role for role, rights in ROLES.items() if looking or right in rights]
