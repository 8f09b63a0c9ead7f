"""What is known about a data set without making it: what is wrong, left to make, or changed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.data_sets import Copying, DataSet, save

from neural_style.bulk.plan import BulkError, plan_to_json, read_plan
from neural_style.bulk.status import format_status, read_status, total_status
from neural_style.bulk.target import discover
from neural_style.bulk.worker import run_shard


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
    assert not any(data.plan.paths.manifest(shard).exists() for shard in (0, 1))
    assert data.run() == sorted(
        [
            *("s0/one/class0/deep/0.png", "s0/one/class1/deep/1.png"),
            *(f"s{style}/one/{name}.png" for style in (0, 1) for name in ("class1/deep/5", "zzz")),
        ]
    )
    assert damaged.read_bytes() == before
    assert data.findings() == {"good": 14}


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
    table = read_status(data.plan, now=begun + 100)
    sums = total_status(table)
    assert [(row.style, row.setting) for row in table] == [("s0", "one"), ("s1", "one")]
    assert (sums.done, sums.failed, sums.left) == (5, 0, 7)
    assert sums.rate == pytest.approx(0.05)
    assert format_status(table).splitlines()[-1].split() == [
        "all",
        "5",
        "0",
        "0",
        "7",
        "0.05",
        "2",
        "min",
    ]
    idle = total_status(read_status(data.plan, now=time.time() + 10_000))
    assert idle.rate == 0 and format_status([idle]).splitlines()[-1].endswith(" -")


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
