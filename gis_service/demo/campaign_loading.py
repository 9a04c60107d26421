"""Load the demo's campaigns with their tasks and photos by the product's own doors."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import timedelta
from importlib import resources

import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.attachments.storing import keep, store
from gis_service.campaigns.models import Campaign
from gis_service.campaigns.schemas import AreaCode, NewCampaign, TaskFields
from gis_service.campaigns.service import add_campaign, add_photo, put_task
from gis_service.demo.campaigns import Planned
from gis_service.demo.district import District
from gis_service.demo.noise import stream
from gis_service.demo.pictures import MOMENTS, street_picture
from gis_service.settings import Settings

ACTOR = "demo"
DONE_LAST = 0.6  # of the campaigns, whose last task is done


def load_demo_campaigns(
    session: Session, settings: Settings, district: District, planned: Sequence[Planned]
) -> None:
    """Set up the campaigns that are not there yet."""
    source = resources.files("gis_service.demo").joinpath("data", "campaigns.toml")
    tasks = tomllib.loads(source.read_text("utf-8"))["task"]
    rng = stream(district.seed, "campaign tasks")
    codes = district.grid["code"].to_numpy()
    shapes = district.grid.geometry.to_numpy()
    for one in planned:
        done_last = bool(rng.random() < DONE_LAST)
        if session.scalar(select(Campaign.id).where(Campaign.code == one.code)):
            continue
        grids = list(one.grids)
        whole = shapely.coverage_union_all(shapes[grids]) if one.drawn else None
        areas = (
            [AreaCode(level="community", code=code) for code in one.communities]
            or [AreaCode(level="grid", code=str(codes[n])) for n in grids]
        )  # fmt: skip
        row = add_campaign(
            session,
            NewCampaign(
                code=one.code, name=one.name, goal=one.goal, classes=one.class_codes(),
                areas=[] if one.drawn else areas, starts_on=one.starts_on, ends_on=one.ends_on,
                polygon=shapely.geometry.mapping(whole) if whole else None,
                lead=one.lead, units=list(one.units),
            ),
            ACTOR, settings.grid_kind,
        )  # fmt: skip
        for n, task in enumerate(tasks):
            due = one.starts_on + timedelta(days=task["due"])
            done = due - timedelta(days=int(rng.integers(0, 3)))
            last = n == len(tasks) - 1
            put_task(
                session, row,
                TaskFields(
                    title=task["title"], unit=one.lead if task["by"] == "lead" else one.units[0],
                    due_on=due, done_on=done if done_last or not last else None,
                ),
                ACTOR,
            )  # fmt: skip
        for moment in MOMENTS:
            picture = street_picture(stream(district.seed, one.code), moment, one.name)
            number = keep(session, store(picture, settings), f"{one.code}-{moment}.jpg", ACTOR)
            add_photo(session, row, number, moment, "示意数据")
