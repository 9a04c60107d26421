"""Patience with clients has an end: who sends or takes next to nothing is let go.

A reader of a byte a second would otherwise hold its answer in memory, and what the answer is read
from, for days; one that never ends its request holds a connection. The server's own limits begin
only after the first answer.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = logging.getLogger(__name__)

SLOWEST = 500  # bytes a second; the worst mobile network brings more


class PatientProtocol(HttpToolsProtocol):
    """The server's connection, looked at twice within ``limit_s``."""

    limit_s = 30.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_since: float | None = self.loop.time()
        self._received = 0
        self._mark = (self.loop.time(), 0, 0)
        self._timer = self.loop.call_later(self.limit_s / 2, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._head_since = None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._received += len(body)
        super().on_body(body)

    def _look(self) -> None:
        late = self._late()
        if late:
            log.warning("let a client go that %s: %s", late, self.client)
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(self.limit_s / 2, self._look)

    def _late(self) -> str | None:
        now = self.loop.time()
        if self._head_since is not None:
            return "never ended its request" if now - self._head_since > self.limit_s else None
        since, received, unsent = self._mark
        left = self.transport.get_write_buffer_size()
        cycle: Any = self.cycle
        reading = cycle is not None and cycle.more_body and not self.flow.read_paused
        writing = self.flow.write_paused
        moved = self._received - received if reading else unsent - left
        if (reading or writing) and moved < SLOWEST * (now - since):
            if now - since < self.limit_s:
                return None
            return f"{'takes' if writing else 'sends'} next to nothing"
        self._mark = (now, self._received, left)
        return None


def patient(limit_s: float) -> type[PatientProtocol]:
    """The protocol with this limit, for the server's configuration."""
    return type("PatientProtocol", (PatientProtocol,), {"limit_s": limit_s})
