"""A page loses its event stream again and again while much happens."""

from __future__ import annotations

import threading
import time

from gis_service.events.feed import publish
from gis_service.incidents.stream import TOGETHER
from tests.faults.conftest import Shared
from tests.faults.served import Reporters, until


def test_a_page_that_comes_back_is_told_everything_and_nothing_twice(shared: Shared) -> None:
    service, rows = shared.service, shared.database.rows
    told: list[int] = []
    last: list[int | None] = [None]
    drops = 0
    ended = threading.Event()
    fault: list[BaseException] = []
    hello = threading.Event()

    def page() -> None:
        nonlocal drops
        while not ended.is_set():
            headers = {} if last[0] is None else {"last-event-id": str(last[0])}
            stream = service.open_stream("/events", **headers)
            try:
                # after a few messages the line is cut, wherever in a message that is
                stop = time.monotonic() + 0.4
                for seq, event, data in stream.messages():
                    assert seq is not None
                    assert last[0] is None or seq >= last[0], "went back"
                    last[0] = seq
                    assert event in ("hello", "incidents"), event
                    hello.set()
                    if event == "incidents":
                        told.extend(item["id"] for item in data["items"])
                    if ended.is_set() or time.monotonic() > stop:
                        break
            finally:
                stream.close()
            drops += 1
            time.sleep(0.2)

    def watched() -> None:
        try:
            page()
        except BaseException as problem:
            fault.append(problem)

    before = {number for (number,) in rows("SELECT id FROM incident")}
    thread = threading.Thread(target=watched)
    thread.start()
    until(hello.is_set, 30, "hello")
    reporters = Reporters(service)
    with reporters.at_work(2):
        until(lambda: fault or drops >= 6, 60, "six drops")
    wanted = set(reporters.acknowledged.values())
    until(lambda: fault or wanted <= set(told), 20, "everything told")
    ended.set()
    service.report("last one")  # wakes the page
    thread.join(30)
    assert not fault, fault
    assert len(told) == len(set(told)), "told twice"
    assert set(told) - wanted <= {n for (n,) in rows("SELECT id FROM incident")} - before
    assert len(wanted) > 20


def test_what_is_named_beside_a_load_is_told_at_once(shared: Shared) -> None:
    stream = shared.service.open_stream("/events")
    messages = stream.messages()
    assert next(messages)[1] == "hello"
    number = shared.service.report("beside a load").json()["id"]
    assert next(messages)[2]["items"][0]["id"] == number
    with shared.database.sessions.begin() as session:
        publish(session, "incidents", first=number, last=number)
        publish(session, "incidents", ids=[number])
    # whoever is cut off in between reads the list again, and so misses nothing
    assert next(messages)[1] == "reload"
    _, event, data = next(messages)
    assert (event, [item["id"] for item in data["items"]]) == ("incidents", [number])
    stream.close()


def test_patrols_are_told_by_name_to_those_who_may_read_them(shared: Shared) -> None:
    """And again to a page that was away, for what it is told does not count as the last it has."""
    service, viewer = shared.service, shared.viewer
    streams = [service.open_stream("/events"), service.open_stream("/events", **viewer)]
    desk, onlooker = (stream.messages() for stream in streams)
    last = next(desk)[0]
    assert next(onlooker)[1] == "hello"

    def walk_and_report(key: str) -> int:
        with shared.database.sessions.begin() as session:
            publish(session, "visits", officers=[1])
        number: int = service.report(key).json()["id"]
        return number

    number = walk_and_report("told of a walk")
    assert next(desk) == (None, "coverage", {})
    for messages in (desk, onlooker):
        seq, event, data = next(messages)
        assert (event, [item["id"] for item in data["items"]]) == ("incidents", [number])
        assert seq is not None
    for stream in streams:
        stream.close()
    # away, and back
    told = ["coverage", "incidents", "hello"]
    for headers, expected in (({}, told), (viewer, told[1:])):
        stream = service.open_stream("/events", **{"last-event-id": str(last), **headers})
        messages = stream.messages()
        assert [next(messages)[1] for _ in expected] == expected
        stream.close()


def test_many_walks_do_not_make_a_page_read_everything_again(shared: Shared) -> None:
    stream = shared.service.open_stream("/events")
    messages = stream.messages()
    last, event, _ = next(messages)
    assert event == "hello"
    with shared.database.sessions.begin() as session:
        for _ in range(TOGETHER + 1):
            publish(session, "visits", officers=[1])
    number = shared.service.report("after many walks").json()["id"]
    assert "incidents" in (one for _, one, _ in messages)
    stream.close()
    stream = shared.service.open_stream("/events", **{"last-event-id": str(last)})
    messages = stream.messages()
    assert next(messages)[1] == "coverage"
    _, event, data = next(messages)
    assert (event, [item["id"] for item in data["items"]]) == ("incidents", [number])
    stream.close()
