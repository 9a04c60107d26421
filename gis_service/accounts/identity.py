"""Who is asking, and what part of the district is theirs."""

from __future__ import annotations

from dataclasses import dataclass

from gis_service.errors import Forbidden

SCOPE_LEVELS = ("street", "community", "unit", "squad")


@dataclass(frozen=True)
class Scope:
    """A street, community, unit or squad by its code."""

    level: str
    code: str


@dataclass(frozen=True)
class Identity:
    """A signed-in account. No ``scopes``: the whole district."""

    account_id: int
    name: str
    display_name: str
    role: str
    scopes: tuple[Scope, ...]
    permissions: frozenset[str]

    def may(self, permission: str) -> bool:
        """Whether role (and, for a token, the token) allow it; scope is another question."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise Forbidden unless :meth:`may`."""
        if not self.may(permission):
            raise Forbidden(
                f"the role {self.role} may not do this ({permission})",
                f"当前角色（{self.role}）无权执行此操作（{permission}）",
            )

    def codes(self, level: str) -> tuple[str, ...]:
        """The codes of the scopes of one level."""
        return tuple(scope.code for scope in self.scopes if scope.level == level)
