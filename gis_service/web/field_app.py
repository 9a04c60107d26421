"""The field page as an installable application: its service worker, manifest and icons."""

from __future__ import annotations

import hashlib
import io
import json
from functools import lru_cache
from typing import Any

from PIL import Image, ImageDraw

from gis_service.web.modules import STATIC, page_modules

PAGE = "/field"
COLOUR = "#1d2a3b"
ICONS = (192, 512)  # pixels a side
OTHER_FILES = (
    "map.css", "public.css", "field.css", "favicon.svg", "vendor/idb/index.js",
)  # fmt: skip


@lru_cache
def worker() -> str:
    """The service worker's script, with the files it keeps and their version in front: a file
    that changed makes another script, which browsers then install."""
    names = [*OTHER_FILES, *(f"js/{name}" for name in page_modules("field/main.js"))]
    script = (STATIC / "js" / "field" / "worker.js").read_text(encoding="utf-8")
    digest = hashlib.sha256(script.encode())
    for name in names:
        digest.update((STATIC / name).read_bytes())
    files = [
        PAGE, "/static/strings/zh.json", "/static/strings/en.json",
        *(f"/static/{name}" for name in names),
    ]  # fmt: skip
    version = digest.hexdigest()[:16]
    return f'const FILES = {json.dumps(files)};\nconst VERSION = "{version}";\n{script}'


def manifest(name: str, title: str, language: str) -> dict[str, Any]:
    """The web application manifest."""
    return {
        "name": f"{name} · {title}",
        "short_name": name,
        "lang": "zh-CN" if language == "zh" else "en",
        "id": PAGE,
        "start_url": PAGE,
        "scope": PAGE,
        "display": "standalone",
        "background_color": "#f2f4f7",
        "theme_color": COLOUR,
        "icons": [
            {"src": f"/field/icon-{size}.png", "sizes": f"{size}x{size}", "type": "image/png",
             "purpose": "any maskable"}
            for size in ICONS
        ],
    }  # fmt: skip


@lru_cache
def icon(size: int) -> bytes:
    """A pin on the service's colour as a PNG of ``size`` pixels a side."""
    scale = size * 4
    image = Image.new("RGB", (scale, scale), COLOUR)
    draw = ImageDraw.Draw(image)
    middle, top, radius = scale / 2, scale * 0.42, scale * 0.19
    draw.polygon(
        [(middle - radius * 0.93, top + radius * 0.4), (middle + radius * 0.93, top + radius * 0.4),
         (middle, scale * 0.82)],
        fill="#ffffff",
    )  # fmt: skip
    draw.ellipse((middle - radius, top - radius, middle + radius, top + radius), fill="#ffffff")
    hole = radius * 0.45
    draw.ellipse((middle - hole, top - hole, middle + hole, top + hole), fill="#d9480f")
    out = io.BytesIO()
    image.resize((size, size), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()
