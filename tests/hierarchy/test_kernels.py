"""Compiled functions: kept for the next process, renewed when any of their sources changes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba

from gis_service.hierarchy import kernels

INNER = """
from {package}.kernels import kernel


@kernel
def factor():
    return {value}
"""
OUTER = """
from {package}.inner import factor
from {package}.kernels import kernel


@kernel
def answer(x):
    return x * factor()
"""
ASK = "from {package}.outer import answer as a; print(a(2), sum(a.stats.cache_hits.values()))"


def answer(folder: Path, value: int, **environment: str) -> list[int]:
    """[result, cache hits] of the outer kernel in a new process."""
    (folder / "copied/inner.py").write_text(INNER.format(package="copied", value=value))
    ask = ASK.format(package="copied")
    run = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(word) for word in run.stdout.split()]


def copy(folder: Path) -> None:
    (folder / "copied").mkdir()
    (folder / "copied/__init__.py").touch()
    shutil.copy(kernels.__file__, folder / "copied/kernels.py")
    (folder / "copied/outer.py").write_text(OUTER.format(package="copied"))


def test_a_change_in_another_file_renews_the_caller(tmp_path: Path):
    copy(tmp_path)
    assert answer(tmp_path, 10) == [20, 0]
    assert answer(tmp_path, 10) == [20, 1]
    assert answer(tmp_path, 11) == [22, 0]
    assert len(list((tmp_path / "copied/__pycache__").glob("kernels-*"))) == 1


def test_where_nothing_can_be_kept_it_is_compiled_each_time(tmp_path: Path):
    copy(tmp_path)
    # a file where the folder should be refuses even root
    (tmp_path / "copied/__pycache__").touch()
    blocked = tmp_path / "blocked"
    blocked.touch()
    assert answer(tmp_path, 10, XDG_CACHE_HOME=str(blocked)) == [20, 0]
    kept = tmp_path / "kept"
    assert answer(tmp_path, 10, XDG_CACHE_HOME=str(kept)) == [20, 0]
    assert answer(tmp_path, 10, XDG_CACHE_HOME=str(kept)) == [20, 1]


def test_other_users_of_numba_keep_their_own_folder():
    assert "kernels-" not in str(numba.config.CACHE_DIR)
