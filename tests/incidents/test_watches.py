"""Watches: who follows what hears of it once, by notice and by webhook, and nobody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from fastapi.testclient import TestClient

from gis_service.app import create_app
from gis_service.hierarchy.importing import apply, prepare
from gis_service.incidents.watches.running import Watching
from gis_service.incidents.watches.webhooks import compose
from gis_service.settings import Settings
from gis_service.wiring import REVISION_FOLLOWERS
from tests.conftest import token_headers
from tests.incidents.conftest import CLASS, INSIDE, MANHOLE, Bureau
from tests.incidents.people import somebody
from tests.shapes import small_hierarchy, write_hierarchy

DESK = somebody("dispatcher", name="desk")
WEST = [[118.60, 24.90], [118.61, 24.90], [118.61, 24.91], [118.60, 24.91], [118.60, 24.90]]
SQUARE = {"type": "Polygon", "coordinates": [WEST]}
CROSSED = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
OUTSIDE = {"type": "Polygon", "coordinates": [[[500, 0], [501, 1], [501, 0], [500, 0]]]}


@dataclass
class Receiver:
    """A robot on the loopback: what it got and what it answers."""

    address: str = ""
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def robot() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append((self.path, dict(self.headers), body))
            status, said = receiver.answers.pop(0) if receiver.answers else (200, b"{}")
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{receiver.address}/elsewhere")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield receiver
    server.shutdown()
    server.server_close()


class Watchers:
    """Accounts that watch, over HTTP; ``turn`` does a worker's background work once."""

    def __init__(self, bureau: Bureau, client: TestClient, settings: Settings) -> None:
        self.bureau, self.client = bureau, client
        self.work = Watching(bureau.database.sessions, settings)
        self.headers: dict[str, dict[str, str]] = {}

    def account(self, name: str, role: str = "viewer", scopes: tuple[str, ...] = ()) -> None:
        self.headers[name] = token_headers(self.bureau.database, role, name=name, scopes=scopes)

    def watch(self, name: str, **asked: Any) -> Any:
        answer = self.client.post(
            "/api/watches", json={"name": "关注", **asked}, headers=self.headers[name]
        )
        assert answer.status_code == 201, answer.text
        return answer.json()

    def notices(self, name: str, **query: Any) -> Any:
        return self.client.get("/api/notices", params=query, headers=self.headers[name]).json()

    def heard(self, name: str) -> list[tuple[str, str]]:
        items = self.notices(name)["items"]
        return [(item["kind"], item["action"]) for item in reversed(items)]

    def turn(self) -> None:
        """Number what was published, as the feed does, and do a turn."""
        with psycopg.connect(self.bureau.database.address) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(4711002)")
            connection.execute(
                "UPDATE event SET seq = coalesce((SELECT max(seq) FROM event), 0) + n.place FROM "
                "(SELECT id, row_number() OVER (ORDER BY id) AS place FROM event WHERE seq IS NULL)"
                " n WHERE n.id = event.id"
            )
        self.work.turn()

    def problem(self, name: str) -> str | None:
        rows = self.client.get("/api/watches", headers=self.headers[name]).json()["items"]
        return rows[0]["webhook"]["problem"]  # type: ignore[no-any-return]

    def later(self) -> None:
        """Let the time pass after which a delivery is tried again."""
        with psycopg.connect(self.bureau.database.address) as connection:
            connection.execute("UPDATE job SET run_at = now()")


@pytest.fixture
def watchers(bureau: Bureau, robot: Receiver) -> Iterator[Watchers]:
    settings = bureau.database.settings.model_copy(
        update={"webhook_hosts": [robot.address, "oapi.dingtalk.com"]}
    )
    # not started: the tests do a worker's background work themselves, step by step
    client = TestClient(create_app(settings), headers={"accept-language": "en"})
    with client:
        client.portal.call(client.app.state.watching.stop)  # type: ignore[union-attr,attr-defined]
        made = Watchers(bureau, client, settings)
        made.turn()
        yield made


def now(bureau: Bureau) -> None:
    bureau.at(datetime.now(UTC) + timedelta(seconds=1))


def report(bureau: Bureau, **fields: Any) -> int:
    now(bureau)
    return bureau.report(somebody("officer"), **fields).incident_id


def test_an_area_a_class_and_a_polygon_are_heard_of(watchers: Watchers, bureau: Bureau) -> None:
    followed: dict[str, dict[str, Any]] = {
        "area": {"level": "street", "code": "S0"},
        "elsewhere": {"level": "street", "code": "S1"},
        "kind": {"class": CLASS},
        "otherkind": {"class": MANHOLE},
        "drawn": {"polygon": SQUARE},
        "both": {"polygon": SQUARE, "class": MANHOLE},
        "onlynew": {"class": CLASS, "on_change": False},
        "onlychange": {"class": CLASS, "on_new": False},
    }
    for name, asked in followed.items():
        watchers.account(name)
        watchers.watch(name, **asked)
    incident = report(bureau)
    watchers.turn()
    bureau.act(DESK, incident, "verify")
    watchers.turn()
    watchers.turn()  # nothing twice
    both = [("new", "report"), ("changed", "verify")]
    assert {name: watchers.heard(name) for name in followed} == {
        "area": both, "elsewhere": [], "kind": both, "otherkind": [], "drawn": both, "both": [],
        "onlynew": both[:1], "onlychange": both[1:],
    }  # fmt: skip
    item = watchers.notices("drawn")["items"][0]
    assert item["incident"]["id"] == incident
    assert item["class"]["code"] == CLASS
    assert item["community"]["code"] == "S0C0"


def test_nobody_hears_of_what_they_may_not_see(watchers: Watchers, bureau: Bureau) -> None:
    watchers.account("west", "street_office", ("street=S0",))
    watchers.account("east", "street_office", ("street=S1",))
    watchers.account("gone")
    for name in ("west", "east", "gone"):
        watchers.watch(name, **{"class": CLASS})
    with psycopg.connect(bureau.database.address) as connection:
        connection.execute("UPDATE account SET active = false WHERE name = 'gone'")
    report(bureau)
    watchers.turn()
    assert watchers.heard("west") == [("new", "report")]
    assert watchers.heard("east") == []
    assert bureau.database.value("SELECT count(*) FROM notice") == 1


def test_what_one_did_oneself_is_no_news_and_a_burst_is_one(
    watchers: Watchers, bureau: Bureau
) -> None:
    watchers.account("desk", "dispatcher")
    watchers.account("other", "dispatcher")
    for name in ("desk", "other"):
        watchers.watch(name, level="street", code="S0")
    incident = report(bureau)
    watchers.turn()
    bureau.act(DESK, incident, "verify")
    bureau.act(DESK, incident, "file")
    watchers.turn()
    assert watchers.heard("desk") == [("new", "report")]
    assert watchers.heard("other") == [("new", "report"), ("changed", "file")]


def test_a_watch_survives_a_boundary_revision(
    watchers: Watchers, bureau: Bureau, tmp_path: Any
) -> None:
    watchers.account("wang")
    watchers.watch("wang", level="grid", code="S0C0G0")
    # the next revision makes another version of every area of the file
    layers = small_hierarchy()
    for frame in layers.values():
        frame["name"] = frame["name"] + "改"
    path = write_hierarchy(tmp_path / "next.gpkg", layers)
    settings = bureau.database.settings.model_copy(update={"confirm_share": 1.0})
    with bureau.database.sessions.begin() as session:
        apply(session, prepare(session, path, settings), settings, followers=REVISION_FOLLOWERS)
    versions = bureau.database.value("SELECT count(*) FROM grid WHERE code = 'S0C0G0'")
    assert versions == 2
    report(bureau)
    watchers.turn()
    assert watchers.heard("wang") == [("new", "report")]


def test_reading_and_paging(watchers: Watchers, bureau: Bureau) -> None:
    watchers.account("wang")
    made = watchers.watch("wang", **{"class": CLASS})
    for number in range(5):
        report(bureau, description=str(number))
    watchers.turn()
    first = watchers.notices("wang", limit=2)
    assert (len(first["items"]), first["unread"]) == (2, 5)
    second = watchers.notices("wang", limit=4, cursor=first["next"])
    assert (len(second["items"]), second["next"]) == (3, None)
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert ids == sorted(ids, reverse=True)
    headers = watchers.headers["wang"]
    assert watchers.client.post(
        "/api/notices/read", json={"ids": ids[:1]}, headers=headers
    ).status_code == 204  # fmt: skip
    assert watchers.notices("wang", unread=True)["unread"] == 4
    watchers.client.post("/api/notices/read", json={"upto": ids[0]}, headers=headers)
    assert watchers.notices("wang", unread=True) == {"items": [], "next": None, "unread": 0}
    watchers.account("xu")
    other = watchers.headers["xu"]
    assert watchers.client.delete(f"/api/watches/{made['id']}", headers=other).status_code == 404
    assert watchers.client.delete(f"/api/watches/{made['id']}", headers=headers).status_code == 204
    assert watchers.notices("wang")["items"] == []


# -- webhooks --------------------------------------------------------------------------------


def test_a_signed_delivery_arrives(watchers: Watchers, bureau: Bureau, robot: Receiver) -> None:
    watchers.account("wang")
    row = watchers.watch(
        "wang", level="street", code="S0",
        webhook={"kind": "plain", "url": f"{robot.address}/in?key=1", "secret": "s3cret"},
    )  # fmt: skip
    assert row["webhook"]["host"] == robot.address.split("//")[1]
    assert "s3cret" not in json.dumps(row)
    assert "key=1" not in json.dumps(row)
    report(bureau, description="王老师家", reporter={"name": "陈", "phone": "13800000000"})
    report(bureau)
    watchers.turn()
    [(path, headers, body)] = robot.got
    assert path == "/in?key=1"
    sent = json.loads(body)
    assert [one["kind"] for one in sent["notices"]] == ["new", "new"]
    assert sent["notices"][0]["class_code"] == CLASS
    for secret in ("王老师", "陈", "13800000000"):
        assert secret not in body.decode()
    stamp = headers["X-Timestamp"]
    wanted = hmac.new(b"s3cret", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Signature"] == f"sha256={wanted}"
    rows = watchers.client.get("/api/watches", headers=watchers.headers["wang"]).json()["items"]
    assert rows[0]["webhook"]["delivered_at"] is not None
    assert bureau.database.value("SELECT count(*) FROM job") == 0
    assert b"s3cret" not in bytes(bureau.database.value("SELECT webhook_sealed FROM watch"))


@pytest.mark.parametrize("kind", ["plain", "wecom", "dingtalk"])
def test_a_test_message_tells_whether_the_address_works(
    watchers: Watchers, robot: Receiver, kind: str
) -> None:
    watchers.account("wang")
    watchers.account("li")
    hook = {"kind": kind, "url": f"{robot.address}/send", "secret": "s3cret"}
    row = watchers.watch("wang", level="street", code="S0", webhook=hook)
    address = f"/api/watches/{row['id']}/test"
    assert watchers.client.post(address, headers=watchers.headers["wang"]).status_code == 204
    [(_, _, body)] = robot.got
    assert ("test" in json.loads(body)) if kind == "plain" else ("测试消息" in body.decode())
    robot.answers = [(404, b"")]
    refused = watchers.client.post(address, headers=watchers.headers["wang"])
    assert refused.status_code == 502
    assert "HTTP 404" in refused.json()["detail"]
    assert "HTTP 404" in (watchers.problem("wang") or "")
    assert watchers.client.post(address, headers=watchers.headers["li"]).status_code == 404
    silent = watchers.watch("wang", level="street", code="S0")
    answer = watchers.client.post(
        f"/api/watches/{silent['id']}/test", headers=watchers.headers["wang"]
    )
    assert answer.status_code == 409


@pytest.mark.parametrize(
    "answer",
    [(500, b""), (429, b""), (200, b'{"errcode": 45009, "errmsg": "api freq out of limit"}')],
)
def test_a_failed_delivery_comes_again(
    watchers: Watchers, bureau: Bureau, robot: Receiver, answer: tuple[int, bytes]
) -> None:
    watchers.account("wang")
    watchers.watch("wang", level="street", code="S0",
                   webhook={"kind": "wecom", "url": f"{robot.address}/send"})  # fmt: skip
    robot.answers = [answer]
    report(bureau)
    watchers.turn()
    assert watchers.problem("wang")
    watchers.turn()
    assert len(robot.got) == 1  # not before its time
    watchers.later()
    watchers.turn()
    assert len(robot.got) == 2
    assert robot.got[0][2] == robot.got[1][2]
    assert watchers.problem("wang") is None
    assert bureau.database.value("SELECT count(*) FROM job") == 0


def test_what_is_refused_for_good_is_given_up(
    watchers: Watchers, bureau: Bureau, robot: Receiver
) -> None:
    watchers.account("wang")
    watchers.watch("wang", level="street", code="S0",
                   webhook={"kind": "plain", "url": f"{robot.address}/gone"})  # fmt: skip
    robot.answers = [(410, b"")]
    report(bureau)
    watchers.turn()
    assert watchers.problem("wang") == "HTTP 410"
    assert bureau.database.value("SELECT count(*) FROM job WHERE given_up_at IS NOT NULL") == 1


def test_no_redirect_is_followed_and_a_dead_host_is_tried_again(
    watchers: Watchers, bureau: Bureau, robot: Receiver
) -> None:
    watchers.account("wang")
    watchers.watch("wang", level="street", code="S0",
                   webhook={"kind": "plain", "url": f"{robot.address}/here"})  # fmt: skip
    robot.answers = [(302, b"")]
    report(bureau)
    watchers.turn()
    assert [path for path, _, _ in robot.got] == ["/here"]
    assert watchers.problem("wang") == "HTTP 302"
    # the address is no longer allowed: nothing is sent any more
    watchers.work.settings = bureau.database.settings
    watchers.later()
    watchers.turn()
    assert len(robot.got) == 1
    assert "GIS_WEBHOOK_HOSTS" in str(watchers.problem("wang"))


def test_the_robots_templates() -> None:
    watch = {"id": 1, "name": "[点我](http://evil.example)\n# x", "language": "zh"}
    notice = {
        "id": 1, "kind": "new", "action": "report", "state": "filed", "at": datetime.now(UTC),
        "code": "20261125-7", "class_code": CLASS, "class": "道路不洁", "class_en": "Dirty road",
        "place": "开元街道", "state_words": ("已立案", "filed"),
    }  # fmt: skip
    moment = datetime(2026, 11, 25, tzinfo=UTC)
    ding = compose(
        "dingtalk", "https://oapi.dingtalk.com/robot/send?access_token=t", "SECx", watch,
        [notice] * 12, moment,
    )  # fmt: skip
    query = parse_qs(urlsplit(ding.url).query)
    stamp = str(int(moment.timestamp() * 1000))
    digest = hmac.new(b"SECx", f"{stamp}\nSECx".encode(), hashlib.sha256).digest()
    assert query["timestamp"] == [stamp]
    assert query["sign"] == [base64.b64encode(digest).decode()]
    body = json.loads(ding.body)
    assert body["msgtype"] == "markdown"
    assert body["markdown"]["title"]
    assert "另有 2 条" in body["markdown"]["text"]
    assert "](" not in body["markdown"]["text"]
    assert "道路不洁" in body["markdown"]["text"]
    wecom = compose("wecom", "https://qyapi.weixin.qq.com/x", None, {**watch, "language": "en"},
                    [notice], moment)  # fmt: skip
    words = json.loads(wecom.body)["markdown"]["content"]
    assert "Dirty road" in words
    assert "filed" in words
    assert "X-Signature" not in wecom.headers


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({}, "level"),
        ({"level": "street"}, "code"),
        ({"code": "S0"}, "level"),
        ({"level": "street", "code": "S99"}, "code"),
        ({"class": "nope"}, "class"),
        ({"class": CLASS, "on_new": False, "on_change": False}, "on_new"),
        ({"polygon": {"type": "Point", "coordinates": [1, 2]}}, "polygon"),
        ({"polygon": {"type": "Polygon"}}, "polygon"),
        ({"polygon": {"type": "Polygon", "coordinates": []}}, "polygon"),
        ({"polygon": {"type": "Polygon", "coordinates": [[["x", 1], [2, 3], [4, 5]]]}}, "polygon"),
        ({"polygon": CROSSED}, "polygon"),
        ({"polygon": OUTSIDE}, "polygon"),
        ({"polygon": SQUARE, "crs": "moon"}, "crs"),
        ({"class": CLASS, "webhook": {"kind": "plain", "url": "http://169.254.169.254/"}},
         "webhook.url"),
        ({"class": CLASS, "webhook": {"kind": "plain", "url": "http://oapi.dingtalk.com/x"}},
         "webhook.url"),
        ({"class": CLASS, "webhook": {"kind": "plain", "url": "https://x@oapi.dingtalk.com/"}},
         "webhook.url"),
        ({"class": CLASS, "webhook": {"kind": "plain", "url": "https://oapi.dingtalk.com/a\r\nb"}},
         "webhook.url"),
        ({"class": CLASS, "webhook": {"kind": "fax", "url": "https://oapi.dingtalk.com/"}}, "kind"),
        ({"class": CLASS, "name": " "}, "name"),
    ],
)  # fmt: skip
def test_what_cannot_be_watched_is_refused(
    watchers: Watchers, bureau: Bureau, asked: dict[str, Any], where: str
) -> None:
    watchers.account("wang")
    answer = watchers.client.post(
        "/api/watches", json={"name": "x", **asked}, headers=watchers.headers["wang"]
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["where"] == where
    assert bureau.database.value("SELECT count(*) FROM watch") == 0


def test_a_polygon_in_another_system_is_where_it_was_drawn(
    watchers: Watchers, bureau: Bureau
) -> None:
    watchers.account("wang")
    watchers.watch("wang", polygon=SQUARE, crs="gcj02")
    west = bureau.database.value("SELECT ST_XMin(geom) FROM watch")
    assert 0.001 < 118.60 - west < 0.01
    assert INSIDE["crs"] == "wgs84"


def test_a_running_worker_tells_by_itself(bureau: Bureau, robot: Receiver) -> None:
    settings = bureau.database.settings.model_copy(update={"webhook_hosts": [robot.address]})
    with TestClient(create_app(settings)) as client:
        headers = token_headers(bureau.database, "viewer")
        webhook = {"kind": "plain", "url": f"{robot.address}/in"}
        answer = client.post(
            "/api/watches",
            json={"name": "wang", "class": CLASS, "webhook": webhook},
            headers=headers,
        )
        assert answer.status_code == 201
        report(bureau)
        for _ in range(100):
            if robot.got:
                break
            threading.Event().wait(0.1)
        assert len(robot.got) == 1
        assert client.get("/api/notices", headers=headers).json()["unread"] == 1
