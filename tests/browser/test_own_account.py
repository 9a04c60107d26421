"""The page of one's own account: password, second factor, tokens for programs, one's phone."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.desk_page import DeskPage

Open = Callable[..., Page]
Accounts = dict[str, dict[str, str]]
PASSWORD, LATER = "Quiet-river-27", "Loud-mountain-81"
NUMBERS = count(1)


def status_of(served: str, path: str, token: str) -> int:
    """What a program with that token is answered."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{served}{path}", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


@pytest.fixture
def open_own(browser: Browser, served: str, demo_accounts: Accounts) -> Iterator[Open]:
    """Opens the page as a new account of its own."""
    opened: list[DeskPage] = []

    def make(**options: Any) -> Page:
        account = {"name": f"own-page-{next(NUMBERS)}", "password": PASSWORD}
        body = {**account, "role": "viewer", "display_name": "王小明",
                "scopes": [{"level": "street", "code": "nowhere"}]}  # fmt: skip
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{served}/api/accounts", json.dumps(body).encode(),
            {"Content-Type": "application/json",
             "Authorization": f"Bearer {demo_accounts['admin']['token']}"},
        )  # fmt: skip
        urllib.request.urlopen(request, timeout=20).close()  # noqa: S310
        one = DeskPage(browser, served, "/account", account, **options)
        one.excuse("status of 40")  # what is refused here is refused on purpose
        opened.append(one)
        return one.page

    yield make
    for one in opened:
        one.close()


def sign_in(page: Page, served: str, password: str) -> int:
    """Signs in elsewhere under the name the page shows."""
    name = page.locator("#who dd").first.inner_text()
    body = json.dumps({"name": name, "password": password}).encode()
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{served}/api/session", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_a_password_is_refused_in_words_then_changed(open_own: Open, served: str) -> None:
    page = open_own()
    expect(page.locator("#who")).to_contain_text("王小明")
    expect(page.locator("#who")).to_contain_text("查看者")
    expect(page.locator("#who")).to_contain_text("街道：nowhere")
    assert page.locator("#phones").count() == 0
    box = page.locator("#password")
    change = box.get_by_role("button", name="修改密码")
    old, new, again = (box.get_by_label(words, exact=True)
                       for words in ("原密码", "新密码", "再次输入新密码"))  # fmt: skip
    change.click()
    expect(box.locator(".problem:visible")).to_have_text(["请填写此项"] * 3)
    expect(old).to_be_focused()
    old.fill("wrong")
    new.fill(LATER)
    again.fill(LATER + "!")
    change.click()
    expect(box.locator(".problem:visible")).to_have_text("两次输入的新密码不一致")
    again.fill(LATER)
    change.click()
    expect(box.locator(".problem:visible")).to_have_text("原密码不正确")
    expect(new).to_have_value(LATER)  # nothing typed is lost
    old.fill(PASSWORD)
    new.fill("short")
    again.fill("short")
    change.click()
    expect(box.locator(".problem:visible")).to_contain_text("至少")
    expect(new).to_be_focused()
    new.fill(LATER)
    again.fill(LATER)
    change.click()
    expect(page.locator("#messages")).to_contain_text("其他设备上的登录已失效")
    expect(old).to_have_value("")
    assert sign_in(page, served, LATER) == 200
    page.reload()  # and here one stays signed in
    expect(page.locator("#who")).to_contain_text("王小明")


def test_a_second_factor_set_up_and_taken_away_on_a_phone(open_own: Open, served: str) -> None:
    page = open_own(phone=True, size=(390, 844))
    page.on("dialog", lambda dialog: dialog.accept())
    box = page.locator("#factor")
    expect(box).to_contain_text("未启用")
    box.get_by_label("登录密码").fill("wrong")
    box.get_by_role("button", name="开始设置").click()
    expect(box.locator(".problem:visible")).to_have_text("密码不正确")
    box.get_by_label("登录密码").fill(PASSWORD)
    box.get_by_role("button", name="开始设置").click()
    picture = box.locator("#factor-picture")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth > 100)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    totp = pyotp.TOTP(box.locator("[data-value=secret]").inner_text())
    box.get_by_label("验证码").fill("12345")
    box.get_by_role("button", name="启用").click()
    expect(box.locator(".problem:visible")).to_have_text("验证码错误")
    box.get_by_label("验证码").fill(totp.now())
    box.get_by_role("button", name="启用").click()
    expect(box.locator(".own-state")).to_have_text("已启用")
    expect(box).to_be_focused()
    assert sign_in(page, served, PASSWORD) == 401
    page.reload()
    box.get_by_label("登录密码").fill(PASSWORD)
    box.get_by_role("button", name="停用动态验证码").click()
    expect(box.locator(".own-state")).to_have_text("未启用")
    assert sign_in(page, served, PASSWORD) == 200


def test_a_token_is_made_shown_once_and_revoked(open_own: Open, served: str) -> None:
    page = open_own(lang="en")
    answers: list[bool] = []
    page.on("dialog", lambda dialog: dialog.accept() if answers.pop() else dialog.dismiss())
    box = page.locator("#tokens")
    expect(box).to_contain_text("No tokens")
    box.get_by_role("button", name="New token").click()
    make = box.get_by_role("button", name="Make the token")
    make.click()
    expect(box.locator(".problem:visible")).to_have_text("Please fill this in")
    box.get_by_label("What for").fill("QGIS, office")
    box.get_by_label("Last day").fill("2020-02-29")
    make.click()
    expect(box.locator(".problem:visible")).to_have_text("must lie in the future")
    expect(box.get_by_label("What for")).to_have_value("QGIS, office")
    box.get_by_label("Last day").fill(f"{datetime.now(UTC).year + 1}-03-01")
    box.get_by_label("Choose").check()
    make.click()
    expect(box.locator(".problem:visible")).to_have_text("Choose at least one permission")
    box.get_by_role("group", name="Figures").get_by_label("Read").check()
    make.click()
    token = box.locator("[data-value=token]").inner_text()
    row = box.locator("li", has_text="QGIS, office")
    expect(row).to_contain_text("23:59")
    expect(row.locator("summary")).to_have_text("1 permission")
    assert status_of(served, "/api/metrics?level=street", token) == 200
    assert status_of(served, "/api/session", token) == 403
    box.get_by_role("button", name="I have kept it").click()
    expect(box).not_to_contain_text(token)
    expect(box.get_by_role("button", name="New token")).to_be_focused()
    answers[:] = [True, False]
    row.get_by_role("button").click()
    expect(row).to_be_visible()
    row.get_by_role("button").click()
    expect(row).to_have_count(0)
    expect(page.locator("#messages")).to_contain_text("is revoked")
    assert status_of(served, "/api/metrics?level=street", token) == 401


def test_an_account_without_a_password_is_told_where_to_go(open_own: Open) -> None:
    page = open_own()

    def without(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "password": False})

    page.route("**/api/session", without)
    page.reload()
    expect(page.locator("#password")).to_contain_text("统一身份认证")
    expect(page.locator("#factor")).to_contain_text("不能在此设置")
    assert page.locator("#password input, #factor input").count() == 0


def test_an_officer_sets_up_a_phone(open_as: Open, served: str) -> None:
    page = open_as("officer", "/account", phone=True, size=(390, 844), refusals=True)
    page.on("dialog", lambda dialog: dialog.accept())
    box = page.locator("#phones")
    box.get_by_role("button", name="登记手机").click()
    box.get_by_label("手机名称").fill("")
    box.get_by_role("button", name="生成令牌").click()
    expect(box.locator(".problem:visible")).to_have_text("请填写此项")
    box.get_by_label("手机名称").fill("巡查用的旧手机")
    expect(box.get_by_label("也保存上班时间以外的位置")).not_to_be_checked()
    box.get_by_label("Traccar Client").check()
    box.get_by_role("button", name="生成令牌").click()
    picture = box.locator("#phone-picture")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth > 100)")
    box.locator("summary").click()
    expect(box.locator("[data-value=address]")).to_have_text(f"{served}/api/positions/osmand")
    token = box.locator("[data-value=token]").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sent = f"{served}/api/positions/osmand?id={token}&lat=24.9&lon=118.6&timestamp=1"
    assert page.request.get(sent).status == 200
    box.get_by_role("button", name="已保存，关闭").click()
    row = box.locator("li", has_text="巡查用的旧手机")
    expect(row).to_contain_text("只保存上班时间的位置")
    row.get_by_role("button").click()
    expect(row).to_have_count(0)
    assert page.request.get(sent).status == 401


def test_a_leader_is_led_to_the_phones_of_the_squad(open_as: Open) -> None:
    page = open_as("squad_leader", "/account")
    assert page.locator("#phones a").get_attribute("href") == "/duty#devices"
