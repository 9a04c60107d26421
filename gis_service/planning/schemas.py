"""What the endpoints of planning take and answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gis_service.planning.weighing import Question

Code = Field(min_length=1, max_length=50, description="code of a community")
Words = Field(min_length=1, max_length=4_000)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Named(BaseModel):
    """An area."""

    code: str
    name: str | None


class IndicatorTable(BaseModel):
    """Every indicator of every candidate. A cell has ``value, numerator, denominator, sample,
    enough, low, high``; null where nothing was measured."""

    since: str
    until: str
    crs: str = Field(description="of centres: WGS84")
    groups: dict[str, dict[str, str]]
    indicators: list[dict[str, Any]]
    items: list[dict[str, Any]]


class BehindPage(BaseModel):
    """What stands behind one figure. The cell's number that is named by ``is`` (numerator,
    denominator, sample; one: a single record) is ``rows``; ``hits`` of them are in the numerator.
    An item has ``code, name, at, counted, value, note, href``."""

    indicator: dict[str, Any]
    community: Named
    since: str
    until: str
    cell: dict[str, Any]
    is_: Literal["numerator", "denominator", "sample", "one"] = Field(alias="is")
    rows: int
    hits: int | None
    hidden: int = Field(description="counted, but outside what the account may see")
    items: list[dict[str, Any]]
    next: int | None


class Ranked(BaseModel):
    """A community's place. ``score``: higher is better; ``top_share``: in what share of draws of
    weights and figures it is among the first; ``thin``: indicators with too few cases."""

    community: Named
    street: Named
    rank: int
    score: float
    top_share: float
    standing: Literal["always", "usually", "fragile", "seldom"]
    chosen: bool
    tied: bool
    thin: list[str]


class Ranking(BaseModel):
    """A ranking with what it hangs on."""

    question: Question
    since: str
    until: str
    items: list[Ranked]
    excluded: list[dict[str, Any]]
    indicators: list[dict[str, Any]]
    tipping: list[dict[str, Any]]
    draws: int
    warnings: list[dict[str, str]]


class NewRound(Strict):
    """A round: the question and its period, days or times as everywhere."""

    name: str = Field(min_length=1, max_length=200)
    question: Question = Field(default_factory=Question)
    from_: str | None = Field(None, alias="from", max_length=40)
    to: str | None = Field(None, max_length=40)


class Choice(Strict):
    """A community that is chosen, and why."""

    community: str = Code
    reason: str = Words


class Decision(Strict):
    """Who is chosen. ``override_reason`` is needed where they are not the ones ranked first."""

    choices: list[Choice] = Field(min_length=1, max_length=20)
    override_reason: str = Field("", max_length=4_000)
    approval: str = Field(min_length=1, max_length=200, description="number of the document")


class NewNomination(Strict):
    """A street puts a community forward."""

    community: str = Code
    reason: str = Words


class NewVisit(Strict):
    """What a visit on site found."""

    community: str = Code
    visited_on: date
    visitors: str = Field(min_length=1, max_length=500)
    findings: str = Words
    verdict: Literal["suitable", "conditional", "unsuitable"]


class ChangedNote(Strict):
    """Other words for a note."""

    title: str = Field(min_length=1, max_length=200)
    body: str = Field(min_length=1, max_length=20_000)


class Proposed(Strict):
    """What the review had put into words, and of which days it spoke."""

    at: date
    until: date
    body: str = Field(min_length=1, max_length=20_000)


class NewNote(ChangedNote):
    """Experience of a community that others can take over; ``proposed``: where it began from what
    a review proposes."""

    community: str = Code
    proposed: Proposed | None = None


class Round(BaseModel):
    """A round without its figures."""

    id: int
    name: str
    state: Literal["open", "decided"]
    question: Question
    digest: str
    library: str
    created_by: str
    created_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    override_reason: str | None
    approval: str | None
    choices: list[dict[str, Any]]


class RoundPage(BaseModel):
    """Rounds, the newest first."""

    items: list[Round]
    next: None = None


class FullRound(Round):
    """A round with everything it was decided on; ``cautions``: what has to be said beside the
    choice (``kind, zh, en``)."""

    cautions: list[dict[str, str]]
    answer: Ranking
    table: IndicatorTable
    nominations: list[dict[str, Any]]
    visits: list[dict[str, Any]]


class Replay(BaseModel):
    """The same question to the frozen figures once more; ``same``: to the last digit."""

    same: bool
    digest: str
    recorded: str


class NotePage(BaseModel):
    """Experience notes, the newest first."""

    items: list[dict[str, Any]]
    next: None = None


class SitingQuestion(Strict):
    """How many new stations, and how far people walk."""

    stations: int = Field(3, ge=1, le=20)
    reach_m: float = Field(500.0, ge=50, le=3_000, description="m")


class SitingAnswer(BaseModel):
    """A run: question, answer (sites in WGS84, what they add, how distances were taken), who."""

    run: dict[str, Any] | None


class Review(BaseModel):
    """Before and after. An indicator's ``verdict`` is better, worse, unclear, no_baseline, thin,
    too_few_compared or constant; ``weighed``: it had a weight in the choice; ``dated``: it is known
    of earlier times. ``proposals``: for each community title and body of a note, by language."""

    at: str
    before: list[str]
    after: list[str]
    communities: list[Named]
    controls: list[Named]
    indicators: list[dict[str, Any]]
    permutations: int
    warnings: list[dict[str, str]]
    proposals: list[dict[str, Any]]
