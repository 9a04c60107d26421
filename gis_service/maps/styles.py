"""The MapLibre style and the TileJSON of the layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gis_service.maps.registry import Layer
from gis_service.settings import Settings

GROUND = "#eceae4"
# what lies under what, whichever layer it belongs to
DRAWN = ("background", "raster", "fill", "heatmap", "line", "circle", "symbol")


def map_style(layers: Iterable[Layer], base_url: str, settings: Settings) -> dict[str, Any]:
    """One style with each layer's source and drawing rules; addresses are absolute.

    Drawings are ordered by type, then by the layers' groups. There are no glyphs: labels are
    drawn from the reader's own fonts.
    """
    sources: dict[str, Any] = {}
    drawings: list[dict[str, Any]] = [
        {"id": "background", "type": "background", "paint": {"background-color": GROUND}}
    ]
    if settings.basemap_url:
        sources["external"] = {
            "type": "raster", "tiles": [settings.basemap_url], "tileSize": 256,
            "attribution": settings.basemap_attribution,
        }  # fmt: skip
        drawings.append({"id": "external", "type": "raster", "source": "external"})
    for layer in layers:
        sources[layer.id] = {
            "type": "vector",
            "url": f"{base_url}tiles/{layer.id}.json",
            **({"promoteId": "code"} if "code" in layer.fields else {}),
        }
        for drawing in layer.style.get("layers", []):
            entry = {
                **drawing,
                "source": layer.id,
                "source-layer": drawing.get("source-layer", layer.id),
                "metadata": {**drawing.get("metadata", {}), "gis:layer": layer.id},
            }
            drawings.append(entry)
    drawings.sort(key=lambda drawing: DRAWN.index(drawing["type"]))
    return {
        "version": 8,
        "name": "gis_service",
        "sources": sources,
        "layers": drawings,
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
        **({"attribution": layer.attribution} if layer.attribution else {}),
    }
