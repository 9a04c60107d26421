"""How often something may be asked from one address, and how often sign-in may be tried; kept in
this process."""

from __future__ import annotations

import asyncio
import ipaddress
import time

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gis_service.accounts.login import locked
from gis_service.accounts.passwords import check_password
from gis_service.errors import TooMany
from gis_service.settings import Settings

COMPARED_AT_ONCE = 2  # a comparison takes a processor and 64 MiB for a while


class PerAddress:
    """Lets ``limit`` through from one address; ``zh`` and ``en`` tell who asks more often."""

    def __init__(self, limit: RateLimitItem, zh: str, en: str) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limit, self._zh, self._en = limit, zh, en

    def count(self, address: str) -> None:
        """Raise TooMany, with when to come again, where an address has asked too often."""
        network = _network(address)
        if not self._limiter.hit(self._limit, network):
            reset = self._limiter.get_window_stats(self._limit, network).reset_time
            raise TooMany(self._en, self._zh, retry_after_s=max(1.0, reset - time.time()))


class Attempts:
    """Attempts to sign in, by address and by name."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._addresses = PerAddress(
            RateLimitItemPerMinute(settings.logins_per_minute),
            "该地址登录尝试过于频繁，请一分钟后再试",
            "too many attempts from this address; try again in a minute",
        )
        self._per_name = RateLimitItemPerSecond(
            settings.lockout_failures, settings.lockout_minutes * 60
        )
        self._comparing = asyncio.Semaphore(COMPARED_AT_ONCE)

    def count(self, address: str) -> None:
        """Raise TooMany where an address has tried too often within a minute."""
        self._addresses.count(address)

    def count_unknown(self, name: str) -> TooMany | None:
        """What a locked account would be told: an unknown name must not look different."""
        if self._limiter.hit(self._per_name, name.lower()):
            return None
        stats = self._limiter.get_window_stats(self._per_name, name.lower())
        return locked(max(1.0, stats.reset_time - time.time()))

    async def compare(self, stored: str | None, password: str) -> bool:
        """:func:`check_password`, beside the event loop."""
        async with self._comparing:
            return await asyncio.to_thread(check_password, stored, password)


def _network(address: str) -> str:
    """What counts as one address: of IPv6 the network, which a client has all to itself."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else address
