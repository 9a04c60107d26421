"""What is accepted as a password, and how it is kept; codes of the second factor."""

from __future__ import annotations

import pyotp
import pytest

from gis_service.accounts.passwords import (
    check_new_password,
    check_password,
    hash_password,
    outdated,
)
from gis_service.accounts.second_factor import STEP_S, step_of
from gis_service.errors import InvalidInput
from gis_service.settings import Settings


@pytest.mark.parametrize(
    ("password", "words"),
    [("Short-1", "at least 10"), ("alllowercaseletters", "at least 3 of"),
     ("12345678901234", "at least 3 of"), ("Zhangsan-2026", "name"), ("Aa1Aa1Aa1Aa1", "few"),
     ("Aa1-" * 60, "at most"), ("", "at least")],
)  # fmt: skip
def test_a_weak_password_is_refused_with_the_reason(password: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refusal:
        check_new_password(password, "zhangsan", Settings())
    assert refusal.value.where == "password"
    assert refusal.value.message_zh != refusal.value.message


def test_the_settings_say_what_is_weak() -> None:
    strict = Settings(password_min_length=16, password_kinds=4)
    with pytest.raises(InvalidInput):
        check_new_password("Quiet-river-7", "li", strict)
    check_new_password("Quiet-river-7", "li", Settings())
    check_new_password("Quiet-river-seven-7", "li", strict)
    check_new_password("泉州古城-Ab7-西街巷", "li", Settings())


def test_a_hash_is_argon2id_salted_and_compares() -> None:
    first, second = hash_password("Quiet-river-7"), hash_password("Quiet-river-7")
    assert first.startswith("$argon2id$")
    assert first != second
    assert check_password(first, "Quiet-river-7")
    assert not check_password(first, "quiet-river-7")
    assert not check_password(None, "nobody")
    assert not check_password("no hash", "Quiet-river-7")
    assert not outdated(first)
    assert outdated("$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHQ$" + "A" * 43)


def test_the_same_letters_written_in_another_way_are_the_same_password() -> None:
    assert check_password(hash_password("Caf\u00e9-river-7"), "Cafe\u0301-river-7")


def test_a_code_works_once_and_only_about_now() -> None:
    secret = pyotp.random_base32()
    now = 1_700_000_015.0
    step = int(now // STEP_S)
    code = pyotp.TOTP(secret).at(int(now))
    assert step_of(secret, code, None, now) == step
    assert step_of(secret, f" {code[:3]} {code[3:]} ", None, now) == step
    assert step_of(secret, code, step, now) is None  # used
    assert step_of(secret, code, None, now + STEP_S) == step  # a clock half a minute off
    assert step_of(secret, code, None, now + 3 * STEP_S) is None
    assert step_of(secret, "", None, now) is None
    assert step_of(secret, "é" * 6, None, now) is None
