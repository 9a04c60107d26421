"""Load the plan from a TOML file: stages, and parts with their tasks."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput
from gis_service.events.feed import publish
from gis_service.planning.progress.models import PlanStage, PlanTask
from gis_service.reference.models import Unit

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Stage(_Strict):
    code: Word
    name: Word
    name_en: Word
    begins_on: date
    ends_on: date


class _Task(_Strict):
    code: Word
    stage: Word
    due_on: date
    scope: Literal["bureau", "demonstration", "all"]
    name: Word
    name_en: Word
    phrase: str = ""
    measure: Word | None = None
    target: int = Field(1, ge=1)
    units: list[Word] | None = Field(None, description="unset: those of the part")


class _Part(_Strict):
    name: Word
    name_en: Word
    units: list[Word] = Field(min_length=1)
    tasks: list[_Task]


class PlanFile(_Strict):
    """What a plan file holds."""

    stage: list[_Stage] = Field(min_length=1)
    part: list[_Part] = Field(min_length=1)


def read_plan(data: bytes, name: str) -> PlanFile:
    """A plan file. Raises InvalidInput naming the place that is wrong."""
    try:
        plan = PlanFile.model_validate(tomllib.loads(data.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InvalidInput(
            f"no TOML: {problem}", f"不是 TOML 文件：{problem}", where=name
        ) from None
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(first["msg"], where=f"{name}: {place}") from None
    stages = {one.code: one for one in plan.stage}
    seen: set[str] = set()
    for one in plan.stage:
        if one.ends_on < one.begins_on:
            raise InvalidInput(f"stage {one.code} ends before it begins",
                               f"阶段 {one.code} 结束早于开始", where=name)  # fmt: skip
    for part in plan.part:
        for task in part.tasks:
            if task.code in seen:
                raise InvalidInput(f"task {task.code} stands there twice",
                                   f"任务 {task.code} 重复", where=name)  # fmt: skip
            seen.add(task.code)
            if task.stage not in stages:
                raise InvalidInput(f"task {task.code}: no stage {task.stage!r}",
                                   f"任务 {task.code}：没有阶段 {task.stage!r}",
                                   where=name)  # fmt: skip
    return plan


def load_plan(session: Session, path: Path) -> dict[str, int]:
    """Put a plan file in the place of the plan: tasks and stages keep what was recorded of them by
    their codes; those that are gone are taken away with it. Returns ``read, loaded, removed``.
    Raises InvalidInput for a unit that is unknown, and then nothing is applied."""
    plan = read_plan(path.read_bytes(), path.name)
    known = set(session.scalars(select(Unit.code)))
    stages = {one.code: one for one in session.scalars(select(PlanStage))}
    for stage in plan.stage:
        stage_row = stages.setdefault(stage.code, PlanStage(code=stage.code))
        for name in ("name", "name_en", "begins_on", "ends_on"):
            setattr(stage_row, name, getattr(stage, name))
        session.add(stage_row)
    session.flush()
    tasks = {one.code: one for one in session.scalars(select(PlanTask))}
    kept: set[str] = set()
    for part in plan.part:
        for task in part.tasks:
            units = task.units or part.units
            unknown = [code for code in units if code not in known]
            if unknown:
                raise InvalidInput(f"task {task.code}: no unit {unknown[0]!r}",
                                   f"任务 {task.code}：没有责任单位 {unknown[0]!r}",
                                   where=path.name)  # fmt: skip
            row = tasks.setdefault(task.code, PlanTask(code=task.code))
            for name in ("name", "name_en", "phrase", "scope", "due_on", "measure", "target"):
                setattr(row, name, getattr(task, name))
            row.stage_id, row.units = stages[task.stage].id, units
            row.part, row.part_en, row.position = part.name, part.name_en, len(kept)
            session.add(row)
            kept.add(task.code)
    removed = [row for code, row in tasks.items() if code not in kept]
    for row in removed:
        session.delete(row)
    session.flush()
    for code, stage_row in stages.items():
        if code not in {one.code for one in plan.stage}:
            session.delete(stage_row)
    session.flush()
    publish(session, "progress")
    return {"read": len(kept), "loaded": len(kept), "removed": len(removed)}
