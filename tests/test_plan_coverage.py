"""Every page, address and test that ``docs/plan-coverage.md`` names exists."""

from __future__ import annotations

import re

from gis_service.app import create_app
from gis_service.settings import Settings
from gis_service.web.router import PAGES
from tests.conftest import ROOT

ROW = re.compile(r"^\| ([^|`]+) \| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)


def rows() -> list[tuple[str, ...]]:
    text = (ROOT / "docs" / "plan-coverage.md").read_text(encoding="utf-8")
    found = ROW.findall(text)
    # a line that does not read as a row would be passed over in silence
    assert len(found) == sum(line.startswith("| ") for line in text.splitlines()) - 1
    return found


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
    assert len(phrases) == len(set(phrases)) > 35
