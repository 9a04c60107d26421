"""The review documents: what they say is what the lists say, in Word and as a page."""

from __future__ import annotations

import base64
import io
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import docx
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from gis_service.app import create_app
from gis_service.demo.community_loading import load_demo_communities
from gis_service.demo.progress_loading import load_demo_plan
from gis_service.demo.round_loading import load_demo_round
from gis_service.reports.document import Cell, Document, cell
from gis_service.reports.review import Review, parse_period
from tests.campaigns.conftest import Loaded, loaded
from tests.conftest import ROOT, token_headers
from tests.office import converted

__all__ = ["loaded"]


@pytest.fixture(scope="module")
def service(loaded: Loaded) -> Iterator[TestClient]:
    database = loaded.database
    with database.sessions.begin() as session:
        load_demo_communities(session, database.settings, loaded.district, loaded.as_of)
        load_demo_plan(session, loaded.district, loaded.as_of)
        load_demo_round(session, database.settings, loaded.district, loaded.as_of)
    headers = {"accept-language": "zh", **token_headers(database)}
    with TestClient(create_app(database.settings), headers=headers) as client:
        yield client


def words(service: TestClient, period: str, lang: str = "zh") -> docx.document.Document:
    answer = service.get(
        "/api/reports/review", params={"period": period, "format": "docx", "lang": lang}
    )
    assert answer.status_code == 200, answer.text
    return docx.Document(io.BytesIO(answer.content))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_year_as_a_word_document(
    service: TestClient, loaded: Loaded, lang: str, tmp_path: Path
) -> None:
    year = str(loaded.as_of.year)
    book = words(service, year, lang)
    headings = [one.text for one in book.paragraphs if one.style.name == "Heading 1"]
    assert len(headings) == 6
    assert bool(re.search(r"[\u4e00-\u9fff]", "".join(headings))) == (lang == "zh")
    assert len(book.inline_shapes) >= 5
    assert len(book.tables) >= 5
    # every campaign with its outcome
    cells = [cell.text for table in book.tables for row in table.rows for cell in row.cells]
    for campaign in loaded.truth.campaigns:
        assert campaign.name in cells
    links = [one for one in book.part.rels.values() if "hyperlink" in one.reltype]
    assert len(links) > 20
    assert all(one.target_ref.startswith("http://testserver/") for one in links)
    assert "{" not in "".join(one.text for one in book.paragraphs)
    # the font of Chinese is named, or Word takes whatever it likes
    assert "Noto Sans CJK SC" in book.styles["Normal"].element.xml


# what may stand without a link: days, how sure an interval is, and words that people wrote
DAYS = re.compile(r"\d{4}(-\d{2}){1,2}( \d{2}:\d{2})?|（\d{4}年）|\d{4}$|95\s?%")
WORDS = ("notes", "reason", "result", "finding", "indicator", "warning")
LISTS = {
    "/progress": "/api/progress/items", "/campaigns": "/api/campaigns",
}  # fmt: skip


def cells(document: Document) -> Iterator[tuple[str, Cell]]:
    """Every piece of text of a document with where it stands."""
    for section in document.sections:
        for line in section.lines:
            # a sentence that leads nowhere at all is one that people or the measuring wrote
            free = not any(cell(part).href for part in line)
            yield from (("notes" if free else "line", cell(part)) for part in line)
        for picture in section.pictures:
            yield from (("picture", cell(part)) for part in (*picture.caption, *picture.numbers))
        for table in section.tables:
            for row in table.rows:
                yield from ((head, cell(part)) for head, part in zip(table.head, row, strict=True))


@pytest.fixture(scope="module")
def rectified(service: TestClient) -> TestClient:
    """Two missing tasks are on the rectification list, so that it is counted."""
    items = service.get("/api/progress/items", params={"state": "missing"}).json()["items"]
    for item in items[:2]:
        body = {
            "task": item["task"],
            "community": item["community"],
            "problem": "未完成",
            "unit": item["units"][0],
            "deadline": str(datetime.now(UTC).date() + timedelta(days=9)),
        }
        assert service.post("/api/progress/rectifications", json=body).status_code == 201
    return service


def gathered(service: TestClient, loaded: Loaded, period: str, lang: str) -> Document:
    app: Any = service.app
    with app.state.blocking_sessions() as session:
        return Review(
            session, loaded.database.settings, app.state.incidents.current, parse_period(period),
            lang, datetime.now(UTC),
        ).document()  # fmt: skip


def behind(service: TestClient, href: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The rows of the list that a page shows at an address, and what was asked for: the page asks
    the service just that."""
    page, _, query = href.partition("#")[0].partition("?")
    asked = dict(parse_qsl(query))
    if page == "/lists":
        path = f"/api/{asked.pop('of')}"
    elif "rectifications" in asked:
        path, which = "/api/progress/rectifications", asked.pop("rectifications")
        asked = {"as_of": asked["as_of"], **({} if which == "all" else {"state": which})}
    else:
        path = LISTS[page]
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        limit: dict[str, Any] = {} if page == "/progress" else {"limit": 500}
        answer = service.get(
            path, params={**asked, **limit, **({"cursor": cursor} if cursor else {})}
        )
        assert answer.status_code == 200, (href, answer.text)
        rows += answer.json()["items"]
        cursor = answer.json()["next"]
        if cursor is None:
            return rows, asked


@pytest.mark.parametrize(("lang", "year"), [("zh", True), ("en", False)])
def test_every_figure_leads_to_its_list(
    rectified: TestClient, loaded: Loaded, lang: str, year: bool
) -> None:
    service = rectified
    period = f"{loaded.as_of:%Y}" if year else f"{loaded.as_of:%Y-%m}"
    document = gathered(service, loaded, period, lang)
    words = tomllib.loads((ROOT / "gis_service/reports/words.toml").read_text("utf-8"))
    free = {words[f"head_{one}"][lang] for one in WORDS if f"head_{one}" in words} | {"notes"}
    bare = [
        (where, one.text)
        for where, one in cells(document)
        if one.href is None and where not in free and re.search(r"\d", DAYS.sub("", one.text))
    ]
    assert bare == []
    counted = 0
    answered: dict[str, int] = {}
    for where, one in cells(document):
        if one.href is None:
            continue
        page = one.href.partition("#")[0].partition("?")[0]
        if page not in answered:
            answered[page] = service.get(page).status_code
        number = re.match(r"[\d,]+(?= \(n=|$)", one.text)
        if one.href.startswith("/figures"):
            asked = dict(parse_qsl(one.href.partition("?")[2]))
            asked["to"] = str(date.fromisoformat(asked["to"]) + timedelta(days=1))
            figure = asked.pop("figure", None)
            query = {name: asked[name] for name in ("from", "to", "street") if name in asked}
            total = service.get("/api/metrics", params=query).json()["total"]
            told = total[figure] if figure else None
            assert one.text.endswith(
                f"({told['n']:,}/{told['of']:,})" if told else f"{total['count']:,}"
            ), one
            counted += 1
        elif number and "?" in one.href and not one.href.startswith("/planning"):
            rows, asked = behind(service, one.href)
            value = int(number[0].replace(",", ""))
            sums = [len(rows)]
            if "counted" in asked:
                sums.append(sum(row[asked["counted"]] for row in rows))
            assert value in sums, (where, one, len(rows))
            counted += 1
    assert set(answered.values()) == {200}, answered
    assert counted > 40
    # none of it by being empty
    texts = {one.href: one.text for _, one in cells(document) if one.href}
    for part in (
        "of=stations", "of=posts", "of=opinions", "counted=households", "rectifications=open",
        "figure=on_time", *(["/campaigns?"] if year else []),
    ):  # fmt: skip
        assert any(part in href and re.search("[1-9]", text) for href, text in texts.items()), part


def test_what_changed_in_demonstration_communities_is_what_the_page_computes(
    service: TestClient, loaded: Loaded
) -> None:
    document = gathered(service, loaded, f"{loaded.as_of:%Y}", "en")
    told = [one for _, one in cells(document) if (one.href or "").startswith("/planning?")]
    assert told
    query = parse_qsl((told[0].href or "").partition("?")[2].partition("#")[0])
    found = service.get("/api/planning/review", params=query).json()
    for one in found["indicators"]:
        if one["estimate"] is not None:
            assert any(cell.text.startswith(f"{one['estimate']:+.1f} ") for cell in told), one


def test_the_page_holds_the_links(service: TestClient, loaded: Loaded) -> None:
    answer = service.get("/api/reports/review", params={"period": f"{loaded.as_of:%Y-%m}"})
    assert answer.status_code == 200
    assert len(re.findall(r'href="/lists\?of=', answer.text)) > 15
    assert answer.text.count("data:image/png;base64,") >= 3


def test_its_figures_are_those_of_the_lists(service: TestClient, loaded: Loaded) -> None:
    month = f"{loaded.as_of:%Y-%m}"
    text = service.get("/api/reports/review", params={"period": month, "lang": "en"}).text
    first = f"{month}-01"
    total = service.get("/api/metrics", params={"from": first}).json()["total"]["count"]
    assert f">{total:,}</a>" in text
    # the month's end, or today where that is yet to come
    last = (loaded.as_of.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    day = min(last.date(), datetime.now(loaded.as_of.tzinfo).date())
    progress = service.get("/api/progress", params={"as_of": str(day)}).json()["total"]
    for state in ("done", "missing", "soon", "open"):
        address = f"/progress?as_of={day}&amp;state={state}"
        assert f'href="{address}">{progress[state]:,}</a>' in text
    for campaign in service.get("/api/campaigns", params={"from": first}).json()["items"]:
        assert f"/campaigns#{campaign['code']}" in text


@pytest.mark.parametrize("period", ["2026-13", "26", "2026-1", "yesterday", "9998"])
def test_no_period_is_told(service: TestClient, period: str) -> None:
    answer = service.get("/api/reports/review", params={"period": period})
    assert (answer.status_code, answer.json()["where"]) == (400, "period")


def test_it_opens_in_libreoffice(service: TestClient, loaded: Loaded, tmp_path: Path) -> None:
    answer = service.get(
        "/api/reports/review", params={"period": str(loaded.as_of.year), "format": "docx"}
    )
    file = tmp_path / "review.docx"
    file.write_bytes(answer.content)
    pdf = converted(file, "pdf", tmp_path).read_bytes()
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 100_000


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_month_as_a_word_document(service: TestClient, loaded: Loaded, lang: str) -> None:
    month = f"{loaded.as_of:%Y-%m}"
    book = words(service, month, lang)
    headings = [one.text for one in book.paragraphs if one.style.name == "Heading 1"]
    assert headings
    assert all(bool(re.search(r"[\u4e00-\u9fff]", one)) == (lang == "zh") for one in headings)
    assert any(month in one.text for one in book.paragraphs)
    pictures = [
        book.part.related_parts[one._inline.graphic.graphicData.pic.blipFill.blip.embed].blob
        for one in book.inline_shapes
    ]
    assert len(pictures) >= 3
    assert len(set(pictures)) == len(pictures)
    assert min(map(drawn_colours, pictures)) > 20
    cells = [cell.text for table in book.tables for row in table.rows for cell in row.cells]
    assert any(re.fullmatch(r"[\d,]+", cell) for cell in cells)


def drawn_colours(data: bytes) -> int:
    """How many colours a picture has: an empty one has one, text alone some greys."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    assert min(picture.size) > 200
    colours = picture.getcolors(1 << 22)
    assert colours
    return len(colours)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_year_as_a_page(service: TestClient, loaded: Loaded, lang: str) -> None:
    year = str(loaded.as_of.year)
    answer = service.get("/api/reports/review", params={"period": year, "lang": lang})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = answer.text
    assert f'lang="{"zh" if lang == "zh" else "en"}' in page
    assert year in page
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page, re.DOTALL)
    assert len(headings) == 6
    assert all(bool(re.search(r"[\u4e00-\u9fff]", one)) == (lang == "zh") for one in headings)
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) >= 5
    assert min(drawn_colours(base64.b64decode(one)) for one in pictures) > 20
    # each picture is told to those who do not see it
    assert len(re.findall(r'<img[^>]* alt="[^"]{4,}', page)) == len(pictures)
    for campaign in loaded.truth.campaigns:
        assert campaign.name in page
    assert "{" not in re.sub(r"<style.*?</style>", "", page, flags=re.DOTALL)
