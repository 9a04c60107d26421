"""The one file of a round: everything inside, nothing from the network, nothing unescaped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

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
    out = tmp_path / "round.html"
    command = [str(Path(sys.executable).parent / "gis-service"), "planning", "snapshot"]
    subprocess.run(
        [*command, str(number), "-o", str(out)], env=os.environ | demo.database.environment,
        check=True, timeout=120,
    )  # fmt: skip
    assert "第二批" in out.read_text(encoding="utf-8")
