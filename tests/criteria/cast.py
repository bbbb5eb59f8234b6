"""Plain factories for rules, with defaults that are valid."""

from advancement.criteria.rules import CriterionDefinition, RuleDefinition

LIFECYCLES = {
    "botanical": ("seed", "sprout", "sapling", "tree", "grove"),
    "academic": ("draft", "preprint"),
}


def criterion(text: str) -> CriterionDefinition:
    """Return the criterion written as `citations >= 3` or `citations >= 3 last_7d`."""
    signal, operator, threshold, *period = text.split()
    return CriterionDefinition(signal, operator, float(threshold), *period)


def make_rule(
    *criteria: str | CriterionDefinition,
    slug: str = "a-rule",
    title: str = "A rule",
    description: str = "",
    lifecycle_model: str = "botanical",
    from_tier: str = "sprout",
    to_tier: str = "sapling",
    logic: str = "AND",
    enabled: bool = True,
    priority: int = 100,
    max_moves: int | None = None,
) -> RuleDefinition:
    """Return an enabled rule of the botanical lifecycle, from sprout to sapling unless told."""
    return RuleDefinition(
        slug=slug,
        title=title,
        description=description,
        lifecycle_model=lifecycle_model,
        from_tier=from_tier,
        to_tier=to_tier,
        criteria=tuple(criterion(item) if isinstance(item, str) else item for item in criteria),
        logic=logic,
        enabled=enabled,
        priority=priority,
        max_moves=max_moves,
    )
