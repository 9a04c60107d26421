"""Accounts and their tokens: made, changed, switched off, never deleted."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from gis_service.accounts import second_factor
from gis_service.accounts.audit import record
from gis_service.accounts.identities import TOPIC, secret_hash
from gis_service.accounts.identity import SCOPE_LEVELS, Identity, Scope
from gis_service.accounts.login import end_sessions
from gis_service.accounts.models import Account, AccountScope, ApiToken
from gis_service.accounts.passwords import check_new_password, check_password, hash_password
from gis_service.accounts.permissions import PERMISSIONS, ROLES, permissions_of
from gis_service.errors import Conflict, Forbidden, InvalidInput, NotFound
from gis_service.events.feed import publish
from gis_service.settings import Settings

_NAME = re.compile(r"[^\W_][\w.@+-]{1,49}")
TOKEN_PREFIX = "gis_"  # noqa: S105 - so that a leaked token is recognised as one


class Actor:
    """Who changes accounts: an account over HTTP, or the person at the command line."""

    def __init__(self, identity: Identity | None, name: str = "", address: str = "") -> None:
        self.identity = identity
        self.name = name
        self.address = address

    def note(self, session: Session, action: str, subject: str, **detail: Any) -> None:
        """Write what was done into the audit log."""
        record(session, action=action, success=True, account=self.identity, actor=self.name,
               subject=subject, address=self.address, detail=detail or None)  # fmt: skip


def add_account(
    session: Session,
    settings: Settings,
    actor: Actor,
    *,
    name: str,
    role: str,
    password: str | None,
    display_name: str | None = None,
    scopes: Iterable[Scope] = (),
) -> Account:
    """A new account; without ``password`` it can hold tokens only. Raises InvalidInput for a name,
    role, scope or password that is none, Conflict for a name that is taken."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "2 to 50 letters, digits and . _ @ + -, a letter or digit first",
            "2–50 个字母、汉字、数字或 . _ @ + -，且以字母、汉字或数字开头", where="name",
        )  # fmt: skip
    check_role(role)
    if password is not None:
        check_new_password(password, name, settings)
    # two at once: the second waits here and then sees the first
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("account " + name.lower()))))
    if find_account(session, name) is not None:
        raise Conflict(f"the name {name!r} is taken", f"账号 {name!r} 已存在")
    account = Account(name=name, display_name=display_name or name, role=role, active=True)
    if password is not None:
        account.password_hash = hash_password(password)
        account.password_changed_at = datetime.now(UTC)
    session.add(account)
    session.flush()
    wanted = _set_scopes(session, account, scopes)
    actor.note(session, "account.add", name, role=role, scopes=wanted)
    publish(session, TOPIC, account=account.id)
    return account


def change_account(
    session: Session, settings: Settings, actor: Actor, account: Account, changes: dict[str, Any]
) -> None:
    """Apply ``changes``: any of display_name, role, active, scopes, password, totp (False takes
    the second factor away), oidc (False: no person of the provider owns it any more), unlock.
    Raises Conflict where no administrator would be left."""
    told: dict[str, Any] = {}
    ends = changes.get("active") is False or changes.get("role", "admin") != "admin"
    if ends and account.role == "admin" and account.active:
        _another_admin(session, account)
    for field in ("display_name", "role", "active"):
        if field in changes and getattr(account, field) != changes[field]:
            if field == "role":
                check_role(changes["role"])
            told[field] = [getattr(account, field), changes[field]]
            setattr(account, field, changes[field])
    if "scopes" in changes:
        told["scopes"] = _set_scopes(session, account, changes["scopes"])
    if changes.get("password") is not None:
        set_password(session, settings, account, changes["password"])
        told["new_password"] = True
    if changes.get("totp") is False and account.totp_secret is not None:
        account.totp_secret = None
        account.totp_last_step = None
        told["totp"] = "taken away"
    if changes.get("oidc") is False and account.oidc_subject is not None:
        account.oidc_subject = None
        told["oidc"] = "taken away"
    if changes.get("unlock") or changes.get("password") is not None:
        account.failed_logins = 0
        account.locked_until = None
        told.setdefault("unlock", True)
    if changes.get("active") is False:
        end_sessions(session, account.id)
    if told:
        actor.note(session, "account.change", account.name, **told)
        publish(session, TOPIC, account=account.id)


def set_password(
    session: Session, settings: Settings, account: Account, password: str, *, but: str = ""
) -> None:
    """Give an account a password and end its sessions, except that of the cookie ``but``."""
    check_new_password(password, account.name, settings)
    account.password_hash = hash_password(password)
    account.password_changed_at = datetime.now(UTC)
    end_sessions(session, account.id, but=but)


def change_own_password(
    session: Session, settings: Settings, actor: Actor, *, old: str, new: str, cookie: str
) -> None:
    """A new password for oneself. Raises Forbidden where ``old`` is not the one in force."""
    account = _own(session, actor)
    if not check_password(account.password_hash, old):
        raise Forbidden("the password in force is another", "原密码不正确", where="old")
    if old == new:
        raise InvalidInput("it is the one in force", "新密码与原密码相同", where="new")
    set_password(session, settings, account, new, but=cookie)
    actor.note(session, "account.password", account.name)
    publish(session, TOPIC, account=account.id)


def start_second_factor(session: Session, actor: Actor, password: str, code: str | None,
                        secret: str | None, issuer: str) -> dict[str, str] | None:  # fmt: skip
    """First call: a ``secret`` for an authenticator, with its address and that as a picture, kept
    nowhere yet. Second call, with it and a right ``code``: it is in force (None). Raises Forbidden
    for a wrong password or code."""
    account = _own(session, actor)
    if not check_password(account.password_hash, password):
        raise Forbidden("the password is wrong", "密码不正确", where="password")
    if secret is None:
        made = second_factor.new_secret()
        address = second_factor.address_of(made, account.name, issuer)
        return {"secret": made, "uri": address, "picture": second_factor.picture_of(address)}
    if account.totp_secret is not None:
        raise Conflict("a second factor is in force already", "已启用动态验证码")
    try:
        step = second_factor.step_of(secret, code or "", None)
    except ValueError:
        raise InvalidInput("no secret of this service", "密钥无效", where="secret") from None
    if step is None:
        raise Forbidden("the code is wrong", "验证码错误", where="code")
    account.totp_secret = second_factor.seal_secret(secret)
    account.totp_last_step = step
    actor.note(session, "account.totp", account.name)
    return None


def end_second_factor(session: Session, actor: Actor, password: str) -> None:
    """Take one's own second factor away. Raises Forbidden for a wrong password."""
    account = _own(session, actor)
    if not check_password(account.password_hash, password):
        raise Forbidden("the password is wrong", "密码不正确", where="password")
    account.totp_secret = None
    account.totp_last_step = None
    actor.note(session, "account.totp_off", account.name)


def add_token(
    session: Session,
    actor: Actor,
    account: Account,
    *,
    label: str,
    permissions: Iterable[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """A token of ``account`` and its text, which is told once and kept nowhere. ``permissions``
    None: whatever its role may do, then and later. Raises InvalidInput for a permission that there
    is not, Forbidden for one that the actor or the account has not."""
    wanted = None if permissions is None else sorted(set(permissions))
    if wanted is not None:
        for permission in wanted:
            if permission not in PERMISSIONS:
                raise InvalidInput(
                    f"no permission {permission!r}", f"没有权限 {permission!r}", where="permissions"
                )
        lacking = set(wanted) - permissions_of(account.role)
        if lacking:
            raise Forbidden(
                f"the role {account.role} has not {', '.join(sorted(lacking))}",
                f"角色 {account.role} 没有权限 {'、'.join(sorted(lacking))}", where="permissions",
            )  # fmt: skip
    if actor.identity is not None and actor.identity.account_id == account.id:
        # a narrowed token makes no wider one
        own = actor.identity.permissions
        if wanted is None and own != permissions_of(account.role):
            wanted = sorted(own)
        for permission in wanted or ():
            actor.identity.require(permission)
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise InvalidInput("must lie in the future", "必须晚于当前时间", where="expires_at")
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(account_id=account.id, label=label, token_hash=secret_hash(text),
                     permissions=wanted, expires_at=expires_at)  # fmt: skip
    session.add(token)
    session.flush()
    actor.note(session, "token.add", account.name, label=label, token=token.id, permissions=wanted)
    return token, text


def revoke_token(session: Session, actor: Actor, account_id: int, token_id: int) -> None:
    """End a token of an account. Raises NotFound where it has none such."""
    token = session.get(ApiToken, token_id)
    if token is None or token.account_id != account_id or token.revoked_at is not None:
        raise NotFound(f"no token {token_id}", f"没有令牌 {token_id}")
    token.revoked_at = datetime.now(UTC)
    actor.note(session, "token.revoke", token.label, token=token.id)
    publish(session, TOPIC, account=account_id)


def find_account(session: Session, name: str) -> Account | None:
    """The account of a name, whatever its case."""
    return session.scalars(
        select(Account).where(func.lower(Account.name) == name.lower())
    ).one_or_none()


def get_account(session: Session, name: str) -> Account:
    """:func:`find_account`; raises NotFound."""
    account = find_account(session, name)
    if account is None:
        raise NotFound(f"no account {name!r}", f"没有账号 {name!r}")
    return account


def parse_scopes(pairs: Iterable[str]) -> list[Scope]:
    """Scopes from ``LEVEL=CODE``. Raises InvalidInput."""
    out = []
    for pair in pairs:
        level, _, code = pair.partition("=")
        out.append(check_scope(Scope(level.strip(), code.strip())))
    return out


def check_scope(scope: Scope) -> Scope:
    """Raise InvalidInput for a level that there is not or an empty code."""
    if scope.level not in SCOPE_LEVELS or not scope.code:
        raise InvalidInput(
            f"{scope.level}={scope.code}: want LEVEL=CODE, a level of {', '.join(SCOPE_LEVELS)}",
            f"{scope.level}={scope.code}：应为 LEVEL=CODE，LEVEL 取 {'、'.join(SCOPE_LEVELS)}",
            where="scopes",
        )
    return scope


def check_role(role: str) -> None:
    """Raise InvalidInput for a role that there is not."""
    if role not in ROLES:
        raise InvalidInput(
            f"no role {role!r}; one of {', '.join(ROLES)}",
            f"没有角色 {role!r}；可用：{'、'.join(ROLES)}", where="role",
        )  # fmt: skip


def _own(session: Session, actor: Actor) -> Account:
    assert actor.identity is not None  # noqa: S101 - routes of one's own account want one
    return session.get_one(Account, actor.identity.account_id, with_for_update=True)


def _set_scopes(session: Session, account: Account, scopes: Iterable[Scope]) -> list[str]:
    wanted = sorted({(check_scope(s).level, s.code) for s in scopes})
    session.execute(delete(AccountScope).where(AccountScope.account_id == account.id))
    session.add_all(AccountScope(account_id=account.id, level=lv, code=code) for lv, code in wanted)
    session.flush()
    return [f"{level}={code}" for level, code in wanted]


def _another_admin(session: Session, account: Account) -> None:
    # both of two administrators who switch each other off at once must not succeed
    others = session.scalars(
        select(Account.id).where(Account.role == "admin", Account.active).with_for_update()
    ).all()
    if set(others) <= {account.id}:
        raise Conflict("the last administrator stays one", "至少须保留一个启用的管理员账号")


def forget_sessions(session: Session, settings: Settings) -> int:
    """Remove sessions whose time has been over for a day, how many; signing in stays in the audit
    log. The caller commits."""
    gone = session.execute(
        text(
            "DELETE FROM login_session WHERE created_at < now() - :longest - interval '1 day' "
            "OR ended_at < now() - interval '1 day' RETURNING account_id"
        ),
        {"longest": timedelta(hours=settings.session_hours)},
    )
    return len(gone.all())
