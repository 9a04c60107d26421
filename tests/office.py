"""What an office program makes of a document."""

from __future__ import annotations

import subprocess
from pathlib import Path


def converted(file: Path, to: str, folder: Path) -> Path:
    """``file`` opened by LibreOffice and saved as ``to`` (an extension, with a filter where one is
    wanted) in ``folder``. ``make test`` installs the program; without it the test fails."""
    done = subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless",
         "--convert-to", to, "--outdir", str(folder), str(file)],
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    saved = folder / f"{file.stem}.{to.split(':')[0]}"
    assert saved.exists(), f"LibreOffice saved nothing: {done.stderr.decode(errors='replace')}"
    return saved
