"""A real service with the small demo district, and a real browser that looks at it."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from gis_service.accounts.dependencies import COOKIE
from gis_service.settings import DEMO_ACCOUNTS, Settings
from tests.browser.desk_page import DeskPage
from tests.browser.map_page import MapPage
from tests.conftest import Database
from tests.ports import free_port

# WebGL drawn by the processor: no graphics card is asked for.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def service(
    database: Database,
    log: Path,
    *arguments: str,
    port: int | None = None,
    trust: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """The command ``arguments`` serving ``database``; its address once it is ready. ``trust``:
    it speaks HTTPS."""
    port = port or free_port()
    environment = os.environ | database.environment | {"GIS_PORT": str(port)}
    command = [str(Path(sys.executable).parent / "gis-service"), *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        address = f"{'https' if trust else 'http'}://127.0.0.1:{port}"
        wait_ready(address, process, log, trust)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def wait_ready(
    address: str, process: subprocess.Popen[bytes], log: Path, trust: ssl.SSLContext | None = None
) -> None:
    """Returns when the service says it is ready; fails with its last words when it ends first."""
    until = time.monotonic() + 240
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.fail(f"the service ended: {log.read_text(errors='replace')[-2000:]}")
        try:
            ready = f"{address}/readyz"
            with urllib.request.urlopen(ready, timeout=5, context=trust) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    pytest.fail(f"the service did not get ready: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def demo_database(create_database: Callable[[], Database]) -> Database:
    """The database of ``served``, which knows an OpenID provider that is down unless a test starts
    it."""
    made = create_database()
    made.environment.update(
        GIS_OIDC_ISSUER=f"http://localhost:{free_port()}", GIS_OIDC_CLIENT_ID="gis-service",
        GIS_OIDC_LOGOUT="true",
        # to the service all these pages are one address
        GIS_LOGINS_PER_MINUTE="600",
    )  # fmt: skip
    return made


@pytest.fixture(scope="session")
def served(demo_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running service with the small demo district."""
    log = tmp_path_factory.mktemp("service") / "demo.log"
    with service(demo_database, log, "demo", "--scale", "small") as address:
        yield address


@pytest.fixture(scope="session")
def demo_accounts(demo_database: Database, served: str) -> dict[str, dict[str, str]]:
    """The accounts of ``served`` by name, as its file tells them."""
    path = demo_database.settings.data_dir / DEMO_ACCOUNTS
    return {account["name"]: account for account in json.loads(path.read_text())}


@pytest.fixture
def open_as(
    browser: Browser, served: str, demo_accounts: dict[str, dict[str, str]]
) -> Iterator[Callable[..., Page]]:
    """Opens a page of ``served`` signed in as an account; it must end without errors, but for
    requests refused with 400 where ``refusals`` says that they are asked."""
    opened: list[DeskPage] = []

    def open_page(name: str, path: str, *, refusals: bool = False, **options: Any) -> Page:
        one = DeskPage(browser, served, path, demo_accounts[name], **options)
        if refusals:
            one.excuse("status of 400")
        opened.append(one)
        return one.page

    yield open_page
    for one in opened:
        one.close()


@pytest.fixture(scope="session")
def dispatcher(served: str, demo_accounts: dict[str, dict[str, str]]) -> dict[str, Any]:
    """What a browser holds that signed in as dispatcher (``storage_state`` of a context)."""
    facts = demo_accounts["dispatcher"]
    body = json.dumps({"name": facts["name"], "password": facts["password"]}).encode()
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{served}/api/session", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        cookie = answer.headers["Set-Cookie"].split(";")[0].partition("=")[2]
    kept = {"name": COOKIE, "value": cookie, "domain": "127.0.0.1", "path": "/", "httpOnly": True,
            "secure": False, "sameSite": "Lax", "expires": -1}  # fmt: skip
    return {"cookies": [kept], "origins": []}


@pytest.fixture(scope="session")
def served_empty(
    create_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of a running service whose database has tables and nothing in them."""
    log = tmp_path_factory.mktemp("service") / "empty.log"
    with service(create_database(), log, "serve") as address:
        yield address


# Of the package, not the session: its event loop must not outlive these tests.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium where the setting GIS_BROWSER says it is."""
    path = Settings().browser
    if not path.exists():
        pytest.fail(f"no browser at {path}; set GIS_BROWSER")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_map(
    browser: Browser, served: str, dispatcher: dict[str, Any]
) -> Iterator[Callable[..., MapPage]]:
    """Opens the map page in a browser context of its own, signed in as dispatcher unless told
    otherwise; every page must end without errors."""
    opened: list[MapPage] = []

    def open_page(
        view: str = "", *, lang: str = "zh", address: str = served, signed_in: bool = True,
        **options: Any,
    ) -> MapPage:  # fmt: skip
        if signed_in:
            options["storage_state"] = dispatcher
        page = MapPage(browser, address, lang=lang, **options)
        opened.append(page)
        page.open(view)
        return page

    yield open_page
    for page in opened:
        page.close()
