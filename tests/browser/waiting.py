"""How long a test waits for a page, which draws its maps without a graphics card."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page

PATIENCE_S = 60.0  # a page may be slow beside other work; what has a time to keep asks for it


def until(page: Page, script: str, seconds: float = PATIENCE_S) -> Any:
    """The first true answer of the function ``script``. Polled from here: the page's content
    security policy forbids waiting inside it by eval."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := page.evaluate(script):
            return answer
        time.sleep(0.03)
    raise AssertionError(f"not so within {seconds} s: {script}")
