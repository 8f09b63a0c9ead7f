"""The guide to the controls: what its sheets show, and that the page leaves no control out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from neural_style.config.options import flag
from neural_style.config.presets import PRESETS
from neural_style.config.schema import complete
from neural_style.config.sweep import SECTIONS, WEIGHTS, expand_settings
from neural_style.manual.control_tiles import sheet_grid
from neural_style.manual.controls import ControlsError, Made, Shown, read_sheets

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "artists.md"
SHEETS = ROOT / "docs" / "controls.yaml"
Schema = Mapping[str, Any]


def described(folder: Path, **sheet: Any) -> Path:
    """A description of one sheet, called it."""
    sheets = {"it": {"content": "cat.jpg", "style": "sea.jpg", **sheet}}
    path = folder / "controls.yaml"
    common = {"image": {"size": 64}, "network": {"style_layers": {"conv1_1": 1}}}
    text = {"tile_size": 96, "settings": common, "sheets": sheets}
    path.write_text(yaml.safe_dump(text, sort_keys=False), encoding="utf-8")
    return path


def test_a_tile_says_more_than_its_sheet_and_the_sheet_more_than_all(
    tmp_path: Path, schema: Schema
):
    tiles = {
        "b": {"beta": 7, "content": "dog.jpg"},
        "a": {"image": {"fit": "crop"}, "network": {"style_layers": {"relu2_1": 2}}},
        "the mask": {"file": "mask.png"},
    }
    own = {"beta": 5, "image": {"quality": 80}}
    sheet = read_sheets(described(tmp_path, settings=own, tiles=tiles), schema)["it"]
    (row,) = sheet.rows
    b, a, mask = row.tiles
    assert isinstance(a, Made) and isinstance(b, Made)
    assert (b.label, b.content, b.style) == ("b", Path("dog.jpg"), Path("sea.jpg"))
    assert (b.settings.beta, b.settings.size, b.settings.quality) == (7, 64, 80)
    assert (a.settings.beta, a.settings.size, a.settings.fit) == (5, 64, "crop")
    assert (b.settings.style_layers, a.settings.style_layers) == ({"conv1_1": 1}, {"relu2_1": 2})
    assert (sheet.tile_size, row.heading, row.photograph) == (96, "", None)
    assert mask == Shown("the mask", Path("mask.png"))
    assert sheet.files == [Path(name) for name in ("dog.jpg", "sea.jpg", "cat.jpg", "mask.png")]


def test_several_pairs_are_a_row_each(
    tmp_path: Path, schema: Schema, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("cat.jpg", "dog.jpg", "sea.jpg", "b.jpg"):
        (tmp_path / name).touch()
    pairs = [{"content": "cat.jpg", "style": "sea.jpg"}, {"content": "dog.jpg", "style": "b.jpg"}]
    path = described(tmp_path, pairs=pairs, tiles={"x": {"beta": 1}, "y": {"beta": 2}})
    sheet = read_sheets(path, schema)["it"]
    assert [row.heading for row in sheet.rows] == ["cat × sea", "dog × b"]
    assert [row.photograph for row in sheet.rows] == [Path("cat.jpg"), Path("dog.jpg")]
    made = [(t.content.name, t.style.name, t.label) for t in sheet.tiles if isinstance(t, Made)]
    assert made == [
        (content, style, label)
        for content, style in (("cat.jpg", "sea.jpg"), ("dog.jpg", "b.jpg"))
        for label in "xy"
    ]
    assert [row.heading for row in sheet_grid(sheet, tmp_path).rows] == ["cat × sea", "dog × b"]


@pytest.mark.parametrize(
    ("sheet", "sentence"),
    [
        ({"tiles": {"a": {"betta": 1}}}, "sheet it: .*named.a.betta: .* did you mean beta"),
        ({"tiles": {"a": {}}, "tile": {}}, "sheet it: there is no such key as tile; allowed: con"),
        ({"tiles": 3}, "cannot understand .*compare docs/controls.yaml"),
        ({}, "cannot understand .*'tiles'"),
    ],
)
def test_mistakes_are_told_by_sheet_and_key(
    tmp_path: Path, schema: Schema, sheet: dict[str, Any], sentence: str
):
    with pytest.raises(ControlsError, match=re.compile(sentence, re.DOTALL)):
        read_sheets(described(tmp_path, **sheet), schema)


def test_a_file_that_is_not_there_is_told(tmp_path: Path, schema: Schema):
    with pytest.raises(ControlsError, match=r"nowhere\.yaml"):
        read_sheets(tmp_path / "nowhere.yaml", schema)


def test_a_sheet_is_a_row_of_its_tiles_below_their_labels(tmp_path: Path, schema: Schema):
    tiles = {"one": {"file": str(ROOT / "docs" / "pictures" / "grid.jpg")}}
    sheet = read_sheets(described(tmp_path, tiles=tiles), schema)["it"]
    grid = sheet_grid(sheet, tmp_path)
    assert grid.columns == ("one",)
    (row,) = grid.rows
    assert row.shape and row.shape[0] > row.shape[1]
    assert [tile and tile.picture for tile in row.tiles] == list(sheet.files)


def test_the_sheets_of_the_guide_can_be_made(schema: Schema):
    sheets = read_sheets(SHEETS, schema)
    for name, sheet in sheets.items():
        assert re.fullmatch("[a-z_]+", name)
        assert 2 <= len(sheet.rows[0].tiles) <= 5, name
        for file in sheet.files:
            assert (
                file.parts[:2] in (("images", "content"), ("images", "style"))
                or (ROOT / file).is_file()
            ), file


def test_every_sheet_is_in_the_guide_and_every_link_leads_somewhere(schema: Schema):
    links = re.findall(r"\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    shown = {Path(link).stem for link in links if link.startswith("pictures/controls/")}
    assert shown == set(read_sheets(SHEETS, schema))
    headings = re.findall(r"^#+ (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif not link.startswith("https:"):
            assert (PAGE.parent / link.partition("#")[0]).is_file(), link


def test_no_control_is_left_out_of_the_guide(schema: Schema):
    """Each key, as YAML has it, and its option."""
    page = PAGE.read_text(encoding="utf-8")
    keys = [*WEIGHTS, *(key for name in SECTIONS for key in schema["$defs"][name]["properties"])]
    for key in keys:
        assert re.search(rf"\b{key}: ", page), f"{key} is in no line of YAML"
        assert re.search(rf"{flag(key)}\b", page), f"{flag(key)} is not shown"
    for preset in PRESETS:
        assert f"`{preset}`" in page


def test_the_yaml_of_the_guide_is_allowed(schema: Schema):
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 10
    for block in blocks:
        expand_settings(complete(yaml.safe_load(block), schema))


def test_the_pictures_of_the_documentation_stay_small():
    pictures = [path for path in (ROOT / "docs" / "pictures").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in pictures) < 2_000_000
    for path in (ROOT / "docs" / "pictures" / "controls").iterdir():
        assert path.stat().st_size < 160_000, path
