"""The second factor: six digits that change every half minute (RFC 6238), kept sealed."""

from __future__ import annotations

import time

import pyotp
import segno

from gis_service.accounts.personal import open_sealed, seal

STEP_S = 30
_AROUND = (0, -1, 1)  # a phone's clock may be half a minute off


def new_secret() -> str:
    """A secret for an authenticator."""
    return pyotp.random_base32()


def address_of(secret: str, name: str, issuer: str) -> str:
    """The ``otpauth:`` address that an authenticator reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def picture_of(address: str) -> str:
    """The address as a QR code that a phone's camera reads, a ``data:`` address of an SVG."""
    code = segno.make(address, error="m", micro=False)
    return str(code.svg_data_uri(scale=4, border=4, light="#fff"))


def seal_secret(secret: str) -> bytes:
    """The secret as it is kept."""
    return seal({"totp": secret})


def open_secret(sealed: bytes) -> str:
    """The secret as the authenticator has it."""
    return str(open_sealed(sealed)["totp"])


def step_of(secret: str, code: str, after: int | None, now: float | None = None) -> int | None:
    """The step in which ``code`` is right; None where it is wrong or not later than ``after``, the
    step of the last code that was used."""
    totp = pyotp.TOTP(secret)
    current = int((time.time() if now is None else now) // STEP_S)
    for offset in _AROUND:
        step = current + offset
        right = pyotp.utils.strings_equal(totp.generate_otp(step), code.strip().replace(" ", ""))
        if right and (after is None or step > after):
            return step
    return None
