"""Domain errors. They know no status codes: ``app.py`` holds the one table that maps them."""

from __future__ import annotations

from typing import Any


class DomainError(Exception):
    """Something the user can be told.

    ``message`` is the English sentence, ``message_zh`` the Chinese one (the English one where it
    is missing); ``where`` names the place in the input (a file, row, column or parameter).
    """

    def __init__(
        self, message: str, message_zh: str | None = None, *, where: str | None = None, **data: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.message_zh = message_zh or message
        self.where = where
        self.data = data

    def text(self, locale: str = "zh") -> str:
        """The sentence in ``locale`` (``zh`` or ``en``), led by where it happened."""
        words = self.message_zh if locale == "zh" else self.message
        return f"{self.where}: {words}" if self.where else words


class InvalidInput(DomainError):
    """What came in cannot be used; the message says what and where."""


class NotFound(DomainError):
    """No such thing."""


class Conflict(DomainError):
    """Somebody else was faster, or the same key was used for something else."""


class TooLarge(DomainError):
    """The input is larger than the setting allows."""


class NotDelivered(DomainError):
    """What was sent to another machine did not arrive there."""


class NotReady(DomainError):
    """The service cannot answer yet (database down, structures still loading)."""


class StorageFull(DomainError):
    """No room is left on a disk; nothing of the request was kept."""


class ConfigurationError(DomainError):
    """The deployment is set up wrongly; the message says what to change."""


class NotSignedIn(DomainError):
    """It takes an account, and the request carries none that is valid."""


class Forbidden(DomainError):
    """The account may not do or see this."""


class TooMany(DomainError):
    """Too many requests or attempts; ``data['retry_after_s']`` says when to come back."""
