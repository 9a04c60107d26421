"""Run the service: where, and whether it may."""

from __future__ import annotations

import gc
import ipaddress
import socket
import ssl
import sys
from typing import Any

import uvicorn
from sqlalchemy import text
from uvicorn.config import LOGGING_CONFIG

from gis_service.app import create_app
from gis_service.db.engine import conninfo, make_engine
from gis_service.db.migrate import pending
from gis_service.errors import ConfigurationError
from gis_service.observing import log_to_stderr
from gis_service.patience import patient
from gis_service.settings import Settings

# longer than a proxy keeps a connection it may still use (nginx 60 s): a report sent on one that is
# just being closed fails, and no proxy sends it again
KEEP_ALIVE_S = 75
# how long work beside the event loop may keep the interpreter to itself: every request comes back
# to the loop some twenty times, and each time waited that long (by default 5 ms) for, say, a tile
SWITCH_S = 0.0005
GRACE_S = 20  # what is being answered when the service is told to stop may take so long


def serve(settings: Settings) -> None:
    """Serve until interrupted. Raises ConfigurationError for a used port or an open address."""
    check_address(settings)
    check_tls(settings)
    log_to_stderr(settings.log_format)
    # as JSON the server's own lines, too, go through our handler
    own = None if settings.log_format == "json" else LOGGING_CONFIG
    config = uvicorn.Config(
        create_app(settings), host=settings.host, port=settings.port, log_level="info",
        log_config=own, access_log=False,
        ssl_certfile=settings.tls_certificate, ssl_keyfile=settings.tls_key,
        http=patient(settings.client_timeout_s), ws="none",
        timeout_keep_alive=KEEP_ALIVE_S, timeout_graceful_shutdown=GRACE_S,
    )  # fmt: skip
    sys.setswitchinterval(SWITCH_S)
    scheme = "https" if settings.tls_certificate else "http"
    print(f"地图 / map: {scheme}://{settings.host}:{settings.port}/", flush=True)
    # the collector of garbage went through four hundred thousand objects of libraries otherwise,
    # again and again, and nobody was answered meanwhile: 0.4 s on a slow machine
    gc.collect()
    gc.freeze()
    uvicorn.Server(config).run()


def check_address(settings: Settings) -> None:
    """Raise ConfigurationError for an address that is not loopback while nobody can sign in, or a
    port in use."""
    check_host(settings)
    check_port(settings)


def check_tls(settings: Settings) -> None:
    """Raise ConfigurationError for a certificate without its key, or files that do not belong
    together."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise ConfigurationError(
            "GIS_TLS_CERTIFICATE and GIS_TLS_KEY belong together; one is missing",
            "GIS_TLS_CERTIFICATE 与 GIS_TLS_KEY 须同时设置",
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as problem:
        raise ConfigurationError(
            f"{certificate} and {key} do not serve HTTPS: {problem}",
            f"证书 {certificate} 与私钥 {key} 无法用于 HTTPS：{problem}",
        ) from problem


def check_port(settings: Settings) -> None:
    """Raise ConfigurationError for a port in use or an address of another machine."""
    with socket.socket(_addresses(settings)[0][0]) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as problem:
            raise ConfigurationError(
                f"port {settings.port} is in use ({problem}); stop what runs there or set GIS_PORT",
                f"端口 {settings.port} 已被占用（{problem}）；请停止占用程序或设置 GIS_PORT",
            ) from None


def check_host(settings: Settings) -> None:
    """Without an account that can sign in, the service is for this machine alone."""
    if is_local(settings):
        return
    if not _has_accounts(settings):
        raise ConfigurationError(
            f"GIS_HOST {settings.host}: as long as nobody can sign in, the service answers on "
            "loopback only; make an administrator: gis-service user add NAME --role admin",
            f"GIS_HOST {settings.host}：尚无可登录的账号，仅允许本机访问；请先建立管理员："
            "gis-service user add NAME --role admin",
        )


def is_local(settings: Settings) -> bool:
    """Whether only this machine reaches the service. Raises ConfigurationError for no address."""
    found = {str(address[4][0]) for address in _addresses(settings)}
    return all(ipaddress.ip_address(address).is_loopback for address in found)


def _addresses(settings: Settings) -> list[Any]:
    try:
        return socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except socket.gaierror as problem:
        raise ConfigurationError(
            f"GIS_HOST {settings.host!r} is no address: {problem}",
            f"GIS_HOST {settings.host!r} 不是有效地址：{problem}",
        ) from None


def _has_accounts(settings: Settings) -> bool:
    """Whether somebody can sign in; nobody can where there are no tables yet."""
    engine = make_engine(conninfo(settings))
    try:
        if pending(engine):
            return False
        with engine.connect() as connection:
            found = connection.execute(
                text("SELECT EXISTS (SELECT 1 FROM account WHERE active AND password_hash <> '')")
            )
            return bool(found.scalar_one())
    finally:
        engine.dispose()
