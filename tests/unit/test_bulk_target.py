"""What is known about a data set without making it: what is wrong, left to make, or changed."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.data_sets import Copying, DataSet, save

from neural_style.bulk import verify as verify_module
from neural_style.bulk.journal import Journal, latest_rows
from neural_style.bulk.plan import BulkError, plan_to_json, read_plan
from neural_style.bulk.status import Status, format_status, read_status, total_status
from neural_style.bulk.target import discover
from neural_style.bulk.worker import run_shard
from neural_style.errors import NeuralStyleError


def test_verification_finds_what_is_wrong_and_the_next_run_makes_exactly_that(data: DataSet):
    data.run()
    assert data.findings() == {"good": 12}
    assert data.plan.paths.manifest(1).exists()
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
    assert data.run() == sorted(
        [
            *("s0/one/class0/deep/0.png", "s0/one/class1/deep/1.png"),
            *(f"s{style}/one/{name}.png" for style in (0, 1) for name in ("class1/deep/5", "zzz")),
        ]
    )
    assert damaged.read_bytes() == before
    assert data.findings() == {"good": 14}


def contents(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Bytes and date of each file, except what verification notes for the next run."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "redo"
    }


def test_verification_only_looks(data: DataSet):
    data.run()
    (data.plan.output / "s0/one/class0/deep/0.png").unlink()
    (data.plan.output / "s0/one/class0/deep/2.png").write_bytes(b"half")
    before = contents(data.plan.output)
    for _ in range(2):
        assert data.findings() == {"good": 10, "missing": 1, "corrupt": 1}
        assert contents(data.plan.output) == before
    assert total_status(read_status(data.plan).table).left == 2


def test_verification_tells_snakemake_which_shards_to_run(data: DataSet):
    data.run()
    data.findings()
    before = digests(data)
    (data.plan.output / "s0/one/class0/deep/0.png").unlink()
    data.findings()
    assert [old != new for old, new in zip(before, digests(data), strict=True)] == [True, False]
    after = digests(data)
    assert data.run() == ["s0/one/class0/deep/0.png"]
    assert data.findings() == {"good": 12}
    assert digests(data) == after, "a finished shard would run again"
    assert data.run() == []


def test_verification_of_a_data_set_that_cannot_be_written_to_still_says_what_is_wrong(
    data: DataSet, monkeypatch: pytest.MonkeyPatch
):
    data.run()
    (data.plan.output / "s0/one/class0/deep/0.png").unlink()

    def refuse(*_: object) -> None:
        raise NeuralStyleError("cannot write")

    monkeypatch.setattr(verify_module, "write_rows", refuse)
    found = list[str]()
    with pytest.raises(NeuralStyleError, match="cannot write"):
        found.extend(finding.kind for finding in verify_module.verify(data.plan))
    kinds = Counter[str]()
    with suppress(NeuralStyleError):
        for finding in verify_module.verify(data.plan):
            kinds[finding.kind] += 1
    assert kinds == {"good": 11, "missing": 1}


def fail_one(data: DataSet, allowed: float) -> None:
    """A run in which both outputs of a content image fail."""
    data.plan = replace(data.plan, failed_fraction=allowed)
    bad = data.root / "photos" / "class0/deep/0.png"
    bad.write_bytes(b"no image")
    target = discover(data.plan, walk=True)
    target.write()
    for shard in target.listing.shards:
        with suppress(BulkError):
            run_shard(data.plan, shard, Copying, print)


def test_a_shard_with_too_many_failures_says_what_stands_in_the_way(data: DataSet):
    fail_one(data, 0.1)
    found = list(verify_module.verify(data.plan))
    kinds = Counter(finding.kind for finding in found)
    assert kinds == {"good": 10, "failed": 2, "blocked": 1}
    (blocked,) = (finding for finding in found if finding.kind == "blocked")
    assert blocked.name == "shard 0"
    words = [
        "2 of the 8 outputs of shard 0 failed",
        "bulk.failed_fraction (0.1)",
        "to 0.25",
        "0.png",
    ]
    assert all(word in blocked.reason for word in words), blocked.reason
    with pytest.raises(BulkError, match=r"1 shards cannot be .*running again does not help"):
        verify_module.raise_if_wrong(kinds)
    status = read_status(data.plan)
    assert total_status(status.table).left == 0
    (note,) = status.notes
    assert "shard 0 cannot be finished" in note and all(word in note for word in words), note


@pytest.mark.parametrize("help_", ["raise", "repair", "remove"])
def test_what_helps_a_shard_with_too_many_failures_helps(data: DataSet, help_: str):
    fail_one(data, 0.1)
    if help_ == "raise":
        data.plan = replace(data.plan, failed_fraction=0.25)
    elif help_ == "repair":
        data.add("class0/deep/0.png", 5)
    else:
        (data.root / "photos" / "class0/deep/0.png").unlink()
    kinds = data.findings()
    assert "blocked" not in kinds and kinds["unfinished"] > 0
    with pytest.raises(BulkError, match="run `snakemake bulk` again"):
        verify_module.raise_if_wrong(kinds)
    assert any("run `snakemake bulk`" in note for note in read_status(data.plan).notes)
    data.run()
    assert not {"blocked", "unfinished"} & data.findings().keys()
    assert read_status(data.plan).notes == []


def test_a_failed_output_of_a_finished_shard_is_unfinished_once_its_content_image_changes(
    data: DataSet,
):
    fail_one(data, 0.5)
    assert data.findings() == {"good": 10, "failed": 2}
    data.add("class0/deep/0.png", 5)
    assert data.findings() == {"good": 10, "unfinished": 2}


def test_another_configuration_is_not_all_good(data: DataSet):
    data.run()
    old = data.plan
    settings = old.settings["one"]
    for plan, expected, left in [
        (replace(old, settings={"one": replace(settings, beta=7.0)}), {"stale": 12}, 12),
        (
            replace(old, settings={"one": settings, "two": settings}),
            {"good": 12, "missing": 12},
            12,
        ),
        (replace(old, size="fitted"), {"stale": 12}, 12),
    ]:
        data.plan = plan
        assert data.findings() == expected
        status = read_status(plan)
        assert total_status(status.table).left == left
        assert status.notes == [
            "nothing works on it now; run `snakemake bulk` to make what is missing."
        ]
    data.plan = old
    assert data.run() == [], "what another configuration would make again was made again"
    save(data.root / "styles" / "new.png", 5, (32, 32))
    assert data.findings() == {"good": 12, "missing": 6}
    with pytest.raises(BulkError, match="no data set in"):
        list(verify_module.verify(replace(old, output=data.root / "elsewhere")))


def test_the_status_sees_that_another_style_is_drawn(data: DataSet):
    data.plan = replace(data.plan, assign="random")
    data.run()
    assert total_status(read_status(data.plan).table).left == 0
    data.plan = replace(data.plan, seed=1)
    stale = data.findings()["stale"]
    assert 0 < stale < 6
    assert total_status(read_status(data.plan).table).left == stale


def test_failures_of_former_settings_do_not_block_a_shard(data: DataSet):
    data.plan = replace(data.plan, failed_fraction=0)
    with pytest.raises(BulkError, match="failed_fraction"):
        data.run(Copying(fail=["class0/deep/0.png"]))
    assert "cannot be finished" in read_status(data.plan).notes[0]
    settings = replace(data.plan.settings["one"], beta=7.0)
    data.plan = replace(data.plan, settings={"one": settings})
    (note,) = read_status(data.plan).notes
    assert "nothing works on it now" in note


def test_the_status_names_who_works_and_keeps_the_rate_of_the_run_before(data: DataSet):
    target = discover(data.plan, walk=True)
    target.write()
    with pytest.raises(RuntimeError):
        run_shard(data.plan, 0, lambda: Copying(stop_after=5), print)
    later = time.time() + 5
    os.utime(data.plan.paths.plan, (later, later))  # as the next run does
    assert total_status(read_status(data.plan, now=later + 1).table).rate > 0
    paths = data.plan.paths
    with Journal(paths.journal(0), paths.worker(0)):
        assert read_status(data.plan).notes == [f"process {os.getpid()} works on shard 0."]


KILLED = """
import os, pickle, signal, sys, time
from neural_style.bulk.journal import latest_rows
from neural_style.bulk.worker import run_shard
from tests.unit.data_sets import Copying
class Killed(Copying):
    def __call__(self, tasks, take):
        super().__call__(tasks, take)
        while not latest_rows(plan.paths.journal(0)):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
plan = pickle.load(sys.stdin.buffer)
run_shard(plan, 0, Killed, print)
"""


def test_the_rate_after_a_kill_is_that_of_what_was_made(data: DataSet):
    discover(data.plan, walk=True).write()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        input=pickle.dumps(data.plan),
        cwd=Path(__file__).parents[2],
    )
    assert killed.returncode == -signal.SIGKILL
    made = len(latest_rows(data.plan.paths.journal(0)))
    begun = data.plan.paths.plan.stat().st_mtime
    status = read_status(data.plan, now=begun + 100)
    sums = total_status(status.table)
    assert made >= 1 and (sums.done, sums.left) == (made, 12 - made)
    assert sums.rate == pytest.approx(made / 100)
    assert status.notes == [
        "nothing works on it now; run `snakemake bulk` to make what is missing."
    ]


def test_verification_sees_a_shard_that_was_never_made(data: DataSet):
    target = discover(data.plan, walk=True)
    target.write()
    run_shard(data.plan, 0, Copying, print)
    assert data.findings() == {"good": 8, "unfinished": 4}


def test_the_status_counts_what_the_journals_say(data: DataSet):
    target = discover(data.plan, walk=True)
    target.write()
    with pytest.raises(RuntimeError):
        run_shard(data.plan, 0, lambda: Copying(stop_after=5), print)
    begun = data.plan.paths.plan.stat().st_mtime
    status = read_status(data.plan, now=begun + 100)
    sums = total_status(status.table)
    assert [(row.style, row.setting) for row in status.table] == [("s0", "one"), ("s1", "one")]
    assert (sums.done, sums.failed, sums.left) == (5, 0, 7)
    assert sums.rate == pytest.approx(0.05)
    assert status.notes == [
        "nothing works on it now; run `snakemake bulk` to make what is missing."
    ]
    assert format_status(status).splitlines()[-2].split() == [
        "all",
        "5",
        "0",
        "0",
        "7",
        "0.05",
        "2",
        "min",
    ]
    idle = total_status(read_status(data.plan, now=time.time() + 10_000).table)
    assert idle.rate == 0
    assert format_status(Status([idle], [])).splitlines()[-1].endswith(" -")


def test_a_plan_is_read_as_it_was_written(data: DataSet):
    discover(data.plan, walk=True).write()
    assert read_plan(data.plan.output) == data.plan
    data.plan.paths.plan.write_text(plan_to_json(data.plan)[:-20])
    with pytest.raises(BulkError, match="cannot read"):
        read_plan(data.plan.output)
    with pytest.raises(BulkError, match="no data set in"):
        read_plan(data.root / "elsewhere")


def test_a_plan_with_former_names_of_settings_is_read(data: DataSet):
    discover(data.plan, walk=True).write()
    path = data.plan.paths.plan
    facts = json.loads(path.read_text(encoding="utf-8"))
    settings = facts["settings"]["one"]
    settings["colour"] = settings.pop("color")
    path.write_text(json.dumps(facts), encoding="utf-8")
    assert read_plan(data.plan.output) == data.plan


def digests(data: DataSet) -> list[tuple[str, str, str]]:
    target = discover(data.plan, walk=True)
    return [
        (target.content_range(shard), target.inputs_digest(shard), target.plan_digest)
        for shard in target.listing.shards
    ]


def test_what_snakemake_compares_does_not_change_by_itself(data: DataSet):
    before = digests(data)
    data.run()
    assert digests(data) == before
    target = discover(data.plan, walk=False)
    assert [target.inputs_digest(shard) for shard in target.listing.shards] == [
        row[1] for row in before
    ]


def add_content_image(data: DataSet) -> None:
    data.add("aaa.png", 5)


def add_style(data: DataSet) -> None:
    save(data.root / "styles" / "new.png", 5, (32, 32))


def edit_content_image(data: DataSet) -> None:
    os.utime(data.root / "photos" / "class0/deep/0.png", ns=(1, 1))


@pytest.mark.parametrize(
    ("change", "assign", "stale"),
    [
        (add_content_image, "cross", [False, True]),
        (edit_content_image, "cross", [True, False]),
        (add_style, "cross", [True, True]),
        (add_style, "random", [False, False]),
    ],
)
def test_only_the_shards_that_a_change_concerns_run_again(
    data: DataSet, change: Callable[[DataSet], None], assign: str, stale: list[bool]
):
    data.plan = replace(data.plan, assign=assign)
    data.run()
    before = digests(data)
    change(data)
    assert [old != new for old, new in zip(before, digests(data), strict=True)] == stale


def test_folders_that_are_missing_or_contradict_are_named(data: DataSet):
    for plan, sentence in [
        (replace(data.plan, content=data.root / "none"), "bulk.content: cannot read"),
        (replace(data.plan, style=(data.root / "none",)), "bulk.style: there is no folder"),
    ]:
        with pytest.raises(BulkError, match=sentence):
            discover(plan, walk=True)
    empty = data.root / "empty"
    empty.mkdir()
    with pytest.raises(BulkError, match="contains no image"):
        discover(replace(data.plan, content=empty, output=data.root / "other"), walk=True)
