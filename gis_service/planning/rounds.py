"""Selection rounds: asked once, frozen, visited, decided with reasons, and replayed at will."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.errors import Conflict, Forbidden, InvalidInput, NotFound
from gis_service.events.feed import publish
from gis_service.hierarchy.models import Area
from gis_service.planning.models import (
    RoundChoice,
    RoundNomination,
    RoundVisit,
    SelectionRound,
)
from gis_service.planning.schemas import Decision, NewNomination, NewVisit
from gis_service.planning.table import Table, table_of
from gis_service.planning.weighing import (
    RECORDED_DRAWS,
    Question,
    answer,
    confirm,
    digest,
    live_draws,
)


def record(
    session: Session, table: Table, name: str, question: Question, actor: str
) -> SelectionRound:
    """Ask, have scikit-criteria confirm the ranking, and keep question, figures and answer."""
    given = answer(table, question, recorded_draws(table))
    if not given["items"]:
        words = given["warnings"][-1]
        raise InvalidInput(words["en"], words["zh"], where="question")
    library = confirm(table, question, given)
    frozen = table.to_json()
    made = SelectionRound(
        name=name, question=question.model_dump(), frozen=frozen, answer=given,
        digest=digest(given, frozen), library=library, created_by=actor, state="open",
    )  # fmt: skip
    session.add(made)
    publish(session, "planning")
    session.refresh(made)
    return made


def recorded_draws(table: Table) -> int:
    """Ten thousand; of very many communities as many as take a second or two."""
    size = len(table.communities) * len(table.columns)
    return max(live_draws(len(table.communities), len(table.columns)),
               min(RECORDED_DRAWS, 20_000_000 // max(size, 1)))  # fmt: skip


def replay(found: SelectionRound) -> dict[str, Any]:
    """The answer to the frozen figures, computed again, and whether it is the recorded one, and
    the one that is kept and shown is it, too."""
    table = table_of(found.frozen)
    given = answer(table, Question(**found.question), recorded_draws(table))
    again = digest(given, found.frozen)
    shown = digest(found.answer, found.frozen)
    same = again == shown == found.digest
    return {"same": same, "digest": again, "recorded": found.digest}


def find_round(session: Session, number: int, *, lock: bool = False) -> SelectionRound:
    """Raises NotFound."""
    found = session.get(SelectionRound, number, with_for_update=lock)
    if found is None:
        raise NotFound(f"no round {number}", f"没有遴选 {number}", where="round")
    return found


def frozen_table(session: Session, number: int) -> Table:
    """The figures that a round froze. Raises NotFound."""
    return table_of(find_round(session, number).frozen)


def chosen_codes(facts: dict[str, Any], answer: dict[str, Any]) -> list[str]:
    """Whom people chose, or before that whom the ranking has first."""
    return [one["community"]["code"] for one in facts["choices"]] or [
        item["community"]["code"] for item in answer["items"] if item["chosen"]
    ]


def weights_of(session: Session, number: int) -> dict[str, float]:
    """The share of each indicator that a round weighed. Raises NotFound."""
    weighed = find_round(session, number).answer["indicators"]
    return {one["id"]: one["share"] for one in weighed if one["used"]}


def open_round(session: Session, number: int) -> SelectionRound:
    """The round, locked for a change. Raises NotFound, Conflict where it is decided."""
    found = find_round(session, number, lock=True)
    if found.state == "decided":
        raise Conflict(
            "the round is decided; it never changes. Begin another one",
            "本轮遴选已定案，不再更改；请另开一轮", where="round",
        )  # fmt: skip
    return found


def nominate(
    session: Session, identity: Identity, number: int, fields: NewNomination
) -> RoundNomination:
    """A street office puts forward communities of its own only; each once a round."""
    found = open_round(session, number)
    area = _candidate(session, found, fields.community)
    streets = identity.codes("street")
    street = next(
        one["street"] for one in found.frozen["communities"] if one["code"] == fields.community
    )
    if identity.scopes and street not in streets:
        raise Forbidden("the community is not of your street", "该社区不在您的街道内")
    taken = session.scalar(
        select(RoundNomination).where(
            RoundNomination.round_id == number, RoundNomination.area_id == area.id
        )
    )
    if taken is not None:
        raise Conflict(
            f"{fields.community} was nominated already", f"{fields.community} 已被推荐",
            where="community",
        )  # fmt: skip
    made = RoundNomination(
        round_id=number, area_id=area.id, reason=fields.reason, created_by=identity.name
    )
    session.add(made)
    return made


def visit(
    session: Session, number: int, fields: NewVisit, actor: str, zone: ZoneInfo
) -> RoundVisit:
    """A visit on site with what was found."""
    found = open_round(session, number)
    area = _candidate(session, found, fields.community)
    if fields.visited_on > datetime.now(zone).date():
        raise InvalidInput(
            "a visit that has not been yet", "核查日期不能晚于今天", where="visited_on"
        )
    made = RoundVisit(
        round_id=number, area_id=area.id, visited_on=fields.visited_on, visitors=fields.visitors,
        findings=fields.findings, verdict=fields.verdict, created_by=actor,
    )  # fmt: skip
    session.add(made)
    return made


def decide(session: Session, number: int, fields: Decision, actor: str) -> SelectionRound:
    """Choose, each with a reason; who departs from the ranking says why."""
    found = open_round(session, number)
    codes = [one.community for one in fields.choices]
    if len(set(codes)) < len(codes):
        raise InvalidInput("a community stands there twice", "社区重复", where="choices")
    ranked = {item["community"]["code"]: item for item in found.answer["items"]}
    first = {code for code, item in ranked.items() if item["chosen"]}
    if set(codes) != first and not fields.override_reason:
        names = "、".join(sorted(set(codes) ^ first))
        raise InvalidInput(
            f"{names}: not as the ranking has it; an override needs a reason",
            f"{names} 的取舍与排名不一致，须填写调整理由", where="override_reason",
        )  # fmt: skip
    for one in fields.choices:
        area = _candidate(session, found, one.community)
        rank = ranked[one.community]["rank"] if one.community in ranked else None
        session.add(RoundChoice(round_id=number, area_id=area.id, rank=rank, reason=one.reason))
    found.state = "decided"
    found.decided_by, found.decided_at = actor, datetime.now(UTC)
    found.approval = fields.approval
    found.override_reason = fields.override_reason or None
    publish(session, "planning")
    return found


def _candidate(session: Session, found: SelectionRound, code: str) -> Area:
    if code not in {one["code"] for one in found.frozen["communities"]}:
        raise _unknown(code)
    area = session.scalar(select(Area).where(Area.level == "community", Area.code == code))
    if area is None:
        raise _unknown(code)
    return area


def _unknown(code: str) -> NotFound:
    return NotFound(f"no community {code!r}", f"没有社区 {code!r}", where="community")
