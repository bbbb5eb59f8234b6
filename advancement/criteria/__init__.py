"""Pure domain rules: the signal catalogue, operators, rule definitions and their validation.

Nothing in this package knows about Django or a database, so every way in (imports, forms, the
nightly run) can share one judgement of what a valid rule is.
"""
