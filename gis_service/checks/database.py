"""What only the database can tell."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from gis_service.accounts.personal import open_sealed
from gis_service.checks.finding import Finding, advice, wrong
from gis_service.db.engine import conninfo, make_engine
from gis_service.db.migrate import pending
from gis_service.errors import ConfigurationError, DomainError
from gis_service.housekeeping import DUTIES, KIND
from gis_service.settings import Settings

OLDEST = 13  # PostgreSQL
SKEW_S, FAR_S = 2.0, 60.0
CALENDAR_DAYS = 60
_FACTS = text("""
    SELECT current_setting('server_version_num')::int / 10000 AS version,
        (SELECT installed_version FROM pg_available_extensions WHERE name = 'postgis') AS postgis,
        (SELECT default_version FROM pg_available_extensions WHERE name = 'postgis') AS there,
        current_setting('fsync')::bool AND current_setting('full_page_writes')::bool AS durable,
        current_setting('server_encoding') AS encoding,
        current_setting('max_connections')::int AS connections
""")
_ARCHIVER = text("""
    SELECT current_setting('archive_mode') <> 'off' AS archives,
        last_failed_wal, last_failed_time,
        coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS failing
    FROM pg_stat_archiver
""")
_INVALID = text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
_WAITING = text("""
    SELECT count(*) FILTER (WHERE given_up_at IS NOT NULL) AS given_up,
        count(*) FILTER (WHERE given_up_at IS NULL AND run_at < now() - interval '1 hour') AS late
    FROM job WHERE kind <> :kind
""")
_DUTIES = text("""
    SELECT payload->>'name' AS name, problem, run_at < now() - interval '1 day' AS late
    FROM job WHERE kind = :kind
""")
_SEALED = text("""
    SELECT sealed FROM (SELECT sealed, created_at FROM reporter UNION ALL
        SELECT sealed, created_at FROM community_person) s ORDER BY created_at DESC LIMIT 1
""")


def check_database(settings: Settings) -> list[Finding]:
    """Server, extension, migrations, clock, keys, jobs, calendar, archive of the log."""
    try:
        engine = make_engine(conninfo(settings))
        with engine.connect() as connection:
            found = _server(connection)
            found += _clock(connection)
            found += _archive(connection)
            found += [
                wrong(
                    f"index {name} is invalid: REINDEX INDEX {name}",
                    f"索引 {name} 失效：请执行 REINDEX INDEX {name}",
                )
                for name in connection.execute(_INVALID).scalars()
            ]
        if pending(engine):
            return [
                *found,
                wrong(
                    "the database is behind this version: gis-service migrate",
                    "数据库版本落后：请执行 gis-service migrate",
                ),
            ]
        with engine.connect() as connection:
            return [
                *found,
                *_sealed(connection),
                *_jobs(connection),
                *_calendar(connection),
            ]
    except DomainError as problem:
        return [
            wrong(
                f"database: {problem.text('en')}; look at GIS_DATABASE_URL and whether the "
                "server runs (systemctl status postgresql)",
                f"数据库：{problem.text('zh')}；请检查 GIS_DATABASE_URL 及数据库是否运行"
                "（systemctl status postgresql）",
            )
        ]


def _server(connection: Connection) -> list[Finding]:
    facts = connection.execute(_FACTS).one()
    found = []
    if facts.version < OLDEST:
        found.append(
            wrong(
                f"PostgreSQL {facts.version} is too old: {OLDEST} or newer is needed",
                f"PostgreSQL {facts.version} 过旧：需要 {OLDEST} 或更高版本",
            )
        )
    if facts.there is None:
        package = f"postgresql-{facts.version}-postgis-3"
        found.append(
            wrong(
                f"the server has no PostGIS: apt-get install {package}",
                f"数据库服务器未安装 PostGIS：apt-get install {package}",
            )
        )
    elif facts.postgis and facts.postgis.split(".")[:2] != facts.there.split(".")[:2]:
        found.append(
            advice(
                f"PostGIS {facts.postgis} is in the database, {facts.there} on the "
                "server: SELECT postgis_extensions_upgrade()",
                f"数据库中 PostGIS 为 {facts.postgis}，服务器上为 {facts.there}："
                "请执行 SELECT postgis_extensions_upgrade()",
            )
        )
    if not facts.durable:
        found.append(
            wrong(
                "fsync or full_page_writes is off: a power failure destroys the "
                "database; set both on in postgresql.conf",
                "fsync 或 full_page_writes 已关闭，断电会损坏数据库；请在 postgresql.conf 中开启",
            )
        )
    if facts.encoding != "UTF8":
        found.append(
            wrong(
                f"the database is encoded as {facts.encoding}: make one with UTF8",
                f"数据库编码为 {facts.encoding}：请使用 UTF8 编码建库",
            )
        )
    return found


def _clock(connection: Connection) -> list[Finding]:
    began = time.time()
    there = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
    middle = (began + time.time()) / 2
    skew = float(there) - middle
    if abs(skew) < SKEW_S:
        return []
    make = wrong if abs(skew) > FAR_S else advice
    return [
        make(
            f"this machine's clock and the database's differ by {skew:+.0f} s: set both by "
            "NTP (timedatectl set-ntp true)",
            f"本机与数据库时钟相差 {skew:+.0f} 秒：请为两台机器启用时间同步"
            "（timedatectl set-ntp true）",
        )
    ]


def _archive(connection: Connection) -> list[Finding]:
    facts = connection.execute(_ARCHIVER).one()
    if not (facts.archives and facts.failing):
        return []
    return [
        wrong(
            f"the log {facts.last_failed_wal} could not be archived at "
            f"{facts.last_failed_time:%F %T%z}: look at archive_command and its disk",
            f"日志 {facts.last_failed_wal} 归档失败（{facts.last_failed_time:%F %T%z}）："
            "请检查 archive_command 及归档磁盘",
        )
    ]


def _sealed(connection: Connection) -> list[Finding]:
    sealed = connection.execute(_SEALED).scalar()
    if sealed is None:
        return []
    try:
        open_sealed(bytes(sealed))
    except ConfigurationError as problem:
        return [wrong(f"personal data: {problem.message}", f"个人信息：{problem.message_zh}")]
    return []


def _jobs(connection: Connection) -> list[Finding]:
    found = []
    waiting = connection.execute(_WAITING, {"kind": KIND}).one()
    if waiting.late:
        found.append(
            wrong(
                f"{waiting.late} jobs wait for more than an hour: nobody works on them; "
                "is the service running?",
                f"{waiting.late} 项任务等待超过一小时：请确认服务正在运行",
            )
        )
    if waiting.given_up:
        found.append(
            advice(
                f"{waiting.given_up} notices to other systems were given up: /watches "
                "says which and why",
                f"{waiting.given_up} 条外发通知已放弃：原因见 /watches",
            )
        )
    known: dict[str, Any] = {
        row.name: row for row in connection.execute(_DUTIES, {"kind": KIND}).all()
    }
    for name in (duty.name for duty in DUTIES if duty.name in known):
        if known[name].problem:
            found.append(
                wrong(
                    f"housekeeping, {name}: {known[name].problem}; gis-service "
                    "housekeeping tries it again",
                    f"数据清理（{name}）：{known[name].problem}；"
                    "可执行 gis-service housekeeping 重试",
                )
            )
        elif known[name].late:
            found.append(
                wrong(
                    f"housekeeping, {name}, is a day late: is the service running? "
                    "gis-service housekeeping does it at once",
                    f"数据清理（{name}）已逾期一天：请确认服务正在运行，"
                    "或执行 gis-service housekeeping",
                )
            )
    return found


def _calendar(connection: Connection) -> list[Finding]:
    """A year counts as known where any of its days off is."""
    known = {
        int(year)
        for year in connection.execute(
            text("SELECT DISTINCT extract(year FROM day) FROM calendar_day")
        ).scalars()
    }
    today = datetime.now(UTC).date()
    found = []
    for year, make in ((today.year, wrong), ((today + timedelta(days=CALENDAR_DAYS)).year, advice)):
        if year not in known:
            known.add(year)
            found.append(
                make(
                    f"the working calendar has no {year}: deadlines are provisional; gis-service "
                    f"load calendar --seed --year {year} once it is published, or load a file",
                    f"工作日历缺少 {year} 年，时限为暂定：放假安排公布后执行 "
                    f"gis-service load calendar --seed --year {year}，或载入文件",
                )
            )
    return found
