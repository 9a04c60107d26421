"""The demonstration communities in the year-end document."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from gis_service.incidents.arrays import read_snapshot
from gis_service.planning.review import FINDINGS
from gis_service.reports.demonstration import demonstration
from gis_service.reports.document import cell
from gis_service.reports.review import Review, parse_period
from tests.demo.checks import AS_OF
from tests.planning.conftest import Demo
from tests.planning.test_rounds import begin


def test_the_year_end_says_who_why_and_what_changed(demo: Demo) -> None:
    number = begin(demo, name="年终样例")["id"]
    code = demo.planted.best[0]
    body = {
        "choices": [{"community": code, "reason": "处置快"}], "approval": "88号",
        "override_reason": "示例",
    }  # fmt: skip
    assert demo.client.post(f"/api/planning/rounds/{number}/decision", json=body).status_code == 200
    note = {"community": code, "title": "早市错峰", "body": "与市场方约定开市时间"}
    assert demo.client.post("/api/planning/experience", json=note).status_code == 201
    for days, told in ((60, "对照社区："), (3, "定案不足 14 天")):
        with demo.database.sessions.begin() as session:
            session.execute(
                text("UPDATE selection_round SET decided_at = :at WHERE state = 'decided'"),
                {"at": AS_OF - timedelta(days=days)},
            )
            incidents = read_snapshot(session)
            year = parse_period(f"{AS_OF:%Y}")
            section = demonstration(
                Review(session, demo.database.settings, incidents, year, "zh", AS_OF)
            )
        words = "\n".join("".join(cell(part).text for part in line) for line in section.lines)
        assert told in words
        assert "年终样例" in words
        assert "早市错峰：与市场方约定开市时间" in words
        assert section.tables[0].rows[0][1] == "处置快"
        assert len(section.tables) == (2 if days == 60 else 1)
        if days == 60:
            rows = {str(row[0]).split(" ")[0]: row for row in section.tables[1].rows}
            assert "→" in str(rows["按期结案率"][1])
            # a small district may have too few communities to compare with, which is said
            assert rows["按期结案率"][5] in [zh for _, zh in FINDINGS.values()]
