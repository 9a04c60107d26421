"""Run the service: where, and whether it may."""

from __future__ import annotations

import ipaddress
import socket

import uvicorn

from gis_service.app import create_app
from gis_service.errors import ConfigurationError
from gis_service.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until interrupted. Raises ConfigurationError for a used port or an open address."""
    check_address(settings)
    config = uvicorn.Config(
        create_app(settings), host=settings.host, port=settings.port, log_level="info",
        access_log=False,
    )  # fmt: skip
    print(f"地图 / map: http://{settings.host}:{settings.port}/", flush=True)
    uvicorn.Server(config).run()


def check_address(settings: Settings) -> None:
    """Raise ConfigurationError for an address that is not loopback, or a port in use."""
    check_host(settings)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as problem:
            raise ConfigurationError(
                f"port {settings.port} is in use ({problem}); stop what runs there or set GIS_PORT",
                f"端口 {settings.port} 已被占用（{problem}）；请停止占用程序或设置 GIS_PORT",
            ) from None


def check_host(settings: Settings) -> None:
    """Without accounts the service is for this machine alone."""
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(settings.host, settings.port)}
    except socket.gaierror as problem:
        raise ConfigurationError(
            f"GIS_HOST {settings.host!r} is no address: {problem}",
            f"GIS_HOST {settings.host!r} 不是有效地址：{problem}",
        ) from None
    if not all(ipaddress.ip_address(str(address)).is_loopback for address in addresses):
        raise ConfigurationError(
            f"GIS_HOST {settings.host}: without accounts the service answers on loopback only; "
            "use 127.0.0.1 and, from elsewhere, an SSH tunnel",
            f"GIS_HOST {settings.host}：尚无账号体系，仅允许本机访问；请使用 127.0.0.1，"
            "远程访问请用 SSH 隧道",
        )
