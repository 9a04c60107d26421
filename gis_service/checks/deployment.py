"""What can be told without the database: settings, files, disks, keys, backups."""

from __future__ import annotations

import importlib
import os
import shutil
import ssl
import stat
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from zoneinfo import available_timezones

import orjson

from gis_service.accounts.oidc import NotThrough, Provider
from gis_service.accounts.oidc_settings import check_oidc
from gis_service.accounts.personal import check_keys, key_file
from gis_service.checks.finding import Finding, advice, attempt, wrong
from gis_service.errors import ConfigurationError
from gis_service.hierarchy.checking import code_pattern
from gis_service.hierarchy.coordinates import parse_crs
from gis_service.maps.registry import read_registry
from gis_service.serving import check_host, check_tls, is_local
from gis_service.settings import DEMO_ACCOUNTS, Settings
from gis_service.web.vendor import missing_files

FULL_BYTES, LOW_BYTES = 500 * 2**20, 5 * 2**30
BACKUP_HOURS = 36
ASKED_S = 3


def check_deployment(settings: Settings) -> list[Finding]:
    """Settings, files, disk, keys, and whether the service answers."""
    found: list[Finding] = []
    if settings.timezone not in available_timezones():
        found.append(
            wrong(
                f"GIS_TIMEZONE {settings.timezone!r} is no time zone",
                f"GIS_TIMEZONE {settings.timezone!r} 不是有效时区",
            )
        )
    if settings.metric_crs:
        found += attempt("GIS_METRIC_CRS", lambda: parse_crs(str(settings.metric_crs)))
    found += attempt("GIS_CODE_RULE", lambda: code_pattern(settings.code_rule, "street"))
    found += attempt("GIS_LAYERS_DIR", lambda: read_registry(settings.layers_dir))
    found += attempt("GIS_TLS_CERTIFICATE", lambda: check_tls(settings))
    found += [
        wrong(f"{name} is missing: run scripts/vendor.sh", f"缺少 {name}：请执行 scripts/vendor.sh")
        for name in missing_files()
    ]
    try:
        importlib.import_module("gis_service.reports.pictures").font()
    except ConfigurationError as problem:
        found.append(
            wrong(f"review documents: {problem.message}", f"研判报告：{problem.message_zh}")
        )
    return [
        *found,
        *_data_folder(settings),
        *_keys(settings),
        *_web(settings),
        *_provider(settings),
        *_answering(settings),
    ]


def _data_folder(settings: Settings) -> list[Finding]:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
    except OSError as problem:
        why = problem.strerror
        return [
            wrong(
                f"GIS_DATA_DIR {folder} cannot be written: {why}; give it to the user the "
                f"service runs as: chown -R USER {folder}",
                f"GIS_DATA_DIR {folder} 无法写入：{why}；请将其属主改为运行服务的用户："
                f"chown -R 用户 {folder}",
            )
        ]
    free = shutil.disk_usage(folder).free
    if free >= LOW_BYTES:
        return []
    said = f"{free / 2**30:.1f} GiB"
    make = wrong if free < FULL_BYTES else advice
    return [
        make(
            f"the disk of GIS_DATA_DIR has {said} left: move old backups away or enlarge it",
            f"GIS_DATA_DIR 所在磁盘仅剩 {said}：请移走旧备份或扩容",
        )
    ]


def _keys(settings: Settings) -> list[Finding]:
    path = key_file(settings)
    if not path.exists() and not settings.personal_key_file:
        return []  # made on first use; whether it is missed, the database tells
    found = attempt("personal data", lambda: check_keys(settings))
    if not found:
        status = path.stat()
        if status.st_uid != os.geteuid():
            found.append(
                wrong(
                    f"the key {path} belongs to another user than the one who runs "
                    f"this: chown it, or run check as that user",
                    f"密钥 {path} 的属主不是当前用户：请更改属主，或以该用户执行检查",
                )
            )
        if stat.S_IMODE(status.st_mode) & 0o077:
            found.append(
                wrong(
                    f"others may read the key {path}: chmod 600 {path}",
                    f"其他用户可读取密钥 {path}：请执行 chmod 600 {path}",
                )
            )
    return found


def _web(settings: Settings) -> list[Finding]:
    """HTTPS, cookies, and what the public may see."""
    found: list[Finding] = []
    found += attempt("GIS_HOST", lambda: check_host(settings))
    try:
        local = is_local(settings)
    except ConfigurationError:
        return found
    url = settings.public_url or ""
    secure = settings.tls_certificate is not None or url.startswith("https://")
    if url and not url.startswith(("http://", "https://")):
        found.append(
            wrong(
                f"GIS_PUBLIC_URL {url!r} does not begin with https://",
                f"GIS_PUBLIC_URL {url!r} 应以 https:// 开头",
            )
        )
    if settings.secure_cookies and not secure:
        found.append(
            wrong(
                "GIS_SECURE_COOKIES is on, but the service is not reached over HTTPS: "
                "nobody can stay signed in; set GIS_TLS_CERTIFICATE, or GIS_PUBLIC_URL "
                "to the https:// address of the proxy",
                "GIS_SECURE_COOKIES 已开启，但服务未使用 HTTPS，登录无法保持；请设置 "
                "GIS_TLS_CERTIFICATE，或将 GIS_PUBLIC_URL 设为代理的 https:// 地址",
            )
        )
    if settings.secure_cookies is False and secure:
        found.append(
            wrong(
                "GIS_SECURE_COOKIES is off although HTTPS is there: sessions can be "
                "read on the way; take the setting out",
                "已使用 HTTPS，但 GIS_SECURE_COOKIES 被关闭，会话可能被窃取；请去掉该设置",
            )
        )
    if not secure and (not local or url):
        found.append(
            wrong(
                "passwords and sessions go over the network in the clear: set "
                "GIS_TLS_CERTIFICATE and GIS_TLS_KEY, or serve on 127.0.0.1 behind a "
                "proxy with HTTPS (docs/operations.md)",
                "密码和会话在网络上明文传输：请设置 GIS_TLS_CERTIFICATE 和 GIS_TLS_KEY，"
                "或仅监听 127.0.0.1 并使用 HTTPS 反向代理（docs/operations.md）",
            )
        )
    if settings.public and (not local or url) and not settings.map_approval_number:
        found.append(
            advice(
                "the public sees maps without a map approval number: set "
                "GIS_MAP_APPROVAL_NUMBER, or GIS_PUBLIC=false",
                "公众可见的地图没有审图号：请设置 GIS_MAP_APPROVAL_NUMBER，或设置 GIS_PUBLIC=false",
            )
        )
    demo = settings.data_dir / DEMO_ACCOUNTS
    if demo.exists() and (not local or url):
        found.append(
            wrong(
                f"the demo's accounts can sign in, their passwords lie in {demo}: serve "
                "the real district from a data folder and a database of its own",
                f"演示账号可登录，其密码存于 {demo}：正式使用请另设数据目录和数据库",
            )
        )
    return found


def _provider(settings: Settings) -> list[Finding]:
    """The OpenID provider, where one is set."""
    if settings.oidc_issuer is None:
        return []
    found = attempt("OpenID", lambda: check_oidc(settings))
    if found:
        return found
    secret = settings.oidc_client_secret_file
    if secret is not None and stat.S_IMODE(secret.stat().st_mode) & 0o077:
        found.append(
            wrong(
                f"others may read the client's secret {secret}: chmod 600 {secret}",
                f"其他用户可读取客户端密钥 {secret}：请执行 chmod 600 {secret}",
            )
        )
    try:
        Provider(settings).discover()
    except NotThrough as problem:
        found.append(
            wrong(
                f"GIS_OIDC_ISSUER {settings.oidc_issuer}: nobody can sign in through it: "
                f"{problem.detail}",
                f"GIS_OIDC_ISSUER {settings.oidc_issuer}：无法通过该平台登录：{problem.detail}",
            )
        )
    return found


def _answering(settings: Settings) -> list[Finding]:
    """What the running service says of itself."""
    scheme = "https" if settings.tls_certificate else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    address = f"{scheme}://{host}:{settings.port}/readyz"
    # our own certificate under whatever name: nothing is sent
    context = ssl._create_unverified_context()  # noqa: S323
    handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    try:
        with urllib.request.build_opener(*handlers).open(address, timeout=ASKED_S):
            return []
    except urllib.error.HTTPError as answer:
        try:
            reasons = "; ".join(orjson.loads(answer.read())["reasons"])
        except (ValueError, KeyError, TypeError):
            return [
                wrong(
                    f"another program answers at {address}: set GIS_PORT",
                    f"{address} 由其他程序应答：请设置 GIS_PORT",
                )
            ]
        return [wrong(f"the service is not ready: {reasons}", f"服务尚未就绪：{reasons}")]
    except OSError:
        return [
            advice(
                f"no service answers at {address}: systemctl start gis-service, or "
                "gis-service serve",
                f"{address} 没有服务应答：请执行 systemctl start gis-service 或 gis-service serve",
            )
        ]


def check_backups(settings: Settings) -> list[Finding]:
    """The age of the newest backup in ``backup_dir``."""
    folder = settings.backup_dir
    if folder is None:
        return [
            advice(
                "nobody knows of backups: set GIS_BACKUP_DIR and run gis-service backup "
                "daily (docs/operations.md)",
                "未设置备份目录：请设置 GIS_BACKUP_DIR 并每日执行 gis-service backup"
                "（docs/operations.md）",
            )
        ]
    ages = [time.time() - path.stat().st_mtime for path in Path(folder).glob("*.backup")]
    if not ages:
        return [
            wrong(
                f"there is no backup in {folder}: gis-service backup",
                f"{folder} 中没有备份：请执行 gis-service backup",
            )
        ]
    hours = min(ages) / 3600
    if hours > BACKUP_HOURS:
        return [
            wrong(
                f"the newest backup in {folder} is {hours:.0f} hours old: look at the timer "
                "(systemctl list-timers), then run gis-service backup",
                f"{folder} 中最新备份已有 {hours:.0f} 小时：请检查定时任务"
                "（systemctl list-timers），然后执行 gis-service backup",
            )
        ]
    return []
