"""How a foreign file's columns and words become ours: a TOML mapping."""

from __future__ import annotations

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gis_service.errors import InvalidInput
from gis_service.hierarchy.coordinates import parse_crs
from gis_service.incidents.models import STATES, Source

MAPPINGS = Path(__file__).parent / "mappings"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ColumnNames(_Strict):
    """Our column -> theirs."""

    external_id: str | None = None
    reported_at: str
    due_at: str | None = None
    closed_at: str | None = None
    verified_at: str | None = None
    filed_at: str | None = None
    dispatched_at: str | None = None
    accepted_at: str | None = None
    resolved_at: str | None = None
    lon: str | None = None
    lat: str | None = None
    crs: str | None = None
    accuracy_m: str | None = None
    address: str | None = None
    description: str | None = None
    class_: str = Field(alias="class")
    major: str | None = None
    state: str | None = None
    source: str | None = None

    def given(self) -> dict[str, str]:
        """Our names and theirs, where a column was named."""
        pairs = self.model_dump(by_alias=True)
        return {ours: theirs for ours, theirs in pairs.items() if theirs is not None}


class ClassRules(_Strict):
    """Which scheme the file's classes belong to; ``create`` adds unknown ones to it."""

    scheme: str = "digital-city-management"
    create: bool = False
    map: dict[str, str] = Field(default_factory=dict)


class Mapping(_Strict):
    """A whole mapping file; see ``docs/loading.md``."""

    origin: str
    timezone: str
    crs: str = "wgs84"
    time_format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    default_points: list[tuple[float, float]] = Field(default_factory=list)
    default_source: Source = "city_platform"
    default_state: str = "reported"
    # compute the deadlines that the file does not give, from the first condition of each class
    deadlines: bool = False
    columns: ColumnNames
    classes: ClassRules = Field(default_factory=ClassRules)
    states: dict[str, str] = Field(default_factory=dict)
    sources: dict[str, Source] = Field(default_factory=dict)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"unknown time zone {value!r}")
        return value

    @field_validator("states")
    @classmethod
    def _known_states(cls, value: dict[str, str]) -> dict[str, str]:
        for theirs, ours in value.items():
            if ours not in STATES:
                raise ValueError(f"{theirs!r} maps to {ours!r}; states are {', '.join(STATES)}")
        return value

    @field_validator("crs")
    @classmethod
    def _known_crs(cls, value: str) -> str:
        try:
            return parse_crs(value)
        except InvalidInput as problem:
            raise ValueError(problem.message) from None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def read_mapping(path: Path) -> Mapping:
    """Read a mapping; a bare name such as ``boston_311`` means one that comes with the service.

    Raises InvalidInput naming the entry that is wrong.
    """
    if not path.exists() and (MAPPINGS / f"{path.stem}.toml").exists():
        path = MAPPINGS / f"{path.stem}.toml"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in MAPPINGS.glob("*.toml")))
        raise InvalidInput(
            f"no such mapping; the ones that come with the service: {known}",
            f"映射文件不存在；自带映射：{known}",
            where=str(path),
        )
    try:
        return Mapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InvalidInput(
            f"not a TOML file: {problem}", f"不是有效的 TOML：{problem}", where=path.name
        ) from None
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"{place}: {first['msg']}", f"{place}：{first['msg']}", where=path.name
        ) from None
