"""The words on sheets: as short as they can be, and still true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from neural_style.report.grid_compose import (
    epochs_label,
    losses_labels,
    names_of,
    paint_label,
    setting_labels,
    size_label,
    weight_label,
)


def test_what_all_settings_share_is_told_once(defaults):
    settings = {f"1_{beta}_1": replace(defaults, beta=float(beta)) for beta in (10, 20)}
    labels, common = setting_labels(settings)
    assert labels == {"1_10_1": "β\u00a010", "1_20_1": "β\u00a020"}
    assert common == "α\u00a01   lr\u00a01"


def test_a_setting_on_its_own_needs_no_heading(defaults):
    assert setting_labels({"1_1e6_1": defaults}) == (
        {"1_1e6_1": ""},
        "α\u00a01   β\u00a01e6   lr\u00a01",
    )
    assert setting_labels({"bold": defaults}) == ({"bold": ""}, "bold")


def test_a_named_setting_is_called_by_its_name(defaults):
    labels, common = setting_labels({"1_1e6_1": defaults, "bold": replace(defaults, beta=1e7)})
    assert labels == {"1_1e6_1": "β\u00a01e6", "bold": "bold"}
    assert common == "α\u00a01   lr\u00a01"


def test_settings_that_differ_in_no_weight_are_told_apart(defaults):
    labels, common = setting_labels({"1_1e6_1": defaults, "long": replace(defaults, epochs=9)})
    assert labels == {"1_1e6_1": "α\u00a01   β\u00a01e6   lr\u00a01", "long": "long"}
    assert common == ""


@pytest.mark.parametrize("name", ["2_1e6_1", "1_1e6", "1_1000000_1", "bold_colors_here"])
def test_a_name_that_looks_like_numbers_stays_a_name(defaults, name):
    assert setting_labels({name: defaults, "other": defaults})[0][name] == name


@pytest.mark.parametrize(
    ("value", "label"),
    [(1e6, "β\u00a01e6"), (0.5, "β\u00a00.5"), (10**3.5, "β\u00a03162.28"), (0, "β\u00a00")],
)
def test_weights_are_short(value, label):
    assert weight_label("beta", value) == label


def test_sizes_and_epochs():
    assert size_label([(64, 48), None, (64, 48)]) == "64 × 48 px"
    assert size_label([(64, 48), (48, 64)]) == "64 px"
    assert size_label([(64, 48), (32, 48)]) == size_label([None]) == ""
    assert epochs_label([1000, 1000]) == "1000 epochs"
    assert epochs_label([1000, 300, 500]) == "300–1000 epochs"
    assert epochs_label([1]) == "1 epoch"


def test_a_plain_picture_needs_no_words_about_its_paint(defaults):
    assert paint_label([defaults, replace(defaults, beta=7.0)]) == ""


def test_styles_beside_the_one_in_the_title_are_told(defaults):
    blend = {"images/style/sea.jpg": 0.5, "My Sun.png": 1.0}
    settings = replace(defaults, blend=blend, style_scales=(0.5, 1.0), mask="m.png")
    words = "with sea 0.5 and My Sun 1, style ×0.5 and ×1, masked"
    assert paint_label([settings]) == words
    assert paint_label([settings, replace(settings, style_mask="beside")]) == words


def test_what_only_some_settings_do_is_not_told_of_all(defaults):
    masked = replace(defaults, mask="beside", style_scales=(2.0,))
    assert paint_label([masked, replace(masked, mask=None)]) == "style ×2"
    assert paint_label([masked, defaults]) == ""


def test_losses_are_read_by_epoch_and_rounded(tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text(
        "epoch,seconds,total,content,style,content/conv4_2\n"
        "0,0.1,123456,0,1.23456e+07,0\n"
        "10,0.2,48.21,0.012345,1e-07,0\n",
        encoding="utf-8",
    )
    assert losses_labels(path) == {
        0: ("total 123000", "content 0", "style 1.23e7"),
        10: ("total 48.2", "content 0.0123", "style 1e-7"),
    }


@pytest.mark.parametrize(
    ("data", "epochs"),
    [
        (None, set()),
        (b"", set()),
        (b"epoch,total\n1,2\n", set()),
        (b"epoch,total,content,style\n1,2,3,4\n2,3\n", {1}),
        (b"epoch,total,content,style\n1,2,3,4\n2,x,y,z\n", {1}),
        (b"\xff\xfe\x00", set()),
    ],
)
def test_losses_that_cannot_be_read_are_left_out(tmp_path, data, epochs):
    path = tmp_path / "losses.csv"
    if data is not None:
        path.write_bytes(data)
    assert set(losses_labels(path)) == epochs


@pytest.mark.parametrize("name", ["神奈川沖浪裏", "🌊", "two\nlines", "caf\udce9", " "])
def test_a_name_that_cannot_be_drawn_gives_way_to_the_id(name):
    assert names_of({"wave": Path(f"{name}.jpg")}) == {"wave": "wave"}


def test_files_of_the_same_name_are_told_apart_by_their_ids():
    files = {"wave-1": Path("japan/wave.jpg"), "wave-2": Path("france/wave.jpg")}
    assert names_of(files) == {"wave-1": "wave-1", "wave-2": "wave-2"}
    assert names_of({"cafe-1": Path("Café.jpg")}) == {"cafe-1": "Café"}
