"""What the endpoints of frontage contracts take."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from gis_service.communities.schemas import Code, Day, Degrees, Id, Line, Strict, Words

Corner = Annotated[list[Degrees], Field(min_length=2, max_length=2)]


class FrontageFields(Strict):
    """A frontage contract; ``signatory`` and ``phone`` are personal data, kept apart, encrypted.
    A position is where the shop is; its line is taken from the building or street there, unless
    somebody drew it."""

    shop: Annotated[Line, Field(min_length=1)]
    address: Line = ""
    lon: Degrees
    lat: Degrees
    crs: Annotated[Line, Field(min_length=1)]
    length_m: float = Field(gt=0, le=500, allow_inf_nan=False, description="as signed")
    line: Annotated[list[Corner], Field(max_length=50)] | None = Field(
        None, description="drawn by hand, in crs; [] measures anew; absent: as it is"
    )
    items: Annotated[list[Code], Field(min_length=1, max_length=20)]
    valid_from: Day
    valid_to: Day
    ended_on: Day | None = Field(None, description="the first day it no longer holds")
    attachment_id: Id | None = Field(None, description="the signed scan")
    signatory: Line | None = Field(None, description="absent: as it is")
    phone: Line | None = Field(None, description="absent: as it is")
    note: Words = ""

    @model_validator(mode="after")
    def _ordered(self) -> FrontageFields:
        if self.line is not None and len(self.line) == 1:
            raise ValueError("a line has two corners at least")
        if self.valid_to < self.valid_from:
            raise ValueError("valid_to lies before valid_from")
        if self.ended_on and self.ended_on < self.valid_from:
            raise ValueError("ended_on lies before valid_from")
        return self


class NewFrontage(FrontageFields):
    """A frontage contract."""

    code: Code


class FrontageChange(FrontageFields):
    """A contract as it is to be; ``version`` is the one that was read."""

    version: Id | None = None


class InspectionFields(Strict):
    """One look at a frontage; where items fail, until when they are to be put right."""

    inspected_on: Day
    failed: list[Code] = Field([], max_length=20)
    rectify_by: Day | None = None
    attachment_id: Id | None = Field(None, description="photo")
    note: Words = ""

    @model_validator(mode="after")
    def _deadline(self) -> InspectionFields:
        if bool(self.failed) != (self.rectify_by is not None):
            raise ValueError("failed items want rectify_by, and nothing else does")
        if self.rectify_by and self.rectify_by < self.inspected_on:
            raise ValueError("rectify_by lies before inspected_on")
        return self


class Rectified(Strict):
    """What failed was put right."""

    rectified_on: date
    attachment_id: Id | None = Field(None, description="photo")
