"""Pictures of no real place, drawn from a seed and saying so: a street front before and after."""

from __future__ import annotations

import io

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from gis_service.errors import ConfigurationError
from gis_service.reports.pictures import font

SIZE = WIDTH, HEIGHT = 720, 480
MOMENTS = {"before": "整治前", "after": "整治后"}
LABEL_PX = 22
SKY, ROAD, KERB, PAVEMENT, LABEL = "#cfe0ee", "#6d757e", "#e9ebee", "#c9c4ba", "#1d2733"
WALLS = ("#d9b99b", "#b9c7b0", "#c8b6c9", "#a9bccb", "#dccf9f")
AWNINGS = ("#b23a3a", "#2f6f9f", "#3f8a5a", "#b7791f")
GOODS = ("#8c5a2b", "#c0562f", "#4f6d8f", "#77783a", "#a33b5b")


def street_picture(rng: np.random.Generator, moment: str, words: str) -> bytes:
    """A row of shops as JPEG: goods on the pavement ``before``, a clear one ``after``. Equal
    generators draw equal houses, so that both are of one place; ``words`` stand below."""
    image = Image.new("RGB", SIZE, SKY)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 300, WIDTH, 400), fill=PAVEMENT)
    draw.rectangle((0, 392, WIDTH, 400), fill=KERB)
    draw.rectangle((0, 400, WIDTH, HEIGHT), fill=ROAD)
    left = -20
    while left < WIDTH:
        wide, high = int(rng.integers(110, 190)), int(rng.integers(150, 250))
        top = 300 - high
        draw.rectangle((left, top, left + wide, 300), fill=_one(rng, WALLS), outline="#8b857c")
        for window in range(left + 16, left + wide - 30, 44):
            draw.rectangle((window, top + 18, window + 26, top + 50), fill="#eef4f8")
        draw.rectangle((left + 10, 222, left + wide - 10, 300), fill="#4a4f57")
        draw.polygon([(left + 4, 206), (left + wide - 4, 206), (left + wide + 4, 230),
                      (left - 4, 230)], fill=_one(rng, AWNINGS))  # fmt: skip
        left += wide
    if moment == "before":
        for _ in range(14):
            x, y = int(rng.integers(10, WIDTH - 70)), int(rng.integers(310, 384))
            wide, high = int(rng.integers(24, 60)), int(rng.integers(16, 44))
            draw.rectangle((x, y - high // 2, x + wide, y + high // 2), fill=_one(rng, GOODS),
                           outline="#3b3128")  # fmt: skip
    else:
        draw.rectangle((0, 318, WIDTH, 322), fill="#f2c94c")  # what shops keep behind
        for x in range(40, WIDTH, 150):
            draw.rectangle((x, 352, x + 6, 392), fill="#7a5a3a")
            draw.ellipse((x - 20, 310, x + 26, 360), fill="#4d8a57")
    _label(draw, f"示意数据 · {MOMENTS[moment]} · {words}")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()


def _one(rng: np.random.Generator, colours: tuple[str, ...]) -> str:
    return colours[int(rng.integers(len(colours)))]


def _label(draw: ImageDraw.ImageDraw, words: str) -> None:
    draw.rectangle((0, HEIGHT - 40, WIDTH, HEIGHT), fill=LABEL)
    try:
        face = ImageFont.truetype(font_manager.findfont(font()), LABEL_PX)
    except ConfigurationError:  # no font here has Chinese
        draw.text((14, HEIGHT - 28), "ILLUSTRATIVE DATA", fill="white")
    else:
        draw.text((14, HEIGHT - 34), words, fill="white", font=face)
