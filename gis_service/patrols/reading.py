"""Walks out of GPX and GeoJSON files, as arrays; what cannot be a file of tracks is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from xml.parsers import expat

import numpy as np
import numpy.typing as npt
import orjson

from gis_service.errors import InvalidInput
from gis_service.hierarchy.coordinates import parse_crs, to_wgs84

NO_TIME = -1
_BLOCK = 1 << 20
_MILLISECONDS_FROM = 1e11  # seconds reach this in the year 5138
_LATEST_US = 4_102_444_800_000_000  # 2100
_TIME_LISTS = ("coordTimes", "times", "timestamps")
_POINT_TIMES = ("time", "timestamp", "at", "recorded_at")


@dataclass
class Walk:
    """n positions in the file's order. ``at`` int64 UTC microseconds, NO_TIME where there is
    none; ``lon, lat`` WGS84 degrees, NaN where there is none; ``accuracy_m`` NaN where unknown;
    ``crs`` what the file's positions were in."""

    at: npt.NDArray[np.int64]
    lon: npt.NDArray[np.float64]
    lat: npt.NDArray[np.float64]
    accuracy_m: npt.NDArray[np.float64]
    crs: str
    format: str

    def __len__(self) -> int:
        return len(self.at)


@dataclass
class _Columns:
    at: list[int] = field(default_factory=list)
    lon: list[float] = field(default_factory=list)
    lat: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)

    def add(self, at: int, lon: float, lat: float, accuracy: float = np.nan) -> None:
        self.at.append(at)
        self.lon.append(lon)
        self.lat.append(lat)
        self.accuracy.append(accuracy)


def read_walk(data: bytes, where: str, crs: str | None, zone: tzinfo) -> Walk:
    """The positions of a GPX or GeoJSON file, told apart by how it begins.

    ``crs`` names the system of its positions; both formats say WGS84, which holds where it is
    None, but phones in China may have written GCJ-02. Times without a zone are UTC in GPX, as it
    says, and in ``zone`` in GeoJSON. Raises InvalidInput naming the place for a file that is
    neither, broken, declares entities, or of whose points none has a time.
    """
    name = parse_crs(crs or "wgs84")
    begin = data[:64].lstrip(b"\xef\xbb\xbf\x00 \t\r\n")[:1]
    if begin == b"<" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        kind, columns = "gpx", _read_gpx(data, where)
    elif begin == b"{":
        kind, columns = "geojson", _read_geojson(data, where, crs is not None, zone)
    else:
        raise InvalidInput("neither GPX nor GeoJSON", "既不是 GPX 也不是 GeoJSON", where=where)
    lon, lat = to_wgs84(np.array(columns.lon, float), np.array(columns.lat, float), name)
    at, accuracy = np.array(columns.at, np.int64), np.array(columns.accuracy, float)
    walk = Walk(at, lon, lat, accuracy, name, kind)
    if not len(walk):
        raise InvalidInput("no track points in it", "文件中没有轨迹点", where=where)
    if (walk.at == NO_TIME).all():
        raise InvalidInput(
            f"none of its {len(walk):,} points has a time: nothing says when anybody was there",
            f"{len(walk):,} 个点都没有时间，无法判断何时到访",
            where=where,
        )
    return walk


def parse_time(value: Any, zone: tzinfo) -> int:
    """UTC microseconds of ISO 8601 text, or of seconds or milliseconds since 1970; NO_TIME for
    anything else. ``zone`` holds for text without one."""
    if isinstance(value, bool) or value is None:
        return NO_TIME
    if isinstance(value, int | float) or (isinstance(value, str) and _is_number(value)):
        number = float(value)
        micros = number * (1e3 if number >= _MILLISECONDS_FROM else 1e6)
        return round(micros) if 0 <= micros < _LATEST_US else NO_TIME
    if not isinstance(value, str):
        return NO_TIME
    try:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        micros = round(moment.timestamp() * 1e6)
    except (ValueError, OverflowError):
        return NO_TIME
    return micros if 0 <= micros < _LATEST_US else NO_TIME


def _is_number(text: str) -> bool:
    # 20261125 is a date to ISO 8601: a number of seconds has nine digits at least
    plain = text.strip().split(".")
    return len(plain) <= 2 and all(part.isascii() and part.isdigit() for part in plain) and (
        len(plain[0]) >= 9
    )  # fmt: skip


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


# -- GPX --------------------------------------------------------------------------------------


class _GpxReader:
    """Handlers of expat, which keep nothing of a document but its track points."""

    def __init__(self) -> None:
        self.columns = _Columns()
        self.root: str | None = None
        self.path: list[str] = []
        self.point: list[Any] | None = None  # lon, lat, time, accuracy
        self.words: list[str] | None = None
        self.depth = 0  # of the point: its <time> is its own, an <accuracy> of any extension

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        self.root = self.root or local
        self.path.append(local)
        if local == "trkpt":
            self.point = [_number(attributes.get("lon")), _number(attributes.get("lat")), NO_TIME]
            self.point.append(float("nan"))
            self.depth = len(self.path)
        elif self.point is not None and (
            (local == "time" and len(self.path) == self.depth + 1) or local == "accuracy"
        ):
            self.words = []

    def text(self, words: str) -> None:
        if self.words is not None:
            self.words.append(words)

    def end(self, name: str) -> None:
        local = self.path.pop()
        if self.point is None:
            return
        if local == "trkpt":
            lon, lat, at, accuracy = self.point
            self.columns.add(at, lon, lat, accuracy)
            self.point = None
        elif self.words is not None and local in ("time", "accuracy"):
            words, self.words = "".join(self.words), None
            if local == "time":
                self.point[2] = parse_time(words, UTC)
            else:
                accuracy = _number(words)
                self.point[3] = accuracy if accuracy >= 0 else float("nan")


def _refuse_entities(*_: Any) -> None:
    raise InvalidInput(
        "declares entities or a document type, which no GPX file needs",
        "文件声明了实体或文档类型，GPX 文件不需要，已拒绝",
    )


def _read_gpx(data: bytes, where: str) -> _Columns:
    reader = _GpxReader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_entities
    parser.EntityDeclHandler = _refuse_entities
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        for start in range(0, len(data), _BLOCK):
            parser.Parse(data[start : start + _BLOCK], False)
            if reader.root and reader.root != "gpx":
                raise InvalidInput(
                    f"<{reader.root[:40]}> is no GPX", f"<{reader.root[:40]}> 不是 GPX"
                )
        parser.Parse(b"", True)
    except expat.ExpatError as problem:
        raise InvalidInput(
            f"the XML breaks off or is broken at line {problem.lineno}: "
            f"{expat.errors.messages.get(problem.code, problem.code)}",
            f"XML 在第 {problem.lineno} 行损坏或中断",
            where=where,
        ) from None
    except InvalidInput as problem:
        raise InvalidInput(problem.message, problem.message_zh, where=where) from None
    except (LookupError, ValueError) as problem:  # an encoding that nobody knows
        raise InvalidInput(f"cannot be read: {problem}", "无法读取", where=where) from None
    return reader.columns


# -- GeoJSON ----------------------------------------------------------------------------------


def _read_geojson(data: bytes, where: str, crs_named: bool, zone: tzinfo) -> _Columns:
    try:
        document = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as problem:
        raise InvalidInput(
            f"broken JSON: {problem}", f"JSON 损坏：{problem}", where=where
        ) from None
    if document.get("crs") is not None and not crs_named:
        raise InvalidInput(
            "names a system of its own; say which it is by crs=",
            "文件自带坐标系，请用 crs= 说明",
            where=where,
        )
    columns = _Columns()
    for place, (geometry, properties) in enumerate(_features(document, where)):
        _add_feature(columns, geometry, properties, f"{where}, feature {place + 1}", zone)
    return columns


def _features(document: dict[str, Any], where: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    kind = document.get("type")
    if kind == "FeatureCollection" and isinstance(document.get("features"), list):
        for feature in document["features"]:
            yield from _features(feature if isinstance(feature, dict) else {}, where)
    elif kind == "Feature":
        properties = document.get("properties")
        yield document.get("geometry"), properties if isinstance(properties, dict) else {}
    elif kind in ("Point", "LineString", "MultiLineString"):
        yield document, {}
    else:
        raise InvalidInput(f"{str(kind)[:40]!r} is no GeoJSON of tracks",
                           f"{str(kind)[:40]!r} 不是轨迹 GeoJSON", where=where)  # fmt: skip


def _add_feature(
    columns: _Columns, geometry: Any, properties: dict[str, Any], where: str, zone: tzinfo
) -> None:
    if geometry is None:
        return
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    positions = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if not isinstance(positions, list) or kind not in ("Point", "LineString", "MultiLineString"):
        raise InvalidInput(
            f"a {str(kind)[:40]} is no part of a track", f"{str(kind)[:40]} 不是轨迹", where=where
        )
    if kind == "Point":
        at = next((properties[name] for name in _POINT_TIMES if name in properties), None)
        accuracy = _number(properties.get("accuracy", properties.get("accuracy_m")))
        columns.add(parse_time(at, zone), *_position(positions, where),
                    accuracy if accuracy >= 0 else float("nan"))  # fmt: skip
        return
    times = _times(properties)
    if kind == "LineString":
        _add_line(columns, positions, times, where, zone)
        return
    for number, line in enumerate(positions):
        own = times[number] if times and number < len(times) else None
        if times and not isinstance(own, list):
            raise InvalidInput("times of its lines are missing", "缺少各段的时间", where=where)
        _add_line(columns, line, own, where, zone)


def _times(properties: dict[str, Any]) -> list[Any] | None:
    nested = properties.get("coordinateProperties")
    for holder in (properties, nested if isinstance(nested, dict) else {}):
        for name in _TIME_LISTS:
            if isinstance(holder.get(name), list):
                times: list[Any] = holder[name]
                return times
    return None


def _add_line(
    columns: _Columns, line: Any, times: Sequence[Any] | None, where: str, zone: tzinfo
) -> None:
    if not isinstance(line, list):
        raise InvalidInput("no list of positions", "坐标不是列表", where=where)
    if times is not None and len(times) != len(line):
        raise InvalidInput(
            f"{len(times)} times for {len(line)} positions",
            f"{len(line)} 个位置却有 {len(times)} 个时间",
            where=where,
        )
    for number, position in enumerate(line):
        at = parse_time(times[number], zone) if times is not None else NO_TIME
        columns.add(at, *_position(position, where))


def _position(position: Any, where: str) -> tuple[float, float]:
    if isinstance(position, list) and len(position) >= 2:
        return _number(position[0]), _number(position[1])
    raise InvalidInput(f"{str(position)[:40]} is no position", f"{str(position)[:40]} 不是坐标",
                       where=where)  # fmt: skip
