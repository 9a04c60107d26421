"""The administrator's page: accounts are found, made, changed; the audit log is read."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.browser.desk_page import DeskPage

Open = Callable[..., Page]
Accounts = dict[str, dict[str, str]]
Make = Callable[..., dict[str, Any]]
PASSWORD = "Quiet-river-27"
NUMBERS = count(1)


def ask(address: str, body: Any, token: str = "") -> tuple[int, Any]:
    """Status and answer of a POST."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(  # noqa: S310 - loopback
        address, json.dumps(body).encode(), headers
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


@pytest.fixture
def make(served: str, demo_accounts: Accounts) -> Make:
    """Makes an account of the test's own."""

    def account(**facts: Any) -> dict[str, Any]:
        name = f"page-{next(NUMBERS)}"
        body = {"name": name, "role": "viewer", "password": PASSWORD, "display_name": name} | facts
        status, made = ask(f"{served}/api/accounts", body, demo_accounts["admin"]["token"])
        assert status == 201, made
        return dict(made)

    return account


def sign_in(served: str, name: str, password: str) -> int:
    return ask(f"{served}/api/session", {"name": name, "password": password})[0]


def answering(page: Page) -> tuple[list[bool], list[str]]:
    """The answers to give to the page's questions, in order, and the questions asked."""
    answers: list[bool] = []
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        if answers.pop(0):
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", answer)
    return answers, asked


def test_accounts_are_found_with_their_denominator(open_as: Open, make: Make) -> None:
    made = make(role="community_worker", display_name="陈玲", password=None)
    page = open_as("admin", "/accounts")
    heading = page.locator("#account-count")
    total = page.locator("#accounts tbody tr").count()
    expect(heading).to_have_text(f"显示 {total} / {total} 个账号")
    page.get_by_role("searchbox").fill("陈玲")
    expect(heading).to_have_text(f"显示 1 / {total} 个账号")
    row = page.locator(f"tr[data-account={made['name']}]")
    expect(row).to_contain_text("社区服务岗")
    expect(row).to_contain_text("全区")
    expect(row).to_contain_text("没有密码")
    page.get_by_label("状态").select_option(label="已停用")
    expect(page.locator("#accounts")).to_contain_text("没有符合条件的账号")
    page.get_by_role("link", name="EN", exact=True).click()  # and the other language keeps it
    expect(page.locator("#account-count")).to_have_text(f"0 of {total} accounts shown")
    page.get_by_role("button", name="Show all accounts").click()
    expect(page.locator("#accounts tbody tr")).to_have_count(total)
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_an_account_is_made_and_its_password_handed_over(open_as: Open, served: str) -> None:
    page = open_as("admin", "/accounts", size=(390, 844), phone=True, refusals=True)
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    answers, asked = answering(page)
    dialog = page.locator("#dialog")
    page.get_by_role("button", name="新建账号").click()
    submit = dialog.get_by_role("button", name="建立账号")
    name, password = (dialog.get_by_label(words, exact=True) for words in ("账号名", "密码"))
    submit.click()
    expect(dialog.locator(".problem:visible")).to_have_text(["请填写此项"] * 2)
    expect(name).to_be_focused()
    name.fill("a b")
    password.fill("weak")
    submit.click()
    expect(dialog.locator(".problem:visible")).to_have_text("请选择角色")
    dialog.get_by_label("角色").select_option(label="社区服务岗")
    expect(dialog.locator("#role-hint")).to_contain_text("受理居民点单")
    answers[:] = [False]
    submit.click()  # no community is chosen: the page asks
    expect(dialog.get_by_label("按名称或代码查找")).to_be_focused()
    assert "全区" in asked[-1]
    dialog.get_by_label("按名称或代码查找").fill("没有的社区")
    expect(dialog.locator(".places-list")).to_contain_text("没有找到")
    dialog.get_by_label("按名称或代码查找").fill("")
    boxes = dialog.locator(".places-list input")
    boxes.nth(0).check()
    boxes.nth(1).check()
    expect(dialog.locator(".places-chosen li")).to_have_count(2)
    dialog.locator(".places-chosen button").first.click()
    expect(boxes.nth(0)).not_to_be_checked()
    submit.click()
    expect(dialog.locator(".problem:visible")).to_contain_text("2–50 个字母")
    expect(name).to_be_focused()
    name.fill("chen.ling")
    submit.click()
    expect(dialog.locator(".problem:visible")).to_contain_text("至少")
    expect(name).to_have_value("chen.ling")  # nothing typed is lost
    dialog.get_by_role("button", name="生成一个强密码").click()
    secret = password.input_value()
    assert re.fullmatch(r"(\w{4}-){3}\w{4}", secret)
    answers[:] = [False]
    page.keyboard.press("Escape")
    expect(password).to_have_value(secret)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    submit.click()
    expect(dialog.locator("[data-value=password]")).to_have_text(secret)
    expect(dialog.locator("h2")).to_be_focused()
    dialog.get_by_role("button", name="复制密码").click()
    expect(dialog.locator("#messages")).to_contain_text("已复制")  # in front of the page
    assert page.evaluate("window.copied") == secret
    dialog.get_by_role("button", name="已记下").click()
    expect(page.get_by_role("button", name="新建账号")).to_be_focused()
    expect(page.locator("body")).not_to_contain_text(secret)
    row = page.locator("tr[data-account='chen.ling']")
    expect(row).to_contain_text("社区：")
    assert sign_in(served, "CHEN.LING", secret) == 200
    assert not answers


def test_a_taken_name_is_told_at_the_name(
    browser: Browser, served: str, demo_accounts: Accounts
) -> None:
    one = DeskPage(browser, served, "/accounts", demo_accounts["admin"])
    one.excuse("status of 409")
    page = one.page
    dialog = page.locator("#dialog")
    page.get_by_role("button", name="新建账号").click()
    dialog.get_by_label("账号名", exact=True).fill("Viewer")
    dialog.get_by_label("角色").select_option(label="查看者")
    dialog.get_by_label("不设密码").check()
    expect(dialog.get_by_label("密码", exact=True)).to_be_hidden()
    dialog.get_by_role("button", name="建立账号").click()
    field = dialog.locator(".own-field", has_text="账号名").first
    expect(field.locator(".problem")).to_contain_text("已存在")
    one.close()


def test_an_account_is_changed_locked_out_and_let_in_again(
    open_as: Open, make: Make, served: str
) -> None:
    made = make(display_name="Wang Fang")
    for _ in range(5):
        sign_in(served, made["name"], "wrong")
    page = open_as("admin", "/accounts", lang="en", refusals=True)
    answers, asked = answering(page)
    row = page.locator(f"tr[data-account={made['name']}]")
    expect(row).to_contain_text("Locked until")
    row.get_by_role("button").click()
    dialog = page.locator("#dialog")
    state = dialog.locator("#account-state")
    answers[:] = [False, True]
    state.get_by_role("button", name="Unlock").click()
    expect(state).to_contain_text("Locked until")
    state.get_by_role("button", name="Unlock").click()
    expect(state).to_contain_text("Wang Fang is unlocked")
    expect(state).to_be_focused()
    assert sign_in(served, made["name"], PASSWORD) == 200
    dialog.get_by_text("Set a new password").click()
    password = dialog.get_by_label("Password", exact=True)
    password.fill("weak")
    answers[:] = [True, True]
    dialog.get_by_role("button", name="Set this password").click()
    expect(dialog.locator(".problem:visible")).to_contain_text("at least")
    dialog.get_by_role("button", name="Make a strong one").click()
    secret = password.input_value()
    dialog.get_by_role("button", name="Set this password").click()
    expect(dialog.locator("[data-value=password]")).to_have_text(secret)
    assert "sessions" in asked[-1]
    assert sign_in(served, made["name"], PASSWORD) == 401
    assert sign_in(served, made["name"], secret) == 200
    dialog.get_by_label("Role").select_option(label="Street office")
    dialog.locator(".places-list input").first.check()
    dialog.get_by_label("Name shown").fill("")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".problem:visible")).to_have_text("Please fill this in")
    dialog.get_by_label("Name shown").fill("Wang Fang, east")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    expect(row).to_contain_text("Street office")
    expect(row).to_contain_text("Street: ")
    expect(row.get_by_role("button")).to_be_focused()
    answers[:] = [True, True]
    row.get_by_role("button").click()
    state.get_by_role("button", name="Switch off").click()
    expect(state).to_contain_text("sessions have ended")
    assert sign_in(served, made["name"], secret) == 401
    state.get_by_role("button", name="Switch on").click()
    expect(state).to_contain_text("is on")
    assert sign_in(served, made["name"], secret) == 200


def test_nobody_loses_the_own_account_by_accident(
    browser: Browser, make: Make, served: str
) -> None:
    made = make(role="admin", display_name="李管理")
    one = DeskPage(browser, served, "/accounts", {"name": made["name"], "password": PASSWORD})
    page = one.page
    answers, asked = answering(page)
    row = page.locator(f"tr[data-account={made['name']}]")
    expect(row).to_contain_text("本人")
    row.get_by_role("button").click()
    dialog = page.locator("#dialog")
    assert dialog.get_by_text("设置新密码").count() == 0
    expect(dialog.get_by_role("link", name="我的账号")).to_have_attribute("href", "/account")
    answers[:] = [False, False, True]
    dialog.get_by_role("button", name="停用账号").click()
    dialog.get_by_label("角色").select_option(label="查看者")
    dialog.get_by_role("button", name="保存").click()
    expect(dialog).to_be_visible()
    assert ["您自己的账号" in words for words in asked] == [True, True]
    expect(row).to_contain_text("管理员")
    with page.expect_navigation(url=re.compile("/login")):
        dialog.get_by_role("button", name="停用账号").click()
    assert sign_in(served, made["name"], PASSWORD) == 401
    one.excuse("status of 401")
    one.close()


def test_the_audit_log_is_filtered_continued_and_taken_home(
    open_as: Open, make: Make, served: str
) -> None:
    made = make(display_name="审计对象")
    sign_in(served, made["name"], "wrong")
    page = open_as("admin", f"/accounts?tab=audit&actor={made['name']}")
    entry = page.locator("#audit tbody tr").first
    expect(entry).to_contain_text("登录")
    expect(entry).to_contain_text("失败")
    expect(entry).to_contain_text("原因：密码不正确")
    expect(entry).to_contain_text("审计对象")
    expect(page.locator("#audit-count")).to_have_text("共 1 条记录")
    page.locator("#audit-action").select_option(label="新建账号")
    expect(page.locator("#audit")).to_contain_text("没有符合条件的记录")
    actor = page.locator("#audit-actor")
    actor.fill("admin")
    actor.press("Enter")
    expect(page.locator("#audit tbody tr").first).to_contain_text(made["name"])
    expect(page.locator("#audit tbody tr").first).to_contain_text("角色：查看者")
    day = datetime.now(UTC).date()
    page.get_by_label("从", exact=True).fill(str(day))
    page.get_by_label("到（含当天）").fill(str(day - timedelta(days=9)))
    expect(page.locator("#audit-problem")).to_contain_text("结束日期早于开始日期")
    page.get_by_label("从", exact=True).fill(str(day - timedelta(days=9)))
    page.get_by_label("到（含当天）").fill(str(day + timedelta(days=1)))
    expect(page.locator("#audit-problem")).to_be_hidden()
    link = page.get_by_role("link", name="导出 Excel")
    expect(link).to_have_attribute("href", re.compile("action=account.add&actor=admin&from=.+&to="))
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "audit.xlsx"
    page.keyboard.press("Control+Home")
    page.get_by_role("tab", name="审计").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="账号")).to_be_focused()
    expect(page.locator("#accounts")).to_be_visible()


def test_earlier_entries_come_by_the_button(open_as: Open, make: Make, served: str) -> None:
    name = make()["name"]
    for _ in range(3):
        sign_in(served, name, PASSWORD)
    page = open_as("admin", "/accounts")
    # a log of more than one page, without a hundred entries
    page.route("**/api/audit?*", lambda route: route.continue_(
        url=route.request.url.replace("limit=100", "limit=2")))  # fmt: skip
    page.get_by_role("tab", name="审计").click()
    rows = page.locator("#audit tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="显示更早的记录").click()
    expect(rows).to_have_count(4)
    expect(rows.nth(2)).to_be_focused()
    numbers = [int(row.get_attribute("data-entry") or 0) for row in rows.all()]
    assert numbers == sorted(set(numbers), reverse=True)


def test_others_may_not_open_it(browser: Browser, served: str, demo_accounts: Accounts) -> None:
    context = browser.new_context()
    facts = demo_accounts["duty_chief"]
    body = {"name": facts["name"], "password": facts["password"]}
    context.request.post(f"{served}/api/session", data=body, headers={"Origin": served})
    assert context.request.get(f"{served}/accounts").status == 403
    context.close()
