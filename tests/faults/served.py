"""A service process of its own, on loopback, and callers that count what it acknowledged."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.incidents.conftest import CLASS, INSIDE
from tests.ports import free_port

COMMAND = [sys.executable, "-c", "from gis_service.cli import main; main()"]


@dataclass
class Answer:
    """What came back; ``status`` 0 where nothing did."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


def until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """What ``true`` answers once it is true; it fails by the name of ``what``."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)
    return found


class Served:
    """``gis-service serve`` as a process. Its log is ``log``."""

    def __init__(self, environment: dict[str, str], folder: Path, headers: dict[str, str]) -> None:
        self.port = free_port()
        self.environment = {**os.environ, **environment, "GIS_PORT": str(self.port)}
        self.headers = headers
        self.log = folder / "service.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "serve"], env=self.environment, stdout=log, stderr=log
            )
        self.wait()

    def wait(self, seconds: float = 120) -> None:
        """Until it is ready."""

        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            return self.ask("GET", "/readyz").status == 200

        until(ready, seconds, "ready")

    def kill(self) -> None:
        """As the kernel does it when memory is short: at once."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds: float = 30) -> int:
        """As systemd does it; the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def ask(
        self, method: str, path: str, body: Any = None, *, timeout: float = 30, **headers: str
    ) -> Answer:
        """One request on a connection of its own; status 0 where it failed."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            given = {"accept-language": "en", **self.headers, **headers}
            if body is not None and not isinstance(body, bytes):
                body, given["content-type"] = json.dumps(body).encode(), "application/json"
            connection.request(method, path, body=body, headers=given)
            answer = connection.getresponse()
            return Answer(
                answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
            )
        except (OSError, HTTPException):
            return Answer(0)
        finally:
            connection.close()

    def report(self, key: str, **fields: Any) -> Answer:
        """Report an incident under an idempotency key."""
        body = {"class": CLASS, **INSIDE, "description": key, **fields}
        return self.ask("POST", "/api/incidents", body, **{"idempotency-key": key})

    def open_stream(self, path: str, **headers: str) -> EventPage:
        """An open page."""
        return EventPage(self.port, path, {**self.headers, **headers})

    def resident_kb(self) -> int:
        """Memory of the process."""
        assert self.process is not None
        words = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(words.split("VmRSS:")[1].split()[0])


class EventPage:
    """A page that listens: lines of server-sent events, over a bare socket."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        self.file = self.socket.makefile("rb")
        head = self.file.readline()
        assert b" 200 " in head, head
        while self.file.readline().strip():
            pass

    def messages(self) -> Iterator[tuple[int | None, str, Any]]:
        """(id, event, data) of each message, until the stream ends."""
        got: dict[str, str] = {}
        for raw in self.file:
            words = raw.decode().rstrip("\r\n")
            name, colon, value = words.partition(": ")
            if colon and name:  # neither a ping nor the length of a chunk
                got[name] = value
            elif "data" in got:
                number = int(got["id"]) if "id" in got else None
                yield number, got["event"], json.loads(got["data"])
                got = {}

    def close(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.file.close()
        self.socket.close()


@dataclass
class Reporters:
    """Threads that report incidents until they are told to stop, each under its own key."""

    service: Served
    sent: list[str] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    strange: list[Answer] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def _work(self, worker: int) -> None:
        number = 0
        while not self.ended.is_set():
            key = f"{worker}-{number}"
            number += 1
            self.sent.append(key)
            answer = self.service.report(key)
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
            if answer.status in (200, 201):
                self.acknowledged[key] = answer.json()["id"]
            else:
                if answer.status not in (0, 503):
                    self.strange.append(answer)
                time.sleep(0.05)

    @contextmanager
    def at_work(self, workers: int = 4) -> Iterator[Reporters]:
        threads = [threading.Thread(target=self._work, args=(n,)) for n in range(workers)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.ended.set()
            for thread in threads:
                thread.join(60)

    def wait_for(self, more: int, seconds: float = 60) -> None:
        """Until so many more are acknowledged."""
        wanted = len(self.acknowledged) + more
        until(lambda: len(self.acknowledged) >= wanted, seconds, f"{more} more acknowledged")

    def check(self, rows: Callable[..., list[tuple[Any, ...]]]) -> None:
        """What was acknowledged is there once, whole; nothing is there that was not sent."""
        stored = dict(rows("SELECT description, id FROM incident"))
        count = rows("SELECT count(*) FROM incident")[0][0]
        assert len(stored) == count, "one came twice"
        assert {k: stored.get(k) for k in self.acknowledged} == self.acknowledged, "one was lost"
        assert set(stored) <= set(self.sent)
        assert rows(
            "SELECT count(*) FROM incident i WHERE NOT EXISTS "
            "(SELECT FROM incident_log l WHERE l.incident_id = i.id AND l.action = 'report')"
        ) == [(0,)], "one is without its log"
        told = rows(
            "SELECT count(DISTINCT i) FROM event, jsonb_array_elements_text(payload->'ids') i "
            "WHERE topic = 'incidents'"
        )
        assert told == [(count,)], "one was not told to others"
        unnumbered = "SELECT count(*) FROM event WHERE seq IS NULL"
        until(lambda: rows(unnumbered) == [(0,)], 10, "every change is numbered")

    def send_again(self) -> None:
        """What a phone does with what was not acknowledged: the same again."""
        for key in self.sent:
            if key not in self.acknowledged:
                answer = self.service.report(key)
                assert answer.status in (200, 201), answer
                self.acknowledged[key] = answer.json()["id"]


def noise(seed: int, width: int = 400, height: int = 300) -> bytes:
    """A photo that does not get smaller by compressing."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    photo = io.BytesIO()
    Image.fromarray(pixels).save(photo, "PNG", compress_level=1)
    return photo.getvalue()


def send_photo(service: Served, photo: bytes) -> Answer:
    """Keep a photo."""
    part = (
        b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + photo + b"\r\n--b--\r\n"
    )
    return service.ask(
        "POST", "/api/attachments", part, **{"content-type": "multipart/form-data; boundary=b"}
    )
