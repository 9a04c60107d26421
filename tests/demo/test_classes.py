from __future__ import annotations

import pandas as pd

from tests.demo.test_incidents import classes

DUTIES = set(
    "违法建设 园林绿化 环境卫生 供水排水 燃气安全 市政设施 户外广告 餐饮油烟 建筑垃圾".split()
)
NATIONAL = {
    "E-01-12": "道路不洁",
    "E-04-01": "无照经营游商",
    "E-01-29": "露天烧烤",
    "C-01-23": "不明井盖",
    "C-01-37": "路灯",
}


def test_codes_are_unique_and_made_of_their_parts() -> None:
    table = classes()
    assert table["code"].is_unique
    letter = table["kind"].map({"component": "C", "event": "E"})
    assert (letter + "-" + table["major"] + "-" + table["minor"] == table["code"]).all()
    assert table["code"].str.fullmatch(r"[CE]-\d{2}-\d{2}").all()


def test_the_nine_duties_are_covered() -> None:
    table = classes()
    assert set(table["duty"]) >= DUTIES
    assert table[["name", "name_en", "major_name", "major_name_en", "scheme"]].ne("").all(axis=None)


def test_national_codes_are_kept_and_local_ones_count_back_from_99() -> None:
    table = classes()
    national = table[table["origin"] == "national"].set_index("code")["name"].to_dict()
    assert national == NATIONAL
    local = table[table["origin"] == "local"]
    assert len(local) + len(national) == len(table)
    for _, own in local.groupby(["kind", "major"]):
        number = sorted(own["minor"].astype(int), reverse=True)
        assert number == list(range(99, 99 - len(number), -1)), own[["code", "name"]]


def test_major_groups_have_one_name_each() -> None:
    table = classes()
    named: pd.Series = table.groupby(["kind", "major"])["major_name"].nunique()
    assert (named == 1).all()
