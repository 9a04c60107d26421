"""What a table holds now, as the sheet that would load it: changed there, it is taken in again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.errors import TooLarge
from gis_service.responsibility.queries import roster_scope
from gis_service.sheet_reading import MOST_ROWS
from gis_service.sheets import cell

if TYPE_CHECKING:
    from gis_service.interop.tables.registry import Loadable

# our name of a column -> the values as a sheet writes them; ``more``: columns that are no table's
CONTRACTS = """
    SELECT c.code, o.code AS officer, o.name AS officer_name, q.code AS squad,
        ARRAY(SELECT m.code FROM patrol_contract_member p JOIN officer m ON m.id = p.officer_id
              WHERE p.contract_id = c.id ORDER BY m.code) AS members,
        ARRAY(SELECT a.code FROM patrol_contract_grid g JOIN area a ON a.id = g.area_id
              WHERE g.contract_id = c.id ORDER BY a.code) AS grids,
        ARRAY(SELECT duty FROM patrol_contract_duty WHERE contract_id = c.id ORDER BY duty)
            AS duties,
        c.promised_days, c.visits_per_week, c.min_stay_s / 60.0::float8 AS min_stay_minutes,
        c.min_length_m, c.weekdays,
        to_char(c.hours_from, 'HH24:MI') || '-' || to_char(c.hours_to, 'HH24:MI') AS hours,
        c.valid_from, c.valid_to, c.note
    FROM (SELECT DISTINCT ON (code) * FROM patrol_contract ORDER BY code, version DESC) c
    JOIN officer o ON o.id = c.officer_id
    LEFT JOIN squad q ON q.id = o.squad_id
    WHERE c.closed_from IS NULL AND c.valid_to >= :today
      AND (:everywhere OR o.squad_id = ANY(CAST(:squads AS int[])))
    ORDER BY c.code
"""
OFFICERS = """
    SELECT o.code, o.name, q.code AS squad, o.certified, o.transport, o.active, a.name AS account
    FROM officer o LEFT JOIN squad q ON q.id = o.squad_id LEFT JOIN account a ON a.id = o.account_id
    ORDER BY o.code
"""
UNITS = """
    SELECT 'unit' AS kind, code, name, name_en, outside, duties, active, NULL AS parent,
        NULL::text[] AS streets
    FROM unit
    UNION ALL
    SELECT 'squad', q.code, q.name, q.name_en, NULL, NULL, q.active, u.code, q.street_codes
    FROM squad q JOIN unit u ON u.id = q.unit_id
    ORDER BY kind DESC, code
"""
CLASSES = """
    SELECT c.scheme, c.scheme_version, c.code, c.kind, c.major, c.major_name, c.major_name_en,
        c.name, c.name_en, c.duty, u.code AS unit, c.duplicate_m, c.duplicate_hours, c.valid_from,
        c.valid_to
    FROM incident_class c LEFT JOIN unit u ON u.id = c.unit_id
    ORDER BY c.scheme, c.code
"""
CONDITIONS = """
    SELECT c.scheme, c.code AS class, n.number, n.name, n.name_en, n.limit_amount, n.limit_unit,
        n.closing, n.closing_en, u.code AS unit, n.active
    FROM class_condition n JOIN incident_class c ON c.id = n.class_id
    LEFT JOIN unit u ON u.id = n.unit_id
    ORDER BY c.scheme, c.code, n.number
"""
CALENDAR = """
    SELECT day AS date, kind, note, NULL AS periods FROM calendar_day
    UNION ALL
    SELECT valid_from, 'hours', note,
        (SELECT string_agg((one ->> 0) || '-' || (one ->> 1), ', ' ORDER BY place)
         FROM jsonb_array_elements(periods) WITH ORDINALITY AS p (one, place))
    FROM working_hours
    ORDER BY date, kind
"""
COMPONENTS = """
    SELECT k.code, k.name, c.scheme, c.code AS class, u.code AS owner,
        ST_X(k.geom) AS lon, ST_Y(k.geom) AS lat, k.attributes AS more
    FROM component k LEFT JOIN incident_class c ON c.id = k.class_id
    LEFT JOIN unit u ON u.id = k.unit_id
    ORDER BY k.code
"""


def held_rows(
    session: Session, table: Loadable, identity: Identity, locale: str, today: date
) -> tuple[list[str], list[list[Any]]]:
    """Headings and lines of what ``table`` holds, within the account's part of the district; of
    contracts, those in force or to come. Raises TooLarge for more than a sheet may bring back."""
    scope = roster_scope(session, identity)
    rows = session.execute(
        text(f"{table.rows} LIMIT :most"),
        {"today": today, "everywhere": scope is None, "most": MOST_ROWS + 1,
         "squads": sorted(scope.squads) if scope else []},
    ).mappings().all()  # fmt: skip
    if len(rows) > MOST_ROWS:
        raise TooLarge(
            f"more than {MOST_ROWS} rows: no sheet brings them back",
            f"超过 {MOST_ROWS} 行，无法整表下载后再导入",
        )
    more = sorted({name for row in rows for name in row.get("more") or {}})
    words = {name: _words_of(choices, locale) for name, choices in table.choices.items()}

    def shown(row: Mapping[Any, Any], name: str) -> Any:
        value: Any = row.get(name)
        return words[name].get(value, value) if name in words else value

    head = [*(table.columns.values() if locale == "zh" else table.columns), *more]
    lines = [
        [cell(shown(row, name), locale) for name in table.columns]
        + [(row["more"] or {}).get(name) for name in more]
        for row in rows
    ]
    return head, lines


def _words_of(choices: Mapping[str, str], locale: str) -> dict[str, str]:
    """What the people of a language call each of our words: the first that is theirs."""
    out: dict[str, str] = {}
    for word, ours in choices.items():
        if word.isascii() == (locale != "zh"):
            out.setdefault(ours, word)
    return out
