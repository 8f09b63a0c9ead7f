"""Shards with a runner that returns its input: what is made, what is kept, what is made again."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.unit.data_sets import Copying, DataSet, save

from neural_style.bulk.journal import latest_rows
from neural_style.bulk.worker import run_shard
from neural_style.config.settings import OUTPUT_FORMATS


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
    row = latest_rows(data.plan.paths.manifest(0))["s1/two/class0/deep/0.png"]
    assert (row.content, row.style, row.setting) == ("class0/deep/0.png", "s1", "two")
    assert (row.total_loss, row.content_loss, row.style_loss, row.seconds) == (3.0, 1.0, 2.0, 0.1)
    assert not list(data.plan.paths.root.glob("partial/*"))


def test_a_second_run_makes_nothing_and_needs_no_runner(data: DataSet):
    data.run()
    before = data.dates()
    journal = data.plan.paths.journal(0).read_bytes()

    def refuse() -> Copying:
        raise AssertionError("torch would have been started")

    for shard in (0, 1):
        run_shard(data.plan, shard, refuse, print)
    assert data.dates() == before
    assert data.plan.paths.journal(0).read_bytes() == journal


def test_a_look_at_a_finished_shard_imports_no_torch(data: DataSet):
    data.run()
    code = (
        "import sys; from pathlib import Path\n"
        "from neural_style.bulk.plan import read_plan\n"
        "from neural_style.bulk.worker import run_shard\n"
        "counts = run_shard(read_plan(Path(sys.argv[1])), 0, lambda: sys.exit('a runner'), print)\n"
        "print(dict(counts), 'torch' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(data.plan.output)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.stdout == "{'done': 8} False\n", ended.stderr


def test_added_content_images_styles_and_settings_make_nothing_again(data: DataSet):
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


def test_outputs_of_a_style_that_was_removed_and_put_back_are_kept(data: DataSet):
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
def test_another_value_of_a_setting_makes_its_outputs_again(data: DataSet, change: dict):
    data.run()
    settings = replace(data.plan.settings["one"], **change)
    data.plan = replace(data.plan, settings={"one": settings})
    assert len(data.run()) == 12


def test_only_the_final_output_counts(data: DataSet):
    data.run()
    settings = replace(data.plan.settings["one"], save_every=1)
    data.plan = replace(data.plan, settings={"one": settings})
    assert data.run() == []


def test_outputs_of_an_edited_content_image_or_style_are_made_again(data: DataSet):
    data.run()
    data.add("class0/deep/0.png", 99)
    assert data.run() == ["s0/one/class0/deep/0.png", "s1/one/class0/deep/0.png"]
    save(data.root / "styles" / "s1.png", 99, (32, 32))
    assert data.run() == [
        f"s1/one/class{number % 2}/deep/{number}.png" for number in (0, 2, 4, 1, 3, 5)
    ]


def test_a_file_with_only_another_date_makes_nothing_again(data: DataSet):
    data.run()
    before = data.dates()
    for path in (data.root / "photos" / "class0/deep/0.png", data.root / "styles" / "s0.png"):
        os.utime(path)
    os.utime(data.plan.output / "s0/one/class1/deep/1.png")
    assert data.run() == []
    assert len(data.dates()) == len(before)


def test_random_assignment_stays_when_files_are_added(data: DataSet):
    data.plan = replace(data.plan, assign="random", styles_per_content=1)
    first = data.run()
    assert {name.split("/")[0] for name in first} == {"random_1"} and len(first) == 6
    data.add("aaa/first.png", 50)
    save(data.root / "styles" / "a-new-one.png", 7, (32, 32))
    assert data.run() == ["random_1/one/aaa/first.png"]
    data.plan = replace(data.plan, styles_per_content=2)
    assert all(name.startswith("random_2/") for name in data.run())


def test_a_removed_content_image_keeps_its_outputs(data: DataSet):
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


def test_outputs_have_the_dimensions_of_their_content_images(data: DataSet):
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
    runner = Copying()
    data.run(runner)
    assert sorted(runner.batches) == [3] * 6


@pytest.mark.parametrize("name", ["jpg", "webp", "avif", "png16", "tiff"])
def test_every_format_of_a_sweep_is_one_of_a_data_set(data: DataSet, name: str):
    settings = replace(data.plan.settings["one"], format=name)
    data.plan = replace(data.plan, settings={"one": settings})
    data.run()
    path = data.plan.output / f"s0/one/class1/deep/1{OUTPUT_FORMATS[name]}"
    with Image.open(path) as image:
        assert image.size == (40, 20)
        assert np.abs(np.asarray(image, int) - [1, 100, 100]).max() <= 5
    assert data.findings() == {"good": 12}


@pytest.mark.parametrize("size", ["original", "fitted"])
def test_the_opacity_of_a_content_image_is_kept_on_request(data: DataSet, size: str):
    settings = replace(data.plan.settings["one"], transparency="keep")
    data.plan = replace(data.plan, size=size, settings={"one": settings})
    see_through = Image.new("RGBA", (40, 20), (9, 9, 9, 77))
    see_through.save(data.root / "photos/class0/deep/0.png")
    data.run()
    with Image.open(data.plan.output / "s0/one/class0/deep/0.png") as image:
        assert image.size == ((40, 20) if size == "original" else (32, 16))
        assert image.getchannel("A").getextrema() == (77, 77)
    with Image.open(data.plan.output / "s0/one/class1/deep/1.png") as image:
        assert image.mode == "RGB"
