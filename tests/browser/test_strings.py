"""The page's strings: complete in both languages, and none unused or missing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gis_service import web

WEB = Path(web.__file__).parent
STRINGS = {
    lang: json.loads((WEB / "strings" / f"{lang}.json").read_text(encoding="utf-8"))
    for lang in ("zh", "en")
}
HAN = re.compile(r"[\u3400-\u9fff]")
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for path in [*(WEB / "static" / "js").rglob("*.js"), *(WEB / "templates").glob("*.html")]
)


def names(text: str) -> set[str]:
    """Names of the placeholders in a string."""
    return set(re.findall(r"\{(\w+)(?:\|[^}]*)?\}", text))


def test_same_keys_in_both() -> None:
    assert list(STRINGS["zh"]) == list(STRINGS["en"])


@pytest.mark.parametrize("key", STRINGS["zh"])
def test_translated(key: str) -> None:
    chinese, english = STRINGS["zh"][key], STRINGS["en"][key]
    assert not HAN.search(english)
    words = re.sub(r"\{[^}]*\}", "", chinese)
    assert HAN.search(words) or not re.search(r"\w", words)
    assert names(chinese) == names(english)


def test_every_key_the_page_names_is_there() -> None:
    named = set(re.findall(r"""\bt\(["']([\w.]+)["']""", SOURCES))
    named |= set(re.findall(r'data-i18n(?:-\w+)?="([\w.]+)"', SOURCES))
    named |= set(re.findall(r"tool\('[\w-]+', '[\w-]+', '([\w.]+)'\)", SOURCES))
    assert len(named) > 100
    assert named <= set(STRINGS["zh"])


def test_every_string_is_used() -> None:
    """A key is written out somewhere, or begins with what a template literal begins with."""
    literals = set(re.findall(r"""["'`]([a-z]\w*\.[\w.]+)["'`]""", SOURCES))
    prefixes = tuple(re.findall(r"`([a-z]+\.[a-zA-Z.]*)\$\{", SOURCES))
    unused = [key for key in STRINGS["zh"] if key not in literals and not key.startswith(prefixes)]
    assert unused == []
