"""What the endpoints of contracts, officers and absences take and answer."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Code = Field(min_length=1, max_length=50)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Promise(Strict):
    """What is promised, by codes; exactly one of ``promised_days`` and ``visits_per_week``."""

    officer: str = Field(max_length=50, description="code of who leads")
    members: list[str] = Field([], max_length=50, description="codes of officers")
    grids: list[str] = Field([], max_length=5_000, description="codes")
    communities: list[str] = Field([], max_length=500, description="codes: all their grids")
    duties: list[str] = Field([], max_length=200, description="groups of classes; none: all")
    promised_days: int | None = None
    visits_per_week: int | None = None
    min_stay_s: int | None = None
    min_length_m: float | None = Field(None, allow_inf_nan=False)
    weekdays: list[int] = Field([1, 2, 3, 4, 5, 6, 7], max_length=7, description="Monday is 1")
    hours_from: time = time(8)
    hours_to: time = Field(time(18), description="past midnight where not later than hours_from")
    valid_from: date
    valid_to: date = Field(description="the last day")
    note: str = Field("", max_length=2_000)
    attachment_id: int | None = Field(None, ge=1, lt=2**63, description="the signed scan")


class NewContract(Promise):
    """A contract."""

    code: str = Code


class ContractChange(Promise):
    """A new version; ``version`` is the one it was made from."""

    version: int = Field(ge=1)


class RedrawnContract(Strict):
    """A contract's grids as they are to be; ``version`` is the one that was looked at."""

    contract: str = Code
    version: int = Field(ge=1)
    grids: list[str] = Field(min_length=1, max_length=5_000, description="codes")


class Redrawing(Strict):
    """Areas of several contracts; a grid stands in one of them."""

    contracts: list[RedrawnContract] = Field(min_length=1, max_length=500)
    valid_from: date
    note: str = Field("", max_length=2_000, description="why; kept with each new version")


class Redrawn(BaseModel):
    """What became of it."""

    applied: bool
    changed: list[str] = Field(description="codes of contracts with a new version")
    unchanged: int


class ContractRow(BaseModel):
    """A version of a contract. ``removed_grids`` are those that a boundary revision took away."""

    code: str
    version: int
    state: str = Field(description="in_force, expiring, expired, future, closed")
    officer: str
    officer_name: str
    squad: str | None
    members: list[dict[str, Any]]
    grids: list[str]
    removed_grids: list[str]
    duties: list[str]
    promised_days: int | None
    visits_per_week: int | None
    min_stay_s: int | None
    min_length_m: float | None
    weekdays: list[int]
    hours_from: str
    hours_to: str
    valid_from: date
    valid_to: date
    closed_from: date | None = Field(description="from here another version holds, or none")
    superseded_by: int | None = Field(description="version")
    note: str
    attachment_id: int | None
    created_by: str
    created_at: datetime


class ContractPage(BaseModel):
    """Contracts, the last version of each."""

    items: list[ContractRow]
    next: str | None


class OfficerFields(Strict):
    """An officer as entered."""

    name: str = Field(min_length=1, max_length=100)
    squad: str | None = Field(None, max_length=50, description="code")
    certified: bool = True
    transport: Literal["foot", "ebike", "car"] = "foot"
    active: bool = True
    account: str | None = Field(
        None, max_length=100, description="name of the account they sign in with; left out: as is"
    )


class OfficerRow(OfficerFields):
    """An officer."""

    code: str


class OfficerPage(BaseModel):
    """Officers by code."""

    items: list[OfficerRow]
    next: str | None


class AbsenceFields(Strict):
    """Days (both included) on which an officer is away."""

    officer: str = Field(max_length=50, description="code")
    from_day: date
    to_day: date
    stand_in: str | None = Field(None, max_length=50, description="code")
    kind: Literal["leave", "sick", "training", "other"] = "leave"
    note: str = Field("", max_length=500)


class AbsenceRow(AbsenceFields):
    """An absence."""

    id: int


class AbsencePage(BaseModel):
    """Absences by their first day."""

    items: list[AbsenceRow]
    next: str | None
