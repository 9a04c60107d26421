"""The one file of a round: everything inside, nothing from the network, nothing unescaped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from gis_service.analysis.ranking import standing
from gis_service.maps.round_snapshot import CHOSEN, NOT_RANKED, STEPS
from tests.conftest import ROOT
from tests.planning.conftest import Demo
from tests.planning.test_rounds import begin


def test_a_round_is_one_file_with_its_reasons(demo: Demo, tmp_path: Path) -> None:
    number = begin(demo, name="第二批 <b>")["id"]
    ranked = demo.client.get(f"/api/planning/rounds/{number}").json()["answer"]["items"]
    body = {
        "choices": [{"community": ranked[0]["community"]["code"], "reason": "<script>x</script>"}],
        "approval": "泉鲤城管〔2026〕90号",
        "override_reason": "先行一个",
    }
    assert demo.client.post(f"/api/planning/rounds/{number}/decision", json=body).status_code == 200
    page = demo.client.get(f"/api/planning/rounds/{number}/snapshot")
    assert page.status_code == 200
    assert "attachment" in page.headers["content-disposition"]
    assert "第二批 &lt;b&gt;" in page.text
    assert "&lt;script&gt;x" in page.text
    assert "泉鲤城管〔2026〕90号" in page.text
    assert ranked[0]["community"]["name"] in page.text
    assert not re.search(r'(?:src|href)="https?://(?!leafletjs)', page.text)
    assert demo.client.get("/api/planning/rounds/99999/snapshot").status_code == 404
    # method, every weight, what to be careful about, and whoever was put forward far down
    assert "TOPSIS 逼近理想解；自定权重；入选 3 个" in page.text
    assert "随机变动 10000 次（随机种子 1）" in page.text
    answer = demo.client.get(f"/api/planning/rounds/{number}").json()
    titles = {one["id"]: one["title"]["zh"] for one in answer["table"]["indicators"]}
    for one in answer["answer"]["indicators"]:
        row = f"<tr><td>{titles[one['id']]}</td><td>{one['share']:.1%}</td></tr>"
        assert (row in page.text) is one["used"], one["id"]
    assert answer["cautions"]
    for one in answer["cautions"]:
        assert one["zh"] in page.text
    assert page.text.count('<tr class="first">') == 1  # whom people chose, not who is first
    out = tmp_path / "round.html"
    command = [str(Path(sys.executable).parent / "gis-service"), "planning", "snapshot"]
    subprocess.run(
        [*command, str(number), "-o", str(out)], env=os.environ | demo.database.environment,
        check=True, timeout=120,
    )  # fmt: skip
    assert "第二批" in out.read_text(encoding="utf-8")


def test_the_colours_are_those_of_the_page() -> None:
    css = (ROOT / "gis_service/web/static/planning.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--step-(\w+): (#[0-9a-f]{6})", css))
    here = {name: colour for name, (colour, _) in STEPS.items()}
    assert {**here, "none": NOT_RANKED[0], "chosen": CHOSEN[0]} == colours
    # one place of them: the map and the marks of the table read the same properties
    ground = (ROOT / "gis_service/web/static/js/planning/ground.js").read_text(encoding="utf-8")
    assert set(colours.values()).isdisjoint(re.findall(r"#[0-9a-f]{6}", ground))
    words = {"always": "≥95%", "usually": "≥60%", "fragile": "≥5%"}
    assert {standing(share) for share in (0.95, 0.6, 0.051, 0.05)} == set(STEPS)
    for name, limit in words.items():
        assert limit in STEPS[name][1]
