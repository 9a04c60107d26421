"""The MapLibre style and the TileJSON of the layers."""

from __future__ import annotations

from typing import Any

from gis_service.maps.registry import Layer, Registry

GROUND = "#f3f4f1"


def map_style(registry: Registry, base_url: str) -> dict[str, Any]:
    """One style with every layer's source and drawing rules; addresses are absolute.

    There are no glyphs: labels are drawn from the reader's own fonts.
    """
    layers: list[dict[str, Any]] = [
        {"id": "ground", "type": "background", "paint": {"background-color": GROUND}}
    ]
    labels: list[dict[str, Any]] = []
    for layer in registry:
        for drawing in layer.style.get("layers", []):
            entry = {
                **drawing,
                "source": layer.id,
                "source-layer": drawing.get("source-layer", layer.id),
                "metadata": {**drawing.get("metadata", {}), "gis:layer": layer.id},
            }
            (labels if drawing["type"] == "symbol" else layers).append(entry)
    return {
        "version": 8,
        "name": "gis_service",
        "sources": {
            layer.id: {
                "type": "vector",
                "url": f"{base_url}tiles/{layer.id}.json",
                **({"promoteId": "code"} if "code" in layer.fields else {}),
            }
            for layer in registry
        },
        "layers": layers + labels,
    }


def tilejson(layer: Layer, base_url: str, query: str) -> dict[str, Any]:
    """TileJSON 3.0.0 of a layer; ``query`` is the filter, kept in the tiles' addresses."""
    address = f"{base_url}tiles/{layer.id}/{{z}}/{{x}}/{{y}}.mvt"
    described = [{"id": layer.id, "fields": layer.fields}]
    if layer.label_fields:
        described.append({"id": f"{layer.id}_label", "fields": layer.label_fields})
    return {
        "tilejson": "3.0.0",
        "name": layer.title.zh,
        "description": layer.description.zh,
        "scheme": "xyz",
        "tiles": [f"{address}?{query}" if query else address],
        "minzoom": layer.minzoom,
        "maxzoom": layer.maxzoom,
        "vector_layers": described,
    }
