"""Faults in a shard concern one output, nothing is lost, and every file name works."""

from __future__ import annotations

import errno
import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.data_sets import Copying, DataSet

from neural_style.bulk import worker
from neural_style.bulk.journal import Row, find_worker, latest_rows
from neural_style.bulk.plan import BulkError, read_plan
from neural_style.bulk.shard import Task
from neural_style.bulk.status import read_status, total_status
from neural_style.bulk.target import discover
from neural_style.bulk.worker import OutputSaver, run_shard
from neural_style.errors import NeuralStyleError
from neural_style.images.encode import FloatImage


def test_a_bad_content_image_is_a_row_with_its_reason(data: DataSet):
    bad = data.root / "photos" / "class0" / "bad.png"
    bad.write_bytes(b"no image")
    os.mkfifo(data.root / "photos" / "class0" / "pipe.png")
    (data.root / "photos" / "class0" / "nowhere.png").symlink_to("nothing")
    assert len(data.run()) == 12
    assert data.statuses() == {"done": 12, "failed": 4, "gone": 2}
    rows = [
        row for shard in (0, 1) for row in latest_rows(data.plan.paths.manifest(shard)).values()
    ]
    reasons = {row.content: row.reason for row in rows if row.status == "failed"}
    assert "is not an image" in reasons["class0/bad.png"]
    assert "not a regular file" in reasons["class0/pipe.png"]
    data.add("class0/bad.png", 5)  # it is fixed
    assert data.run() == ["s0/one/class0/bad.png", "s1/one/class0/bad.png"]


def test_a_content_image_that_cannot_be_asked_for_is_not_gone(data: DataSet):
    path = data.root / "photos" / "class0" / "deep" / "2.png"
    path.unlink()
    discover(data.plan, walk=True).write()
    data.add("class0/deep/2.png", 2)
    discover(data.plan, walk=True).write()
    path.unlink()
    path.symlink_to(path)  # too many levels of links
    assert len(data.run()) == 10
    assert data.statuses() == {"done": 10, "failed": 2}
    assert data.findings() == {"good": 10, "failed": 2}
    path.unlink()
    data.add("class0/deep/2.png", 2)
    assert data.findings() == {"good": 10, "unfinished": 2}
    assert len(data.run()) == 2
    before = data.dates()
    path.unlink()
    path.symlink_to(path)
    assert data.run() == [] and data.dates() == before
    assert data.statuses() == {"done": 12}, "finished outputs are kept"


def test_without_its_folder_no_content_image_counts_as_gone(data: DataSet):
    target = discover(data.plan, walk=True)
    target.write()
    (data.root / "photos").rename(data.root / "unmounted")
    with pytest.raises(BulkError, match=r"photos' is not a folder any more"):
        run_shard(data.plan, 0, Copying, print)
    assert not data.plan.paths.manifest(0).exists()


def test_a_content_image_that_came_back_is_found(data: DataSet):
    discover(data.plan, walk=True).write()
    path = data.root / "photos" / "class0" / "deep" / "2.png"
    path.rename(data.root / "2.png")
    data.run()
    assert data.statuses() == {"done": 10, "gone": 2}
    (data.root / "2.png").rename(path)
    assert data.findings() == {"good": 10, "missing": 2}
    assert len(data.run()) == 2


def test_memory_that_is_short_for_saving_makes_no_smaller_batch(
    data: DataSet, monkeypatch: pytest.MonkeyPatch
):
    def short(*_: object) -> str:
        raise MemoryError

    monkeypatch.setattr(worker, "save_pixels", short)
    with pytest.raises(BulkError, match="not enough memory to write"):
        data.run()
    monkeypatch.undo()
    assert len(data.run()) == 12


@pytest.mark.parametrize("place", ["out", "out/_bulk"])
def test_a_file_in_the_place_of_a_folder_is_one_sentence(data: DataSet, place: str):
    path = data.root / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("no folder")
    with pytest.raises(BulkError, match=r"^bulk\.output: '.*' cannot be used: Not a directory; "):
        discover(data.plan, walk=True)


def test_there_is_no_status_before_the_first_run(data: DataSet):
    with pytest.raises(BulkError, match=r"there is no data set in '.*'; run `snakemake bulk`"):
        read_status(data.plan)


def test_an_unreadable_style_fails_only_its_own_outputs(data: DataSet):
    data.run()
    before = data.dates()
    (data.root / "styles" / "s1.png").unlink()
    os.mkfifo(data.root / "styles" / "s1.png")
    data.plan = replace(data.plan, failed_fraction=1.0)
    assert data.run() == []
    assert data.statuses() == {"done": 6, "failed": 6}
    assert data.dates() == before
    assert data.findings() == {"good": 6, "failed": 6}


def test_a_style_that_became_unreadable_ends_neither_status_nor_verification(data: DataSet):
    data.run()
    (data.root / "styles" / "s1.png").unlink()
    os.mkfifo(data.root / "styles" / "s1.png")
    sums = total_status(read_status(data.plan).table)
    assert (sums.done, sums.failed, sums.left) == (6, 6, 0)
    assert data.findings() == {"good": 6, "failed": 6}


@pytest.mark.parametrize("name", ["plan.json", "listing.tsv", "styles.tsv", "redo/000000.tsv"])
def test_a_pipe_in_the_place_of_a_bookkeeping_file_is_one_sentence(data: DataSet, make_pipe, name):
    data.run()
    make_pipe(data.plan.paths.root / name)
    with pytest.raises(BulkError, match=rf"cannot read .*{name}': it is not a regular file; "):
        discover(read_plan(data.plan.output), walk=False).inputs_digest(0)


def test_a_pipe_in_the_place_of_a_journal_is_one_sentence(data: DataSet, make_pipe):
    data.run()
    make_pipe(data.plan.paths.journal(0))
    with pytest.raises(BulkError, match=r"cannot read .*000000\.tsv': it is not a regular file; "):
        read_status(data.plan)
    with pytest.raises(
        BulkError, match=r"cannot write .*\.tsv': .*; make it a file that you may write"
    ):
        data.run()


def test_what_is_in_the_place_of_the_file_of_a_worker_is_removed(data: DataSet, make_pipe):
    mine = data.plan.output / "mine"
    mine.parent.mkdir()
    mine.write_text("text")
    make_pipe(data.plan.paths.worker(0))
    data.plan.paths.worker(1).symlink_to(mine)
    assert find_worker(mine, data.plan.paths.worker(0)) is None
    assert len(data.run()) == 12
    assert mine.read_text() == "text"


def test_only_an_output_that_diverges_fails(data: DataSet):
    data.run(Copying(fail=["class1/deep/1.png"]))
    assert data.statuses() == {"done": 10, "failed": 2}


def test_too_many_failures_fail_the_shard_and_keep_what_is_done(data: DataSet):
    data.plan = replace(data.plan, failed_fraction=0.2)
    with pytest.raises(BulkError, match=r"2 of the 8 outputs of shard 0 failed.*infinite"):
        data.run(Copying(fail=["class0/deep/0.png"]))
    assert not data.plan.paths.manifest(0).exists()
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
    make_folder = Path.mkdir

    def full(self: Path, *arguments: Any, **named: Any) -> None:
        if {"s0", "s1"} & {*self.parts}:
            raise OSError(errno.ENOSPC, "No space left on device")
        make_folder(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", full)
        with pytest.raises(NeuralStyleError, match=r"cannot write .*No space left"):
            data.run()
    assert data.dates() == {} and not list(data.plan.paths.root.glob("partial/*"))
    assert len(data.run()) == 12


def test_no_output_is_written_through_a_link_out_of_the_output_folder(data: DataSet):
    outside = data.root / "outside"
    outside.mkdir()
    (data.plan.output / "s0" / "one").mkdir(parents=True)
    (data.plan.output / "s0" / "one" / "class0").symlink_to(outside)
    data.run()
    assert list(outside.iterdir()) == []
    assert data.statuses() == {"done": 9, "failed": 3}


@pytest.mark.parametrize(
    "name",
    [
        *("_bulk", "_bulk/partial", "_bulk/journals", "_bulk/logs"),
        *("_bulk/partial/000000", "_bulk/logs/000000"),
    ],
)
def test_a_bookkeeping_folder_elsewhere_is_refused_before_anything_changes(
    data: DataSet, name: str
):
    data.run()
    place, elsewhere = data.plan.output / name, data.root / "elsewhere"
    if place.exists():
        place.rename(elsewhere)
    mine = elsewhere / ("partial/000000/mine" if name == "_bulk" else "000000/mine")
    mine.parent.mkdir(parents=True)
    mine.touch()
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(elsewhere)
    before = sorted(data.root.rglob("*")), sorted(elsewhere.rglob("*"))
    for touch in (lambda: run_shard(data.plan, 0, Copying, print), data.run, data.findings):
        with pytest.raises(BulkError, match=f"{name}' is a link that leads out of bulk.output; "):
            touch()
    assert (sorted(data.root.rglob("*")), sorted(elsewhere.rglob("*"))) == before


def test_a_journal_is_not_written_through_a_link(data: DataSet):
    mine = data.plan.output / "mine"
    mine.parent.mkdir()
    mine.write_text("text\n")
    journal = data.plan.paths.journal(0)
    journal.parent.mkdir(parents=True)
    journal.symlink_to(mine)
    with pytest.raises(
        BulkError, match=r"cannot write .*\.tsv': .*; make it a file that you may write"
    ):
        data.run()
    assert mine.read_text() == "text\n"


def test_the_output_folder_may_be_a_link(data: DataSet):
    (data.root / "disk").mkdir()
    data.plan.output.symlink_to(data.root / "disk")
    assert len(data.run()) == 12
    assert data.findings() == {"good": 12}


def test_a_folder_in_the_place_of_an_output_fails_that_output(data: DataSet):
    place = data.plan.output / "s0/one/class0/deep/0.png"
    (place / "mine").mkdir(parents=True)
    data.run()
    assert data.statuses() == {"done": 11, "failed": 1}
    assert (place / "mine").is_dir()


def test_the_log_counts_an_output_as_done_once_it_is_saved(
    data: DataSet, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "SECONDS_BETWEEN_LINES", 0)
    saved, said = list[str](), list[str]()
    save = OutputSaver.save

    def slow(self: OutputSaver, task: Task, image: FloatImage, row: Row) -> Row:
        time.sleep(0.02)
        result = save(self, task, image, row)
        saved.append(task.output.path)
        return result

    def say(line: str) -> None:
        done = re.search(r"(\d+) done", line)
        assert int(done[1] if done else 0) <= len(saved)
        said.append(line)

    monkeypatch.setattr(OutputSaver, "save", slow)
    discover(data.plan, walk=True).write()
    run_shard(data.plan, 0, Copying, say)
    assert said and saved


def test_unusual_file_names(data: DataSet):
    names = ["a\tb.png", "line\nbreak.png", "back\\slash.png", "\udcff.png", "-rf $(x) ;'\".png"]
    names += ["größe 🎨.png", "{content}.png", "x.jpg.png", "n" * 251 + ".png"]
    for name in names:
        data.add(f"unusual/{name}", 9)
    data.add("unusual/x.jpg", 9)
    data.run()
    assert data.statuses() == {"done": 2 * (6 + len(names) + 1)}
    for name in names:
        assert (data.plan.output / "s0" / "one" / "unusual" / name).is_file()
    assert data.findings() == {"good": 2 * (6 + len(names) + 1)}


DAMAGED_PLANS = {
    "deep": lambda facts: "[" * 100_000,
    "a list": lambda facts: [],
    "settings as a list": lambda facts: {**facts, "settings": []},
    "no setting": lambda facts: {**facts, "settings": {}},
    "a setting as a list": lambda facts: {**facts, "settings": {"one": []}},
    "no seed": lambda facts: {name: value for name, value in facts.items() if name != "seed"},
    "a style as a number": lambda facts: {**facts, "style": 1},
    "no content": lambda facts: {**facts, "content": None},
    "no style for each content image": lambda facts: {**facts, "styles_per_content": 0},
    "a shard without content images": lambda facts: {**facts, "shard_size": 0},
    "another assignment": lambda facts: {**facts, "assign": "all"},
}
DAMAGED_SETTINGS = {"format": "exe", "size": 0, "epochs": "many", "fit": [], "stages": 1, "name": 1}


def assert_damaged(data: DataSet, text: str) -> None:
    data.plan.paths.plan.write_text(text, encoding="utf-8")
    with pytest.raises(BulkError, match=r"cannot read .*plan\.json': it is damaged; ") as caught:
        read_plan(data.plan.output)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", DAMAGED_PLANS.values(), ids=DAMAGED_PLANS.keys())
def test_a_damaged_plan_is_one_sentence(data: DataSet, damage: Callable[[object], object]):
    discover(data.plan, walk=True).write()
    damaged = damage(json.loads(data.plan.paths.plan.read_text(encoding="utf-8")))
    assert_damaged(data, damaged if isinstance(damaged, str) else json.dumps(damaged))


@pytest.mark.parametrize("key", DAMAGED_SETTINGS)
def test_a_setting_that_no_configuration_can_have_is_damage(data: DataSet, key: str):
    discover(data.plan, walk=True).write()
    facts = json.loads(data.plan.paths.plan.read_text(encoding="utf-8"))
    facts["settings"]["one"][key] = DAMAGED_SETTINGS[key]
    assert_damaged(data, json.dumps(facts))
