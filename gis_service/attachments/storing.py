"""Keep a photo: the original untouched, renditions upright, small and without metadata.

Files lie by the hash of the original under ``data_dir/attachments``; a photo that comes twice is
kept once.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image, ImageOps
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput, NotFound, TooLarge
from gis_service.settings import Settings

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
SIDES = {"full": 2048, "thumb": 320}  # longest side of a rendition, pixels
QUALITY = {"full": 85, "thumb": 78}
Size = Literal["full", "thumb", "original"]


@dataclass(frozen=True)
class Stored:
    """A photo on disk; ``width`` and ``height`` in pixels, upright."""

    sha256: str
    media_type: str
    size: int
    width: int
    height: int


def store(data: bytes, settings: Settings) -> Stored:
    """Check a photo and write it with its renditions; safe to repeat.

    Raises TooLarge for too many bytes or pixels (told from the header, before anything is
    decoded), InvalidInput for what is no JPEG, PNG or WebP or cannot be decoded.
    """
    if len(data) > settings.photo_bytes:
        raise TooLarge(
            f"{len(data) / 2**20:.1f} MiB; a photo may have {settings.photo_bytes / 2**20:.0f}",
            f"照片 {len(data) / 2**20:.1f} MiB，上限 {settings.photo_bytes / 2**20:.0f} MiB",
            where="photo",
        )
    try:
        with Image.open(io.BytesIO(data), formats=tuple(FORMATS)) as image:
            if image.width * image.height > settings.photo_pixels:
                raise TooLarge(
                    f"{image.width} × {image.height} pixels; a photo may have "
                    f"{settings.photo_pixels / 1e6:.0f} million",
                    f"照片 {image.width} × {image.height} 像素，上限 "
                    f"{settings.photo_pixels / 1e6:.0f} 百万像素",
                    where="photo",
                )
            media_type = FORMATS[str(image.format)]
            # decoded at a lower scale where the format can: a thumbnail needs no 36 megapixels
            image.draft("RGB", (SIDES["full"], SIDES["full"]))
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except Image.DecompressionBombError:
        raise TooLarge(
            f"a photo may have {settings.photo_pixels / 1e6:.0f} million pixels",
            f"照片上限 {settings.photo_pixels / 1e6:.0f} 百万像素",
            where="photo",
        ) from None
    except TooLarge:
        raise
    except Exception as problem:  # decoders fail in every way there is on what is damaged
        raise InvalidInput(
            "this is no photo that can be read; JPEG, PNG and WebP are accepted",
            "无法识别的照片；支持 JPEG、PNG、WebP",
            where="photo",
        ) from problem
    sha256 = hashlib.sha256(data).hexdigest()
    _write(_path(settings, sha256, "original"), data)
    width = height = 0
    for size, side in SIDES.items():
        rendition = upright.copy()
        rendition.thumbnail((side, side), Image.Resampling.LANCZOS)
        if size == "full":
            width, height = rendition.size
        out = io.BytesIO()
        rendition.save(out, "JPEG", quality=QUALITY[size], optimize=True)
        _write(_path(settings, sha256, size), out.getvalue())
    return Stored(sha256, media_type, len(data), width, height)


def keep(session: Session, stored: Stored, name: str, by: str) -> int:
    """Note a stored photo; returns its id. The caller commits."""
    return int(
        session.execute(
            text(
                "INSERT INTO attachment (sha256, media_type, size, width, height, file_name, "
                "uploaded_by) VALUES (:sha256, :media_type, :size, :width, :height, :name, :by) "
                "RETURNING id"
            ),
            {**vars(stored), "name": Path(name).name[:200].replace("\x00", ""), "by": by},
        ).scalar_one()
    )


def file_of(settings: Settings, sha256: str, size: Size) -> Path:
    """The file of a rendition or the original. Raises NotFound where the folder lost it."""
    path = _path(settings, sha256, size)
    if not path.exists():
        raise NotFound(
            f"the photo {sha256[:12]} is not in the attachments folder",
            f"附件目录中没有照片 {sha256[:12]}",
        )
    return path


def _path(settings: Settings, sha256: str, size: str) -> Path:
    suffix = "" if size == "original" else f".{size}.jpg"
    return settings.data_dir / "attachments" / sha256[:2] / f"{sha256}{suffix}"


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing, on disk when this returns."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as handle:
        try:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
            os.replace(handle.name, path)
        except BaseException:
            os.unlink(handle.name)
            raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too, has to outlast a power failure
    finally:
        os.close(folder)
