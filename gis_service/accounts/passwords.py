"""Passwords: what is accepted, and argon2id hashes of them."""

from __future__ import annotations

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gis_service.errors import InvalidInput
from gis_service.settings import Settings

LONGEST = 200
_HASHER = PasswordHasher()


def hash_password(password: str) -> str:
    """An argon2id hash with its parameters and salt."""
    return _HASHER.hash(_normal(password))


def check_password(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the one behind ``stored``; takes as long where there is none."""
    nobody = _nobody()
    try:
        return _HASHER.verify(stored or nobody, _normal(password)) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    """What an unknown name is checked against, so that it takes as long as a known one. Made when
    somebody signs in first: most commands start without."""
    return _HASHER.hash("nobody")


def outdated(stored: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def check_new_password(password: str, name: str, settings: Settings) -> None:
    """Raise InvalidInput for a password that the settings call too weak, or that holds ``name``."""
    if len(password) > LONGEST:
        raise InvalidInput(
            f"at most {LONGEST} characters", f"最多 {LONGEST} 个字符", where="password"
        )
    if len(password) < settings.password_min_length:
        raise InvalidInput(
            f"at least {settings.password_min_length} characters",
            f"至少 {settings.password_min_length} 个字符", where="password",
        )  # fmt: skip
    kinds = {_kind(character) for character in password}
    if len(kinds) < settings.password_kinds:
        raise InvalidInput(
            f"at least {settings.password_kinds} of lower case, upper case, digits, others",
            f"小写、大写、数字、其他字符中至少 {settings.password_kinds} 类", where="password",
        )  # fmt: skip
    if name.lower() in password.lower():
        raise InvalidInput("must not hold the account's name", "不能包含账号名", where="password")
    if len(set(password)) < 5:
        raise InvalidInput("too few different characters", "重复字符过多", where="password")


def _kind(character: str) -> str:
    if character.islower():
        return "lower"
    if character.isupper():
        return "upper"
    return "digit" if character.isdigit() else "other"


def _normal(password: str) -> str:
    """Keyboards write the same letters in different ways (RFC 8265)."""
    return unicodedata.normalize("NFC", password)
