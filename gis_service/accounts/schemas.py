"""What requests about accounts hold, and their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from gis_service.accounts.passwords import LONGEST

# what a database cannot keep or a page cannot show has no place in a name
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Secret = Annotated[str, StringConstraints(max_length=LONGEST)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Login(_Body):
    name: Line
    password: Secret
    totp: Annotated[str, StringConstraints(max_length=20)] | None = Field(
        None, description="code of the authenticator, where the account has one"
    )


class PasswordChange(_Body):
    old: Secret
    new: Secret


class SecondFactor(_Body):
    """Without ``secret`` one is proposed; with it and a code it comes into force; ``off`` takes
    the one in force away."""

    password: Secret
    off: bool = False
    secret: Annotated[str, StringConstraints(pattern=r"^[A-Z2-7]{16,64}$")] | None = None
    code: Annotated[str, StringConstraints(max_length=20)] | None = None


class NewToken(_Body):
    label: Line
    permissions: Annotated[list[Line], Field(max_length=200)] | None = Field(
        None, description="what it may do; absent: whatever the account may"
    )
    expires_at: AwareDatetime | None = None


class ScopeItem(_Body):
    level: Line
    code: Line


class NewAccount(_Body):
    name: Line
    role: Line
    password: Secret | None = Field(None, description="absent: the account holds tokens only")
    display_name: Line | None = None
    scopes: Annotated[list[ScopeItem], Field(max_length=500)] = []


class AccountChange(_Body):
    display_name: Line | None = None
    role: Line | None = None
    active: bool | None = None
    password: Secret | None = None
    scopes: Annotated[list[ScopeItem], Field(max_length=500)] | None = None
    totp: Annotated[bool, Field(description="false takes the second factor away")] | None = None
    oidc: Annotated[bool, Field(description="false: the next of its name may sign in")] | None = (
        None
    )
    unlock: bool | None = None


class Scope(BaseModel):
    level: str
    code: str


class SignedOut(BaseModel):
    """Where to end the session at the provider, too."""

    provider: str


class Me(BaseModel):
    """Who is asking."""

    id: int
    name: str
    display_name: str
    role: str
    role_name: dict[str, str]
    scopes: list[Scope]
    permissions: list[str]
    password: bool = Field(description="has one; else signs in elsewhere, or holds tokens only")
    totp: bool


class Token(BaseModel):
    id: int
    label: str
    permissions: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    token: str | None = Field(None, description="told once, when it is made")


class TokenPage(BaseModel):
    items: list[Token]
    next: None = None


class AccountItem(BaseModel):
    id: int
    name: str
    display_name: str
    role: str
    active: bool
    scopes: list[Scope]
    password: bool = Field(description="has one; else signs in elsewhere, or holds tokens only")
    totp: bool
    oidc: bool = Field(description="signs in through the OpenID provider")
    locked_until: datetime | None
    created_at: datetime


class AccountPage(BaseModel):
    items: list[AccountItem]
    next: str | None


class AuditItem(BaseModel):
    id: int
    at: datetime
    account_id: int | None
    actor: str
    action: str
    subject: str
    success: bool
    address: str
    detail: dict[str, Any] | None


class AuditPage(BaseModel):
    items: list[AuditItem]
    next: str | None
