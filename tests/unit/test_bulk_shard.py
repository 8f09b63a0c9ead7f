"""Shards with an engine that returns its input: what is made, kept, refused, verified, counted."""

from __future__ import annotations

import errno
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neural_style.bulk.plan import BulkError, BulkPlan, plan_text, read_plan
from neural_style.bulk.rows import latest_rows
from neural_style.bulk.saving import Gallery
from neural_style.bulk.status import render, status_of, total
from neural_style.bulk.target import look
from neural_style.bulk.tasks import Task
from neural_style.bulk.verify import verify
from neural_style.bulk.worker import Result, Take, run_shard
from neural_style.errors import NeuralStyleError
from neural_style.pictures.finishing import Picture
from neural_style.plan.formats import OUTPUT_FORMATS
from neural_style.plan.settings import Settings


class Copying:
    """Returns its input, and remembers what it was asked for.

    Args:
        fail: names of photographs that diverge.
        stop_after: so many pictures later, the machine fails.
    """

    def __init__(self, fail: Sequence[str] = (), stop_after: int = 1000) -> None:
        self.made: list[str] = []
        self.batches: list[int] = []
        self._fail = fail
        self._stop_after = stop_after

    def batch_size(self, task: Task) -> int:
        return 3

    def __call__(self, tasks: Sequence[Task], take: Take) -> None:
        self.batches.append(len(tasks))
        assert len({task.image.size for task in tasks}) == 1
        for task in tasks:
            if len(self.made) >= self._stop_after:
                raise RuntimeError("the GPU fell off the bus")
            self.made.append(task.picture.path)
            if task.picture.photograph.path in self._fail:
                take(task, Result(reason="the loss became infinite"))
            else:
                take(task, Result(as_picture(task.image), 3.0, 1.0, 2.0, seconds=0.1))


def as_picture(image: Image.Image) -> Picture:
    levels = np.asarray(image, np.float32) / np.float32(255)
    return np.ascontiguousarray(levels.transpose(2, 0, 1))


class DataSet:
    """A small data set: photographs in nested folders, two styles, shards of 4."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.plan = BulkPlan(
            content=root / "photos",
            style=(root / "styles",),
            output=root / "out",
            assign="cross",
            styles_per_content=1,
            seed=0,
            shard_size=4,
            size="original",
            batch=None,
            failed_fraction=0.5,
            settings={"one": replace(settings, fit="keep", format="png")},
        )
        for number in range(6):
            self.add(f"class{number % 2}/deep/{number}.png", number)
        for number in range(2):
            save(root / "styles" / f"s{number}.png", 200 + number, (32, 32))

    def add(self, name: str, level: int, size: tuple[int, int] = (40, 20)) -> Path:
        return save(self.root / "photos" / name, level, size)

    def run(self, engine: Copying | None = None) -> list[str]:
        """A run of all shards; what was made."""
        engine = engine or Copying()
        target = look(self.plan, walk=True)
        target.freeze()
        for shard in target.listing.shards:
            run_shard(self.plan, shard, lambda: engine, print)
        return sorted(engine.made)

    def dates(self) -> dict[str, int]:
        """Date of each picture."""
        found = (path for path in self.plan.output.rglob("*.*") if "_bulk" not in path.parts)
        return {str(path.relative_to(self.plan.output)): path.stat().st_mtime_ns for path in found}

    def statuses(self) -> Counter[str]:
        manifests = self.plan.books.root.glob("manifests/*.tsv")
        return Counter(row.status for path in manifests for row in latest_rows(path).values())

    def findings(self) -> Counter[str]:
        return Counter(finding.kind for finding in verify(self.plan))


def save(path: Path, level: int, size: tuple[int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, 100, 100)).save(path)
    return path


@pytest.fixture
def data(tmp_path: Path, shallow: Settings) -> DataSet:
    return DataSet(tmp_path, shallow)


def test_the_tree_is_mirrored_for_every_style_and_setting(data: DataSet):
    data.plan = replace(
        data.plan, settings={**data.plan.settings, "two": data.plan.settings["one"]}
    )
    made = data.run()
    assert made == sorted(
        f"s{style}/{setting}/class{number % 2}/deep/{number}.png"
        for style in range(2)
        for setting in ("one", "two")
        for number in range(6)
    )
    assert sorted(data.dates()) == made
    assert data.statuses() == {"done": 24}
    row = latest_rows(data.plan.books.manifest(0))["s1/two/class0/deep/0.png"]
    assert (row.photograph, row.style, row.setting) == ("class0/deep/0.png", "s1", "two")
    assert (row.total, row.content, row.style_loss, row.seconds) == (3.0, 1.0, 2.0, 0.1)
    assert not list(data.plan.books.root.glob("partial/*"))


def test_a_second_run_makes_nothing_and_needs_no_engine(data: DataSet):
    data.run()
    before = data.dates()
    journal = data.plan.books.journal(0).read_bytes()

    def refuse() -> Copying:
        raise AssertionError("torch would have been started")

    for shard in (0, 1):
        run_shard(data.plan, shard, refuse, print)
    assert data.dates() == before
    assert data.plan.books.journal(0).read_bytes() == journal


def test_photographs_styles_and_settings_that_are_added_redo_nothing(data: DataSet):
    data.run()
    before = data.dates()
    data.add("aaa/first.png", 50)
    assert data.run() == ["s0/one/aaa/first.png", "s1/one/aaa/first.png"]
    save(data.root / "styles" / "a-new-one.png", 7, (32, 32))
    assert len(data.run()) == 7
    more = replace(data.plan.settings["one"], beta=7.0)
    data.plan = replace(data.plan, settings={"more": more, **data.plan.settings})
    assert len(data.run()) == 7 * 3
    dates = data.dates()
    assert {name: dates[name] for name in before} == before
    assert data.run() == []


def test_what_is_taken_out_and_put_back_is_still_there(data: DataSet):
    data.run()
    style = data.root / "styles" / "s0.png"
    style.rename(data.root / "s0.png")
    assert data.run() == []
    assert data.statuses() == {"done": 6}
    (data.root / "s0.png").rename(style)
    assert data.run() == []
    assert data.statuses() == {"done": 12}


@pytest.mark.parametrize(
    "change", [{"beta": 7.0}, {"epochs": 5}, {"quality": 5}, {"size": 33}, {"learning_rate": 0.5}]
)
def test_another_value_of_a_setting_makes_its_pictures_again(data: DataSet, change: dict):
    data.run()
    settings = replace(data.plan.settings["one"], **change)
    data.plan = replace(data.plan, settings={"one": settings})
    assert len(data.run()) == 12


def test_only_the_finished_picture_counts(data: DataSet):
    data.run()
    settings = replace(data.plan.settings["one"], save_every=1)
    data.plan = replace(data.plan, settings={"one": settings})
    assert data.run() == []


def test_an_edited_photograph_or_style_is_made_again(data: DataSet):
    data.run()
    data.add("class0/deep/0.png", 99)
    assert data.run() == ["s0/one/class0/deep/0.png", "s1/one/class0/deep/0.png"]
    save(data.root / "styles" / "s1.png", 99, (32, 32))
    assert data.run() == [
        f"s1/one/class{number % 2}/deep/{number}.png" for number in (0, 2, 4, 1, 3, 5)
    ]


def test_a_file_that_was_only_touched_is_not(data: DataSet):
    data.run()
    before = data.dates()
    for path in (data.root / "photos" / "class0/deep/0.png", data.root / "styles" / "s0.png"):
        os.utime(path)
    os.utime(data.plan.output / "s0/one/class1/deep/1.png")
    assert data.run() == []
    assert len(data.dates()) == len(before)


def test_a_bad_photograph_is_a_row_with_its_reason(data: DataSet):
    bad = data.root / "photos" / "class0" / "bad.png"
    bad.write_bytes(b"no image")
    os.mkfifo(data.root / "photos" / "class0" / "pipe.png")
    (data.root / "photos" / "class0" / "nowhere.png").symlink_to("nothing")
    assert len(data.run()) == 12
    assert data.statuses() == {"done": 12, "failed": 4, "gone": 2}
    rows = [
        row for shard in (0, 1) for row in latest_rows(data.plan.books.manifest(shard)).values()
    ]
    reasons = {row.photograph: row.reason for row in rows if row.status == "failed"}
    assert "is not an image" in reasons["class0/bad.png"]
    assert "not a regular file" in reasons["class0/pipe.png"]
    data.add("class0/bad.png", 5)  # it is mended
    assert data.run() == ["s0/one/class0/bad.png", "s1/one/class0/bad.png"]


def test_one_that_diverges_fails_alone(data: DataSet):
    data.run(Copying(fail=["class1/deep/1.png"]))
    assert data.statuses() == {"done": 10, "failed": 2}


def test_too_many_failures_fail_the_shard_and_keep_what_is_done(data: DataSet):
    data.plan = replace(data.plan, failed_fraction=0.2)
    with pytest.raises(BulkError, match=r"2 of the 8 pictures of shard 0 failed.*infinite"):
        data.run(Copying(fail=["class0/deep/0.png"]))
    assert not data.plan.books.manifest(0).exists()
    assert len(data.dates()) == 6
    assert data.run() == sorted(
        ["s0/one/class0/deep/0.png", "s1/one/class0/deep/0.png"]
        + [f"s{style}/one/class1/deep/{number}.png" for style in (0, 1) for number in (3, 5)]
    )


@pytest.mark.parametrize("count", [0, 1, 4, 7])
def test_a_fault_of_the_machine_ends_the_shard_and_loses_nothing(data: DataSet, count: int):
    broken = Copying(stop_after=count)
    with pytest.raises(RuntimeError, match="fell off"):
        data.run(broken)
    before = data.dates()
    assert sorted(before) == sorted(broken.made)
    again = data.run()
    assert sorted([*again, *broken.made]) == sorted(data.dates())
    assert len(again) == 12 - count
    assert {name: data.dates()[name] for name in before} == before


def test_a_full_disk_is_one_sentence_and_is_resumed(data: DataSet, monkeypatch):
    def full(self: Gallery, folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Gallery, "_make_folder", full)
        with pytest.raises(NeuralStyleError, match=r"cannot write .*No space left"):
            data.run()
    assert data.dates() == {} and not list(data.plan.books.root.glob("partial/*"))
    assert len(data.run()) == 12


def test_no_picture_goes_through_a_link_out_of_the_output(data: DataSet):
    outside = data.root / "outside"
    outside.mkdir()
    (data.plan.output / "s0" / "one").mkdir(parents=True)
    (data.plan.output / "s0" / "one" / "class0").symlink_to(outside)
    data.run()
    assert list(outside.iterdir()) == []
    assert data.statuses() == {"done": 9, "failed": 3}


def test_a_folder_in_a_pictures_place_fails_that_picture(data: DataSet):
    place = data.plan.output / "s0/one/class0/deep/0.png"
    (place / "mine").mkdir(parents=True)
    data.run()
    assert data.statuses() == {"done": 11, "failed": 1}
    assert (place / "mine").is_dir()


def test_hostile_names(data: DataSet):
    names = ["a\tb.png", "line\nbreak.png", "back\\slash.png", "\udcff.png", "-rf $(x) ;'\".png"]
    names += ["größe 🎨.png", "{content}.png", "x.jpg.png", "n" * 251 + ".png"]
    for name in names:
        data.add(f"hostile/{name}", 9)
    data.add("hostile/x.jpg", 9)
    data.run()
    assert data.statuses() == {"done": 2 * (6 + len(names) + 1)}
    for name in names:
        assert (data.plan.output / "s0" / "one" / "hostile" / name).is_file()
    assert data.findings() == {"good": 2 * (6 + len(names) + 1)}


def test_random_assignment_stays_when_files_are_added(data: DataSet):
    data.plan = replace(data.plan, assign="random", styles_per_content=1)
    first = data.run()
    assert {name.split("/")[0] for name in first} == {"random_1"} and len(first) == 6
    data.add("aaa/first.png", 50)
    save(data.root / "styles" / "a-new-one.png", 7, (32, 32))
    assert data.run() == ["random_1/one/aaa/first.png"]
    data.plan = replace(data.plan, styles_per_content=2)
    assert all(name.startswith("random_2/") for name in data.run())


def test_pictures_have_the_size_of_their_photographs(data: DataSet):
    data.add("large.png", 5, (100, 60))
    data.run()
    sizes = {}
    for name in ("large.png", "class0/deep/0.png"):
        with Image.open(data.plan.output / "s0" / "one" / name) as image:
            sizes[name] = image.size
    assert sizes == {"large.png": (100, 60), "class0/deep/0.png": (40, 20)}
    data.plan = replace(data.plan, size="fitted", output=data.root / "fitted")
    data.run()
    with Image.open(data.plan.output / "s0" / "one" / "large.png") as image:
        assert image.size == (32, 19)


def test_equal_shapes_share_batches(data: DataSet):
    for number in range(3):
        data.add(f"tall{number}.png", number, (20, 40))
    data.plan = replace(data.plan, shard_size=100)
    engine = Copying()
    data.run(engine)
    assert sorted(engine.batches) == [3] * 6


def test_a_photograph_that_is_gone_keeps_its_picture(data: DataSet):
    data.run()
    before = data.dates()
    (data.root / "photos" / "class0/deep/0.png").unlink()
    (data.root / "photos" / "class0/deep/2.png").unlink()
    lost = "s0/one/class0/deep/2.png"
    (data.plan.output / lost).unlink()
    assert data.run() == []
    del before[lost]
    assert data.dates() == before
    assert data.statuses() == {"done": 11, "gone": 1}


def test_verification_finds_what_is_wrong_and_the_next_run_mends_just_that(data: DataSet):
    data.run()
    assert data.findings() == {"good": 12}
    assert data.plan.books.manifest(1).exists()
    out = data.plan.output / "s0" / "one"
    (out / "class0/deep/0.png").unlink()
    damaged = out / "class1/deep/1.png"
    before, status = damaged.read_bytes(), damaged.stat()
    damaged.write_bytes(before[:-1] + b"!")
    os.utime(damaged, ns=(status.st_atime_ns, status.st_mtime_ns))  # as bad disks do
    data.add("class1/deep/5.png", 77)
    data.add("zzz.png", 77)
    counts = data.findings()
    assert counts == {"good": 8, "missing": 1, "corrupt": 1, "stale": 2, "new": 1}
    assert not any(data.plan.books.manifest(shard).exists() for shard in (0, 1))
    assert data.run() == sorted(
        [
            *("s0/one/class0/deep/0.png", "s0/one/class1/deep/1.png"),
            *(f"s{style}/one/{name}.png" for style in (0, 1) for name in ("class1/deep/5", "zzz")),
        ]
    )
    assert damaged.read_bytes() == before
    assert data.findings() == {"good": 14}


def test_verification_sees_a_shard_that_was_never_made(data: DataSet):
    target = look(data.plan, walk=True)
    target.freeze()
    run_shard(data.plan, 0, Copying, print)
    assert data.findings() == {"good": 8, "unfinished": 4}


def test_the_status_counts_what_the_journals_say(data: DataSet):
    target = look(data.plan, walk=True)
    target.freeze()
    with pytest.raises(RuntimeError):
        run_shard(data.plan, 0, lambda: Copying(stop_after=5), print)
    begun = data.plan.books.plan.stat().st_mtime
    table = status_of(data.plan, now=begun + 100)
    sums = total(table)
    assert [(row.style, row.setting) for row in table] == [("s0", "one"), ("s1", "one")]
    assert (sums.done, sums.failed, sums.left) == (5, 0, 7)
    assert sums.rate == pytest.approx(0.05)
    assert render(table).splitlines()[-1].split() == ["all", "5", "0", "0", "7", "0.05", "2", "min"]
    idle = total(status_of(data.plan, now=time.time() + 10_000))
    assert idle.rate == 0 and render([idle]).splitlines()[-1].endswith(" -")


def test_a_plan_is_read_as_it_was_written(data: DataSet):
    look(data.plan, walk=True).freeze()
    assert read_plan(data.plan.output) == data.plan
    data.plan.books.plan.write_text(plan_text(data.plan)[:-20])
    with pytest.raises(BulkError, match="cannot read"):
        read_plan(data.plan.output)
    with pytest.raises(BulkError, match="no data set in"):
        read_plan(data.root / "elsewhere")


def tokens(data: DataSet) -> list[tuple[str, str, str]]:
    target = look(data.plan, walk=True)
    return [
        (target.photographs(shard), target.inputs(shard), target.pictures)
        for shard in target.listing.shards
    ]


def test_what_snakemake_compares_is_steady(data: DataSet):
    before = tokens(data)
    data.run()
    assert tokens(data) == before
    target = look(data.plan, walk=False)
    assert [target.inputs(shard) for shard in target.listing.shards] == [row[1] for row in before]


def add_photograph(data: DataSet) -> None:
    data.add("aaa.png", 5)


def add_style(data: DataSet) -> None:
    save(data.root / "styles" / "new.png", 5, (32, 32))


def edit_photograph(data: DataSet) -> None:
    os.utime(data.root / "photos" / "class0/deep/0.png", ns=(1, 1))


@pytest.mark.parametrize(
    ("change", "assign", "stale"),
    [
        (add_photograph, "cross", [False, True]),
        (edit_photograph, "cross", [True, False]),
        (add_style, "cross", [True, True]),
        (add_style, "random", [False, False]),
    ],
)
def test_only_the_shards_that_a_change_concerns_are_looked_at(
    data: DataSet, change: Callable[[DataSet], None], assign: str, stale: list[bool]
):
    data.plan = replace(data.plan, assign=assign)
    data.run()
    before = tokens(data)
    change(data)
    assert [old != new for old, new in zip(before, tokens(data), strict=True)] == stale


def test_folders_that_are_missing_or_contradict_are_named(data: DataSet):
    for plan, sentence in [
        (replace(data.plan, content=data.root / "none"), "bulk.content: cannot read"),
        (replace(data.plan, style=(data.root / "none",)), "bulk.style: there is no folder"),
    ]:
        with pytest.raises(BulkError, match=sentence):
            look(plan, walk=True)
    empty = data.root / "empty"
    empty.mkdir()
    with pytest.raises(BulkError, match="holds no image"):
        look(replace(data.plan, content=empty, output=data.root / "other"), walk=True)


@pytest.mark.parametrize("name", ["jpg", "webp", "png16", "tiff"])
def test_every_format_of_a_sweep_is_one_of_a_data_set(data: DataSet, name: str):
    settings = replace(data.plan.settings["one"], format=name)
    data.plan = replace(data.plan, settings={"one": settings})
    data.run()
    path = data.plan.output / f"s0/one/class1/deep/1{OUTPUT_FORMATS[name]}"
    with Image.open(path) as picture:
        assert picture.size == (40, 20)
        assert np.abs(np.asarray(picture, int) - [1, 100, 100]).max() <= 5
    assert data.findings() == {"good": 12}


@pytest.mark.parametrize("size", ["original", "fitted"])
def test_a_photograph_s_opacity_is_kept_on_request(data: DataSet, size: str):
    settings = replace(data.plan.settings["one"], transparency="keep")
    data.plan = replace(data.plan, size=size, settings={"one": settings})
    see_through = Image.new("RGBA", (40, 20), (9, 9, 9, 77))
    see_through.save(data.root / "photos/class0/deep/0.png")
    data.run()
    with Image.open(data.plan.output / "s0/one/class0/deep/0.png") as picture:
        assert picture.size == ((40, 20) if size == "original" else (32, 16))
        assert picture.getchannel("A").getextrema() == (77, 77)
    with Image.open(data.plan.output / "s0/one/class1/deep/1.png") as picture:
        assert picture.mode == "RGB"
