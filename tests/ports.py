"""Ports for the services that tests start."""

from __future__ import annotations

import os
import socket

_given: set[int] = set()


def free_port() -> int:
    """A loopback port that nothing listens on now, given out once. Tests that run side by side
    draw from numbers of their own: between this and the start of a service others ask, too."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    own = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        # halved, as the system gives odd ones only
        if port // 2 % count == own and port not in _given:
            _given.add(port)
            return port
