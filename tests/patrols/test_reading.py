"""Files of walks: what is read, and what is refused with a reason."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest

from gis_service.errors import InvalidInput
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.patrols.reading import NO_TIME, Walk, parse_time, read_walk
from tests.patrols.conftest import NINE, geojson, gpx, micros, stroll

ZONE = ZoneInfo("Asia/Shanghai")


def read(data: bytes, crs: str | None = None) -> Walk:
    return read_walk(data, "walk", crs, ZONE)


def refused(data: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        read(data)
    assert caught.value.where
    assert caught.value.message_zh != caught.value.message


def test_gpx_and_geojson_say_the_same() -> None:
    points = stroll(NINE, 5)
    a, b = read(gpx(points)), read(geojson(points))
    assert (a.format, b.format, a.crs) == ("gpx", "geojson", "wgs84")
    for name in ("at", "lon", "lat"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.at.tolist() == [micros(at) for at, *_ in points if at]


def test_another_coordinate_system_is_named() -> None:
    points = stroll(NINE, 5)
    shifted = [(at, *map(float, from_wgs84(lon, lat, "gcj02"))) for at, lon, lat in points]
    walk = read(gpx(shifted), "gcj02")
    np.testing.assert_allclose(walk.lon, [lon for _, lon, _ in points], atol=1e-9)
    assert walk.crs == "gcj02"
    with pytest.raises(InvalidInput, match="unknown coordinate system"):
        read(gpx(points), "mars")


def test_times_of_every_kind() -> None:
    nine = micros(NINE)
    for value in (
        "2026-11-25T01:00:00Z", "2026-11-25T09:00:00+08:00", "2026-11-24T20:00:00.000-05:00",
        "2026-11-25T09:00:00", nine // 10**6, nine // 1000, str(nine // 10**6),
    ):  # fmt: skip
        assert parse_time(value, ZONE) == nine, value
    assert parse_time("2026-11-25T01:00:00", UTC) == nine  # GPX: no zone means UTC
    for value in (
        None,
        True,
        "",
        "yesterday",
        "9999-99-99",
        -5,
        1e300,
        float("nan"),
        "0001-01-01",
        [],
    ):
        assert parse_time(value, ZONE) == NO_TIME, value


def test_extensions_and_waypoints_do_not_disturb() -> None:
    data = b"""<gpx xmlns="http://www.topografix.com/GPX/1/0" xmlns:x="urn:x">
    <time>2001-01-01T00:00:00Z</time><wpt lat="1" lon="1"><time>2001-01-01T00:00:00Z</time></wpt>
    <trk><name>n</name><trkseg>
    <trkpt lat="24.9" lon="118.6"><ele>3</ele><time>2026-11-25T01:00:00Z</time><extensions>
    <x:time>2001-01-01T00:00:00Z</x:time><x:accuracy>7.5</x:accuracy></extensions></trkpt>
    <trkpt lat="x" lon="118.6"><time>2026-11-25T01:00:10Z</time></trkpt>
    </trkseg></trk></gpx>"""
    walk = read(data)
    assert walk.at.tolist() == [micros(NINE), micros(NINE) + 10**7]
    assert walk.accuracy_m[0] == 7.5
    assert np.isnan(walk.lat[1])


def test_points_of_geojson_with_properties() -> None:
    features = [
        {"type": "Feature", "properties": {"timestamp": micros(at) / 1e6, "accuracy": 9},
         "geometry": {"type": "Point", "coordinates": [lon, lat, 12.5]}}
        for at, lon, lat in stroll(NINE, 1)
    ]  # fmt: skip
    walk = read(orjson.dumps({"type": "FeatureCollection", "features": features}))
    assert walk.at[0] == micros(NINE)
    assert set(walk.accuracy_m) == {9.0}


def test_without_times_nothing_can_be_said() -> None:
    timeless = [(None, lon, lat) for _, lon, lat in stroll(NINE, 1)]
    refused(gpx(timeless), "none of its 5 points has a time")
    refused(geojson(timeless), "none of its 5 points has a time")
    some = [*timeless, *stroll(NINE, 1)]
    assert (read(gpx(some)).at == NO_TIME).sum() == 5


def test_what_is_no_track_is_refused() -> None:
    whole = gpx(stroll(NINE, 5))
    refused(whole[: len(whole) // 2], "line 1")
    refused(b"<html><body/></html>", "no GPX")
    refused(b"lat,lon\n1,2", "neither")
    refused(b"", "neither")
    refused(b'{"type": "FeatureCollection"', "broken JSON")
    refused(b'{"type": "Topology"}', "no GeoJSON of tracks")
    refused(b'{"type": "Polygon", "coordinates": []}', "no GeoJSON of tracks")
    refused(b'{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": []}}', "no part")
    refused(b'{"type": "LineString", "coordinates": [1, 2]}', "no position")
    refused(gpx([]), "no track points")
    refused(b'<?xml version="1.0" encoding="klingon"?><gpx/>', "encoding|read|line")
    mismatched = orjson.loads(geojson(stroll(NINE, 1)))
    mismatched["properties"]["coordTimes"].pop()
    refused(orjson.dumps(mismatched), "4 times for 5 positions")
    refused(b'{"type": "Feature", "crs": {"type": "name"}, "geometry": null}', "system of its own")


def test_entities_are_refused_before_they_grow() -> None:
    bomb = b'<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">'.encode() for i in range(12)
    ) + b"]><gpx><trk><name>&m;</name></trk></gpx>"  # fmt: skip
    begin = time.perf_counter()
    refused(bomb, "declares entities")
    refused(b'<!DOCTYPE gpx [<!ENTITY x SYSTEM "file:///etc/passwd">]><gpx>&x;</gpx>', "entities")
    refused(b'<!DOCTYPE gpx SYSTEM "http://127.0.0.1:1/x.dtd"><gpx/>', "entities")
    assert time.perf_counter() - begin < 1


def test_a_million_points() -> None:
    rows = b"".join(
        b'<trkpt lat="24.9%05d" lon="118.6"><time>2026-11-%02dT%02d:%02d:%02dZ</time></trkpt>'
        % (i % 99999, 1 + i // 86400, i // 3600 % 24, i // 60 % 60, i % 60)
        for i in range(1_000_000)
    )
    walk = read(b"<gpx><trk><trkseg>" + rows + b"</trkseg></trk></gpx>")
    assert len(walk) == 1_000_000
    assert (np.diff(walk.at) == 10**6).all()
    assert walk.at[0] == micros(datetime(2026, 11, 1, tzinfo=UTC))


def test_a_real_track(shared_data: Path) -> None:
    walk = read((shared_data / "tracks" / "blue_hills.gpx").read_bytes())
    assert len(walk) == 1243
    assert (walk.at != NO_TIME).all()
    assert 42.2 < walk.lat.min() <= walk.lat.max() < 42.24
    first, last = (micros(datetime(year, 1, 1, tzinfo=UTC)) for year in (2001, 2002))
    assert ((walk.at >= first) & (walk.at < last)).all()
