"""``docs/plan-coverage.md`` holds the whole plan, and every page, address and test it names
exists."""

from __future__ import annotations

import csv
import re
from calendar import monthrange
from collections.abc import Sequence

from gis_service.app import create_app
from gis_service.planning.progress.plan_file import PlanFile, read_plan
from gis_service.settings import Settings
from gis_service.web.router import PAGES
from tests.conftest import ROOT

ROW = re.compile(r"^\| ([^|`]+) \| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)
# what orders the text and says nothing itself: headings of the four chapters, numbers of sections
# and of points within one
STRUCTURE = re.compile(r"^[一-鿿]、.*$|^（[一-鿿]）|(?<![^\s。])[一二三]是", re.MULTILINE)


def rows() -> list[tuple[str, ...]]:
    text = (ROOT / "docs" / "plan-coverage.md").read_text(encoding="utf-8")
    found = ROW.findall(text)
    # a line that does not read as a row would be passed over in silence
    assert len(found) == sum(line.startswith("| ") for line in text.splitlines()) - 1
    return found


def body(plan: str) -> str:
    """The plan from beneath its title, without the letter around it: the title is the last line
    that is nothing but the plan's name."""
    letter, title, rest = plan.rpartition("\n“城市管理进社区”工作实施方案\n")
    assert letter
    assert title
    text, copies, _ = rest.partition("\n抄送：")
    assert copies
    return text


def letters(text: str) -> str:
    """Words and figures alone: pages break in the middle of a word, quotes come in two kinds."""
    return re.sub(r"\W", "", text)


def left_over(plan: str, phrases: Sequence[str]) -> list[str]:
    """What of the plan stands between the phrases, taken one after the other; and each phrase that
    does not follow the one before it in the plan."""
    text = letters(STRUCTURE.sub("", body(plan)))
    at, left = 0, []
    for phrase in phrases:
        words = letters(phrase)
        found = text.find(words, at)
        if found < 0:
            left.append(f"not in the plan, or not here: {phrase}")
            continue
        if found > at:
            left.append(text[at:found])
        at = found + len(words)
    return [*left, text[at:]] if text[at:] else left


def test_every_phrase_of_the_plan_stands_there(bureau_plan: str) -> None:
    assert left_over(bureau_plan, [phrase for phrase, *_ in rows()]) == []


def test_a_row_that_is_missing_is_noticed(bureau_plan: str) -> None:
    phrases = [phrase for phrase, *_ in rows()]
    for place, phrase in enumerate(phrases):
        without = left_over(bureau_plan, phrases[:place] + phrases[place + 1 :])
        assert letters(phrase) in without


def test_what_orders_the_plan_is_its_four_chapters_and_their_points(bureau_plan: str) -> None:
    found = [one.strip() for one in STRUCTURE.findall(body(bureau_plan))]
    chapters = [one for one in found if "、" in one]
    assert chapters == ["一、工作目标", "二、主要内容", "三、实施步骤", "四、工作要求"]
    sections = {f"（{n}）" for n in "一二三四五六"}
    assert set(found) == {*chapters, *sections, "一是", "二是", "三是"}


def demo_plan() -> PlanFile:
    file = ROOT / "gis_service" / "demo" / "data" / "plan.toml"
    return read_plan(file.read_bytes(), file.name)


def test_the_progress_quotes_the_plan_and_keeps_its_days_and_units(bureau_plan: str) -> None:
    plan, text = demo_plan(), body(bureau_plan)
    for part in plan.part:
        for task in part.tasks:
            assert task.phrase
            assert letters(task.phrase) in letters(text), task.code
    with (ROOT / "gis_service" / "reference" / "data" / "units.csv").open(encoding="utf-8") as file:
        names = {line["code"]: line["name"] for line in csv.DictReader(file)}
    answering = re.findall(
        r"^（\w）(\w+进社区).*?^责任单位：(.+?)$", text, re.MULTILINE | re.DOTALL
    )
    assert len(answering) == 6
    ours = {part.name: [names[unit] for unit in part.units] for part in plan.part}
    assert {name: ours.get(name) for name, _ in answering} == {
        name: units.split("、") for name, units in answering
    }
    stages = re.findall(r"（\w）(\w+)阶段（(\d+)年(\d+)月(?:-(\d+)月)?(中旬|底)?）", text)
    assert len(stages) == len(plan.stage) == 3
    for ours_, (name, year, first, last, part_of) in zip(plan.stage, stages, strict=True):
        end = int(last or first)
        days = monthrange(int(year), end)[1]
        assert ours_.name == name
        assert (ours_.ends_on.year, ours_.ends_on.month) == (int(year), end)
        # the middle of a month is its second ten days
        assert ours_.ends_on.day in (range(11, 21) if part_of == "中旬" else [days])
        assert ours_.begins_on.month == int(first)
        assert (ours_.begins_on.day == 1) == (part_of != "底")


def test_every_named_page_is_one() -> None:
    assert {page for _, page, _, _ in rows()} <= {page.path for page in PAGES}


def test_every_named_address_is_answered() -> None:
    known = set(create_app(Settings()).openapi()["paths"])
    named = {address for _, _, address, _ in rows()}
    assert named - known == set()


def test_every_named_test_exists() -> None:
    for phrase, _, _, test in rows():
        path, _, name = test.partition("::")
        file = ROOT / path
        assert file.exists(), f"{phrase}: {path}"
        if name:
            assert re.search(rf"^def {name}\(", file.read_text(), re.MULTILINE), f"{phrase}: {test}"


def test_each_phrase_stands_there_once() -> None:
    phrases = [phrase for phrase, _, _, _ in rows()]
    assert len(phrases) == len(set(phrases))
