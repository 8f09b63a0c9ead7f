"""The control grids of docs/artists.md: what they show, and that the page has every control."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from control_grids import layout
from controls import ControlsError, FileTile, OutputTile, read_grids

from neural_style.config.options import option_name
from neural_style.config.presets import PRESETS
from neural_style.config.schema import complete, setting_nodes
from neural_style.config.settings import LISTED_KEYS, SECTIONS
from neural_style.config.sweep import expand_settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "artists.md"
CONTROLS = ROOT / "docs" / "controls.yaml"
Schema = Mapping[str, Any]


def described(folder: Path, **keys: Any) -> Path:
    """Describe one grid with the name `it`."""
    grids = {"it": {"content": "cat.jpg", "style": "sea.jpg", **keys}}
    path = folder / "controls.yaml"
    common = {"image": {"size": 64}, "network": {"style_layers": {"conv1_1": 1}}}
    text = {"tile_size": 96, "settings": common, "grids": grids}
    path.write_text(yaml.safe_dump(text, sort_keys=False), encoding="utf-8")
    return path


def test_settings_of_a_tile_override_those_of_its_grid_and_these_override_those_of_all(
    tmp_path: Path,
):
    tiles = {
        "b": {"beta": 7, "content": "dog.jpg"},
        "a": {"image": {"fit": "crop"}, "network": {"style_layers": {"relu2_1": 2}}},
        "the mask": {"file": "mask.png"},
    }
    own = {"beta": 5, "image": {"quality": 80}}
    grid = read_grids(described(tmp_path, settings=own, tiles=tiles))["it"]
    (row,) = grid.rows
    b, a, mask = row.tiles
    assert isinstance(a, OutputTile) and isinstance(b, OutputTile)
    assert (b.label, b.content, b.style) == ("b", Path("dog.jpg"), Path("sea.jpg"))
    assert (b.settings.beta, b.settings.size, b.settings.quality) == (7, 64, 80)
    assert (a.settings.beta, a.settings.size, a.settings.fit) == (5, 64, "crop")
    assert (b.settings.style_layers, a.settings.style_layers) == ({"conv1_1": 1}, {"relu2_1": 2})
    assert (grid.tile_size, row.heading, row.content) == (96, "", None)
    assert mask == FileTile("the mask", Path("mask.png"))
    assert grid.files == [Path(name) for name in ("dog.jpg", "sea.jpg", "cat.jpg", "mask.png")]


def test_several_pairs_are_a_row_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cat.jpg", "dog.jpg", "sea.jpg", "b.jpg"):
        (tmp_path / name).touch()
    pairs = [{"content": "cat.jpg", "style": "sea.jpg"}, {"content": "dog.jpg", "style": "b.jpg"}]
    path = described(tmp_path, pairs=pairs, tiles={"x": {"beta": 1}, "y": {"beta": 2}})
    grid = read_grids(path)["it"]
    assert [row.heading for row in grid.rows] == ["cat × sea", "dog × b"]
    assert [row.content for row in grid.rows] == [Path("cat.jpg"), Path("dog.jpg")]
    made = [
        (t.content.name, t.style.name, t.label) for t in grid.tiles if isinstance(t, OutputTile)
    ]
    assert made == [
        (content, style, label)
        for content, style in (("cat.jpg", "sea.jpg"), ("dog.jpg", "b.jpg"))
        for label in "xy"
    ]
    assert [row.heading for row in layout(grid, tmp_path).rows] == ["cat × sea", "dog × b"]


@pytest.mark.parametrize(
    ("grid", "sentence"),
    [
        ({"tiles": {"a": {"betta": 1}}}, "grid it: .*named.a.betta: .* did you mean beta"),
        ({"tiles": {"a": {}}, "tile": {}}, "grid it: unknown key tile; allowed: con"),
        ({"tiles": 3}, "cannot read the control grids from .*compare docs/controls.yaml"),
        ({}, "cannot read the control grids from .*'tiles'"),
    ],
)
def test_errors_name_grid_and_key(tmp_path: Path, grid: dict[str, Any], sentence: str):
    with pytest.raises(ControlsError, match=re.compile(sentence, re.DOTALL)):
        read_grids(described(tmp_path, **grid))


def test_an_error_names_a_missing_file(tmp_path: Path):
    with pytest.raises(ControlsError, match=r"nowhere\.yaml"):
        read_grids(tmp_path / "nowhere.yaml")


def test_a_grid_is_a_row_of_its_tiles_below_their_labels(tmp_path: Path):
    tiles = {"one": {"file": str(ROOT / "docs" / "pictures" / "best.jpg")}}
    described_grid = read_grids(described(tmp_path, tiles=tiles))["it"]
    grid = layout(described_grid, tmp_path)
    assert grid.columns == ("one",)
    (row,) = grid.rows
    assert row.shape and row.shape[0] > row.shape[1]
    assert [tile and tile.image for tile in row.tiles] == list(described_grid.files)


def test_the_grids_of_the_page_can_be_made():
    grids = read_grids(CONTROLS)
    for name, grid in grids.items():
        assert re.fullmatch("[a-z_]+", name)
        assert 2 <= len(grid.rows[0].tiles) <= 5, name
        for file in grid.files:
            assert (ROOT / file).is_file(), file


def test_the_page_shows_every_grid_and_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    shown = {Path(link).stem for link in links if link.startswith("pictures/controls/")}
    assert shown == set(read_grids(CONTROLS))
    headings = re.findall(r"^#+ (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif not link.startswith("https:"):
            assert (PAGE.parent / link.partition("#")[0]).is_file(), link


def test_no_control_is_left_out_of_the_guide():
    """Each key, as YAML has it, and its option."""
    page = PAGE.read_text(encoding="utf-8")
    sections = (nodes for name, nodes in setting_nodes().items() if name in SECTIONS)
    keys = [*LISTED_KEYS, *(key for section in sections for key in section)]
    described = set(re.findall(r"\b(\w+): ", page))
    options = set(re.findall(r"--[a-z-]+", page))
    for key in keys:
        if key not in described:
            pytest.fail(f"docs/artists.md: say what {key} does, with a line of YAML")
        if option_name(key) not in options:
            pytest.fail(f"docs/artists.md: show the option {option_name(key)}")
    for preset in PRESETS:
        assert f"`{preset}`" in page


def test_each_key_of_the_look_has_a_grid():
    """Two tiles of one grid differ in it."""
    tiles = [
        [tile.settings for tile in grid.tiles if isinstance(tile, OutputTile)]
        for grid in read_grids(CONTROLS).values()
    ]
    for key in setting_nodes()["transfer"]:
        shown = any(len({str(getattr(each, key)) for each in grid}) > 1 for grid in tiles)
        assert shown, f"describe a grid that shows transfer.{key} in docs/controls.yaml"


def test_the_yaml_of_the_guide_is_allowed():
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 10
    for block in blocks:
        expand_settings(complete(yaml.safe_load(block)))


def test_the_images_of_the_documentation_stay_small():
    pictures = [path for path in (ROOT / "docs" / "pictures").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in pictures) < 2_400_000
    for path in (ROOT / "docs" / "pictures" / "controls").iterdir():
        assert path.stat().st_size < 160_000, path
