"""Which class is proposed for what residents say."""

from __future__ import annotations

import csv

import pytest

from gis_service.communities.class_proposal import Proposals
from gis_service.reference.classes import DEFAULT_SET
from tests.conftest import ROOT

with DEFAULT_SET.open(encoding="utf-8") as file:
    CLASSES = list(csv.DictReader(file))
WORDS = ROOT / "gis_service/communities/data/class_words.csv"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("楼下烧烤店晚上油烟大，希望管一管", None),  # two things at once: people choose
        ("楼下饭店油烟大", "餐饮油烟扰民"),
        ("垃圾桶数量不够，周末常常满溢", "垃圾箱"),
        ("人行道上电动车乱停，推婴儿车过不去", "非机动车乱停放"),
        ("小区门口流动摊贩影响通行", "无照经营游商"),
        ("路灯有两盏不亮", "路灯"),
        ("建筑垃圾堆放多日未清", "建筑垃圾偷倒"),
        ("排水口有异味，雨天反水", "排水管道堵塞"),
        ("绿化带被占用种菜", "毁绿占绿"),
        ("道路积水严重", "道路积水"),
        ("The street lamp is out", "路灯"),
        ("希望增加夜间巡查", None),
        ("希望多办一些垃圾分类活动", None),
        ("谢谢", None),
        ("", None),
    ],
)
def test_proposed(words: str, name: str | None) -> None:
    found = Proposals(CLASSES).of(words)
    assert (found["name"] if found else None) == name


def test_every_word_has_a_class_of_the_default_scheme() -> None:
    names = {row["code"]: row["name"] for row in CLASSES}
    with WORDS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert names[row["class"]] == row["class_name"], row


def test_no_classes_no_proposal() -> None:
    assert Proposals([]).of("路灯不亮") is None
