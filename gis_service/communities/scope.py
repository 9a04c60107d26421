"""Which communities an account works in, and how codes in a request become ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.errors import Forbidden, InvalidInput, NotFound

_OWN = text("""
    SELECT * FROM own_communities(
        ARRAY(SELECT id FROM area WHERE level = 'street' AND code = ANY(:streets)),
        ARRAY(SELECT id FROM area WHERE level = 'community' AND code = ANY(:communities)),
        ARRAY(SELECT id FROM squad WHERE code = ANY(:squads)))
""")
_PLACE = text("""
    SELECT c.area_id, c.code, c.name, s.code AS street_code, s.name AS street_name,
           ST_X(c.inner_point) AS lon, ST_Y(c.inner_point) AS lat,
           ARRAY[ST_XMin(c.geom), ST_YMin(c.geom), ST_XMax(c.geom), ST_YMax(c.geom)] AS bbox
    FROM community c LEFT JOIN street s ON s.area_id = c.parent_id AND s.valid_to IS NULL
    WHERE c.valid_to IS NULL AND c.code = :code
""")


@dataclass(frozen=True)
class Scope:
    """The communities (area ids) of an account; None: the whole district. ``units`` are the codes
    that it is bound to, empty where it is bound to none."""

    communities: frozenset[int] | None
    units: frozenset[str] = frozenset()

    def sees(self, community_id: int | None) -> bool:
        """Whether what lies in the community is the account's to see."""
        return self.communities is None or community_id in self.communities

    @property
    def ids(self) -> list[int] | None:
        """The ids as a parameter of a query."""
        return None if self.communities is None else sorted(self.communities)


def scope_of(session: Session, identity: Identity) -> Scope:
    """The scope of an account: a street's communities, a squad's streets', a community; whom only
    a unit binds works all over the district, for that unit."""
    units = frozenset(identity.codes("unit"))
    places = [scope for scope in identity.scopes if scope.level != "unit"]
    if not places:
        return Scope(None, units)
    rows = session.scalars(
        _OWN,
        {
            "communities": list(identity.codes("community")),
            "streets": list(identity.codes("street")),
            "squads": list(identity.codes("squad")),
        },
    )
    return Scope(frozenset(rows), units)


@dataclass(frozen=True)
class Place:
    """A community in force; ``lon, lat`` (WGS84) lie inside it, ``bbox`` is west, south, east,
    north."""

    area_id: int
    code: str
    name: str
    street: dict[str, str] | None
    lon: float
    lat: float
    bbox: tuple[float, ...]


def community_of(session: Session, code: str, *, where: str | None = None) -> Place:
    """The community of a code. Raises NotFound, or with ``where`` InvalidInput naming it."""
    row = session.execute(_PLACE, {"code": code}).one_or_none()
    if row is None:
        if where:
            raise InvalidInput(f"no community {code!r}", f"没有社区 {code!r}", where=where)
        raise NotFound(f"no community {code!r}", f"没有社区 {code!r}", where="code")
    street = {"code": row.street_code, "name": row.street_name} if row.street_code else None
    return Place(
        row.area_id, row.code, row.name, street, row.lon, row.lat, tuple(map(float, row.bbox))
    )


def own_community(
    session: Session, identity: Identity, code: str, *, where: str | None = None
) -> Place:
    """:func:`community_of` within the account's scope. Raises Forbidden outside it."""
    place = community_of(session, code, where=where)
    if not scope_of(session, identity).sees(place.area_id):
        raise Forbidden(
            f"community {code} is not within your scope", f"社区 {code} 不在您的管辖范围内"
        )
    return place


def find_id(session: Session, table: str, code: str | None, where: str) -> int | None:
    """The id of a unit (or of a row of another small table with a code). Raises InvalidInput."""
    if code is None:
        return None
    found: Any = session.execute(
        text(f"SELECT id FROM {table} WHERE code = :code"), {"code": code}
    ).scalar()
    if found is None:
        raise InvalidInput(f"no {table} {code!r}", f"没有编码为 {code!r} 的记录", where=where)
    return int(found)


def named(row: dict[str, Any], prefix: str) -> dict[str, str] | None:
    """``{code, name}`` of the columns ``<prefix>_code`` and ``<prefix>_name``, with ``name_en``
    where there is one; takes them out."""
    code, name = row.pop(f"{prefix}_code"), row.pop(f"{prefix}_name")
    english = row.pop(f"{prefix}_name_en", None)
    if not code:
        return None
    return {"code": code, "name": name or code, **({"name_en": english} if english else {})}
