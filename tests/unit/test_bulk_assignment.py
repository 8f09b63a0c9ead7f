"""Which styles a photograph gets, and that later files change nothing of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from neural_style.bulk.assignment import Assignment, Style, freeze_styles, read_styles, styles_of
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
        [each.style.id for each in assignment.of(index, name)] for index, name in enumerate(NAMES)
    ]


def test_cross_is_every_style_that_is_there(plan: BulkPlan):
    styles = styles_of({"old": 0, "sea": 0}, FILES, 10)
    assignment = Assignment(replace(plan, assign="cross"), styles)
    assert assignment.folders == ["sea", "fog", "ice", "sun"]
    assert [each.folder for each in assignment.of(3, "x.jpg")] == assignment.folders


def test_random_is_even_and_repeats(plan: BulkPlan):
    styles = styles_of({}, FILES, 0)
    drawn = draws(plan, styles)
    assert drawn == draws(plan, styles)
    counts = Counter(name for (name,) in drawn)
    assert counts.keys() == FILES.keys()
    # 400 draws of 4: 100 ± 5 standard deviations of 8.7
    assert all(56 < count < 144 for count in counts.values())
    assert drawn != draws(replace(plan, seed=1), styles)


def test_several_styles_are_different_and_the_first_stay(plan: BulkPlan):
    styles = styles_of({}, FILES, 0)
    three = draws(replace(plan, styles_per_content=3), styles)
    assert all(len(set(each)) == 3 for each in three)
    assert [each[:1] for each in three] == draws(plan, styles)
    folders = Assignment(replace(plan, styles_per_content=2), styles).folders
    assert folders == ["random_1", "random_2"]


def test_a_style_that_is_added_is_for_later_photographs(plan: BulkPlan):
    before = draws(plan, styles_of({}, FILES, 0))
    listed = dict.fromkeys(sorted(FILES), 0)
    after = draws(plan, styles_of(listed, {**FILES, "new": Path("new.png")}, 200))
    assert after[:200] == before[:200]
    assert ["new"] in after[200:]


def test_a_style_that_is_gone_is_drawn_again_and_no_other(plan: BulkPlan):
    listed = dict.fromkeys(sorted(FILES), 0)
    before = draws(plan, styles_of(listed, FILES, 400))
    rest = {name: path for name, path in FILES.items() if name != "fog"}
    after = draws(plan, styles_of(listed, rest, 400))
    for old, new in zip(before, after, strict=True):
        assert new == old if old != ["fog"] else new != ["fog"]


def test_when_all_of_ones_styles_are_gone_the_later_ones_serve(plan: BulkPlan):
    styles = styles_of({"old": 0}, FILES, 400)
    assert {name for (name,) in draws(plan, styles)} == set(FILES)


def test_too_few_styles_are_refused(plan: BulkPlan):
    with pytest.raises(BulkError, match=r"styles_per_content: 5 styles .* only 4 are there"):
        Assignment(replace(plan, styles_per_content=5), styles_of({}, FILES, 0))


def test_the_list_of_styles_is_read_as_it_was_written(tmp_path: Path):
    path = tmp_path / "styles.tsv"
    assert read_styles(path) == {}
    styles = styles_of({"old": 3}, FILES, 7)
    freeze_styles(styles, path)
    assert list(read_styles(path).items()) == [(style.id, style.since) for style in styles]
    path.write_text("no number\n")
    with pytest.raises(BulkError, match="list of styles"):
        read_styles(path)
