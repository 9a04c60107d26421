"""What the settings say of the OpenID provider, checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from gis_service.accounts.identity import Scope
from gis_service.accounts.service import check_role, parse_scopes
from gis_service.errors import ConfigurationError, DomainError
from gis_service.settings import Settings

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def check_oidc(settings: Settings) -> None:
    """Raise ConfigurationError, naming the setting, for what cannot work."""
    check_address("GIS_OIDC_ISSUER", settings.oidc_issuer or "")
    if not settings.oidc_client_id:
        raise ConfigurationError(
            "the provider knows this service by an id", "须填写在认证平台登记的客户端标识",
            where="GIS_OIDC_CLIENT_ID",
        )  # fmt: skip
    read_secret(settings)
    for value in settings.oidc_roles:
        role_of(settings, [value])


def check_address(name: str, address: str) -> str:
    """An https:// address, or http:// on this machine. Raises ConfigurationError."""
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return address
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return address
    raise ConfigurationError(
        f"{address!r} does not begin with https://", f"{address!r} 应以 https:// 开头", where=name
    )


def read_secret(settings: Settings) -> str | None:
    """The client's secret; None without a file. Raises ConfigurationError."""
    path = settings.oidc_client_secret_file
    if path is None:
        return None
    where = "GIS_OIDC_CLIENT_SECRET_FILE"
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "not UTF-8"
        raise ConfigurationError(
            f"{path} cannot be read: {why}", f"无法读取 {path}：{why}", where=where
        ) from None
    if not secret:
        raise ConfigurationError(f"{path} is empty", f"{path} 为空", where=where)
    return secret


def scopes_of(settings: Settings) -> list[str]:
    """What is asked of the provider; ``openid`` always."""
    return list(dict.fromkeys(["openid", *settings.oidc_scopes]))


def role_of(settings: Settings, values: Iterable[Any]) -> tuple[str, list[Scope]] | None:
    """Role and scopes of a new account by the first of the mapping that is among ``values``; None
    where none is. Raises ConfigurationError for a mapping to what is no role."""
    held = {value for value in values if isinstance(value, str)}
    for value, words in settings.oidc_roles.items():
        if value not in held:
            continue
        role, *scopes = words.split() or [""]
        try:
            check_role(role)
            return role, parse_scopes(scopes)
        except DomainError as problem:
            raise ConfigurationError(
                f"{value!r}: {problem.text('en')}", f"{value!r}：{problem.text('zh')}",
                where="GIS_OIDC_ROLES",
            ) from None  # fmt: skip
    return None
