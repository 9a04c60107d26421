"""Driving the map page as a user would, and asking its map what it drew."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page, Request

from tests.browser.waiting import until

IDLE = """() => Boolean(window.gisMap) && document.body.classList.contains("ready")
  && [gisApp.main, gisApp.second].every((view) =>
    !view || (view.map.loaded() && view.map.areTilesLoaded() && !view.map.isMoving()))"""


class MapPage:
    """One page in a browser context of its own. ``errors`` holds what the console complained of,
    ``requests`` every address asked for."""

    def __init__(
        self,
        browser: Browser,
        address: str,
        *,
        lang: str = "zh",
        size: tuple[int, int] = (1280, 800),
        phone: bool = False,
        **options: Any,
    ) -> None:
        self.address = address
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale="zh-CN" if lang == "zh" else "en-GB",
            is_mobile=phone,
            has_touch=phone,
            **options,
        )
        self.context.set_default_timeout(20_000)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        # What a test breaks on purpose may be complained of.
        self.errors_allowed = False
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.context.on("request", self._asked)

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob"):
            self.requests.append(request.url)

    def open(self, view: str = "", *, wait: bool = True) -> None:
        """Opens ``/`` with ``view`` (a query, a fragment or both) and waits for the picture."""
        self.page.goto(f"{self.address}/{view}")
        if wait and not self.errors_allowed:
            self.page.wait_for_selector("body.ready, #notice")
            if not self.page.locator("#notice").count():
                self.idle()

    def idle(self, seconds: float = 30) -> None:
        """Returns when every map has drawn what it should."""
        self.until(IDLE, seconds)

    def until(self, script: str, seconds: float = 15) -> Any:
        """The first true answer of the function ``script``."""
        return until(self.page, script, seconds)

    def ask(self, script: str, argument: Any = None) -> Any:
        """What the page answers to a script."""
        return self.page.evaluate(script, argument)

    def drawn(self, layer: str, view: str = "main") -> list[dict[str, Any]]:
        """Properties of the features that a style layer draws now."""
        found: list[dict[str, Any]] = self.ask(
            "([view, layer]) => { const { map } = gisApp[view];"
            " return map.getLayer(layer) ? map.queryRenderedFeatures({ layers: [layer] })"
            ".map((f) => ({ ...f.properties, state: f.state })) : []; }",
            [view, layer],
        )
        return found

    def visible(self, layer: str, view: str = "main") -> bool:
        """Whether a style layer is switched on."""
        answer: bool = self.ask(
            "([view, layer]) => gisApp[view].map.getLayoutProperty(layer, 'visibility') !== 'none'",
            [view, layer],
        )
        return answer

    def api(self, path: str) -> Any:
        """JSON of the service, asked beside the page."""
        answer = self.context.request.get(f"{self.address}{path}")
        assert answer.ok, f"{path}: {answer.status} {answer.text()}"
        return answer.json()

    def text(self, selector: str) -> str:
        """The text of the first element that fits, as it is seen."""
        return self.page.locator(selector).first.inner_text()

    def find(self, selector: str, text: str | None = None) -> Locator:
        """Elements by CSS selector, those with ``text`` in them."""
        return self.page.locator(selector, has_text=text)

    def switch(self, layer: str) -> None:
        """Clicks a layer's switch and waits for the map."""
        self.find(f"[data-focus='on-{layer}']").click()
        self.idle()

    def click_map(self, lon: float, lat: float) -> None:
        """Clicks the main map at a position (WGS84)."""
        point = self.ask("([lon, lat]) => gisMap.project([lon, lat])", [lon, lat])
        box = self.find("#map-main").bounding_box()
        assert box
        self.page.mouse.click(box["x"] + point["x"], box["y"] + point["y"])

    def close(self) -> None:
        """Ends the context; complaints of the console fail the test."""
        self.context.close()
        assert self.errors_allowed or not self.errors, self.errors
