"""The layers: one folder each with ``layer.toml``, ``query.sql`` where its source is SQL,
``labels.sql`` where it carries labels, and ``style.json``. Nothing else knows a layer's name."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gis_service.accounts.permissions import PERMISSIONS
from gis_service.communities.words import words
from gis_service.errors import ConfigurationError, NotFound
from gis_service.incidents.filters import PARAMETERS
from gis_service.settings import Settings

_TIME = re.compile(
    r"\b(now\(|current_(date|time)|localtime|(clock|statement|transaction)_timestamp\()",
    re.IGNORECASE,
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Strict):
    zh: str
    en: str


class Inputs(_Strict):
    """What is computed from the filtered incidents and joined by query.sql: ``counts`` per area
    of a level (``:area_ids, :counts``), ``hotspots`` on top of them (``:z_scores, :p_values,
    :significances``)."""

    counts: str | None = None
    hotspots: bool = False


class Density(_Strict):
    """How a density layer draws: ``bins`` (counts per cell) or ``points`` (clustered until
    ``points_from`` zoom)."""

    kind: Literal["bins", "points"]
    cells: int = Field(64, description="cells per tile side")
    points_from: int = 22


class Layer(_Strict):
    """A layer's description, as ``layer.toml`` says it."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: Words
    description: Words
    group: Literal[
        "areas", "incidents", "analysis", "patrols", "communities", "planning", "basemap"
    ]
    source: Literal["sql", "density"]
    geometry: Literal["polygon", "line", "point", "mixed"]
    topics: tuple[str, ...] = Field(description="events of these topics make its tiles stale")
    minzoom: int = Field(0, ge=0, le=22)
    maxzoom: int = Field(22, ge=0, le=22)
    filters: tuple[str, ...] = ()
    visible: bool = True
    public: bool = Field(False, description="shows nothing that a visitor may not see")
    permission: str | None = Field(None, description="what it takes to see one that is not public")
    inputs: Inputs = Inputs()
    density: Density | None = None
    breaks: str | None = Field(None, description="field whose class breaks TileJSON carries")
    unit: Words | None = None
    attribution: str = ""
    fields: dict[str, str]
    label_fields: dict[str, str] = Field(default_factory=dict)
    query: str = ""
    labels: str = ""
    style: dict[str, Any] = Field(default_factory=dict)

    @property
    def asks_the_time(self) -> bool:
        """Whether its statement does: a tile of it grows old though nothing changed."""
        return bool(_TIME.search(self.query) or _TIME.search(self.labels))

    @model_validator(mode="after")
    def _complete(self) -> Layer:
        if (self.source == "sql") != bool(self.query):
            raise ValueError("source 'sql' and query.sql go together")
        if (self.source == "density") != (self.density is not None):
            raise ValueError("source 'density' and [density] go together")
        if self.public == bool(self.permission):
            raise ValueError("want either public = true or a permission")
        if self.permission and self.permission not in PERMISSIONS:
            raise ValueError(f"unknown permission {self.permission!r}")
        if bool(self.labels) != bool(self.label_fields):
            raise ValueError("labels.sql and [label_fields] go together")
        unknown = set(self.filters) - set(PARAMETERS)
        if unknown:
            raise ValueError(f"unknown filters {sorted(unknown)}")
        return self


class Registry:
    """The layers of a folder, by group (what is drawn first comes first), then by id."""

    def __init__(self, layers: dict[str, Layer]) -> None:
        self.layers = layers

    def __getitem__(self, layer_id: str) -> Layer:
        try:
            return self.layers[layer_id]
        except KeyError:
            raise NotFound(
                f"no layer {layer_id!r}; there are {', '.join(self.layers)}",
                f"没有图层 {layer_id!r}；现有：{'、'.join(self.layers)}",
            ) from None

    def __iter__(self) -> Any:
        return iter(self.layers.values())


GROUPS = ("basemap", "areas", "analysis", "patrols", "communities", "planning", "incidents")


def read_registry(folder: Path) -> Registry:
    """Read every layer below ``folder``. Raises ConfigurationError naming file and entry."""
    if not folder.is_dir():
        raise ConfigurationError(
            f"no folder of layers at {folder} (GIS_LAYERS_DIR)",
            f"图层目录不存在：{folder}（GIS_LAYERS_DIR）",
        )
    found = [_read_layer(path.parent) for path in sorted(folder.glob("*/layer.toml"))]
    found.sort(key=lambda layer: (GROUPS.index(layer.group), layer.id))
    return Registry({layer.id: layer for layer in found})


def _read_layer(folder: Path) -> Layer:
    where = f"{folder.name}/layer.toml"
    try:
        facts = tomllib.loads((folder / "layer.toml").read_text(encoding="utf-8"))
        for name in ("query", "labels"):
            path = folder / f"{name}.sql"
            facts[name] = path.read_text(encoding="utf-8") if path.exists() else ""
        facts["style"] = orjson.loads((folder / "style.json").read_bytes())
        layer = Layer.model_validate(facts)
    except FileNotFoundError as problem:
        raise ConfigurationError(f"layer {folder.name} lacks {problem.filename}") from None
    except (tomllib.TOMLDecodeError, orjson.JSONDecodeError) as problem:
        raise ConfigurationError(f"{where}: {problem}") from None
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{where}: {place}: {first['msg']}") from None
    if layer.id != folder.name:
        raise ConfigurationError(f"{where}: id {layer.id!r} is not the folder's name")
    return layer


def setting_parameters(layer: Layer, settings: Settings) -> dict[str, Any]:
    """What the layer's query may ask of the settings, by the name of its parameter: ``kinds`` of
    activities, one for one with the ``kind_parts`` of the plan they belong to, are the bureau's."""
    out: dict[str, Any] = {
        "grid_kind": settings.grid_kind, "minimum_sample": settings.survey_minimum,
        "timezone": settings.timezone, "frontage_days": settings.frontage_days,
    }  # fmt: skip
    if ":kinds" in layer.query:  # a word list that is broken stops no other layer
        kinds = words(settings)["activity_kind"]
        out["kinds"] = list(kinds)
        out["kind_parts"] = [word.part for word in kinds.values()]
    return out


def statement(layer: Layer) -> str:
    """The SQL that answers one tile of a layer: its features, and its labels beside them."""
    tiles = [_as_mvt(layer.id, layer.query, list(layer.fields))]
    if layer.labels:
        tiles.append(_as_mvt(f"{layer.id}_label", layer.labels, list(layer.label_fields)))
    return "SELECT " + " || ".join(f"coalesce(({tile}), ''::bytea)" for tile in tiles)


def _as_mvt(name: str, query: str, columns: list[str]) -> str:
    # ST_AsMVT leaves out what has no geometry; a WHERE that says so cuts every geometry twice
    listed = "".join(f"q.{column}, " for column in columns)
    return f"""
        SELECT ST_AsMVT(feature, '{name}', 4096, 'geom') FROM (
            SELECT {listed} ST_AsMVTGeom(q.geom, ST_TileEnvelope(:z, :x, :y), 4096, 64) AS geom
            FROM ({query}) q
        ) feature
    """
