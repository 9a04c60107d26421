"""What the coverage endpoints answer."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class CoverageItem(BaseModel):
    """A grid and one of its contracts; ``contract`` null where nobody promised the grid."""

    grid: dict[str, str]
    state: str = Field(
        description="the first that holds of no_contract, expired, no_track, never_visited, "
        "overdue, due, on_time"
    )
    contract: str | None = Field(description="code")
    version: int | None
    officer: str | None = Field(description="code of who leads")
    officer_name: str | None
    squad: str | None
    promised_days: float | None
    visits_per_week: int | None
    valid_to: str | None = Field(description="last day on which the contract holds")
    last_visit_at: str | None = Field(description="last visit that counts; of bare grids any")
    overdue_days: int | None = Field(description="null where nothing can be said")
    overlapping: bool = Field(description="same duty and hours in another contract of the grid")
    out_of_hours: bool = Field(description="visited outside the contract's hours")
    outside_area: bool = Field(description="visited by somebody who does not answer for it")
    visits: int = Field(description="that count, in the window")
    tracked_days: int | None = Field(description="days of the window with a track received")
    community: str | None
    street: str | None


class Coverage(BaseModel):
    """Every grid and contract, and how many are in which state."""

    items: list[CoverageItem]
    next: str | None
    from_: str = Field(alias="from")
    to: str
    days: int = Field(description="days of the window")
    grids: int = Field(description="grids among the items")
    counts: dict[str, int]


class GroupItem(BaseModel):
    """Grids of a community, street, squad or officer (named by its level; null: nobody's)."""

    community: dict[str, str] | None = None
    street: dict[str, str] | None = None
    squad: dict[str, str] | None = None
    officer: dict[str, str] | None = None
    grids: int = Field(description="denominator of counts: each in the gravest of its states")
    told: int = Field(description="grids of which something can be said: not no_track")
    gaps: int = Field(description="of the told")
    counts: dict[str, int]
    visits: int = Field(description="that count, in the window")


class GroupedCoverage(Coverage):
    """Coverage summed up; ``counts`` are of grids and contracts, as at level grid."""

    level: str
    items: list[GroupItem]  # type: ignore[assignment]


class Period(BaseModel):
    """How one of two periods stood."""

    from_: str = Field(alias="from")
    to: str
    days: int
    grids: int
    told: int = Field(description="of which something can be said")
    gaps: int = Field(description="of the told")
    counts: dict[str, int]
    visits: int


class ChangeItem(BaseModel):
    """A grid in two periods."""

    grid: dict[str, str]
    community: str | None
    street: str | None
    change: str = Field(
        description="new_gap, worse, same_gap, better, cured, kept; unknown where no track was "
        "received in either period"
    )
    then: dict[str, Any]
    now: dict[str, Any]


class Comparison(BaseModel):
    """What became of every grid from ``then`` to ``now``."""

    items: list[ChangeItem]
    next: str | None
    grids: int
    comparable: int = Field(description="all but the unknown")
    counts: dict[str, int]
    now: Period
    then: Period


class Rhythm(BaseModel):
    """When visits begin: by weekday (7, Monday first) and hour (24)."""

    visits: list[list[int]]
    minutes: list[list[float]] = Field(description="stayed by those visits")
    total: int
    days: list[int] = Field(description="of each weekday in the period")
    tracked: list[int] = Field(description="of them with a track of anybody counted here")
    officers: int
    from_: str = Field(alias="from")
    to: str


class GapItem(CoverageItem):
    """A gap; ``risk`` = gap_days × (1 + incident_rate) × (1 + open_cases)."""

    gap_days: int = Field(description="since the last visit; the whole window without one")
    incidents: int = Field(description="reported in the window")
    incident_rate: float = Field(description="per 30 days")
    open_cases: int
    risk: float


class Gaps(Coverage):
    """The gaps, the riskiest first."""

    items: list[GapItem]  # type: ignore[assignment]
    officers_without_contract: list[dict[str, Any]]


class VisitRow(BaseModel):
    """A visit."""

    officer: str
    officer_name: str
    entered_at: str
    left_at: str
    stay_s: int
    length_m: float


class VisitPage(BaseModel):
    """Visits, the latest first."""

    items: list[VisitRow]
    next: str | None


class LoadRow(BaseModel):
    """What an officer leads."""

    officer: str
    officer_name: str
    squad: str | None
    contracts: int = Field(description="in force at 'to'")
    grids: int
    area_km2: float
    buildings: int
    streets_m: float | None = Field(description="null where no streets are loaded")
    visits_per_week: float = Field(description="promised, over all grids")
    incidents: int = Field(description="reported in the window in those grids")
    open_cases: int


class LoadPage(BaseModel):
    """Officers, the busiest first."""

    items: list[LoadRow]
    next: str | None


class HeldArea(BaseModel):
    """Grids of one officer."""

    grids: list[str]
    load: float = Field(description="1 is the mean of the squad")


class AreaItem(BaseModel):
    """An officer's area, today and proposed."""

    officer: str
    officer_name: str
    contract: str = Field(description="the largest in force: the one that would be changed")
    version: int
    other_contracts: list[str] = Field(description="stay as they are")
    today: HeldArea
    proposed: HeldArea
    gained: list[str]
    lost: list[str]


class AreaBalance(BaseModel):
    """How evenly a load is shared."""

    largest: float
    smallest: float
    ratio: float | None = Field(description="largest to smallest; null where one has no load")
    cv: float | None = Field(description="coefficient of variation")
    contiguous: int = Field(description="areas that hang together")
    areas: int


class AreaProposal(BaseModel):
    """Balanced areas of a squad beside today's."""

    squad: str
    items: list[AreaItem]
    next: str | None
    grids: int
    unheld: int = Field(description="grids that nobody holds today")
    shared: int = Field(description="grids that several hold today")
    kept: int = Field(description="grids that stay with who holds them")
    moved: int
    bridged: int = Field(description="joins between grids that share no border")
    weights: dict[str, float]
    missing: list[str] = Field(description="weighted parts of which nothing is known")
    balance: dict[str, AreaBalance]
