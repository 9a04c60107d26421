"""``gis-service user``: accounts, tokens, the key of personal data and the audit log."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gis_service.commands.shared import console, ready_sessions
from gis_service.errors import InvalidInput
from gis_service.settings import get_settings

if TYPE_CHECKING:
    from gis_service.accounts.service import Actor

user = typer.Typer(no_args_is_help=True, help="Accounts. 账号。")
key = typer.Typer(no_args_is_help=True, help="The key of personal data. 个人信息密钥。")
audit = typer.Typer(no_args_is_help=True, help="The audit log. 审计日志。")
user.add_typer(key, name="key")
user.add_typer(audit, name="audit")

NameArgument = Annotated[str, typer.Argument(help="what is typed to sign in")]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="read the password from standard input")
]


def _actor() -> Actor:
    """Who sits at the command line."""
    from gis_service.accounts.service import Actor

    return Actor(None, f"{getpass.getuser()} (gis-service)")


def _password(from_stdin: bool) -> str:
    """A password: one line of standard input, or asked for twice."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("密码 / password: ")
    if getpass.getpass("再次输入 / again: ") != first:
        raise InvalidInput("the two differ", "两次输入不一致", where="password")
    return first


@user.command("add")
def add(
    name: NameArgument,
    role: Annotated[str, typer.Option(help="admin, dispatcher, duty_chief, …")],
    display: Annotated[str | None, typer.Option(help="name to show")] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="LEVEL=CODE: street, community, unit, squad")
    ] = None,
    password_stdin: StdinOption = False,
    no_password: Annotated[bool, typer.Option(help="an account for tokens only")] = False,
) -> None:
    """Make an account; the password is asked for twice. 新建账号。"""
    from gis_service.accounts.service import add_account, check_role, parse_scopes

    check_role(role)
    scopes = parse_scopes(scope or [])
    password = None if no_password else _password(password_stdin)
    with ready_sessions().begin() as session:
        add_account(
            session, get_settings(), _actor(), name=name, role=role, password=password,
            display_name=display, scopes=scopes,
        )  # fmt: skip
    console.print(f"account {name}: {role}", highlight=False)


@user.command("passwd")
def passwd(name: NameArgument, password_stdin: StdinOption = False) -> None:
    """Set a password, end the account's sessions and unlock it. 重设密码。"""
    _change(name, lambda: {"password": _password(password_stdin)})
    console.print(f"account {name}: new password", highlight=False)


@user.command("unlink")
def unlink(name: NameArgument) -> None:
    """Free an account from the person of the OpenID provider it belongs to. 解除统一认证绑定。"""
    _change(name, lambda: {"oidc": False})
    console.print(f"account {name}: belongs to nobody at the provider", highlight=False)


@user.command("no-totp")
def no_totp(name: NameArgument) -> None:
    """Take a lost second factor away. 取消动态验证码。"""
    _change(name, lambda: {"totp": False})
    console.print(f"account {name}: signs in by password alone", highlight=False)


@user.command("off")
def off(name: NameArgument) -> None:
    """Switch an account off: its sessions end, its tokens are refused. 停用账号。"""
    _change(name, lambda: {"active": False})
    console.print(f"account {name}: off", highlight=False)


@user.command("on")
def on(name: NameArgument) -> None:
    """Switch an account on again. 启用账号。"""
    _change(name, lambda: {"active": True})
    console.print(f"account {name}: on", highlight=False)


def _change(name: str, changes: Any) -> None:
    from gis_service.accounts.service import change_account, get_account

    with ready_sessions().begin() as session:
        account = get_account(session, name)  # a wrong name is told before a password is asked for
        change_account(session, get_settings(), _actor(), account, changes())


@user.command("list")
def list_users() -> None:
    """Every account with role and scope. 列出账号。"""
    from sqlalchemy import select

    from gis_service.accounts.login import identity_of
    from gis_service.accounts.models import Account

    table = Table("name", "shown as", "role", "scope", "state")
    with ready_sessions().begin() as session:
        for account in session.scalars(select(Account).order_by(Account.id)):
            scopes = identity_of(session, account).scopes
            locked = account.locked_until and account.locked_until > datetime.now(UTC)
            table.add_row(
                account.name, account.display_name, account.role,
                " ".join(f"{scope.level}={scope.code}" for scope in scopes),
                "off" if not account.active else "locked" if locked else "on",
            )  # fmt: skip
    Console().print(table)


@user.command("token")
def token(
    name: NameArgument,
    label: Annotated[str, typer.Option(help="what it is for")] = "command line",
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="days until it ends")] = None,
    permission: Annotated[
        list[str] | None, typer.Option(help="what it may do; absent: what the account may")
    ] = None,
) -> None:
    """Make a token for programs and print it, this once. 生成令牌（仅显示一次）。"""
    from gis_service.accounts.service import add_token, get_account

    ends = datetime.now(UTC) + timedelta(days=days) if days else None
    with ready_sessions().begin() as session:
        _, text = add_token(
            session, _actor(), get_account(session, name), label=label,
            permissions=permission or None, expires_at=ends,
        )  # fmt: skip
    typer.echo(text)


@key.command("export")
def export_key(file: Annotated[Path, typer.Argument(help="new file to write")]) -> None:
    """Copy the keys to a new file; keep it apart from the database's backup. 导出密钥。"""
    from gis_service.accounts.personal import export_keys

    count = export_keys(get_settings(), file)
    console.print(f"{count} keys in {file}; whoever has them and a backup reads names and phones")


@key.command("import")
def import_key(file: Annotated[Path, typer.Argument(help="file that export wrote")]) -> None:
    """Add the keys of a file to those in use. 导入密钥。"""
    from gis_service.accounts.personal import import_keys

    console.print(f"{import_keys(get_settings(), file)} new keys")


@key.command("new")
def new_key() -> None:
    """Make a new key; older ones go on opening what they sealed. 更换密钥。"""
    from gis_service.accounts.personal import add_key

    add_key(get_settings())
    console.print("a new key seals from now on; export it: gis-service user key export FILE")


@audit.command("verify")
def verify_audit() -> None:
    """Follow the chain of the audit log; note the last line elsewhere. 校验审计日志。"""
    from gis_service.accounts.audit import verify

    with ready_sessions().begin() as session:
        verdict = verify(session)
    if verdict.broken is not None:
        raise InvalidInput(
            f"entry {verdict.broken} does not follow from the one before it: the log was changed",
            f"第 {verdict.broken} 条与前一条不衔接：日志被改动过",
        )
    console.print(f"{verdict.entries:,} entries, whole")
    typer.echo(f"{verdict.last or 0} {verdict.chain}")


@audit.command("purge")
def purge_audit() -> None:
    """Take out entries older than GIS_AUDIT_DAYS. 清理到期的审计日志。"""
    from gis_service.accounts.audit import purge

    with ready_sessions().begin() as session:
        removed = purge(session, get_settings())
    console.print(f"{removed:,} entries purged")
