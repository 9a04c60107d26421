"""Compare what every layer's query gives with what ``layer.toml`` and ``style.json`` say of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, text

from gis_service.maps.registry import Layer, read_registry, setting_parameters
from gis_service.settings import Settings

WEB_MERCATOR = 3857


def check_layers(engine: Engine, settings: Settings) -> list[str]:
    """Every difference in one sentence; empty where all layers are as described."""
    problems: list[str] = []
    for layer in read_registry(settings.layers_dir):
        problems += _check_style(layer)
        if layer.source == "sql":
            problems += _check_query(
                engine, settings, layer, layer.query, layer.fields, "query.sql"
            )
            if layer.labels:
                problems += _check_query(
                    engine, settings, layer, layer.labels, layer.label_fields, "labels.sql"
                )
    return problems


def _check_query(
    engine: Engine,
    settings: Settings,
    layer: Layer,
    query: str,
    fields: dict[str, str],
    name: str,
) -> list[str]:
    where = f"{layer.id}/{name}"
    with engine.connect() as connection:
        result = connection.execute(text(query), example_parameters(layer, settings))
        columns = set(result.keys())
        srids = {
            row[0]
            for row in connection.execute(
                text(f"SELECT DISTINCT ST_SRID(q.geom) FROM ({query}) q"),
                example_parameters(layer, settings),
            )
        }
    problems = []
    if columns != {*fields, "geom"}:
        problems.append(
            f"{where} gives {sorted(columns - {'geom'})}, layer.toml says {sorted(fields)}"
        )
    if srids - {WEB_MERCATOR}:
        problems.append(f"{where} gives SRID {sorted(srids)}, not {WEB_MERCATOR}")
    return problems


def example_parameters(layer: Layer, settings: Settings) -> dict[str, Any]:
    """Parameters of the whole world's tile and no incident, as far as the query names them."""
    every: dict[str, Any] = {
        "z": 0, "x": 0, "y": 0, **setting_parameters(layer, settings),
        "minimum_count": settings.minimum_count, "area_ids": [], "counts": [], "z_scores": [],
        "p_values": [], "significances": [], "since": None, "until": None, "everybody": True,
        "squads": [], "everywhere": True, "streets": [], "communities": [],
    }  # fmt: skip
    return {name: value for name, value in every.items()
            if f":{name}" in layer.query or f":{name}" in layer.labels}  # fmt: skip


def _check_style(layer: Layer) -> list[str]:
    """Fields that the style reads must be fields that the tiles have."""
    problems = []
    for drawing in layer.style.get("layers", []):
        source = drawing.get("source-layer", layer.id)
        known = layer.label_fields if source == f"{layer.id}_label" else layer.fields
        for field in _fields_read(drawing):
            if field not in known:
                problems.append(
                    f"{layer.id}/style.json: {drawing['id']} reads {field!r}, which "
                    f"{source} does not have"
                )
    if not layer.style.get("legend") and layer.group != "basemap":
        problems.append(f"{layer.id}/style.json has no legend")
    return problems


def _fields_read(expression: Any) -> set[str]:
    if isinstance(expression, dict):
        return set().union(*(_fields_read(value) for value in expression.values()), set())
    if isinstance(expression, list):
        own = (
            {expression[1]}
            if len(expression) >= 2
            and expression[0] in ("get", "has", "!has")
            and isinstance(expression[1], str)
            else set()
        )
        return own.union(*(_fields_read(part) for part in expression))
    return set()
