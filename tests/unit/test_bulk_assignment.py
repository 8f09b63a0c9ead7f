"""Which styles a content image gets, and that files added later do not change them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from neural_style.bulk.assignment import Assignment, Style, merge_styles, read_styles, write_styles
from neural_style.bulk.plan import BulkError, BulkPlan
from neural_style.config.settings import Settings

FILES = {name: Path(f"{name}.png") for name in ("sea", "sun", "fog", "ice")}
NAMES = [f"class/{number}.jpg" for number in range(400)]


@pytest.fixture
def plan(defaults: Settings) -> BulkPlan:
    return BulkPlan(
        content=Path("photos"),
        style=(Path("styles"),),
        output=Path("out"),
        assign="random",
        styles_per_content=1,
        seed=0,
        shard_size=4,
        size="original",
        batch=None,
        failed_fraction=0.1,
        settings={"one": defaults},
    )


def draws(plan: BulkPlan, styles: list[Style]) -> list[list[str]]:
    assignment = Assignment(plan, styles)
    return [
        [each.style.id for each in assignment.styles_of(index, name)]
        for index, name in enumerate(NAMES)
    ]


def test_cross_assigns_every_style_that_exists(plan: BulkPlan):
    styles = merge_styles({"old": 0, "sea": 0}, FILES, 10)
    assignment = Assignment(replace(plan, assign="cross"), styles)
    assert assignment.folders == ["sea", "fog", "ice", "sun"]
    assert [each.folder for each in assignment.styles_of(3, "x.jpg")] == assignment.folders


def test_random_is_even_and_repeats(plan: BulkPlan):
    styles = merge_styles({}, FILES, 0)
    drawn = draws(plan, styles)
    assert drawn == draws(plan, styles)
    counts = Counter(name for (name,) in drawn)
    assert counts.keys() == FILES.keys()
    # 400 draws of 4: 100 ± 5 standard deviations of 8.7
    assert all(56 < count < 144 for count in counts.values())
    assert drawn != draws(replace(plan, seed=1), styles)


def test_several_styles_are_different_and_more_of_them_change_none(plan: BulkPlan):
    styles = merge_styles({}, FILES, 0)
    three = draws(replace(plan, styles_per_content=3), styles)
    assert all(len(set(each)) == 3 for each in three)
    assert [each[:1] for each in three] == draws(plan, styles)
    folders = Assignment(replace(plan, styles_per_content=2), styles).folders
    assert folders == ["random_1", "random_2"]


def test_an_added_style_is_for_later_content_images(plan: BulkPlan):
    before = draws(plan, merge_styles({}, FILES, 0))
    listed = dict.fromkeys(sorted(FILES), 0)
    after = draws(plan, merge_styles(listed, {**FILES, "new": Path("new.png")}, 200))
    assert after[:200] == before[:200]
    assert ["new"] in after[200:]


def test_only_draws_of_a_removed_style_are_repeated(plan: BulkPlan):
    listed = dict.fromkeys(sorted(FILES), 0)
    before = draws(plan, merge_styles(listed, FILES, 400))
    rest = {name: path for name, path in FILES.items() if name != "fog"}
    after = draws(plan, merge_styles(listed, rest, 400))
    for old, new in zip(before, after, strict=True):
        assert new == old if old != ["fog"] else new != ["fog"]


def test_without_any_earlier_style_the_later_ones_are_drawn(plan: BulkPlan):
    styles = merge_styles({"old": 0}, FILES, 400)
    assert {name for (name,) in draws(plan, styles)} == set(FILES)


def test_an_added_style_changes_no_draw_where_early_styles_were_removed(plan: BulkPlan):
    since, rest = {"old": 0, "sea": 10}, {"sea": FILES["sea"]}
    before = draws(plan, merge_styles(since, rest, 400))
    after = draws(plan, merge_styles({**since, "sun": 20}, {**rest, "sun": FILES["sun"]}, 400))
    assert after[:20] == before[:20] == [["sea"]] * 20
    assert ["sun"] in after[20:]


def test_a_draw_depends_on_no_style_after_the_latest_one(plan: BulkPlan):
    for wanted in (1, 2):
        several = replace(plan, styles_per_content=wanted)
        styles = merge_styles({"old": 0, "sea": 10, "sun": 20, "fog": 30}, FILES, 100)
        latest = Assignment(several, styles).latest_since(0)
        assert latest == {1: 10, 2: 20}[wanted]
        fewer = [style for style in styles if style.since <= latest]
        assert draws(several, styles)[0] == draws(several, fewer)[0]


def test_too_few_styles_are_refused(plan: BulkPlan):
    with pytest.raises(BulkError, match=r"styles_per_content: 5 styles .* only 4;"):
        Assignment(replace(plan, styles_per_content=5), merge_styles({}, FILES, 0))


def test_the_list_of_styles_is_read_as_it_was_written(tmp_path: Path):
    path = tmp_path / "styles.tsv"
    assert read_styles(path) == {}
    styles = merge_styles({"old": 3}, FILES, 7)
    write_styles(styles, path)
    assert list(read_styles(path).items()) == [(style.id, style.since) for style in styles]


@pytest.mark.parametrize(
    "text", ["no number\n", "x\ta\n", "5\ta\n0\tb\n", "-1\ta\n", "0\ta\n0\ta\n"]
)
def test_a_damaged_list_of_styles_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "styles.tsv"
    path.write_text(text)
    with pytest.raises(BulkError, match=r"list of styles .*; restore it\.$"):
        read_styles(path)
