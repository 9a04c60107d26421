"""Clients that send or take a byte a second are let go; nobody else notices, memory is bounded."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextlib import suppress

from tests.faults.conftest import Shared
from tests.faults.served import Served, noise, send_photo

LIMIT = 2  # seconds, of the shared service
PATH = "/static/vendor/maplibre-gl/maplibre-gl.mjs"


def slow_reader(service: Served, path: str) -> int:
    """What one that takes a byte a second gets until it is let go, bytes."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", service.port))
        head = (
            f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {service.headers['Authorization']}"
        )
        client.sendall(f"{head}\r\n\r\n".encode())
        got = 0
        for _ in range(LIMIT * 3):
            got += len(client.recv(1))
            time.sleep(1)
        with suppress(ConnectionError):  # it sees so only behind what had arrived
            while piece := client.recv(65536):
                got += len(piece)
        return got


def slow_sender(service: Served, first: str) -> float:
    """Seconds until one that sends a byte at a time after ``first`` is let go."""
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(first.encode())
        client.settimeout(0.3)
        began = time.monotonic()
        while time.monotonic() - began < 20:
            try:
                client.sendall(b"x")
                with suppress(TimeoutError):
                    if not client.recv(100):
                        break
            except ConnectionError:
                break
        return time.monotonic() - began


def steady_reader(service: Served) -> tuple[int, int, float]:
    """(bytes promised, bytes taken, seconds) of one who takes much longer than the limit, but
    goes on."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        client.connect(("127.0.0.1", service.port))
        client.sendall(f"GET {PATH} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        began = time.monotonic()
        got = b""
        while piece := client.recv(16384):
            got += piece
            time.sleep(0.08)
        head, _, body = got.partition(b"\r\n\r\n")
        promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return promised, len(body), time.monotonic() - began


def test_slow_clients_are_let_go_and_nobody_else_notices(shared: Shared) -> None:
    service = shared.service
    service.ask("GET", PATH)
    size = len(service.ask("GET", PATH).body)
    # larger than what the kernel keeps between the two
    number = send_photo(service, noise(1, 1500, 1500)).json()["id"]
    shown = service.report("with a photo", photos=[number]).json()["id"]
    photo = f"/api/incidents/{shown}/photos/{number}?size=original"
    large = len(service.ask("GET", photo).body)
    assert large > 6_000_000
    before = service.resident_kb()
    taken: list[int] = []
    seconds: dict[str, list[float]] = {"head": [], "body": []}
    token = service.headers["Authorization"]
    body = (
        "POST /api/incidents HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
        f"Authorization: {token}\r\nContent-Type: application/json\r\n\r\n{{"
    )
    work = [
        threading.Thread(target=lambda: taken.append(slow_reader(service, photo)))
        for _ in range(20)
    ] + [
        threading.Thread(target=lambda k=kind, f=begin: seconds[k].append(slow_sender(service, f)))
        for kind, begin in (("head", "GET /"), ("body", body))
        for _ in range(10)
    ]
    steady: list[tuple[int, int, float]] = []
    work.append(threading.Thread(target=lambda: steady.append(steady_reader(service))))
    for thread in work:
        thread.start()
    time.sleep(0.5)
    mine = []
    for number in range(10):
        began = time.monotonic()
        assert service.report(f"slow-{number}").status == 201
        mine.append(time.monotonic() - began)
    assert max(mine) < 2
    for thread in work:
        thread.join(30)
    assert max(taken) < large * 0.9
    for kind, measured in seconds.items():
        assert all(LIMIT * 0.5 <= one <= LIMIT * 3 for one in measured), (kind, measured)
    ((promised, whole, took),) = steady
    assert promised == whole == size
    assert took > LIMIT * 1.5
    assert service.resident_kb() - before < 60_000


def test_a_connection_outlives_a_pause(shared: Shared) -> None:
    """A proxy keeps connections for a minute and sends the next report on one of them."""
    connection = http.client.HTTPConnection("127.0.0.1", shared.service.port)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read()
    kept = connection.sock
    time.sleep(7)  # the server's own default is 5
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    assert kept is not None
    assert connection.sock is kept
    connection.close()
