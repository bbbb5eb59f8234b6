"""Disable the rules whose advancements a rollback takes back, so that the next night does not repeat them."""

from advancement.models import Run
from advancement.rulebook.switching import disable_rule


def disable_rolled_back_rules(run: Run, *, using: str = "default") -> list[str]:
    """Disable what a rollback was asked to; return the slugs of the rules that were enabled until now.

    That is the rule in its scope, or without one every rule whose advancements its plan takes back; none
    when it takes nothing back.
    """
    rules = rules_rolled_back(run, using) if run.disable_rules else []
    if run.scope_rule_id:
        rules = [slug for slug in rules if slug == run.scope_rule_id]
    by = run.decided_by or run.requested_by
    return [slug for slug in rules if disable_rule(slug, by=by, using=using)]


def rules_rolled_back(run: Run, using: str = "default") -> list[str]:
    """Return the slugs of the rules whose advancements a rollback's plan takes back, in order.

    What was struck out of the plan does not count.
    """
    moves = run.moves.using(using).filter(struck=False).order_by()
    named = moves.values_list("reverses_event__rule_id", flat=True).distinct()
    return sorted(slug for slug in named if slug is not None)
