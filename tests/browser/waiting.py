"""Waiting for a page from outside: its content security policy forbids waiting in it by eval."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page


def until(page: Page, script: str, seconds: float) -> Any:
    """The first true answer of the function ``script``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := page.evaluate(script):
            return answer
        time.sleep(0.03)
    raise AssertionError(f"not so within {seconds} s: {script}")
