"""Labels, names, and numbers: as short as possible, and true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from neural_style.report.figure import can_draw
from neural_style.report.names import (
    display_names,
    format_loss,
    format_tick,
    iterations_label,
    setting_label,
    setting_labels,
    size_label,
    weight_label,
)
from neural_style.report.text import load_font


def test_what_all_settings_share_is_told_once(defaults):
    settings = {f"1_{beta}_1": replace(defaults, beta=float(beta)) for beta in (10, 20)}
    labels, common = setting_labels(settings)
    assert labels == {"1_10_1": "β\u00a010", "1_20_1": "β\u00a020"}
    assert common == "α\u00a01   lr\u00a01"


def test_a_single_setting_has_all_its_weights_in_its_label(defaults):
    labels = {"1_1e6_1": "α\u00a01   β\u00a01e6   lr\u00a01"}
    assert setting_labels({"1_1e6_1": defaults}) == (labels, "")
    assert setting_labels({"bold": defaults}) == ({"bold": "bold"}, "")


def test_a_setting_out_of_its_sweep_has_all_its_weights(defaults):
    assert setting_label("1_1e6_1", defaults) == "α\u00a01   β\u00a01e6   lr\u00a01"
    assert setting_label("bold", defaults) == "bold"
    assert setting_label("1_1e6_1", replace(defaults, beta=5)) == "1_1e6_1"


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
    assert iterations_label([1000, 1000]) == "1000 iterations"
    assert iterations_label([1000, 300, 500]) == "300–1000 iterations"
    assert iterations_label([1]) == "1 iteration"
    assert iterations_label([]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (123456, "123000"),
        (48.21, "48.2"),
        (0.012345, "0.0123"),
        (1.23456e7, "1.23e7"),
        (0, "0"),
        (1e-7, "1e-7"),
    ],
)
def test_losses_have_three_digits(value, text):
    assert format_loss(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.05, "0.05"),
        (2500.0, "2500"),
        (1e4, "10⁴"),
        (2e-5, "2×10⁻⁵"),
        (1e-12, "10⁻¹²"),
        (1.5e-5, "1.5×10⁻⁵"),
    ],
)
def test_ticks_are_powers_of_ten_where_they_are_large_or_small(value, text):
    assert format_tick(value) == text


FONTS = {"grids": load_font(12).draws, "plots": can_draw}
fonts = pytest.mark.parametrize("draws", FONTS.values(), ids=FONTS.keys())


@pytest.mark.usefixtures("no_further_fonts")
@fonts
@pytest.mark.parametrize("name", ["神奈川沖浪裏", "🌊", "two\nlines", "caf\udce9", " "])
def test_a_name_that_cannot_be_drawn_gives_way_to_the_id(draws, name):
    assert display_names({"wave": Path(f"{name}.jpg")}, draws) == {"wave": "wave"}


@fonts
@pytest.mark.parametrize("name", ["Щука", "قطة المدينة", "שלום", "Ελλάδα"])
def test_names_that_matplotlibs_font_has_are_drawn_everywhere(draws, name):
    assert display_names({"wave": Path(f"{name}.jpg")}, draws) == {"wave": name}


@fonts
def test_a_font_of_the_machine_draws_what_others_lack(draws, use_fonts, font_of_waves):
    use_fonts(font_of_waves)
    assert display_names({"wave": Path("神奈川.jpg")}, draws) == {"wave": "神奈川"}
    assert display_names({"wave": Path("神奈川沖.jpg")}, draws) == {"wave": "wave"}


@fonts
def test_files_of_the_same_name_are_told_apart_by_their_ids(draws):
    files = {"wave-1": Path("japan/wave.jpg"), "wave-2": Path("france/wave.jpg")}
    assert display_names(files, draws) == {"wave-1": "wave-1", "wave-2": "wave-2"}
    assert display_names({"cafe-1": Path("Café.jpg")}, draws) == {"cafe-1": "Café"}


def test_where_all_can_be_drawn_only_bytes_that_are_not_utf8_are_replaced():
    files = {
        "wave": Path("神奈川沖浪裏.jpg"),
        "cafe": Path("caf\udce9.jpg"),
        "blank": Path("  .png"),
    }
    assert display_names(files) == {"wave": "神奈川沖浪裏", "cafe": "caf\ufffd", "blank": "blank"}
