"""nginx in front of the service, and the units of systemd, as docs/deploy has them."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from configparser import RawConfigParser
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import ROOT
from tests.faults.conftest import Shared
from tests.faults.served import Answer, Served, until
from tests.incidents.conftest import Bureau
from tests.ports import free_port
from tests.test_http import tile_of

DEPLOY = ROOT / "docs" / "deploy"


class Proxied:
    """The service as it is seen through nginx, over TLS."""

    def __init__(self, port: int, authority: Path, folder: Path) -> None:
        self.port = port
        self.trust = ssl.create_default_context(cafile=authority)
        self.folder = folder

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.trust)
        connection.request(method, path, body=body, headers={"accept-language": "en", **headers})
        answer = connection.getresponse()
        names = {key.lower(): value for key, value in answer.getheaders()}
        found = Answer(answer.status, names, answer.read())
        connection.close()
        return found


@pytest.fixture
def proxied(shared: Shared, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """A parameter of the fixture is one more line of the site and what is there instead."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert nginx, "nginx is missing: scripts/setup.sh test installs it"
    subprocess.run([ROOT / "scripts" / "certificate.sh", tmp_path / "tls", "127.0.0.1"], check=True)
    port = free_port()
    site = (DEPLOY / "nginx.conf").read_text()
    for old, new in (
        ("127.0.0.1:8000", f"127.0.0.1:{shared.service.port}"),
        ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/gis-service/fullchain.pem", str(tmp_path / "tls" / "service.pem")),
        ("/etc/ssl/gis-service/privkey.pem", str(tmp_path / "tls" / "service.key")),
        ("/var/lib/nginx/gis-service", str(tmp_path / "cache")),
        *([request.param] if hasattr(request, "param") else []),
    ):
        assert old in site
        site = site.replace(old, new)
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"user root;\ndaemon off;\npid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{site}}}\n"
    )
    process = subprocess.Popen(
        [nginx, "-p", tmp_path, "-c", tmp_path / "nginx.conf"], stderr=subprocess.DEVNULL
    )

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "error.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(answers, 20, "nginx")
    yield Proxied(port, tmp_path / "tls" / "authority.pem", tmp_path)
    process.terminate()
    process.wait(20)


@pytest.mark.long
def test_nginx_keeps_public_tiles_and_nothing_private(proxied: Proxied, shared: Shared) -> None:
    x, y = tile_of(118.605, 24.905, 12)
    token = shared.service.headers["Authorization"]
    first = proxied.ask("GET", f"/tiles/grid/12/{x}/{y}.mvt")
    assert (first.status, first.headers["x-cache"]) == (200, "MISS")
    path = f"/tiles/grid/12/{x}/{y}.mvt"
    # to whom it is shown makes no difference: it is public
    until(
        lambda: proxied.ask("GET", path, Authorization=token).headers["x-cache"] == "HIT", 10, "hit"
    )
    asked, began = requests(shared.service), time.monotonic()
    for _ in range(50):
        again = proxied.ask("GET", path)
        assert (again.status, again.body) == (200, first.body)
    seconds = time.monotonic() - began
    assert requests(shared.service) - asked <= 2 * seconds + 3, (
        "the service was asked, not the cache"
    )
    time.sleep(2.5)  # nginx counts in whole seconds
    fresh = proxied.ask("GET", f"/tiles/grid/12/{x}/{y}.mvt")
    assert (fresh.headers["x-cache"], fresh.body) == ("REVALIDATED", first.body)
    # a browser's own copy is asked about, too
    etag = first.headers["etag"]
    assert (
        proxied.ask("GET", f"/tiles/grid/12/{x}/{y}.mvt", **{"if-none-match": etag}).status == 304
    )
    # what an account may see is never kept, nor shown to others
    shared.service.report("for the tile")
    path = f"/tiles/incidents/12/{x}/{y}.mvt"
    until(lambda: proxied.ask("GET", path, Authorization=token).status == 200, 10, "in the tile")
    for _ in range(2):
        mine = proxied.ask("GET", path, Authorization=token)
        assert (mine.status, mine.headers["x-cache"]) == (200, "MISS")
        assert proxied.ask("GET", path).status == 401
    kept = [p.read_bytes() for p in (proxied.folder / "cache").rglob("*") if p.is_file()]
    assert len(kept) == 1
    assert all(b"/tiles/grid/" in one for one in kept)


def requests(service: Served) -> float:
    """How many tiles the service has answered."""
    words = service.ask("GET", "/metrics").body.decode()
    return sum(
        float(line.split()[-1]) for line in words.splitlines()
        if line.startswith("gis_requests_total") and "/tiles/" in line
    )  # fmt: skip


@pytest.mark.long
def test_nginx_passes_events_at_once_and_the_clients_address(
    proxied: Proxied, shared: Shared
) -> None:
    connection = HTTPSConnection("127.0.0.1", proxied.port, timeout=20, context=proxied.trust)
    connection.request("GET", "/events", headers=shared.service.headers)
    stream = connection.getresponse()
    assert stream.status == 200
    while not stream.readline().startswith(b"event: hello"):
        pass
    began = time.monotonic()
    number = shared.service.report("through the proxy").json()["id"]
    while not (line := stream.readline()).startswith(b'data: {"items"'):
        pass
    assert json.loads(line[6:])["items"][0]["id"] == number
    assert time.monotonic() - began < 2
    connection.close()
    # the limits of public reports go by the client's address, which it cannot make up
    answer = proxied.ask("GET", "/healthz", **{"x-forwarded-for": "9.9.9.9"})
    assert answer.status == 200
    assert answer.headers["strict-transport-security"]
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.long
def test_of_two_processes_a_caller_stays_with_one(
    proxied: Proxied, shared: Shared, serve: Callable[..., Served]
) -> None:
    second = serve(shared.database, shared.service.headers)
    conf = proxied.folder / "nginx.conf"
    line = "# server 127.0.0.1:8001;"
    assert line in conf.read_text()
    conf.write_text(conf.read_text().replace(line, f"server 127.0.0.1:{second.port};"))
    reload(proxied)

    def asked() -> tuple[float, float]:
        return requests(shared.service), requests(second)

    path = "/tiles/incidents/12/0/0.mvt"  # is not kept on the way

    def ask(caller: int) -> Answer:
        return proxied.ask("GET", path, cookie=f"gis_session=somebody-{caller}")

    served = []
    for caller in range(24):
        before = asked()
        for _ in range(4):
            ask(caller)
        served.append(tuple(now - was for now, was in zip(asked(), before, strict=True)))
    assert set(served) == {(4, 0), (0, 4)}


@pytest.mark.long
@pytest.mark.parametrize(
    "proxied", [("proxy_read_timeout    60s;", "proxy_read_timeout 1s;")], indirect=True
)
def test_nginx_waits_for_an_export(proxied: Proxied, shared: Shared) -> None:
    with psycopg.connect(shared.database.address) as connection, ThreadPoolExecutor(1) as thread:
        connection.execute("LOCK TABLE incident")
        begin = time.monotonic()
        asked = thread.submit(
            proxied.ask, "GET", "/api/exports/incidents.gpkg", **shared.service.headers
        )
        time.sleep(2.5)
        assert not asked.done()
        connection.rollback()
        answer = asked.result(20)
    assert answer.status == 200, answer.body
    assert answer.body.startswith(b"SQLite format 3")
    assert time.monotonic() - begin > 2.5


def reload(proxied: Proxied) -> None:
    """Lets nginx read what it is told anew, and waits until nobody answers by what it was told."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    conf = proxied.folder / "nginx.conf"
    before = workers(proxied)
    assert before
    subprocess.run([nginx, "-p", proxied.folder, "-c", conf, "-s", "reload"], check=True)  # type: ignore[list-item]
    until(lambda: (now := workers(proxied)) and not now & before, 20, "reloaded")


def workers(proxied: Proxied) -> set[str]:
    """The processes of nginx that answer."""
    master = (proxied.folder / "pid").read_text().strip()
    return set(Path(f"/proc/{master}/task/{master}/children").read_text().split())


@pytest.mark.long
def test_nginx_refuses_what_is_too_large_and_says_when_nobody_is_there(
    proxied: Proxied, bureau: Bureau, serve: Callable[..., Served]
) -> None:
    for language, words in (("en-GB", "too large: a file may have 260 MB"), ("zh", "内容过大")):
        refused = proxied.ask(
            "POST", "/api/tracks", b"x",
            **{"content-length": str(300 * 2**20), "accept-language": language},
        )  # fmt: skip
        assert refused.status == 413
        assert refused.headers["content-type"] == "application/problem+json"
        assert words in refused.json()["detail"]
    conf = proxied.folder / "nginx.conf"
    words = conf.read_text()
    old = words.split("server 127.0.0.1:")[1].split(";")[0]
    conf.write_text(words.replace(f"127.0.0.1:{old};", f"127.0.0.1:{free_port()};", 1))
    reload(proxied)
    away = until(
        lambda: (found := proxied.ask("GET", "/readyz")).status == 503 and found, 20, "away"
    )
    assert away.headers["retry-after"] == "5"
    assert "under maintenance" in away.json()["detail"]


def unit(name: str) -> RawConfigParser:
    """The sections of a unit; of what stands several times the last."""
    parser = RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / name)
    return parser


@pytest.mark.long
def test_the_units_are_accepted_by_systemd(tmp_path: Path) -> None:
    for path in (*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")):
        words = path.read_text().replace("/opt/gis-service", str(ROOT))
        (tmp_path / path.name.replace("@", "@8000")).write_text(words)
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(tmp_path.iterdir())],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in found.stderr.splitlines() if "gis-service" in line]
    assert ours == [], ours
    assert found.returncode == 0, found.stderr


@pytest.mark.long
def test_what_the_units_run_runs(bureau: Bureau, tmp_path: Path) -> None:
    """Their commands with their environment, as an ordinary process: this machine need not run
    systemd."""
    database = bureau.database
    port = free_port()
    words = (DEPLOY / "gis-service@.service").read_text()
    environment = {"PATH": "/usr/bin:/bin", "GIS_DATABASE_URL": database.address,
                   "GIS_BACKUP_DIR": str(tmp_path)}  # fmt: skip
    for line in words.splitlines():
        if line.startswith("Environment="):
            environment |= dict(
                pair.split("=", 1) for pair in shlex.split(line.removeprefix("Environment="))
            )
    environment = {
        name: value.replace("%i", str(port))
        .replace("/var/lib/gis-service", str(database.settings.data_dir))
        .replace("/var/cache/gis-service", str(tmp_path / "cache"))
        for name, value in environment.items()
    }

    def command(name: str) -> list[str]:
        return shlex.split(
            unit(name)["Service"]["ExecStart"].replace("/opt/gis-service", str(ROOT))
        )

    service = Served({}, tmp_path, {})
    service.port, service.environment = port, environment
    with service.log.open("ab") as log:
        service.process = subprocess.Popen(
            command("gis-service@.service"), env=environment, stdout=log, stderr=log, cwd="/"
        )
    try:
        service.wait()
        assert service.ask("GET", "/").status == 200
        # of each request an object, as GIS_LOG_FORMAT says
        until(lambda: '"message":"GET / 200","request_id":' in service.log.read_text(), 5, "logged")
    finally:
        service.stop()
    subprocess.run(
        command("gis-service-backup.service"), env=environment, check=True, capture_output=True
    )
    (made,) = tmp_path.glob("district-*.backup")
    assert made.stat().st_size > 10_000
