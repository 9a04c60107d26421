"""One thing to say about a deployment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gis_service.errors import DomainError


@dataclass(frozen=True)
class Finding:
    """``serious``: it does not work, or data are in danger; else it is advice."""

    serious: bool
    en: str
    zh: str

    def text(self, locale: str) -> str:
        """The sentence in ``locale``."""
        return self.zh if locale == "zh" else self.en


def wrong(en: str, zh: str) -> Finding:
    """Something that has to be put right."""
    return Finding(True, en, zh)


def advice(en: str, zh: str) -> Finding:
    """Something that should be looked at."""
    return Finding(False, en, zh)


def attempt(name: str, check: Callable[[], Any]) -> list[Finding]:
    """The refusal of ``check`` as a finding, led by ``name``."""
    try:
        check()
    except DomainError as problem:
        return [wrong(f"{name}: {problem.text('en')}", f"{name}：{problem.text('zh')}")]
    return []
