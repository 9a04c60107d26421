"""A selection round of the demo: asked and decided some months ago, so that the map shows the
choice and a review has something to look back on."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.demo.district import District
from gis_service.planning.live import read_table
from gis_service.planning.models import SelectionRound
from gis_service.planning.rounds import decide, nominate, record, visit
from gis_service.planning.schemas import Choice, Decision, NewNomination, NewVisit
from gis_service.planning.weighing import Question
from gis_service.settings import Settings

ACTOR = Identity(0, "demo", "", "admin", (), frozenset())
YEAR, ASKED_AGO, TAKES = timedelta(days=365), timedelta(days=120), timedelta(days=9)
REASONS = (
    "各项指标居前，抽样波动下名次稳定",
    "街道推荐，服务岗与责任书齐全",
    "排名入选，现场核查符合条件",
)
FINDINGS = "服务岗公示完整，沿街责任书在册，社区有活动场地"


def load_demo_round(
    session: Session, settings: Settings, district: District, as_of: datetime
) -> None:
    """Ask about the year's first months, and choose who comes out first; nothing where there is a
    round already. The caller commits."""
    if session.scalar(select(SelectionRound.id).limit(1)):
        return
    asked = as_of - ASKED_AGO
    table = read_table(session, settings, as_of - YEAR, asked)
    made = record(session, table, "示范社区遴选（示意数据）", Question(), ACTOR.name)
    made.created_at = asked
    chosen = [one["community"] for one in made.answer["items"] if one["chosen"]]
    zone = ZoneInfo(settings.timezone)
    for n, one in enumerate(chosen):
        put_forward = NewNomination(community=one["code"], reason="党建基础好，居民参与度高")
        nominate(session, ACTOR, made.id, put_forward).created_at = asked + timedelta(days=1)
        seen = NewVisit(
            community=one["code"], visited_on=(asked + timedelta(days=2 + n)).date(),
            visitors="股室二人、社区书记", findings=FINDINGS, verdict="suitable",
        )  # fmt: skip
        visit(session, made.id, seen, ACTOR.name, zone)
    session.flush()
    choices = [Choice(community=one["code"], reason=REASONS[n % len(REASONS)])
               for n, one in enumerate(chosen)]  # fmt: skip
    approval = f"示意〔{asked.year}〕1号"
    decide(session, made.id, Decision(choices=choices, approval=approval), ACTOR.name)
    made.decided_at = asked + TAKES
    session.flush()
