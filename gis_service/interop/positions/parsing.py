"""What phones send, as positions. Both protocols are WGS84."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from math import nan
from typing import Any

import orjson

from gis_service.errors import InvalidInput
from gis_service.patrols.reading import parse_time

# OwnTracks also sends these; they carry no walk
_NO_POSITIONS = {
    "transition", "waypoint", "waypoints", "lwt", "status", "configuration", "card", "cmd", "steps",
    "beacon", "dump", "request",
}  # fmt: skip


@dataclass(frozen=True)
class Position:
    """``at`` UTC microseconds, NO_TIME where it cannot be read; degrees; metres, NaN: unknown."""

    at: int
    lon: float
    lat: float
    accuracy_m: float


def parse_owntracks(body: bytes) -> list[Position]:
    """The position of a message; none for messages of other kinds. Raises InvalidInput."""
    message = _json(body)
    kind = message.get("_type")
    if kind == "location":
        return [
            _position(
                message.get("tst"), message.get("lon"), message.get("lat"), message.get("acc")
            )
        ]
    if kind == "encrypted":
        raise InvalidInput(
            "the message is encrypted; switch the secret off in OwnTracks and use HTTPS",
            "消息已加密；请在 OwnTracks 中关闭加密密钥，并使用 HTTPS",
            where="_type",
        )
    if kind in _NO_POSITIONS:
        return []
    raise InvalidInput(f"{str(kind)[:40]!r} is no OwnTracks message",
                       f"{str(kind)[:40]!r} 不是 OwnTracks 消息", where="_type")  # fmt: skip


def parse_osmand(values: Mapping[str, str]) -> tuple[str, list[Position]]:
    """(token, positions) of a request's parameters. Raises InvalidInput for a missing ``id``."""
    lat, lon = values.get("lat"), values.get("lon")
    if lat is None and "location" in values:
        lat, _, lon = values["location"].partition(",")
    at = values.get("timestamp") or values.get("time")
    return _token(values.get("id") or values.get("deviceid")), [
        _position(at, lon, lat, values.get("accuracy"))
    ]


def parse_osmand_json(body: bytes) -> tuple[str, list[Position]]:
    """The same of the JSON that newer clients send. Raises InvalidInput."""
    message = _json(body)
    token = _token(message.get("device_id") or message.get("id"))
    found = message.get("location")
    rows = found if isinstance(found, list) else [found]
    positions = []
    for found_row in rows:
        row = found_row if isinstance(found_row, dict) else {}
        coords = row.get("coords")
        if not isinstance(coords, dict):
            raise InvalidInput("no coordinates", "缺少坐标", where="location.coords")
        positions.append(
            _position(
                row.get("timestamp"), coords.get("longitude"), coords.get("latitude"),
                coords.get("accuracy"),
            )
        )  # fmt: skip
    return token, positions


def _token(value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise InvalidInput(
        "the device does not say which it is; its identifier is its token",
        "设备未说明身份；设备标识应填其令牌",
        where="id",
    )


def _position(at: Any, lon: Any, lat: Any, accuracy: Any) -> Position:
    metres = _number(accuracy)
    return Position(
        parse_time(at, UTC), _number(lon), _number(lat), metres if 0 <= metres < 1e9 else nan
    )


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return nan


def _json(body: bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise InvalidInput(f"broken JSON: {problem}", f"JSON 损坏：{problem}") from None
    if not isinstance(message, dict):
        raise InvalidInput("no JSON object", "不是 JSON 对象")
    return message
