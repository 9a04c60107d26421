"""What the pages' scripts import."""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"


@lru_cache
def page_modules(entry: str = "main.js") -> list[str]:
    """The scripts that ``entry`` imports, itself included, as paths under ``static/js``: named in a
    page's head, they load side by side instead of one import after the other."""
    found: set[str] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        text = (STATIC / "js" / name).read_text(encoding="utf-8")
        for target in re.findall(r'from "(\.[^"]+)"', text):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
            if not path.startswith(".."):  # what was vendored the templates name themselves
                waiting.append(path)
    return sorted(found)
