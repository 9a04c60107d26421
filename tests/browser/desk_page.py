"""Pages beside the map page, each in a browser context of its own, and who is signed in there."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Browser, Locator, Page

from tests.browser.waiting import until


class DeskPage:
    """One page of the service. ``errors`` holds what the console complained of; what a test
    breaks on purpose it excuses, for the console may hear of it long after the page."""

    def __init__(
        self,
        browser: Browser,
        address: str,
        path: str,
        account: dict[str, str] | None = None,
        *,
        size: tuple[int, int] = (1280, 800),
        lang: str = "zh",
        phone: bool = False,
        **options: Any,
    ) -> None:
        self.address = address
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale="zh-CN" if lang == "zh" else "en-GB", is_mobile=phone, has_touch=phone,
            **options,
        )  # fmt: skip
        self.context.set_default_timeout(20_000)
        if account:
            answer = self.context.request.post(
                f"{address}/api/session",
                data={"name": account["name"], "password": account["password"]},
                headers={"Origin": address},
            )
            assert answer.ok, answer.text()
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.excused: tuple[str, ...] = ()
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(f"{address}{path}")
        self.page.wait_for_selector("body.ready")

    def find(self, selector: str, has_text: str | None = None) -> Locator:
        """What the selector names, with the text where one is given."""
        return self.page.locator(selector, has_text=has_text)

    def go(self, path: str) -> None:
        """Opens another view of the service, as a new reader would."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}{path}")
        self.page.wait_for_selector("body.ready")

    def text(self, selector: str) -> str:
        """The text of the first that the selector names."""
        return self.page.locator(selector).first.inner_text()

    def api(self, path: str, method: str = "GET", body: Any = None, expect: int = 200) -> Any:
        """What the service answers to who is signed in here."""
        answer = self.context.request.fetch(
            f"{self.address}{path}", method=method,
            data=None if body is None else json.dumps(body),
            headers={"Origin": self.address, "Content-Type": "application/json"},
        )  # fmt: skip
        assert answer.status in (expect, 201), f"{path}: {answer.status} {answer.text()}"
        return answer.json()

    def until(self, script: str, seconds: float = 15) -> Any:
        """The first true answer of the function ``script``."""
        return until(self.page, script, seconds)

    def excuse(self, *words: str) -> None:
        """The console may complain in these words."""
        self.excused += words

    def close(self) -> None:
        """Ends the context; nothing but what is excused may have gone wrong in the console."""
        self.context.close()
        told = [line for line in self.errors if not any(words in line for words in self.excused)]
        assert not told, told
