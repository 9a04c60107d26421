"""Sealing personal data, and the key that does it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gis_service.accounts import personal
from gis_service.errors import ConfigurationError, InvalidInput
from gis_service.settings import Settings, get_settings

FACTS = {"name": "张三", "phone": "13800005678"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The process's settings with a data folder of their own."""
    monkeypatch.setenv("GIS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("GIS_PERSONAL_KEY_FILE", raising=False)
    get_settings.cache_clear()
    yield get_settings()
    monkeypatch.undo()
    get_settings.cache_clear()


def test_what_is_sealed_opens_and_tells_nothing_before(settings: Settings) -> None:
    sealed = personal.seal(FACTS)
    assert personal.open_sealed(sealed) == FACTS
    assert b"13800005678" not in sealed
    assert personal.seal(FACTS) != sealed
    path = personal.key_file(settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_changed_byte_does_not_open(settings: Settings) -> None:
    sealed = bytearray(personal.seal(FACTS))
    sealed[30] ^= 1
    with pytest.raises(ConfigurationError):
        personal.open_sealed(bytes(sealed))


def test_a_new_key_seals_and_the_old_one_still_opens(settings: Settings) -> None:
    old = personal.seal(FACTS)
    personal.add_key(settings)
    new = personal.seal(FACTS)
    assert personal.open_sealed(old) == personal.open_sealed(new) == FACTS
    keys = personal.key_file(settings).read_bytes().split()
    assert len(keys) == 2
    personal.key_file(settings).write_bytes(keys[1] + b"\n")  # only the old one is left
    assert personal.open_sealed(old) == FACTS
    with pytest.raises(ConfigurationError, match="key import"):
        personal.open_sealed(new)


def test_a_lost_key_comes_back_from_its_copy(settings: Settings, tmp_path: Path) -> None:
    sealed = personal.seal(FACTS)
    copy = tmp_path / "copy.key"
    assert personal.export_keys(settings, copy) == 1
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    personal.key_file(settings).unlink()
    later = personal.seal({"name": "李四"})  # a key of its own was made
    with pytest.raises(ConfigurationError, match="key import"):
        personal.open_sealed(sealed)
    assert personal.import_keys(settings, copy) == 1
    assert personal.open_sealed(sealed) == FACTS
    assert personal.open_sealed(later) == {"name": "李四"}
    assert personal.import_keys(settings, copy) == 0


def test_files_that_hold_no_keys_are_refused_and_none_is_overwritten(
    settings: Settings, tmp_path: Path
) -> None:
    personal.seal(FACTS)
    wrong = tmp_path / "wrong.key"
    wrong.write_text("no key\n")
    with pytest.raises(ConfigurationError, match="holds no keys"):
        personal.import_keys(settings, wrong)
    wrong.write_text("")
    with pytest.raises(ConfigurationError, match="holds no keys"):
        personal.import_keys(settings, wrong)
    with pytest.raises(ConfigurationError):
        personal.import_keys(settings, tmp_path / "missing.key")
    with pytest.raises(InvalidInput):
        personal.export_keys(settings, wrong)
    assert len(personal.key_file(settings).read_bytes().split()) == 1


def test_a_key_file_that_is_named_is_not_made_up(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIS_PERSONAL_KEY_FILE", str(tmp_path / "elsewhere.key"))
    get_settings.cache_clear()
    with pytest.raises(ConfigurationError, match="GIS_PERSONAL_KEY_FILE"):
        personal.seal(FACTS)
    personal.export_keys(settings, tmp_path / "elsewhere.key")
    assert personal.open_sealed(personal.seal(FACTS)) == FACTS
