"""Named places: loading them, finding them by text, and learning from corrected pins."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput
from gis_service.hierarchy.coordinates import to_wgs84

KINDS = ("door", "crossing", "estate", "poi", "pole", "former", "pin")

# Ranked in the database: a text equal to the name, a name the text begins, contains or is
# contained in (people write more, or less, than the plate says), then likeness by trigrams.
# Two Chinese characters make no trigram: the substring tests find them.
_SCORE = """
    CASE WHEN search = :q THEN 1.0
         WHEN search LIKE :prefix THEN 0.9 + 0.09 * length(:q) / length(search)
         WHEN search LIKE :inside THEN 0.7 + 0.2 * length(:q) / length(search)
         WHEN length(search) >= 2 AND position(search IN :q) > 0
              THEN 0.5 + 0.4 * length(search) / length(:q)
         ELSE 0.6 * similarity(search, :q) END
"""
_MATCH = """(search LIKE :inside OR (length(search) >= 2 AND position(search IN :q) > 0)
             OR (length(:q) >= 3 AND search % :q))"""
_FIND = f"""
    WITH named AS (
        SELECT 'area' AS kind, level, code, name, area_id, lon, lat, bbox, search
        FROM area_name
        UNION ALL
        SELECT kind, NULL, NULL, name, NULL, lon, lat, NULL, search FROM gazetteer
    )
    SELECT kind, level, code, name, area_id, lon, lat, bbox, ({_SCORE})::float8 AS score
    FROM named WHERE {_MATCH} OR upper(code) = upper(:raw)
    ORDER BY (upper(code) = upper(:raw)) IS TRUE DESC, score DESC, length(name), name, code
    LIMIT :limit
"""


def normalise(words: str) -> str:
    """Text as it is compared: compatibility forms folded (full-width digits), no spaces, lower."""
    folded = unicodedata.normalize("NFKC", words).lower()
    return "".join(c for c in folded if not c.isspace() and c not in ",，.。、")


def find_places(session: Session, words: str, limit: int = 10) -> list[dict[str, Any]]:
    """Areas and gazetteer entries for an address, a name or a code, best first.

    Rows of ``kind, level, code, name, area_id, lon, lat, bbox`` (WGS84) and ``score`` (0 to 1).
    Raises InvalidInput for text without any letter or digit.
    """
    return [dict(row) for row in session.execute(*find_statement(words, limit)).mappings()]


def find_statement(words: str, limit: int) -> tuple[Any, dict[str, Any]]:
    """The statement of :func:`find_places` and its parameters."""
    query = normalise(words)
    if not query:
        raise InvalidInput("nothing to search for", "请输入要查找的内容", where="address")
    quoted = query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return text(_FIND), {
        "q": query, "raw": words.strip(), "prefix": f"{quoted}%", "inside": f"%{quoted}%",
        "limit": limit,
    }  # fmt: skip


def places_of_exact_names(session: Session, addresses: list[str]) -> dict[str, tuple[float, float]]:
    """Position (WGS84) of each address that equals exactly one gazetteer name."""
    if not addresses:
        return {}
    by_search = {normalise(address): address for address in addresses}
    rows = session.execute(
        text(
            "SELECT search, min(lon) AS lon, min(lat) AS lat FROM gazetteer "
            "WHERE search = ANY(:names) GROUP BY search "
            "HAVING count(DISTINCT (lon, lat)) = 1"
        ),
        {"names": list(by_search)},
    )
    return {by_search[row.search]: (row.lon, row.lat) for row in rows}


def load_gazetteer(
    session: Session, rows: Iterable[Mapping[Any, Any]], where: str, crs: str = "wgs84"
) -> dict[str, Any]:
    """Add rows of ``name, kind, lon, lat``; ``read, loaded, already, rejected, reasons``."""
    result: dict[str, Any] = {"read": 0, "loaded": 0, "already": 0, "rejected": 0, "reasons": []}
    good: list[dict[str, Any]] = []
    for number, row in enumerate(rows, start=1):
        result["read"] += 1
        problem = None
        name, kind = str(row.get("name") or "").strip(), str(row.get("kind") or "poi").strip()
        try:
            lon, lat = to_wgs84(float(row["lon"]), float(row["lat"]), crs)
        except (KeyError, TypeError, ValueError):
            lon = lat = float("nan")
        if not name:
            problem = "no name"
        elif kind not in KINDS:
            problem = f"unknown kind {kind!r}; one of {', '.join(KINDS)}"
        elif not (abs(lon) <= 180 and abs(lat) <= 90):
            problem = f"lon {row.get('lon')!r}, lat {row.get('lat')!r} are no position in {crs}"
        if problem:
            result["rejected"] += 1
            result["reasons"].append(f"{where}, row {number}: {problem}")
        else:
            good.append({"name": name, "kind": kind, "search": normalise(name),
                         "lon": lon, "lat": lat, "source": where})  # fmt: skip
    for start in range(0, len(good), 5000):
        result["loaded"] += _insert(session, good[start : start + 5000])
    result["already"] = len(good) - result["loaded"]
    return result


def learn_pin(session: Session, address: str, lon: float, lat: float) -> None:
    """Remember where a person put the pin for an address, WGS84."""
    name = address.strip()
    if normalise(name):
        _insert(session, [{"name": name, "kind": "pin", "search": normalise(name), "lon": lon,
                           "lat": lat, "source": "pin"}])  # fmt: skip


def _insert(session: Session, rows: list[dict[str, Any]]) -> int:
    found = session.execute(
        text(
            """
            INSERT INTO gazetteer (name, kind, search, lon, lat, source)
            SELECT * FROM unnest(CAST(:name AS text[]), CAST(:kind AS text[]),
                                 CAST(:search AS text[]), CAST(:lon AS float8[]),
                                 CAST(:lat AS float8[]), CAST(:source AS text[]))
            ON CONFLICT DO NOTHING RETURNING id
            """
        ),
        {key: [row[key] for row in rows] for key in rows[0]},
    )
    return len(found.all())
