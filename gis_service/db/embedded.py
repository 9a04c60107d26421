"""The private PostgreSQL cluster under ``GIS_DATA_DIR``, used when ``GIS_DATABASE_URL`` is unset.

It listens on a unix socket only, in a folder that nobody but its owner may enter, and therefore
trusts whoever reaches it. Whoever needs it starts it; only ``gis-service stop`` ends it.
The server refuses to run as root: as root everything is done through the ``postgres`` user.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gis_service.errors import ConfigurationError

ROLE = "gis"
DATABASE = "gis"
SERVER_USER = "postgres"
PACKAGES = "postgresql postgresql-15-postgis-3"
CONFIGURATION = """\
listen_addresses = ''
max_connections = 120
shared_buffers = 512MB
work_mem = 32MB
maintenance_work_mem = 256MB
effective_cache_size = 4GB
max_wal_size = 4GB
random_page_cost = 1.1
jit = off
log_min_duration_statement = 2000
timezone = 'UTC'
"""


NOT_DURABLE = """\
fsync = off
synchronous_commit = off
full_page_writes = off
"""


class Cluster:
    """One private cluster; ``data_dir`` is the service's data folder.

    Without ``durable`` the cluster trades safety at a power failure for speed: for tests only.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.resolve()
        self.durable = durable
        self.folder = self.data_dir / "postgres"
        # a socket path may not pass 107 bytes, so the socket lives in a short temporary folder
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:10]
        self.socket_dir = Path(tempfile.gettempdir()) / f"gis-{digest}"
        self.log = self.folder / "server.log"

    def url(self, database: str = DATABASE) -> str:
        """libpq address of a database in this cluster."""
        return f"postgresql://{ROLE}@/{database}?host={self.socket_dir}"

    def ensure(self) -> str:
        """Create and start the cluster where necessary; return the address of its database."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self._lock():
            if not (self.folder / "PG_VERSION").exists():
                self._create()
            if not self.running():
                self._start()
            self._make_database()
        return self.url()

    def running(self) -> bool:
        """Whether the server answers on its socket."""
        result = subprocess.run(
            [str(bindir() / "pg_isready"), "-q", "-h", str(self.socket_dir)], check=False
        )
        return result.returncode == 0

    def revive(self) -> bool:
        """Start a server that died; one that was stopped stays so. Whether it answers now."""
        with self._lock():
            # a server that is stopped takes this file along
            if not self.running() and (self.folder / "postmaster.pid").exists():
                self._start()
            return self.running()

    def stop(self) -> bool:
        """Stop the server, waiting for it; False when it was not running."""
        if not (self.folder / "postmaster.pid").exists():
            return False
        self._run("pg_ctl", "stop", "-D", str(self.folder), "-m", "fast", "-w", "-t", "60")
        shutil.rmtree(self.socket_dir, ignore_errors=True)
        return True

    # -- details ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.data_dir / "cluster.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _create(self) -> None:
        owner = _server_owner()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if any(self.folder.iterdir()):
            # initdb was interrupted: nothing but its own files can be here, and no data yet
            shutil.rmtree(self.folder)
            self.folder.mkdir(mode=0o700)
        if owner:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            _require_reachable(self.folder, owner.pw_name)
        self._run(
            "initdb", "-D", str(self.folder), "-U", ROLE, "--auth=trust", "--data-checksums",
            "--encoding=UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        with (self.folder / "postgresql.conf").open("a") as handle:
            handle.write(CONFIGURATION if self.durable else CONFIGURATION + NOT_DURABLE)

    def _start(self) -> None:
        owner = _server_owner()
        if owner:
            _require_reachable(self.folder, owner.pw_name)
        self._make_socket_dir(owner)
        self._run(
            "pg_ctl", "start", "-D", str(self.folder), "-l", str(self.log), "-w", "-t", "60",
            "-o", f"-c unix_socket_directories='{self.socket_dir}'",
        )  # fmt: skip

    def _make_socket_dir(self, owner: pwd.struct_passwd | None) -> None:
        uid = owner.pw_uid if owner else os.getuid()
        with contextlib.suppress(FileExistsError):
            self.socket_dir.mkdir(mode=0o700)
            if owner:
                os.chown(self.socket_dir, owner.pw_uid, owner.pw_gid)
        status = self.socket_dir.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid:
            raise ConfigurationError(
                f"the socket folder {self.socket_dir} belongs to somebody else; remove it",
                f"套接字目录 {self.socket_dir} 属于其他用户，请先删除",
            )
        self.socket_dir.chmod(0o700)

    def _make_database(self) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            row = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
            ).fetchone()
            if row is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(bindir() / program), *arguments]
        if _server_owner():
            command = ["runuser", "-u", SERVER_USER, "--", *command]
        # the server must not inherit our pipes: it would keep them open for ever
        with tempfile.TemporaryFile() as output:
            result = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False,
                cwd="/",
            )  # fmt: skip
            if result.returncode == 0:
                return
            output.seek(0)
            words = output.read().decode(errors="replace").strip()
        if self.log.exists():
            words += "\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
        raise ConfigurationError(
            f"{program} failed for the private database in {self.folder}:\n{words}",
            f"内置数据库（{self.folder}）执行 {program} 失败：\n{words}",
        )


def _server_owner() -> pwd.struct_passwd | None:
    """The account that must own the cluster when we are root; None for ordinary users."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam(SERVER_USER)
    except KeyError:
        raise ConfigurationError(
            f"running as root wants the system user '{SERVER_USER}': apt-get install {PACKAGES}",
            f"以 root 运行需要系统用户 {SERVER_USER}：apt-get install {PACKAGES}",
        ) from None


def _require_reachable(folder: Path, user: str) -> None:
    for parent in [*reversed(folder.parents), folder]:
        probe = ["runuser", "-u", user, "--", "test", "-x", str(parent)]
        if subprocess.run(probe, check=False, cwd="/").returncode != 0:
            raise ConfigurationError(
                f"the database server runs as '{user}' and may not enter {parent}; "
                f"choose another GIS_DATA_DIR or run: chmod o+x {parent}",
                f"数据库以用户 {user} 运行，无法进入 {parent}；"
                f"请更换 GIS_DATA_DIR，或执行：chmod o+x {parent}",
            )


def bindir() -> Path:
    """Folder of the newest server programs that have PostGIS beside them."""

    def version(path: Path) -> list[int]:
        return [int(n) for n in re.findall(r"\d+", path.parent.name)]

    for bindir in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True):
        share = Path("/usr/share/postgresql") / bindir.parent.name / "extension"
        if (bindir / "initdb").exists() and (share / "postgis.control").exists():
            return bindir
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    raise ConfigurationError(
        f"no PostgreSQL server with PostGIS was found: apt-get install {PACKAGES}, "
        "or set GIS_DATABASE_URL",
        f"未找到带 PostGIS 的 PostgreSQL：apt-get install {PACKAGES}，或设置 GIS_DATABASE_URL",
    )
