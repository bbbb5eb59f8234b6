"""Titles that are nearly what somebody typed, by the index of titles: PostgreSQL alone has the means."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import DatabaseError, connections, transaction

from advancement.database.indexes import has_title_index

_MILLISECONDS: Final = 200
# How much of a word's trigrams a title has: letters left out, doubled or changed places stay above it.
_LIKENESS: Final = 0.5
# So many are compared for the best ones: common words are near to very many titles.
_COMPARED: Final = 200
# Shorter words are too near to everything.
_SHORTEST: Final = 4


def near_titles(text: str, most: int, *, using: str = "default") -> list[UUID]:
    """Return the sprouts whose titles nearly hold every word of a text, the nearest first.

    None without the index of titles, and none when that takes longer than a fifth of a second.
    """
    words = text.split()[:3]
    if not has_title_index(connections[using]) or not any(len(word) >= _SHORTEST for word in words):
        return []
    try:
        return _found(words, most, using)
    except DatabaseError:
        return []


def _found(words: Sequence[str], most: int, using: str) -> list[UUID]:
    near = " AND ".join(
        "UPPER(title::text) %%> UPPER(%s)"
        if len(word) >= _SHORTEST
        else "STRPOS(UPPER(title), UPPER(%s)) > 0"
        for word in words
    )
    statement = f"""
        SELECT id
        FROM (SELECT id, title FROM sprouts WHERE {near} LIMIT {_COMPARED}) AS near
        ORDER BY WORD_SIMILARITY(UPPER(%s), UPPER(title)) DESC, title, id
        LIMIT %s
    """
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {_MILLISECONDS}")
        cursor.execute(f"SET LOCAL pg_trgm.word_similarity_threshold = {_LIKENESS}")
        cursor.execute(statement, [*words, " ".join(words), most])
        found = [row[0] for row in cursor.fetchall()]
        # Nothing was written; so the settings go, also within a longer transaction.
        transaction.set_rollback(True, using=using)
    return found
