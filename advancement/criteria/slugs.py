"""What rules, lifecycle models and tiers may be called: one definition for all of them."""

import re
from typing import Final

MAX_SLUG_LENGTH: Final = 100
SLUG_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]*\Z"
SLUG_WORDS: Final = "lowercase letters, digits, hyphens and underscores, starting with a letter or digit"

_SLUG: Final = re.compile(SLUG_PATTERN)


def is_slug(text: str) -> bool:
    """Whether a text may be a slug; one of hyphens and underscores alone could neither be read nor said."""
    return len(text) <= MAX_SLUG_LENGTH and bool(_SLUG.match(text))
