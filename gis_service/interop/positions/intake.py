"""Positions one by one into the database, by the thousand: what waits is committed together.

A position is acknowledged once the transaction that holds it is committed, so nothing that a phone
was told is kept can be lost with the process. While one commit is under way the next positions
gather; the busier it is, the more of them share a commit.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
from sqlalchemy.orm import Session, sessionmaker

from gis_service.db.copy import literal
from gis_service.db.engine import driver_connection, patient
from gis_service.errors import NotReady, NotSignedIn
from gis_service.events.feed import Published
from gis_service.interop.positions.parsing import Position
from gis_service.patrols.devices import TOPIC, token_hash
from gis_service.patrols.duty import LEAVE, ON, DutyTimes, day_date, local_days, micros, moment_of
from gis_service.patrols.partitions import Month, month_of, statements
from gis_service.patrols.storing import CLOCK_SLACK, read_duty
from gis_service.settings import Settings

log = logging.getLogger(__name__)

MOST_WAITING = 20_000
MOST_AT_ONCE = 2_000
FRESH_S = 30.0  # how long a device and the duty times are believed
MOST_DEVICES = 20_000

_DEVICE = """
    SELECT id, officer_id, kind, keep_off_duty FROM device WHERE token_hash = %s AND active
"""
_STORE = """
    WITH arrived AS (
        SELECT device, officer, day, 'epoch'::timestamptz + us * interval '1 microsecond' AS at,
            lon, lat, nullif(accuracy, 'NaN') AS accuracy
        FROM unnest(%s::int[], %s::int[], %s::date[], %s::bigint[], %s::float8[], %s::float8[],
            %s::real[]) AS a (device, officer, day, us, lon, lat, accuracy)
    ), added AS (
        INSERT INTO fix (device_id, at, lon, lat, accuracy_m)
        SELECT device, at, lon, lat, accuracy FROM arrived ORDER BY device, at
        ON CONFLICT DO NOTHING RETURNING device_id, at
    ), counted AS (
        INSERT INTO received_day AS r (officer_id, day, fixes, pending)
        SELECT officer, day, count(*), true
        FROM added JOIN arrived ON device = device_id AND arrived.at = added.at
        GROUP BY officer, day ORDER BY officer, day
        ON CONFLICT (officer_id, day) DO UPDATE
            SET fixes = r.fixes + excluded.fixes, pending = true
    )
    SELECT device_id, (extract(epoch FROM at) * 1000000)::bigint FROM added
"""
# what was dropped before, and is sent again, is not counted again
_DROP = """
    WITH arrived AS (
        SELECT DISTINCT ON (device, us) officer, device, day, away,
            'epoch'::timestamptz + us * interval '1 microsecond' AS at
        FROM unnest(%s::int[], %s::int[], %s::date[], %s::bigint[], %s::bool[])
            AS a (officer, device, day, us, away) ORDER BY device, us
    ), fresh AS (
        INSERT INTO dropped_moment (device_id, at) SELECT device, at FROM arrived
        ON CONFLICT DO NOTHING RETURNING device_id, at
    )
    INSERT INTO received_day AS r (officer_id, day, fixes, dropped_off_duty, on_leave)
    SELECT officer, day, 0, count(*), count(*) FILTER (WHERE away)
    FROM fresh JOIN arrived ON device = device_id AND arrived.at = fresh.at
    GROUP BY officer, day ORDER BY officer, day
    ON CONFLICT (officer_id, day) DO UPDATE
        SET dropped_off_duty = r.dropped_off_duty + excluded.dropped_off_duty,
            on_leave = r.on_leave + excluded.on_leave
"""


@dataclass(frozen=True)
class KnownDevice:
    """A device as its token shows it."""

    id: int
    officer_id: int
    kind: str
    keep_off_duty: bool
    known_at: float


@dataclass(frozen=True)
class _Waiting:
    device: KnownDevice
    position: Position
    done: asyncio.Future[str]


class PositionIntake:
    """The intake of a serving process, on a connection of its own."""

    def __init__(self, address: str, sessions: sessionmaker[Session], settings: Settings) -> None:
        self.address = address
        self.sessions = sessions
        self.settings = settings
        self.zone = ZoneInfo(settings.timezone)
        self.earliest = micros(
            datetime.fromisoformat(settings.earliest_report).replace(tzinfo=self.zone)
        )
        self.commits = 0
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._devices: dict[bytes, KnownDevice] = {}
        self._months: set[Month] = set()
        self._duty: tuple[DutyTimes, datetime, datetime, float] | None = None

    def start(self) -> None:
        """Begin to commit what comes."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Commit what waits, take no more, end."""
        self._stopping = True
        self._wake.set()
        if self._task:
            await self._task
        if self._connection:
            await self._connection.close()

    async def hear(self, events: list[Published]) -> None:
        """A subscriber of the feed: devices and duty times are asked for again."""
        topics = {event.topic for event in events}
        if TOPIC in topics:
            self._devices.clear()
        if topics & {"roster", "contracts", "officers"}:
            self._duty = None

    async def device(self, token: str, kinds: tuple[str, ...]) -> KnownDevice:
        """The device of a token. Raises NotSignedIn for none, one switched off, another kind."""
        key = token_hash(token)
        known = self._devices.get(key)
        if known is None or time.monotonic() - known.known_at > FRESH_S:
            known = await asyncio.to_thread(self._read_device, key)
            if known is None:
                self._devices.pop(key, None)
            else:
                if len(self._devices) >= MOST_DEVICES:
                    self._devices.clear()
                self._devices[key] = known
        if known is None or known.kind not in kinds:
            raise NotSignedIn(
                "the device's token is unknown or switched off", "设备令牌无效或已停用"
            )
        return known

    def _read_device(self, key: bytes) -> KnownDevice | None:
        with self.sessions() as session:
            row = driver_connection(session).execute(literal(_DEVICE), (key,)).fetchone()
        if row is None:
            return None
        number, officer, kind, keep = row
        return KnownDevice(number, officer, kind, keep, time.monotonic())

    async def take(self, device: KnownDevice, position: Position) -> str:
        """What became of a position, once that is committed: ``stored``, ``already``,
        ``dropped_off_duty``, ``on_leave``; or at once ``untimed``, ``nowhere``, ``future``,
        ``too_old``. Raises NotReady where the database is away: send it again."""
        if position.at < 0:
            return "untimed"
        if not (abs(position.lon) <= 180 and abs(position.lat) <= 90):
            return "nowhere"
        if position.at > (time.time() + CLOCK_SLACK.total_seconds()) * 1e6:
            return "future"
        if position.at < self.earliest:
            return "too_old"
        if self._stopping or len(self._waiting) >= MOST_WAITING:
            raise NotReady("too much is waiting; send it again", "等待处理的位置过多，请稍后重发")
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(device, position, done))
        self._wake.set()
        return await done

    async def _run(self) -> None:
        while not (self._stopping and not self._waiting):
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = self._waiting[:MOST_AT_ONCE]
                del self._waiting[:MOST_AT_ONCE]
                try:
                    answers = await self._commit(batch)
                except Exception as problem:
                    log.warning("positions could not be kept: %s", problem)
                    await self._disconnect()
                    self._refuse(batch)
                    continue
                for one, answer in zip(batch, answers, strict=True):
                    if not one.done.done():  # the phone may have hung up
                        one.done.set_result(answer)

    def _refuse(self, batch: list[_Waiting]) -> None:
        for one in batch:
            if not one.done.done():
                one.done.set_exception(
                    NotReady("the database is away; send it again", "数据库暂不可用，请稍后重发")
                )

    async def _disconnect(self) -> None:
        self._months.clear()
        if self._connection:
            with suppress(Exception):
                await self._connection.close()
        self._connection = None

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                patient(self.address), application_name="gis_service positions"
            )
        return self._connection

    async def _commit(self, batch: list[_Waiting]) -> list[str]:
        """Commits a batch; the answers in its order."""
        at = np.array([one.position.at for one in batch], np.int64)
        officers = np.array([one.device.officer_id for one in batch], np.int32)
        duty = (await self._duty_times(int(at.min()), int(at.max()))).of_many(officers, at)
        duty[[one.device.keep_off_duty for one in batch]] = ON
        days = [day_date(int(day)) for day in local_days(at, self.zone)]
        answers = ["already"] * len(batch)
        rows: dict[tuple[int, int], int] = {}  # of several for one moment the first stays
        dropped: list[int] = []
        for i, one in enumerate(batch):
            if duty[i] == ON:
                rows.setdefault((one.device.id, one.position.at), i)
            else:
                answers[i] = "on_leave" if duty[i] == LEAVE else "dropped_off_duty"
                dropped.append(i)
        added = await self._write(
            [(batch[i], days[i]) for i in rows.values()],
            [
                (
                    batch[i].device.officer_id,
                    batch[i].device.id,
                    days[i],
                    int(at[i]),
                    bool(duty[i] == LEAVE),
                )
                for i in dropped
            ],
        )
        for key in added:
            answers[rows[key]] = "stored"
        self.commits += 1
        return answers

    async def _write(
        self, kept: list[tuple[_Waiting, Any]], dropped: list[tuple[int, int, Any, int, bool]]
    ) -> list[tuple[int, int]]:
        connection = await self._connected()
        await self._make_partitions({month_of(one.position.at) for one, _ in kept})
        for again in (False, True):
            try:
                async with connection.transaction():
                    added = await self._insert(connection, kept) if kept else []
                    if dropped:
                        columns = [list(column) for column in zip(*dropped, strict=True)]
                        await connection.execute(literal(_DROP), columns, prepare=True)
                return added
            except psycopg.errors.CheckViolation:  # retention dropped a month meanwhile
                if again:
                    raise
                self._months.clear()
                await self._make_partitions({month_of(one.position.at) for one, _ in kept})
        raise AssertionError("unreachable")

    async def _insert(
        self, connection: psycopg.AsyncConnection[Any], kept: list[tuple[_Waiting, Any]]
    ) -> list[tuple[int, int]]:
        columns = (
            [one.device.id for one, _ in kept],
            [one.device.officer_id for one, _ in kept],
            [day for _, day in kept],
            [one.position.at for one, _ in kept],
            [one.position.lon for one, _ in kept],
            [one.position.lat for one, _ in kept],
            [one.position.accuracy_m for one, _ in kept],
        )
        cursor = await connection.execute(literal(_STORE), columns, prepare=True)
        return await cursor.fetchall()

    async def _make_partitions(self, months: set[Month]) -> None:
        missing = months - self._months
        if missing:
            connection = await self._connected()
            async with connection.transaction():
                for statement in statements(missing):
                    await connection.execute(literal(statement))
            self._months |= missing

    async def _duty_times(self, first_us: int, last_us: int) -> DutyTimes:
        first, last = moment_of(first_us), moment_of(last_us)
        if self._duty is not None:
            times, since, until, read_at = self._duty
            if since <= first and last < until and time.monotonic() - read_at < FRESH_S:
                return times
        now = datetime.now(UTC)
        # phones send what they gathered while out of reach
        since = min(first, now - timedelta(days=2))
        until = max(last, now) + timedelta(days=1)
        times = await asyncio.to_thread(self._read_duty, since, until)
        self._duty = (times, since, until, time.monotonic())
        return times

    def _read_duty(self, since: datetime, until: datetime) -> DutyTimes:
        with self.sessions() as session:
            return read_duty(session, self.settings, since, until)
