"""Names that could be real: roads, estates, villages, shops, schools."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources

import numpy as np

FIRST = "丰泉安泰福德明华文兴和金宝玉龙凤鹤云海清秀锦荣昌嘉祥瑞景仁义崇宏光长永东南西北大普"
SECOND = "泽洲园泉山江溪湖平源盛兴隆光华庆达顺宁康乐林峰台塘霞浦田桥岭星阳春辉远通"


@cache
def words(name: str) -> tuple[str, ...]:
    """A word list of ``data/words.toml``."""
    text = resources.files("gis_service.demo").joinpath("data", "words.toml").read_text("utf-8")
    return tuple(tomllib.loads(text)[name].split())


def pairs(rng: np.random.Generator, first: Sequence[str], last: Sequence[str]) -> Iterator[str]:
    """Every first word with every last one, once, in random order; then again with numbers."""
    order = rng.permutation(len(first) * len(last))
    made = [first[n % len(first)] + last[n // len(first)] for n in order]
    turn = 1
    while True:
        for word in made:
            yield word if turn == 1 else f"{word}{chinese_number(turn)}"
        turn += 1


def road_words(rng: np.random.Generator) -> Iterator[str]:
    """Two-character road names without their suffix, doubles such as 泉泉 left out."""
    for word in pairs(rng, list(FIRST), list(SECOND)):
        if word[0] != word[1]:
            yield word


DIGITS = "零一二三四五六七八九"


def chinese_number(n: int) -> str:
    """1–99 in Chinese characters."""
    tens, ones = divmod(n, 10)
    text = "" if tens == 0 else ("十" if tens == 1 else DIGITS[tens] + "十")
    return text + (DIGITS[ones] if ones or not tens else "")
