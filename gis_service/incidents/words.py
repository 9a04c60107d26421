"""Incidents by what is said in them: async session and arguments to ids.

A frequent word is found among the first rows of an order; a rare one by the index of words, which
for a frequent one would name a large part of all. So both are tried, in this order, and neither
reads more than so much however many incidents there are.

The index is of trigrams, and most Chinese words have two characters: both in the index and in what
is looked for a letter stands between all characters, so that any two of them make a trigram.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from gis_service.incidents.filters import IncidentFilter, to_sql

LOOKED_AT = 20_000  # rows of an order before the index is asked

# the numbers of an origin are unique, and there are few origins
ORIGINS = """
    WITH RECURSIVE known AS (
        (SELECT origin FROM incident ORDER BY origin LIMIT 1)
        UNION ALL
        SELECT (SELECT origin FROM incident WHERE origin > known.origin ORDER BY origin LIMIT 1)
        FROM known WHERE known.origin IS NOT NULL
    )
"""
_FIRST = """
    WITH looked AS MATERIALIZED (
        SELECT i.id, i.code, i.external_id, i.address, i.description, i.class_name,
               {key} AS position
        FROM incident i WHERE {condition} ORDER BY {key} {direction}, i.id {direction}
        LIMIT :looked_at
    )
    SELECT (SELECT count(*) FROM looked) AS looked,
           ARRAY(SELECT i.id FROM looked i WHERE {words}
                 ORDER BY i.position {direction}, i.id {direction} LIMIT :limit) AS ids
"""
_INDEXED = """
    SELECT i.id FROM incident i
    WHERE i.id = ANY(ARRAY(
        SELECT id FROM incident
        WHERE incident_words(address, description, class_name) LIKE :pattern
        UNION
        SELECT id FROM incident WHERE code ~>=~ :f_q_raw AND code ~<~ :behind
        UNION
        ({origins} SELECT e.id FROM known JOIN incident e
            ON e.origin = known.origin AND e.external_id = :f_q_raw)
    )) AND {condition} AND {words}
    ORDER BY {key} {direction}, i.id {direction} LIMIT :limit
"""


async def ids_saying(
    session: AsyncSession, q: str, condition: str, values: dict[str, Any],
    *, key: str, direction: str, limit: int,
) -> list[int]:  # fmt: skip
    """The first ``limit`` ids, in the order of ``key`` and id, of the incidents ``i`` for which
    ``condition`` holds that say ``q``."""
    words, said = to_sql(IncidentFilter(q=q))
    parts = {"key": key, "direction": direction, "condition": condition, "words": words}
    known = {**values, **said, "limit": limit}
    first = (
        await session.execute(text(_FIRST.format(**parts)), {**known, "looked_at": LOOKED_AT})
    ).one()
    if first.looked < LOOKED_AT or len(first.ids) == limit:
        return list(first.ids)
    rows = await session.execute(
        text(_INDEXED.format(**parts, origins=ORIGINS)),
        {**known, "pattern": pattern(q), "behind": _behind(q)},
    )
    return list(rows.scalars())


def pattern(q: str) -> str:
    """``q`` as the index knows it, for LIKE."""
    escaped = (f"\\{one}" if one in "\\%_" else one for one in q.lower())
    return f"%x{'x'.join(escaped)}x%"


def _behind(q: str) -> str:
    """The first text behind all that begin with ``q``, by the numbers of the characters."""
    last = ord(q[-1]) + 1
    # no characters stand here
    return q[:-1] + chr(0xE000 if last == 0xD800 else min(last, 0x10FFFF))
