"""Our classes and incidents in the words of GeoReport v2, and its requests in ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from gis_service.errors import DomainError, InvalidInput, NotFound
from gis_service.incidents.desk import Reference
from gis_service.incidents.models import ENDED_STATES, STATE_NAMES
from gis_service.incidents.schemas import NewIncident
from gis_service.interop.open311.formats import Item, moment
from gis_service.interop.open311.queries import Wanted
from gis_service.reference.classes import DEFAULT_SCHEME

DAYS = 90  # the widest span that may be asked for, and the one that is taken where none is
CONDITION = "CONDITION"  # the one attribute: which of a class's circumstances it is
_ROUGHLY = 3  # decimals of a degree (about 100 m) that the public sees
_MOST_IDS = 1000
_ATTRIBUTE = re.compile(r"attribute\[(\w+)\](\[\])?")
# their name -> ours
_FIELDS = {
    "class": "service_code", "lat": "lat", "lon": "long", "address": "address_string",
    "description": "description", "email": "email", "phone": "phone", "name": "first_name",
}  # fmt: skip


def offered(reference: Reference, today: date) -> dict[str, dict[str, Any]]:
    """The classes that can be asked for, by code: where two schemes use a code, the default
    scheme's. What only several other schemes know is ambiguous and left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    for (scheme, code), row in reference.classes.items():
        if (row["valid_from"] and row["valid_from"] > today) or (
            row["valid_to"] and row["valid_to"] <= today
        ):
            continue
        if scheme == DEFAULT_SCHEME:
            found[code] = [row]
        elif not any(one["scheme"] == DEFAULT_SCHEME for one in found.get(code, [])):
            found.setdefault(code, []).append(row)
    return {code: rows[0] for code, rows in sorted(found.items()) if len(rows) == 1}


def service(row: dict[str, Any], reference: Reference, locale: str) -> Item:
    """One of the list of services."""
    suffix = "" if locale == "zh" else "_en"
    return {
        "service_code": row["code"],
        "service_name": row[f"name{suffix}"],
        "description": f"{row[f'major_name{suffix}']} · {row[f'name{suffix}']}",
        "metadata": _has_attribute(row, reference),
        "type": "realtime",
        "keywords": row[f"major_name{suffix}"],
        "group": row[f"major_name{suffix}"],
    }


def definition(row: dict[str, Any], reference: Reference, locale: str) -> Item:
    """What may be said beyond the common fields when asking for a service."""
    conditions = reference.conditions(row["id"], locale)
    zh = locale == "zh"
    attribute = {
        "variable": True,
        "code": CONDITION,
        "datatype": "singlevaluelist",
        "required": False,
        "datatype_description": None,
        "order": 1,
        "description": "具体情形" if zh else "What exactly is it?",
        "values": [{"key": str(one["number"]), "name": one["name"]} for one in conditions],
    }
    return {
        "service_code": row["code"],
        "attributes": [attribute] if _has_attribute(row, reference) else [],
    }


def _has_attribute(row: dict[str, Any], reference: Reference) -> bool:
    return len(reference.class_conditions.get(row["id"], [])) > 1


def request(
    row: dict[str, Any], areas: Mapping[int, dict[str, str]], zone: ZoneInfo, locale: str,
    *, exact: bool,
) -> Item:  # fmt: skip
    """An incident as a service request. No free text, which may name people; without ``exact`` the
    place to about 100 m."""
    suffix = "" if locale == "zh" else "_en"
    ended = row["state"] in ENDED_STATES
    names = [
        areas[area]["name"]
        for area in (row["street_id"], row["community_id"], row["grid_id"])
        if area in areas
    ]

    def degrees(value: float | None) -> float | None:
        return None if value is None else round(value, 7 if exact else _ROUGHLY)

    return {
        "service_request_id": row["code"],
        "status": "closed" if ended else "open",
        "status_notes": STATE_NAMES[row["state"]][0 if locale == "zh" else 1],
        "service_name": row[f"class_name{suffix}"],
        "service_code": row["class_code"],
        "description": None,
        "agency_responsible": row[f"unit_name{suffix}"],
        "service_notice": None,
        "requested_datetime": moment(row["reported_at"], zone),
        "updated_datetime": moment((ended and row["closed_at"]) or row["updated_at"], zone),
        "expected_datetime": moment(row["due_at"], zone),
        "address": " ".join(names) or None,
        "address_id": None,
        "zipcode": None,
        "lat": degrees(row["lat"]),
        "long": degrees(row["lon"]),
        "media_url": None,
    }


def wanted_requests(
    given: Mapping[str, str], reference: Reference, zone: ZoneInfo, now: datetime
) -> Wanted:
    """The filter of a list. Raises InvalidInput naming the parameter, NotFound for a service."""
    since, until = (_moment(given.get(name), zone, name) for name in ("start_date", "end_date"))
    span = timedelta(days=DAYS)
    try:
        until = until or min(now, since + span) if since else until or now
        since = since or until - span
    except OverflowError:
        raise InvalidInput("no such time", "时间超出范围", where="start_date") from None
    if since > until:
        raise InvalidInput("lies behind end_date", "晚于 end_date", where="start_date")
    if until - since > span:
        raise InvalidInput(
            f"more than {DAYS} days lie between start_date and end_date",
            f"start_date 与 end_date 相隔超过 {DAYS} 天",
            where="start_date",
        )
    classes: set[int] = set()
    for code in _several(given.get("service_code")):
        ids = {row["id"] for (_, known), row in reference.classes.items() if known == code}
        if not ids:
            raise unknown_service(code)
        classes |= ids
    statuses = _several(given.get("status"))
    for status in statuses:
        if status not in ("open", "closed"):
            raise InvalidInput(
                f"{status!r} is neither open nor closed", f"{status!r} 不是 open 或 closed",
                where="status",
            )  # fmt: skip
    return Wanted(
        since, until, tuple(sorted(classes)), not statuses or "open" in statuses,
        not statuses or "closed" in statuses,
    )  # fmt: skip


def asked_ids(given: Mapping[str, str]) -> list[str]:
    """The numbers of ``service_request_id``."""
    ids = _several(given.get("service_request_id"))
    if len(ids) > _MOST_IDS:
        raise InvalidInput(
            f"at most {_MOST_IDS}", f"最多 {_MOST_IDS} 个", where="service_request_id"
        )
    return ids


def page_of(given: Mapping[str, str]) -> tuple[int, int]:
    """(limit, offset) of ``page`` and ``page_size``."""

    def number(name: str, default: int, most: int) -> int:
        value = given.get(name) or str(default)
        if not (value.isascii() and value.isdigit() and len(value) < 9 and 1 <= int(value) <= most):
            raise InvalidInput(
                f"a whole number from 1 to {most}", f"1 到 {most} 的整数", where=name
            )
        return int(value)

    size = number("page_size", 1000, 1000)
    return size, (number("page", 1, 100_000 // size) - 1) * size


def unknown_service(code: str) -> NotFound:
    """What is told of a service_code that is none."""
    return NotFound(
        f"no service {code!r}; services lists them", f"没有服务 {code!r}，见 services",
        where="service_code",
    )  # fmt: skip


def report_of(
    form: Mapping[str, str], reference: Reference, today: date, locale: str
) -> tuple[dict[str, Any], list[DomainError]]:
    """A posted request as the fields of ``schemas.NewIncident``, and everything that is wrong
    with it. Empty fields count as absent."""
    given = {name: value.strip() for name, value in form.items() if value.strip()}
    problems: list[DomainError] = []
    code = given.get("service_code")
    row = offered(reference, today).get(code or "")
    if code is None:
        problems.append(InvalidInput("say which service", "请指明服务", where="service_code"))
    elif row is None:
        problems.append(unknown_service(code))
    if ("lat" in given) != ("long" in given):
        missing = "long" if "lat" in given else "lat"
        problems.append(
            InvalidInput("both lat and long, or neither", "经纬度须同时提供", where=missing)
        )
    if not {"lat", "long", "address_string"} & set(given):
        problems.append(
            InvalidInput(
                "say where: lat and long (WGS84) or address_string; address_id is not kept here",
                "请说明地点：lat 和 long（WGS84）或 address_string；本系统不使用 address_id",
                where="lat",
            )
        )
    words = [given.get("description", "")]
    for name, value in given.items():
        match = _ATTRIBUTE.fullmatch(name)
        if not match:
            continue
        known = definition(row, reference, locale)["attributes"] if row else []
        names = {one["key"]: one["name"] for one in (known[0]["values"] if known else [])}
        if row and (match[1] != CONDITION or value not in names):
            problems.append(
                InvalidInput(
                    f"no value {value!r}", f"没有取值 {value!r}", where=f"attribute[{match[1]}]"
                )
            )
        elif row:
            words.insert(0, names[value])
    if "media_url" in given:
        words.append(given["media_url"][:1000])
    person = " ".join(given[name] for name in ("last_name", "first_name") if name in given)
    fields = {
        "class": code or "?", "source": "resident", "address": given.get("address_string"),
        "lat": given.get("lat"), "lon": given.get("long"),
        "crs": "wgs84" if "lat" in given else None,
        "description": "\n".join(word for word in words if word) or None,
        "reporter": {"name": person or None, "phone": given.get("phone"),
                     "email": given.get("email")},
    }  # fmt: skip
    try:
        report = NewIncident.model_validate(fields)
    except ValidationError as wrong:
        for one in wrong.errors():
            ours = str(one["loc"][-1])
            problems.append(InvalidInput(one["msg"], where=_FIELDS.get(ours, ours)))
        return {}, problems
    return report.model_dump(by_alias=True, exclude_unset=True), problems


def _several(value: str | None) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in (value or "").split(",") if part.strip()))


def _moment(value: str | None, zone: ZoneInfo, where: str) -> datetime | None:
    if not value:
        return None
    try:
        # a plus sign that was not escaped arrives as a blank
        found = datetime.fromisoformat(value.strip().replace(" ", "+"))
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(zone)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{value!r} is no ISO 8601 time such as 2026-01-01T00:00:00Z",
            f"{value!r} 不是 ISO 8601 时间，如 2026-01-01T00:00:00Z",
            where=where,
        ) from None
