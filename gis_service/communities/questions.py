"""The few types of questions, what answers each takes, and what a set of questions must be.

======== =======================================================================
type     an answer is
======== =======================================================================
single   the key of one option
multiple keys of some options, none left out twice
scale    a whole number from ``low`` to ``high``
yes_no   true or false
text     words; each becomes an opinion
quiz     the key of one option, of which ``right`` is right
======== =======================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gis_service.communities.schemas import Line, Strict
from gis_service.errors import InvalidInput

Key = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,30}$")]
TYPES = ("single", "multiple", "scale", "yes_no", "text", "quiz")
LONGEST_TEXT = 1_000


class Option(Strict):
    """What may be chosen."""

    key: Key
    text: Annotated[Line, Field(min_length=1)]
    text_en: Line = ""


class Question(Strict):
    """A question. The one with ``measure`` satisfaction (a scale or yes_no) is what maps and
    indicators take."""

    key: Key
    type: Literal["single", "multiple", "scale", "yes_no", "text", "quiz"]
    text: Annotated[Line, Field(min_length=1)]
    text_en: Line = ""
    required: bool = True
    options: list[Option] = Field([], max_length=20)
    low: Annotated[int, Field(ge=0, le=1)] = 1
    high: Annotated[int, Field(ge=3, le=10)] = 5
    low_text: Line = ""
    low_text_en: Line = ""
    high_text: Line = ""
    high_text_en: Line = ""
    right: Key | None = None
    measure: Literal["satisfaction"] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Question:
        chosen = self.type in ("single", "multiple", "quiz")
        if chosen and len(self.options) < 2:
            raise ValueError(f"question {self.key!r} wants two options at least")
        if not chosen and self.options:
            raise ValueError(f"question {self.key!r} of type {self.type} has no options")
        keys = [option.key for option in self.options]
        if len(set(keys)) < len(keys):
            raise ValueError(f"question {self.key!r}: options share a key")
        if (self.type == "quiz") != (self.right is not None):
            raise ValueError(f"question {self.key!r}: a quiz, and only a quiz, has a right answer")
        if self.right is not None and self.right not in keys:
            raise ValueError(f"question {self.key!r}: {self.right!r} is none of its options")
        if self.measure and self.type not in ("scale", "yes_no"):
            raise ValueError(f"question {self.key!r}: satisfaction is asked on a scale or yes_no")
        return self


def check_set(questions: Sequence[Question]) -> None:
    """Raise InvalidInput for keys used twice and for several questions of one measure."""
    keys = [one.key for one in questions]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise InvalidInput(f"two questions have the key {twice[0]!r}",
                           f"题目编号 {twice[0]!r} 重复", where="questions")  # fmt: skip
    if sum(one.measure == "satisfaction" for one in questions) > 1:
        raise InvalidInput("one question measures satisfaction, not several",
                           "满意度题只能有一道", where="questions")  # fmt: skip


def checked_answers(
    questions: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]
) -> dict[str, Any]:
    """The answers as they are kept: what was not answered is left out.

    Raises InvalidInput naming the question for an answer that is none, a required one that is
    missing, and for an answer to no question.
    """
    by_key = {one["key"]: one for one in questions}
    for key in answers:
        if key not in by_key:
            raise InvalidInput(f"no question {str(key)[:40]!r}", f"没有题目 {str(key)[:40]!r}",
                               where="answers")  # fmt: skip
    kept: dict[str, Any] = {}
    for key, question in by_key.items():
        value = _value(question, answers.get(key))
        if value is not None:
            kept[key] = value
        elif question.get("required", True):
            raise InvalidInput("this question wants an answer", f"“{question['text']}”必须回答",
                               where=key)  # fmt: skip
    if not kept:
        raise InvalidInput("nothing was answered", "没有任何回答", where="answers")
    return kept


def _value(question: Mapping[str, Any], value: Any) -> Any:
    """The answer in its type; None where there is none."""
    kind = question["type"]
    if value is None or value == "" or value == []:
        return None
    options = [option["key"] for option in question.get("options", ())]
    if kind in ("single", "quiz") and value in options:
        return value
    if kind == "multiple" and isinstance(value, list) and all(one in options for one in value):
        return [key for key in options if key in value]
    if (
        kind == "scale" and isinstance(value, int) and not isinstance(value, bool)
        and question["low"] <= value <= question["high"]
    ):  # fmt: skip
        return value
    if kind == "yes_no" and isinstance(value, bool):
        return value
    if kind == "text" and isinstance(value, str) and len(value) <= LONGEST_TEXT:
        return value.strip() or None
    raise InvalidInput(
        f"{str(value)[:40]!r} is no answer to a question of type {kind}",
        f"“{str(value)[:40]}”不是有效回答", where=question["key"],
    )  # fmt: skip
