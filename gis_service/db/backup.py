"""One file that holds a district: the database and its photos, and the way back.

The file is a tar of ``manifest.json`` (which tables hold how many rows, and a checksum over them,
read in the very snapshot that was dumped), ``database.dump`` (pg_dump's custom format) and
``attachments/``. The key of personal data is kept apart on purpose (``gis-service user key
export``): the file alone tells nobody's name. ``restore`` goes into an empty database only,
compares every table with the manifest, and leaves the database empty again where anything fails.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import IO, Any

import orjson
import psycopg
from psycopg import sql

from gis_service.db.embedded import bindir
from gis_service.db.engine import conninfo, make_engine
from gis_service.db.migrate import migrate
from gis_service.errors import ConfigurationError, Conflict, InvalidInput
from gis_service.settings import Settings

FORMAT = 1
MANIFEST, DUMP, PHOTOS = "manifest.json", "database.dump", "attachments"
UNFINISHED = "gis_service: a restore into this database did not finish"
# everything of ours; what is gone with another before its turn is no fault
OBJECTS = """
SELECT relkind = 'S' AS later,
       format('DROP %s IF EXISTS %s CASCADE', CASE relkind WHEN 'v' THEN 'VIEW'
                  WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
              c.oid::regclass)
FROM pg_class c
WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND relnamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT true, format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
FROM pg_proc p
WHERE pronamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
ORDER BY later
"""
Progress = Callable[[float, str], None]
# tables of our own that hold rows: neither the parents of partitions nor what an extension brings
TABLES = """
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1
"""


def back_up(settings: Settings, target: Path, progress: Progress) -> dict[str, Any]:
    """Write the district to ``target``, readable by its owner only, while the service goes on.

    Returns the manifest. Raises InvalidInput where ``target`` exists or cannot be written,
    ConfigurationError where pg_dump fails; no file is left then.
    """
    if target.exists():
        raise InvalidInput("exists already; choose another name", "文件已存在，请另取名称",
                           where=str(target))  # fmt: skip
    address = conninfo(settings)
    try:
        folder = tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-")
    except OSError as problem:
        raise InvalidInput(str(problem.strerror), where=str(target.parent)) from None
    with folder as name, psycopg.connect(address) as connection:
        part, dump = Path(name) / "part.tar", Path(name) / DUMP
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        snapshot = _value(connection, "SELECT pg_export_snapshot()")
        progress(0.05, "database")
        _run("pg_dump", "--format=custom", "--compress=1", "--no-owner", f"--snapshot={snapshot}",
             f"--file={dump}", f"--dbname={address}")  # fmt: skip
        manifest = {
            "format": FORMAT,
            "service": version("gis_service"),
            "migration": _value(connection, "SELECT version_num FROM alembic_version"),
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "tables": _checksums(connection, lambda share, at: progress(0.4 + 0.4 * share, at)),
        }
        connection.rollback()
        progress(0.8, "photos")
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with tarfile.open(part, "w") as tar:
            manifest["attachments"] = _add_photos(tar, settings.data_dir / PHOTOS)
            tar.add(dump, DUMP)
            words = orjson.dumps(manifest, option=orjson.OPT_INDENT_2)
            about = tarfile.TarInfo(MANIFEST)
            about.size = len(words)
            tar.addfile(about, io.BytesIO(words))
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.link(part, target)  # unlike a rename it never replaces what came meanwhile
    progress(1.0, "done")
    return manifest


def next_file(settings: Settings) -> Path:
    """A new name in ``backup_dir``. Raises ConfigurationError where that is not set."""
    if settings.backup_dir is None:
        raise ConfigurationError(
            "name a FILE, or set GIS_BACKUP_DIR", "请指定文件，或设置 GIS_BACKUP_DIR"
        )
    return settings.backup_dir / f"district-{datetime.now().astimezone():%Y-%m-%d-%H%M%S}.backup"


def forget_backups(settings: Settings, made: Path) -> list[str]:
    """Delete all but the newest ``backup_keep`` of the files that :func:`next_file` named, once
    ``made``, one of them, is complete; their names."""
    if settings.backup_dir is None or made.parent != settings.backup_dir:
        return []
    old = sorted(settings.backup_dir.glob("district-*.backup"))[: -settings.backup_keep]
    for path in old:
        path.unlink()
    return [path.name for path in old]


def restore(settings: Settings, source: Path, progress: Progress) -> dict[str, Any]:
    """Bring ``source`` back into an empty database and the attachments folder; the manifest.

    The database is brought up to date with this version afterwards. Raises InvalidInput for a
    file that is no backup or is damaged (the table is named), Conflict where the database holds
    tables already; the database is empty again then.
    """
    address = conninfo(settings)
    with _opened(source) as tar, psycopg.connect(address, autocommit=True) as connection:
        manifest = _manifest(tar, source)
        _claim(connection)
        try:
            with tempfile.TemporaryDirectory(dir=settings.data_dir, prefix=".restore-") as name:
                progress(0.05, "unpacking")
                dump = tar.extractfile(DUMP)
                if dump is None:
                    raise _no_backup(source, DUMP)
                with (Path(name) / DUMP).open("wb") as out:
                    shutil.copyfileobj(dump, out)
                progress(0.1, "database")
                # the comments are those of extensions, which may belong to somebody else
                _run("pg_restore", "--no-owner", "--no-comments", "--exit-on-error",
                     f"--jobs={os.cpu_count() or 1}", f"--dbname={address}",
                     str(Path(name) / DUMP))  # fmt: skip
            connection.execute("ANALYZE")
            _compare(
                manifest, _checksums(connection, lambda s, at: progress(0.6 + 0.3 * s, at)), source
            )
            progress(0.9, "photos")
            _take_photos(tar, settings.data_dir / PHOTOS, manifest, source)
        except BaseException:
            _empty(connection)
            raise
        connection.execute("COMMENT ON SCHEMA public IS NULL")
    engine = make_engine(address)
    migrate(engine)
    engine.dispose()
    progress(1.0, "done")
    return manifest


# -- details -------------------------------------------------------------------------------


def _value(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def _checksums(
    connection: psycopg.Connection[Any], progress: Progress
) -> dict[str, dict[str, str | int]]:
    """Per table its rows and the sum of the hashes of their text, whatever their order."""
    with connection.transaction():
        for setting in ("timezone = 'UTC'", "datestyle = 'ISO'", "extra_float_digits = 1",
                        "bytea_output = 'hex'", "intervalstyle = 'postgres'"):  # fmt: skip
            connection.execute(f"SET LOCAL {setting}")
        names = [name for (name,) in connection.execute(TABLES).fetchall()]
        out: dict[str, dict[str, str | int]] = {}
        for done, name in enumerate(names):
            progress(done / len(names), name)
            rows, digest = connection.execute(  # type: ignore[misc]
                sql.SQL(
                    "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {} t"
                ).format(sql.Identifier(name.strip('"')))
            ).fetchone()
            out[name] = {"rows": rows, "checksum": str(digest)}
    return out


def _compare(manifest: dict[str, Any], found: dict[str, Any], source: Path) -> None:
    faults = [
        f"{name}: {wanted['rows']} → {found.get(name, {}).get('rows')}"
        for name, wanted in manifest["tables"].items()
        if found.get(name) != wanted
    ]
    if faults:
        raise InvalidInput(
            f"not what was backed up (rows then → now): {'; '.join(faults)}",
            f"与备份时不一致（备份时行数 → 现行数）：{'；'.join(faults)}",
            where=str(source),
        )


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(bindir() / program), *arguments], check=False, capture_output=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip()
        raise ConfigurationError(f"{program} failed: {words}", f"{program} 失败：{words}")


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, "r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError) as problem:
        raise _no_backup(source, str(problem)) from None
    except OSError as problem:
        raise InvalidInput(problem.strerror or str(problem), where=str(source)) from None


def _no_backup(source: Path, why: str) -> InvalidInput:
    return InvalidInput(f"no backup of this service: {why}", f"不是本服务的备份文件：{why}",
                        where=str(source))  # fmt: skip


def _manifest(tar: tarfile.TarFile, source: Path) -> dict[str, Any]:
    try:
        reader = tar.extractfile(MANIFEST)
        manifest: dict[str, Any] = orjson.loads(reader.read() if reader else b"")
        tar.getmember(DUMP)
        wanted = manifest["format"]
    except (KeyError, TypeError, orjson.JSONDecodeError) as problem:
        raise _no_backup(source, f"{MANIFEST}: {problem}") from None
    if wanted != FORMAT:
        raise InvalidInput(
            f"made by another version ({manifest.get('service')}, format {wanted})",
            f"由其他版本生成（{manifest.get('service')}，格式 {wanted}）",
            where=str(source),
        )
    return manifest


def _claim(connection: psycopg.Connection[Any]) -> None:
    """Note that a restore began. Raises Conflict where the database holds anything."""
    note = _value(connection, "SELECT obj_description('public'::regnamespace, 'pg_namespace')")
    if note == UNFINISHED:
        _empty(connection)
    tables = [name for (name,) in connection.execute(TABLES).fetchall()]
    if tables:
        raise Conflict(
            f"the database holds {len(tables)} tables; a restore wants an empty one: "
            "set GIS_DATA_DIR to a new folder, or GIS_DATABASE_URL to an empty database",
            f"数据库中已有 {len(tables)} 张表；恢复须在空库中进行："
            "请将 GIS_DATA_DIR 设为新目录，或将 GIS_DATABASE_URL 设为空数据库",
        )
    connection.execute(f"COMMENT ON SCHEMA public IS '{UNFINISHED}'")


def _empty(connection: psycopg.Connection[Any]) -> None:
    """Drop what a restore made; extensions stay, whoever made them may be another than we."""
    connection.execute("DROP SCHEMA IF EXISTS ogc CASCADE")
    for _, statement in connection.execute(OBJECTS).fetchall():
        connection.execute(statement)


def _add_photos(tar: tarfile.TarFile, folder: Path) -> int:
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    for path in files:
        tar.add(path, f"{PHOTOS}/{path.relative_to(folder).as_posix()}")
    return len(files)


def _take_photos(
    tar: tarfile.TarFile, folder: Path, manifest: dict[str, Any], source: Path
) -> None:
    """Write what is not there yet; an original has to be what its name, its SHA-256, says."""
    count = 0
    for member in tar:
        path = PurePosixPath(member.name)
        if path.parts[0] != PHOTOS or not member.isfile():
            continue
        count += 1
        target = folder.joinpath(*path.parts[1:])
        reader = tar.extractfile(member)
        if ".." in path.parts or reader is None:
            raise _no_backup(source, member.name)
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        digest = _copy(reader, part)
        if len(target.name) == 64 and digest != target.name:
            part.unlink()
            raise InvalidInput(f"{member.name} is damaged", f"{member.name} 已损坏",
                               where=str(source))  # fmt: skip
        part.rename(target)
    if count != manifest["attachments"]:
        raise InvalidInput(
            f"{count} photo files of {manifest['attachments']}",
            f"照片文件 {count} 个，应为 {manifest['attachments']} 个",
            where=str(source),
        )


def _copy(reader: IO[bytes], target: Path) -> str:
    with target.open("wb") as out:
        shutil.copyfileobj(reader, out)
    with target.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()
