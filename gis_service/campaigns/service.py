"""Setting up and changing campaigns, their tasks and photos."""

from __future__ import annotations

from typing import Any

import shapely
from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.attachments.models import Attachment
from gis_service.campaigns.models import (
    Campaign,
    CampaignArea,
    CampaignEffect,
    CampaignEffectArea,
    CampaignPhoto,
    CampaignTask,
    CampaignUnit,
)
from gis_service.campaigns.queries import class_ids
from gis_service.campaigns.schemas import CampaignChange, CampaignFields, NewCampaign, TaskFields
from gis_service.errors import Conflict, Forbidden, InvalidInput, NotFound
from gis_service.events.feed import publish
from gis_service.hierarchy.models import Area
from gis_service.incidents.watches.service import polygon_of
from gis_service.reference.models import Unit
from gis_service.responsibility.queries import roster_scope

LONGEST_DAYS = 731


def add_campaign(session: Session, fields: NewCampaign, actor: str, grid_kind: str) -> Campaign:
    """Set up a campaign. Raises Conflict for a code that is there, InvalidInput naming the field
    that is wrong."""
    if session.scalar(select(Campaign.id).where(Campaign.code == fields.code)):
        raise Conflict(f"campaign {fields.code!r} is there already",
                       f"专项整治 {fields.code!r} 已存在", where="code")  # fmt: skip
    row = Campaign(code=fields.code, created_by=actor)
    _write(session, row, fields, grid_kind)
    return row


def change_campaign(
    session: Session, code: str, fields: CampaignChange, grid_kind: str
) -> Campaign:
    """Change a campaign. Raises Conflict where somebody changed it since, or it was cancelled."""
    row = find(session, code, lock=True)
    if row.version != fields.version:
        raise Conflict(
            f"campaign {code!r} is at version {row.version}, you changed {fields.version}",
            f"专项整治 {code!r} 已是第 {row.version} 版，您修改的是第 {fields.version} 版",
            where="version",
        )
    _check_open(row)
    row.version += 1
    row.updated_at = func.now()
    _write(session, row, fields, grid_kind)
    return row


def cancel_campaign(session: Session, code: str) -> None:
    """Take a campaign back: it stays on record and is measured no longer."""
    row = find(session, code, lock=True)
    _check_open(row)
    row.cancelled_at = func.now()
    row.version += 1
    for kept in (CampaignEffectArea, CampaignEffect):
        session.execute(delete(kept).where(kept.campaign_id == row.id))
    session.flush()
    publish(session, "campaigns")


def find(session: Session, code: str, *, lock: bool = False) -> Campaign:
    """The campaign of a code. Raises NotFound."""
    query = select(Campaign).where(Campaign.code == code)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(f"no campaign {code!r}", f"没有专项整治 {code!r}", where="code")
    return row


def _check_open(row: Campaign) -> None:
    if row.cancelled_at is not None:
        raise Conflict(f"campaign {row.code!r} was cancelled", f"专项整治 {row.code!r} 已取消")


def _write(session: Session, row: Campaign, fields: CampaignFields, grid_kind: str) -> None:
    if fields.ends_on < fields.starts_on:
        raise InvalidInput("ends before it begins", "结束早于开始", where="ends_on")
    if (fields.ends_on - fields.starts_on).days > LONGEST_DAYS:
        raise InvalidInput("a campaign lasts two years at most", "专项整治最长两年",
                           where="ends_on")  # fmt: skip
    if not fields.areas and fields.polygon is None:
        raise InvalidInput("say where: areas or a polygon", "请指定区域或在地图上绘制范围",
                           where="areas")  # fmt: skip
    unknown = [code for code, ids in class_ids(session, fields.classes).items() if not ids]
    if unknown:
        listed = ", ".join(sorted(unknown))
        raise InvalidInput(f"no class or group {listed}", f"没有类别或大类 {listed}",
                           where="classes")  # fmt: skip
    lead = _unit(session, fields.lead, "lead")
    units = {_unit(session, code, "units").id for code in fields.units} - {lead.id}
    areas = [_area(session, one.level, one.code) for one in fields.areas]
    shape = polygon_of(fields.polygon, fields.crs) if fields.polygon else None
    for name in ("name", "goal", "starts_on", "ends_on"):
        setattr(row, name, getattr(fields, name))
    row.classes = sorted(set(fields.classes))
    row.lead_unit_id = lead.id
    row.geom = None
    session.add(row)
    session.flush()
    session.execute(
        text("UPDATE campaign SET geom = ST_GeomFromWKB(CAST(:wkb AS bytea), 4326) WHERE id = :id"),
        {"id": row.id, "wkb": shapely.to_wkb(shape) if shape else None},
    )
    for table in (CampaignArea, CampaignUnit):
        session.execute(delete(table).where(table.campaign_id == row.id))
    session.add_all(CampaignArea(campaign_id=row.id, area_id=area) for area in sorted(set(areas)))
    session.add_all(CampaignUnit(campaign_id=row.id, unit_id=unit) for unit in sorted(units))
    session.flush()
    covered = session.scalar(
        text("SELECT count(*) FROM campaign_grid WHERE campaign_id = :id AND kind = :kind"),
        {"id": row.id, "kind": grid_kind},
    )
    if not covered:
        raise InvalidInput(
            "it covers no grid: a drawn area counts the grids of which it covers more than half",
            "范围内没有网格：绘制的范围须覆盖网格一半以上才计入",
            where="polygon" if shape else "areas",
        )
    publish(session, "campaigns")


def _unit(session: Session, code: str, where: str) -> Unit:
    found = session.scalar(select(Unit).where(Unit.code == code, Unit.active))
    if found is None:
        raise InvalidInput(f"no unit {code!r}", f"没有责任单位 {code!r}", where=where)
    return found


def _area(session: Session, level: str, code: str) -> int:
    in_force = text(
        f"SELECT a.id FROM area a JOIN {level} v ON v.area_id = a.id AND v.valid_to IS NULL "
        "WHERE a.level = :level AND a.code = :code"
    )
    found = session.scalar(in_force, {"level": level, "code": code})
    if found is None:
        gone = session.scalar(select(Area.id).where(Area.level == level, Area.code == code))
        raise InvalidInput(
            f"{level} {code!r} is no longer in force" if gone else f"no {level} {code!r}",
            f"{code!r} 已被边界修订撤销" if gone else f"没有编码为 {code!r} 的区域",
            where="areas",
        )
    return int(found)


def check_may_work(session: Session, identity: Identity, row: Campaign) -> None:
    """Raise Forbidden unless the account's units or streets have to do with the campaign."""
    scope = roster_scope(session, identity)
    if scope is None:
        return
    units = {
        row.lead_unit_id,
        *session.scalars(select(CampaignUnit.unit_id).where(CampaignUnit.campaign_id == row.id)),
    }
    streets = set(
        session.scalars(
            text("""
                SELECT DISTINCT s.code FROM campaign_grid g
                JOIN grid v ON v.area_id = g.area_id AND v.valid_to IS NULL
                JOIN community c ON c.area_id = v.parent_id AND c.valid_to IS NULL
                JOIN area s ON s.id = c.parent_id WHERE g.campaign_id = :id
            """),
            {"id": row.id},
        )
    )
    own = set(session.scalars(select(Unit.id).where(Unit.code.in_(identity.codes("unit")))))
    if not (units & own or streets & set(scope.streets)):
        raise Forbidden("the campaign is not one of your units or streets",
                        "该专项整治不属于您的单位或街道")  # fmt: skip


def put_task(
    session: Session, row: Campaign, fields: TaskFields, actor: str, task_id: int | None = None
) -> int:
    """Add a task, or change the one of that id; its id. Raises NotFound, InvalidInput."""
    _check_open(row)
    unit = _unit(session, fields.unit, "unit").id if fields.unit else None
    task = CampaignTask(campaign_id=row.id) if task_id is None else _task(session, row, task_id)
    for name in ("title", "due_on", "done_on", "note"):
        setattr(task, name, getattr(fields, name))
    task.unit_id, task.changed_by = unit, actor
    session.add(task)
    session.flush()
    publish(session, "campaigns")
    return task.id


def delete_task(session: Session, row: Campaign, task_id: int) -> None:
    """Take a task away. Raises NotFound."""
    session.delete(_task(session, row, task_id))
    session.flush()
    publish(session, "campaigns")


def _task(session: Session, row: Campaign, task_id: int) -> CampaignTask:
    found = session.get(CampaignTask, task_id)
    if found is None or found.campaign_id != row.id:
        raise NotFound(f"no task {task_id}", f"没有任务 {task_id}")
    return found


def add_photo(
    session: Session, row: Campaign, attachment_id: int, moment: str, note: str
) -> dict[str, Any]:
    """Put a kept photo to a campaign."""
    _check_open(row)
    session.add(
        CampaignPhoto(campaign_id=row.id, attachment_id=attachment_id, moment=moment, note=note)
    )
    session.flush()
    kept = session.get_one(Attachment, attachment_id)
    publish(session, "campaigns")
    return {"id": kept.id, "moment": moment, "note": note, "width": kept.width,
            "height": kept.height, "created_at": kept.created_at}  # fmt: skip
