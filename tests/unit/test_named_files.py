"""The images that settings name: ids become files, and what is not there is told before any job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from neural_style.config.inputs import find_missing, with_blended_files
from neural_style.config.schema import complete
from neural_style.config.settings import Settings
from neural_style.config.sweep import Sweep, SweepError, plan_sweep

STYLES = {"wave": Path("styles/Wave.jpg"), "swirling_night": Path("styles/night.jpg")}


def missing(settings: Settings, **changes: Any) -> list[str]:
    return list(find_missing(replace(settings, **changes), STYLES))


def test_ids_become_files_and_files_stay(defaults: Settings):
    settings = replace(defaults, blend={"wave": 0.5, "my wave.png": 2.0})
    resolved = with_blended_files(settings, STYLES)
    assert resolved == replace(settings, blend={"my wave.png": 2.0, "styles/Wave.jpg": 0.5})
    assert list(resolved.blend) == sorted(resolved.blend)


def test_a_style_by_its_id_and_by_its_file_is_one_style(defaults: Settings):
    settings = replace(defaults, blend={"wave": 0.5, "styles/Wave.jpg": 2.0})
    assert with_blended_files(settings, STYLES).blend == {"styles/Wave.jpg": 2.5}


def test_nothing_is_missing_where_nothing_is_named(defaults: Settings):
    assert missing(defaults) == []
    assert missing(defaults, blend={"wave": 1.0}, mask="beside", style_mask="beside") == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [("wav", "did you mean wave?"), ("swirling-night", "did you mean swirling_night?")],
)
def test_a_style_that_is_nearly_there_is_suggested(defaults: Settings, name: str, hint: str):
    (sentence,) = missing(defaults, blend={name: 1.0})
    assert sentence == (
        f"transfer.blend: {name!r} is neither the id of a style image nor a file; {hint}"
    )


def test_a_style_like_none_shows_those_that_there_are(defaults: Settings):
    (sentence,) = missing(defaults, blend={"q" * 300: 1.0})
    assert sentence.endswith("nor a file; the ids are wave, swirling_night.")


def test_a_start_is_a_keyword_or_a_file(defaults: Settings, tmp_path: Path):
    assert missing(defaults, init="noise") == []
    assert missing(defaults, init="nosie") == [
        "optimization.init: 'nosie' is neither recolored nor content nor noise nor a file; "
        "fix the path."
    ]
    picture = tmp_path / "noise"
    picture.touch()
    assert missing(defaults, init=str(picture)) == []


@pytest.mark.parametrize("key", ["mask", "style_mask"])
def test_a_mask_that_is_not_there_is_named(defaults: Settings, key: str, tmp_path: Path):
    name = str(tmp_path / "m.png")
    assert missing(defaults, **{key: name}) == [
        f"transfer.{key}: there is no file {name!r}; fix the path."
    ]
    (tmp_path / "m.png").touch()
    assert missing(defaults, **{key: name}) == []
    assert len(missing(defaults, **{key: str(tmp_path)})) == 1


@pytest.mark.parametrize(
    "name", ["{x}.png", "<content>.png", "a\nb.png", "3.04.05\u202fPM.png", "caf\udce9.png"]
)
def test_a_name_that_only_looks_odd_is_taken(defaults: Settings, name: str, tmp_path: Path):
    path = tmp_path / name
    path.touch()
    for changes in ({"mask": str(path)}, {"blend": {str(path): 1.0}}, {"init": str(path)}):
        assert missing(defaults, **changes) == []


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Plans a sweep of one content image and two styles with some settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("images/content/cat.jpg", "images/style/sea.jpg", "images/style/My Sun.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()

    def make(**config: Any) -> Sweep:
        return plan_sweep(complete(config))

    return make


def test_a_sweep_knows_the_files_of_its_blends(sweep: Any):
    named = {"mixed": {"transfer": {"blend": {"my-sun": 0.5, "images/style/sea.jpg": 1}}}}
    settings = sweep(settings={"named": named}).settings
    assert settings["mixed"].blend == {"images/style/My Sun.png": 0.5, "images/style/sea.jpg": 1}
    assert settings["1_1e6_1"].blend == {}


def test_all_that_is_missing_is_told_at_once_and_once(sweep: Any):
    transfer = {"blend": {"sean": 1, "moon": 1}, "mask": "m.png"}
    with pytest.raises(SweepError) as caught:
        sweep(transfer=transfer, settings={"beta": [1, 2]})
    assert str(caught.value).splitlines() == [
        "transfer.mask: there is no file 'm.png'; fix the path.",
        "transfer.blend: 'moon' is neither the id of a style image nor a file; "
        "the ids are my-sun, sea.",
        "transfer.blend: 'sean' is neither the id of a style image nor a file; did you mean sea?",
    ]


def test_the_order_of_scales_and_of_a_blend_does_not_matter(sweep: Any):
    one = sweep(transfer={"style_scales": [2, 0.5], "blend": {"sea": 1, "my-sun": 2}}).settings
    other = sweep(transfer={"style_scales": [0.5, 2], "blend": {"my-sun": 2, "sea": 1}}).settings
    assert repr(one) == repr(other)
    assert one["1_1e6_1"].style_scales == (0.5, 2.0)
    assert one["1_1e6_1"].style_sizes == (256, 1024)


def test_a_weight_of_zero_takes_a_style_out_again(sweep: Any):
    assert sweep(transfer={"blend": {"sea": 0, "nowhere": 0}}).settings["1_1e6_1"].blend == {}
