"""From a configuration to jobs: ids of settings, paths of results, and the folder for them."""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from neural_style.config.schema import complete
from neural_style.config.settings import Settings, output_name, output_names
from neural_style.config.sweep import (
    SweepError,
    expand_settings,
    format_number,
    plan_sweep,
)

Schema = Mapping[str, Any]


def expand(**config: Any) -> dict[str, Settings]:
    return expand_settings(complete(config))


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    """Two contents and two styles; what is in the files does not matter here."""
    for name in ("content/Cat.JPG", "content/holiday/beach.png", "style/wave.jpg", "style/a.webp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return {"content": str(tmp_path / "content"), "style": str(tmp_path / "style")}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1, "1"),
        (1.0, "1"),
        (0.1, "0.1"),
        (0.25, "0.25"),
        (0.001, "0.001"),
        (1 / 3, "0.3333333333333333"),
        (10, "10"),
        (1500, "1500"),
        (9999.5, "9999.5"),
        (10_000, "1e4"),
        (12_345, "1.2345e4"),
        (1e6, "1e6"),
        (2.5e-7, "2.5e-7"),
        (0.0005, "5e-4"),
        (1e15, "1e15"),
        (-2.5, "-2.5"),
        (-2e6, "-2e6"),
    ],
)
def test_numbers_are_written_as_people_write_them(number: float, text: str):
    assert format_number(number) == text


def test_different_numbers_are_written_differently_and_safely():
    numbers = random.Random(0)
    sample: set[float] = {0.1 + 0.2, 0.3, 1 / 3, 1e-12, 1e15, 5e-324, 1.7976931348623157e308}
    while len(sample) < 20_000:
        (bits,) = struct.unpack("<d", struct.pack("<Q", numbers.getrandbits(64)))
        near = round(numbers.uniform(0, 20_000), numbers.randrange(6))
        sample |= {each for each in (bits, near, math.nextafter(near, 1e9)) if math.isfinite(each)}
    texts = {number: format_number(number) for number in sample}
    assert len(set(texts.values())) == len(sample)
    for number, text in texts.items():
        assert float(text) == number
        assert set(text) <= set("0123456789.e-"), text


def test_the_default_setting_has_the_name_asked_for():
    assert list(expand()) == ["1_1e6_1"]


def test_the_lists_are_crossed():
    lists = {"alpha": [1, 0.5], "beta": ["1e5", 1e6], "learning_rate": [1.0]}
    expanded = expand(settings=lists)
    assert list(expanded) == ["1_1e5_1", "1_1e6_1", "0.5_1e5_1", "0.5_1e6_1"]
    last = expanded["0.5_1e6_1"]
    assert (last.alpha, last.beta, last.learning_rate) == (0.5, 1e6, 1.0)


def test_a_setting_takes_the_rest_from_the_sections():
    (settings,) = expand(
        image={"size": 64, "fit": "crop"},
        network={"weights": "w.pth"},
        optimization={"epochs": 5, "seed": 9},
    ).values()
    assert settings == replace(Settings(), size=64, fit="crop", weights="w.pth", epochs=5, seed=9)


def test_a_named_setting_overrides_what_it_names_and_nothing_else():
    named = {
        "deep": {
            "beta": 1e5,
            "network": {"content_layers": {"conv5_2": 2}},
            "optimization": {"epochs": 30},
            "image": {"format": "png"},
        },
        "Plain one": {},
    }
    lists = {"alpha": [3, 4], "named": named}
    expanded = expand(settings=lists, optimization={"save_every": 7})
    assert list(expanded) == ["3_1e6_1", "4_1e6_1", "deep", "plain-one"]
    assert expanded["plain-one"] == expanded["3_1e6_1"]
    assert expanded["deep"] == replace(
        expanded["3_1e6_1"],
        beta=1e5,
        content_layers={"conv5_2": 2},
        epochs=30,
        format="png",
    )
    assert expanded["deep"].save_every == 7


@pytest.mark.parametrize(
    "named", [{"1_1e6_1": {}}, {"Deep": {}, "deep": {}}, {"a b": {}, "a-b": {}}]
)
def test_settings_that_would_share_an_id_are_refused_by_name(named: dict[str, Any]):
    last = list(named)[-1]
    with pytest.raises(SweepError, match=f"settings.named.{last}: .*rename"):
        expand(settings={"named": named})


def test_a_hostile_name_makes_a_safe_id():
    hostile = ("../../etc", "a/b", "", " ", "-rf", "grids", "神奈川", "x" * 300)
    expanded = expand(settings={"named": {name: {} for name in hostile}})
    assert len(expanded) == 1 + len(hostile)
    for name in expanded:
        assert "/" not in name
        assert name[0] not in ".-"


@pytest.mark.parametrize(
    ("epochs", "every", "expected"),
    [
        (1000, 100, tuple(range(100, 1001, 100))),
        (250, 100, (100, 200, 250)),
        (5, 100, (5,)),
        (100, 100, (100,)),
        (3, 1, (1, 2, 3)),
        (1, 1, (1,)),
    ],
)
def test_every_few_epochs_and_the_last_are_saved(
    defaults: Settings, epochs: int, every: int, expected: tuple[int, ...]
):
    settings = replace(defaults, epochs=epochs, save_every=every)
    assert settings.snapshots == expected
    assert output_names(settings) == [f"generated_{epoch}.jpg" for epoch in expected]


def test_an_image_is_named_by_its_epoch_and_its_format():
    assert output_name(100, "jpg") == "generated_100.jpg"
    assert output_name(7, "webp") == "generated_7.webp"


def test_every_layer_that_is_compared_is_needed(defaults: Settings):
    assert defaults.layers == {"conv4_2", *(f"conv{block}_1" for block in range(1, 6))}


def test_the_sweep_is_contents_by_styles_by_settings(folders: dict[str, str]):
    sweep = plan_sweep(complete({**folders, "settings": {"alpha": [1, 2]}}))
    jobs = list(sweep.jobs)
    assert [(job.content, job.style, job.setting) for job in jobs] == [
        (content, style, setting)
        for content in ("cat", "holiday-beach")
        for style in ("a", "wave")
        for setting in ("1_1e6_1", "2_1e6_1")
    ]
    job = jobs[-1]
    assert job == sweep.job("holiday-beach", "wave", "2_1e6_1")
    assert job.content_path == Path(folders["content"], "holiday/beach.png")
    assert job.style_path == Path(folders["style"], "wave.jpg")
    assert job.settings.alpha == 2
    assert list(sweep.jobs_of("cat")) == jobs[:4]


def test_results_lie_where_the_readme_says(folders: dict[str, str]):
    job = next(iter(plan_sweep(complete(folders)).jobs))
    assert job.folder == Path("results/cat/a/1_1e6_1")
    assert job.final_output == Path("results/cat/a/1_1e6_1/generated_1000.jpg")
    assert job.final_output.name == output_names(job.settings)[-1]
    assert job.log == Path("results/logs/cat/a/1_1e6_1.log")


@pytest.mark.parametrize(
    "output", ["results/bold", "./my experiments/no 1", "/tmp/elsewhere", "../elsewhere"]
)
def test_another_folder_for_the_results_holds_jobs_and_logs(folders: dict[str, str], output: str):
    sweep = plan_sweep(complete({**folders, "output": output}))
    job = next(iter(sweep.jobs))
    assert sweep.root == Path(output)
    assert job.folder == Path(output) / "cat/a/1_1e6_1"
    assert job.log == Path(output) / "logs/cat/a/1_1e6_1.log"


@pytest.mark.parametrize("output", ["{content}", "style", "{content}/new", "", "content/holiday"])
def test_results_and_images_stay_apart(
    folders: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
):
    """Else the next run would stylize its own outputs."""
    monkeypatch.chdir(tmp_path)
    folder = output.format(**folders) or str(tmp_path)
    with pytest.raises(
        SweepError, match=r"^output: .* or one is within the other; choose a folder"
    ):
        plan_sweep(complete({**folders, "output": folder}))


def test_an_image_file_may_be_a_result(folders: dict[str, str], tmp_path: Path):
    """It cannot be found by a search of a folder."""
    result = tmp_path / "results" / "cat" / "generated_1000.jpg"
    result.parent.mkdir(parents=True)
    result.touch()
    config = {
        "content": str(result),
        "style": folders["style"],
        "output": str(tmp_path / "results"),
    }
    assert list(plan_sweep(complete(config)).contents) == ["generated_1000"]


@pytest.mark.parametrize("key", ["content", "style"])
@pytest.mark.parametrize("by_link", [False, True])
def test_an_output_of_the_sweep_is_none_of_its_images(
    folders: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key, by_link
):
    """Neither if it is named nor if it is found behind a link."""
    monkeypatch.chdir(tmp_path)
    output = Path("results", "cat", "a", "1_1e6_1", "generated_500.jpg")
    output.parent.mkdir(parents=True)
    output.touch()
    if by_link:
        Path(folders[key], "link.jpg").symlink_to(output.resolve())
    else:
        folders[key] = [folders[key], str(output)]
    with pytest.raises(SweepError, match=f"^{key}: .* is in the folder of an output"):
        plan_sweep(complete({**folders, "settings": {"beta": [1e6], "presets": []}}))


@pytest.mark.parametrize(
    ("key", "sections"),
    [
        ("optimization.init", {"optimization": {"init": "EARLIER"}}),
        ("transfer.mask", {"transfer": {"mask": "EARLIER"}}),
        ("transfer.style_mask", {"transfer": {"style_mask": "EARLIER"}}),
        ("transfer.blend", {"transfer": {"blend": {"EARLIER": 1.0}}}),
        ("network.weights", {"network": {"weights": "EARLIER"}}),
    ],
)
def test_an_output_of_the_sweep_is_none_of_its_inputs(
    folders: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key, sections
):
    """Its job would remove it before it is read."""
    monkeypatch.chdir(tmp_path)
    settings = {"beta": [1e6], "presets": []}
    for folder, refused in (("cat/a/1_1e6_1", True), ("cat/a/2_1e6_1", False), ("mine", False)):
        file = Path("results", folder, "generated_500.jpg")
        file.parent.mkdir(parents=True)
        file.touch()
        given = json.loads(json.dumps(sections).replace("EARLIER", str(file)))
        config = complete({**folders, "settings": settings, **given})
        if refused:
            with pytest.raises(SweepError, match=f"^{key}: '{file}' is in the folder of an output"):
                plan_sweep(config)
        else:
            plan_sweep(config)


@pytest.mark.parametrize("output", ["photographs_out", "photographs_out/sweep"])
def test_the_results_of_a_sweep_and_of_a_data_set_stay_apart(folders: dict[str, str], output: str):
    bulk = {"content": folders["content"], "output": "photographs_out"}
    with pytest.raises(SweepError, match=r"^output: .* is within bulk\.output 'photographs_out'"):
        plan_sweep(complete({**folders, "output": output, "bulk": bulk}))
    assert plan_sweep(complete({**folders, "output": output})).root == Path(output)


def test_results_need_a_folder(
    folders: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("results.txt").write_text("no folder")
    Path("circle").symlink_to("circle")
    for output in ("results.txt", "circle"):
        with pytest.raises(SweepError, match=rf"^output: '{output}' is not a folder; choose"):
            plan_sweep(complete({**folders, "output": output}))


def test_files_and_folders_may_be_listed(folders: dict[str, str]):
    listed = {
        **folders,
        "content": [f"{folders['content']}/Cat.JPG", f"{folders['content']}/holiday"],
    }
    assert list(plan_sweep(complete(listed)).contents) == ["beach", "cat"]


@pytest.mark.parametrize("name", ["nowhere", "long" * 100])
@pytest.mark.parametrize("key", ["content", "style"])
def test_a_missing_folder_is_told_by_its_key(folders: dict[str, str], key: str, name: str):
    with pytest.raises(SweepError, match=f"^{key}: "):
        plan_sweep(complete({**folders, key: name}))


def test_mistakes_in_both_folders_are_told_at_once(tmp_path: Path):
    config = {"content": str(tmp_path / "c"), "style": str(tmp_path / "s")}
    with pytest.raises(SweepError) as caught:
        plan_sweep(complete(config))
    content, style = str(caught.value).splitlines()
    assert content.startswith("content: ") and style.startswith("style: ")
