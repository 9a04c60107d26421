"""A ledger of one unit, of one campaign, of one period: on screen, in the form, and page by page.
And the form with text that a spreadsheet would take for something else."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from tests.communities.conftest import Bureau, bureau

__all__ = ["bureau"]
ENTRIES: list[dict[str, Any]] = [
    {"day": "2026-09-30", "title": "甲", "unit": "ZFDD", "community": "S0C0"},
    {"day": "2026-10-01", "title": "乙", "unit": "ZFDD", "campaign": "K1", "community": "S0C0"},
    {"day": "2026-10-15", "title": "丙", "unit": "SRG", "campaign": "K1", "community": "S1C0"},
    {"day": "2026-10-31", "title": "丁", "unit": "SRG", "campaign": "K2"},
    {"day": "2026-11-01", "title": "戊", "community": "S0C1"},
]


@pytest.fixture
def kept(bureau: Bureau) -> Bureau:
    for code in ("K1", "K2"):
        campaign = {
            "code": code, "name": f"整治{code}", "classes": ["E-04"], "lead": "ZFZH",
            "starts_on": "2026-10-01", "ends_on": "2026-10-31",
            "areas": [{"level": "street", "code": "S0"}],
        }  # fmt: skip
        assert bureau.call("POST", "/api/campaigns", json=campaign).status_code == 201
    for entry in ENTRIES:
        made = bureau.call("POST", "/api/ledger", json={"kind": "other", **entry})
        assert made.status_code == 201, made.text
    return bureau


CASES: list[tuple[dict[str, str], str]] = [
    ({}, "甲乙丙丁戊"),
    ({"unit": "ZFDD"}, "甲乙"),
    ({"unit": "SRG"}, "丙丁"),
    ({"campaign": "K1"}, "乙丙"),
    ({"campaign": "K2"}, "丁"),
    # half-open: the first day belongs to the period, the last named does not
    ({"from": "2026-10-01"}, "乙丙丁戊"),
    ({"to": "2026-10-01"}, "甲"),
    ({"from": "2026-10-01", "to": "2026-11-01"}, "乙丙丁"),
    ({"from": "2026-10-01", "to": "2026-10-31", "unit": "SRG"}, "丙"),
    ({"campaign": "K1", "unit": "SRG", "community": "S1C0"}, "丙"),
    ({"campaign": "K2", "unit": "ZFDD"}, ""),
    ({"kind": "activity"}, ""),
]


def in_form(data: bytes) -> tuple[str, str, list[list[Any]]]:
    """Whom it is of, of when, and the rows below its headings."""
    lines = [list(line) for line in openpyxl.load_workbook(io.BytesIO(data)).worksheets[0].values]
    head = next(n for n, line in enumerate(lines) if "工作事项" in line)
    above = "".join(str(cell) for line in lines[:head] for cell in line if cell)
    titles = [line[lines[head].index("工作事项")] for line in lines[head + 1 :]]
    return above, "".join(title for title in titles if title), lines[head + 1 :]


def test_by_unit_campaign_and_period_on_screen_and_in_the_form(kept: Bureau) -> None:
    for query, titles in CASES:
        listed = kept.get("/api/ledger", params=query)["items"]
        assert "".join(one["title"] for one in listed) == titles, query
        form = kept.call("GET", "/api/ledger/export?lang=zh", params=query)
        above, rows, _ = in_form(form.content)
        assert rows == titles, query
        # the sheet says whose it is, and until when in days that belong to it
        for name in ("unit", "campaign", "community"):
            assert query.get(name, "") in above
        if query.get("to") == "2026-11-01":
            assert "2026-10-01 – 2026-10-31" in above
    for wrong in ({"from": "2026-11-01", "to": "2026-10-01"}, {"from": "yesterday"}, {"unt": "x"}):
        assert kept.call("GET", "/api/ledger", params=wrong).status_code == 400, wrong


def test_pages_of_a_filtered_ledger_join_to_the_whole(kept: Bureau) -> None:
    query: dict[str, Any] = {"from": "2026-10-01", "limit": 2}
    titles, pages = "", 0
    while True:
        page = kept.get("/api/ledger", params=query)
        titles, pages = titles + "".join(one["title"] for one in page["items"]), pages + 1
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert (titles, pages) == ("乙丙丁戊", 2)


def test_the_form_brings_back_what_begins_with_an_apostrophe(bureau: Bureau) -> None:
    words = ["'=1+1", "''-5", "=x", "'引", "'\t@"]
    for number, one in enumerate(words):
        body = {"day": f"2026-10-0{number + 1}", "kind": "other", "title": one, "content": one}
        assert bureau.call("POST", "/api/ledger", json=body).status_code == 201
    # no sheet can hold a bell; the export does not stop at it
    bell = {"day": "2026-10-09", "kind": "other", "title": "铃\x07响"}
    assert bureau.call("POST", "/api/ledger", json=bell).status_code == 201
    form = bureau.call("GET", "/api/ledger/export?to=2026-10-09").content
    answer = bureau.call("POST", "/api/ledger/import", files={"file": ("台账.xlsx", form)})
    found = answer.json()
    assert (found["read"], found["already"], found["changes"]) == (5, 5, []), answer.text
    assert [one["title"] for one in bureau.get("/api/ledger")["items"][:5]] == words
    assert "铃响" in in_form(bureau.call("GET", "/api/ledger/export").content)[1]
