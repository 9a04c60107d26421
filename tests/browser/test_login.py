"""Signing in with a browser, and the map for those who have not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pyotp
import pytest
from playwright.sync_api import Browser, expect

from gis_service.accounts.second_factor import seal_secret
from gis_service.accounts.service import get_account
from gis_service.settings import get_settings
from tests.accounts.provider import provider
from tests.browser.map_page import MapPage
from tests.conftest import Database

Open = Callable[..., MapPage]
Accounts = dict[str, dict[str, str]]


@pytest.fixture
def visitor(browser: Browser, served: str) -> Iterator[Open]:
    """Opens an address of the service without being signed in."""
    pages: list[MapPage] = []

    def make(path: str, *, errors: bool = False, **options: Any) -> MapPage:
        page = MapPage(browser, served, **options)
        page.errors_allowed = errors
        pages.append(page)
        page.page.goto(f"{served}{path}")
        page.page.wait_for_selector("body.ready")
        return page

    yield make
    for page in pages:
        page.close()


def fill(page: MapPage, account: dict[str, str], password: str | None = None) -> None:
    page.page.fill("#name", account["name"])
    page.page.fill("#password", password or account["password"])
    page.page.click("#submit")


# -- the login page ------------------------------------------------------------------------


@pytest.mark.parametrize(("lang", "words"), [("zh", "账号或密码错误"), ("en", "wrong")])
def test_a_wrong_password_is_told_and_can_be_typed_again(
    visitor: Open, demo_accounts: Accounts, lang: str, words: str
) -> None:
    page = visitor("/login", lang=lang, errors=True)  # the browser complains of the 401
    fill(page, demo_accounts["viewer"], "wrong")
    page.page.wait_for_selector("#problem:not([hidden])")
    assert words in page.text("#problem")
    assert page.ask("document.activeElement.id") == "password"
    assert page.ask("document.getElementById('submit').disabled") is False
    fill(page, demo_accounts["viewer"])
    page.page.wait_for_url("**/")
    page.idle()
    assert page.page.locator("#account-button").is_visible()


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:alert(1)",
     "data:text/html,x", "evil.example"],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(
    visitor: Open, demo_accounts: Accounts, served: str, elsewhere: str
) -> None:
    page = visitor(f"/login?next={elsewhere}")
    fill(page, demo_accounts["viewer"])
    page.page.wait_for_url(lambda url: urlsplit(url).path != "/login")
    assert page.page.url.startswith(f"{served}/")


def test_one_comes_back_to_the_view_one_left(visitor: Open, demo_accounts: Accounts) -> None:
    page = visitor("/#layers=street,community&from=2026-03-01", lang="en")
    page.idle()
    page.find("#sign-in").click()
    page.page.wait_for_selector("body.login.ready")
    fill(page, demo_accounts["planner"])
    page.page.wait_for_selector("#map-main")
    page.idle()
    expect(page.page).to_have_url(re.compile("layers=community,street"))
    expect(page.page).to_have_url(re.compile("from=2026-03-01"))
    page.find("#account-button").click()
    assert "planner" in page.text("#account-menu")
    page.find("#language").click()
    page.until("() => document.getElementById('account-menu').textContent.includes('股室')")
    page.find("#account-button").click()
    page.find("#sign-out").click()
    page.page.wait_for_selector("#sign-in:not([hidden])")
    page.idle()
    assert page.context.cookies() == []


@pytest.mark.parametrize(
    ("name", "path"),
    [("dispatcher", "/dispatch"), ("squad_leader", "/coverage"), ("planner", "/planning"),
     ("officer", "/field")],
)  # fmt: skip
def test_who_signs_out_of_a_page_may_come_back_to_it_and_a_failure_is_told(
    visitor: Open, demo_accounts: Accounts, name: str, path: str
) -> None:
    page = visitor(f"/login?next={path}", errors=True)  # the refusal is told in the console, too
    fill(page, demo_accounts[name])
    page.page.wait_for_url(lambda url: urlsplit(url).path == path)
    page.page.wait_for_selector("body.ready")
    page.page.route(
        "**/api/session",
        lambda route: route.fulfill(status=503, body="{}", content_type="application/problem+json"),
    )
    page.find("#sign-out").click()
    page.page.get_by_text("退出登录未成功").wait_for()
    assert page.context.cookies() != []
    page.page.unroute("**/api/session")
    page.find("#sign-out").click()
    page.page.wait_for_url(f"**/login?next={path}")
    page.page.wait_for_selector("body.login.ready")
    assert page.context.cookies() == []


def test_the_language_and_the_way_back_are_kept(visitor: Open) -> None:
    page = visitor("/login?next=%2F%23layers%3Dstreet")
    assert page.text("#submit") == "登录"
    page.find("#language").click()
    page.page.wait_for_selector("html[lang=en] body.ready")
    assert page.text("#submit") == "Sign in"
    assert "next=%2F%23layers%3Dstreet" in page.page.url


def test_the_password_can_be_looked_at(visitor: Open) -> None:
    page = visitor("/login")
    page.page.fill("#password", "secret")
    assert page.page.get_attribute("#password", "type") == "password"
    page.find("#show").click()
    assert page.page.get_attribute("#password", "type") == "text"
    page.find("#show").click()
    assert page.page.get_attribute("#password", "type") == "password"


def test_the_demo_says_where_its_accounts_lie_and_no_more(
    visitor: Open, demo_database: Database, demo_accounts: Accounts
) -> None:
    page = visitor("/login")
    assert str(demo_database.settings.data_dir) in page.text(".demo")
    html = page.page.content()
    for account in demo_accounts.values():
        assert account["password"] not in html
        assert account["token"] not in html


def test_the_second_factor_is_asked_for(
    visitor: Open,
    demo_accounts: Accounts,
    demo_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    for name, value in demo_database.environment.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    secret = pyotp.random_base32()
    sealed = seal_secret(secret)
    monkeypatch.undo()
    get_settings.cache_clear()

    def set_secret(value: bytes | None) -> None:
        with demo_database.sessions.begin() as session:
            get_account(session, "duty_chief").totp_secret = value

    set_secret(sealed)
    # the other tests sign in without it
    request.addfinalizer(lambda: set_secret(None))
    page = visitor("/login", lang="en", errors=True)  # the browser complains of the 401
    assert not page.page.locator("#code-field").is_visible()
    fill(page, demo_accounts["duty_chief"])
    page.page.wait_for_selector("#code-field:not([hidden])")
    assert page.ask("document.activeElement.id") == "code"
    page.page.fill("#code", "000000")
    page.page.click("#submit")
    page.page.wait_for_selector("#problem:not([hidden])")
    assert page.text("#problem").startswith("the code")
    page.page.fill("#code", pyotp.TOTP(secret).now())
    page.page.click("#submit")
    page.page.wait_for_url("**/")
    page.idle()


def test_the_button_of_single_sign_on_leads_there_and_back(
    visitor: Open, served: str, demo_database: Database
) -> None:
    page = visitor("/login?next=%2Fwatches", errors=True)  # the provider's page has no icon
    assert page.text("#elsewhere") == "统一身份认证登录"
    page.find("#elsewhere").click()
    page.page.wait_for_selector("#problem:not([hidden])")
    assert "无法连接统一身份认证平台" in page.text("#problem")
    page.page.wait_for_selector("body.ready")  # the other language keeps what is told
    page.find("#language").click()
    page.page.wait_for_selector("html[lang=en] body.ready")
    assert "The sign-on provider cannot be reached" in page.text("#problem")
    assert page.text("#elsewhere") == "Single sign-on"
    port = urlsplit(demo_database.environment["GIS_OIDC_ISSUER"]).port
    assert port is not None
    with provider({"p": {"preferred_username": "planner"}}, port, registered=False):
        page.find("#elsewhere").click()
        page.page.get_by_role("button", name="p", exact=True).click()
        page.page.wait_for_url("**/watches")
        page.page.wait_for_selector("body.ready")
        me = page.page.evaluate("fetch('/api/session').then((answer) => answer.json())")
        assert me["name"] == "planner"
        # as set, signing out goes on at the provider, which sends back to the login page
        page.page.goto(f"{served}/")
        page.page.wait_for_selector("body.ready")
        page.find("#account-button").click()
        page.find("#sign-out").click()
        page.page.get_by_role("button", name="End session").click()
        page.page.wait_for_url("**/login")
        page.page.wait_for_selector("body.ready")
        status = page.page.evaluate("fetch('/api/session').then((answer) => answer.status)")
        assert status == 401


# -- the map without an account ------------------------------------------------------------


@pytest.mark.parametrize(("lang", "hint"), [("zh", "登录后可见"), ("en", "sign in to see")])
def test_a_visitor_sees_areas_and_aggregates_only(open_map: Open, lang: str, hint: str) -> None:
    page = open_map("#layers=street,incidents,incident_heat", lang=lang, signed_in=False)
    assert page.text(".layer.locked .link") == hint
    assert page.ask("Boolean(gisMap.getSource('incidents'))") is False
    assert page.drawn("incident_heat-heat") or page.visible("incident_heat-heat")
    assert not [url for url in page.requests if "/tiles/incidents" in url]
    assert page.find("#sign-in").is_visible()
    assert not page.find("#account-button").is_visible()
    page.find("#tool-export").click()
    assert page.find("#export-menu [href*='snapshot']").count() == 0
    assert page.find("#export-menu [href*='heatmap']").count() == 1


def test_a_visitor_gets_numbers_of_an_area_and_the_way_in(open_map: Open) -> None:
    page = open_map("", signed_in=False)
    street = page.api("/api/areas/street?limit=1")["items"][0]
    page.ask(f"location.hash = 'selected=street/{street['code']}'")
    page.page.wait_for_selector(".incident-list a.link")
    count = page.api(f"/api/incidents/count?street={street['code']}")["count"]
    assert str(count) in page.text(".incident-list h3").replace(",", "")
    assert page.find(".incident").count() == 0
    page.ask("location.hash = 'selected=incident/1'")
    page.page.wait_for_selector("#drawer > p a.link")
    page.find("#drawer > p a.link").click()
    page.page.wait_for_selector("body.login.ready")
    assert "selected%3Dincident" in page.page.url


def test_who_is_signed_in_sees_the_incidents(open_map: Open) -> None:
    page = open_map("#layers=street,incidents", lang="en")
    assert page.drawn("incidents-cluster")
    assert page.find(".layer.locked").count() == 0
    assert not page.find("#sign-in").is_visible()
    page.find("#account-button").click()
    assert "dispatcher" in page.text("#account-menu")
    page.page.keyboard.press("Escape")
    assert not page.find("#account-menu").is_visible()


def test_an_ended_session_is_told_with_the_way_in(open_map: Open) -> None:
    page = open_map("#layers=street")
    page.errors_allowed = True  # the browser complains of the 401
    page.context.route(
        "**/api/incidents/count*",
        lambda route: route.fulfill(
            status=401, content_type="application/problem+json", body='{"detail": "请先登录"}'
        ),
    )
    page.ask("location.hash = location.hash + '&state=closed'")
    page.page.wait_for_selector(".message.error .link")
    assert "登录已失效" in page.text(".message.error")
    page.find(".message.error .link").click()
    page.page.wait_for_selector("body.login.ready")
