"""HTTPS as docs/field.md sets it up, tried; what does not belong together is refused by name."""

from __future__ import annotations

import ssl
import subprocess
import urllib.request
from pathlib import Path

import pytest

from gis_service.errors import ConfigurationError
from gis_service.serving import check_tls
from gis_service.settings import Settings
from tests.browser.conftest import service
from tests.conftest import ROOT, Database


def make(folder: Path, *names: str) -> None:
    subprocess.run([ROOT / "scripts" / "certificate.sh", folder, *names], check=True)


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "one", "127.0.0.1")
    make(tmp_path / "two", "127.0.0.1")
    one, two = tmp_path / "one" / "service.pem", tmp_path / "two" / "service.key"
    check_tls(Settings(tls_certificate=one, tls_key=tmp_path / "one" / "service.key"))
    with pytest.raises(ConfigurationError, match="belong together"):
        check_tls(Settings(tls_certificate=one))
    with pytest.raises(ConfigurationError, match="do not serve HTTPS"):
        check_tls(Settings(tls_certificate=one, tls_key=two))
    with pytest.raises(ConfigurationError, match="do not serve HTTPS"):
        check_tls(Settings(tls_certificate=tmp_path / "none.pem", tls_key=two))


def test_the_service_speaks_https(database: Database, tmp_path: Path) -> None:
    make(tmp_path / "tls", "127.0.0.1", "localhost")
    database.environment |= {
        "GIS_TLS_CERTIFICATE": str(tmp_path / "tls" / "service.pem"),
        "GIS_TLS_KEY": str(tmp_path / "tls" / "service.key"),
    }
    trust = ssl.create_default_context(cafile=tmp_path / "tls" / "authority.pem")
    with service(database, tmp_path / "log", "serve", trust=trust) as address:
        assert address.startswith("https://")
        with urllib.request.urlopen(f"{address}/field/worker.js", context=trust) as answer:  # noqa: S310
            assert answer.status == 200
        # the next certificate of the same authority needs nothing new on the phones
        make(tmp_path / "tls", "127.0.0.1")
