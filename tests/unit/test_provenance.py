"""The note that an image carries: the same in every format, read with care."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.unit.images import smooth

from neural_style.config.settings import (
    DEEP,
    ENGINE_VERSION,
    OUTPUT_FORMATS,
    Settings,
    settings_from_record,
)
from neural_style.engine.provenance import (
    ProvenanceError,
    Source,
    metadata_text,
    read_provenance,
    require_unchanged,
)
from neural_style.images.decode import ImageError
from neural_style.images.encode import MAX_COMMENT_LENGTH, exif_block, load_comment, save_pixels
from neural_style.io import sha256

HOSTILE = 'q"uote\\ \n{brace} 🎨 \udcff\u202e.png'


def saved(folder: Path, note: str, format_name: str = "png") -> Path:
    levels: np.ndarray = np.asarray(smooth(24, 16))
    if format_name in DEEP:
        levels = levels.astype(np.uint16) * 257
    path = folder / f"{format_name}{OUTPUT_FORMATS[format_name]}"
    save_pixels(levels, path, format_name, comment=note)
    return path


def sources(**names: str) -> dict[str, Source]:
    return {
        role: Source(Path(name), f"{number:064x}")
        for number, (role, name) in enumerate(names.items())
    }


@pytest.mark.parametrize("format_name", OUTPUT_FORMATS)
def test_every_format_gives_the_facts_back(tmp_path: Path, defaults: Settings, format_name: str):
    settings = replace(defaults, beta=0.1 + 0.2, style_layers={"conv3_1": 0.5, "conv1_1": 2.0})
    files = sources(content=HOSTILE, style="b.jpg")
    picture = saved(tmp_path, metadata_text(files, settings, 7), format_name)
    provenance = read_provenance(picture)
    assert provenance.epoch == 7
    assert provenance.engine == ENGINE_VERSION
    assert provenance.sources == files
    assert settings_from_record(provenance.settings) == settings
    assert list(provenance.settings["style_layers"]) == ["conv3_1", "conv1_1"]


@pytest.mark.parametrize("format_name", OUTPUT_FORMATS)
def test_equal_notes_make_equal_bytes_and_the_same_pixels(tmp_path: Path, format_name: str):
    with_note = saved(tmp_path / "a", "a note", format_name)
    assert with_note.read_bytes() == saved(tmp_path / "b", "a note", format_name).read_bytes()
    with Image.open(with_note) as one, Image.open(saved(tmp_path, "", format_name)) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))
        assert one.info["icc_profile"] == other.info["icc_profile"]


def test_the_longest_note_fits_into_every_format(tmp_path: Path):
    for format_name in OUTPUT_FORMATS:
        assert (
            load_comment(saved(tmp_path, "n" * MAX_COMMENT_LENGTH, format_name))
            == "n" * MAX_COMMENT_LENGTH
        )
    with pytest.raises(ValueError, match=str(MAX_COMMENT_LENGTH)):
        exif_block("n" * (MAX_COMMENT_LENGTH + 1))


def test_long_paths_are_cut_to_names(defaults: Settings):
    long = {f"style{n}": f"{'folder/' * 500}{n}.png" for n in range(20)}
    note = metadata_text(sources(**long), defaults, 7)
    assert len(note) <= MAX_COMMENT_LENGTH
    assert json.loads(note)["sources"]["style3"]["path"] == "3.png"
    many = {f"style{n}": f"{n}{'x' * 240}.png" for n in range(400)}
    assert metadata_text(sources(**many), defaults, 7) == ""


def facts(**changes: Any) -> dict[str, Any]:
    source = {"path": "a.png", "sha256": "0" * 64}
    return {
        "neural_style_pipeline": 1,
        "engine": "abc",
        "sources": {"content": source},
        "settings": {},
        **changes,
    }


@pytest.mark.parametrize(
    "note",
    [
        "",
        "a holiday",
        "[]",
        "[" * 50_000,
        "1" * 50_000,
        '"' + "x" * (MAX_COMMENT_LENGTH - 2) + '"',
        *(
            json.dumps(each)
            for each in (
                facts(neural_style_pipeline=2),
                facts(neural_style_pipeline=[1]),
                facts(engine=None),
                facts(settings=[]),
                facts(epoch=-1),
                facts(epoch=True),
                facts(epoch="7"),
                facts(sources=[]),
                facts(sources={"content": "a.png"}),
                facts(sources={"content": {"path": 1, "sha256": "0" * 64}}),
                facts(sources={"content": {"path": "a.png", "sha256": "0"}}),
                facts(sources={"content": {"path": "a\0.png", "sha256": "0" * 64}}),
                facts(sources={"content": {"path": "\ud800.png", "sha256": "0" * 64}}),
            )
        ),
    ],
)
def test_a_stranger_s_note_is_refused(tmp_path: Path, note: str):
    assert read_provenance(saved(tmp_path, json.dumps(facts()))).engine == "abc"
    with pytest.raises(ProvenanceError, match=r"png\.png.*does not say how it was made"):
        read_provenance(saved(tmp_path, note))


def test_a_note_longer_than_ours_is_not_read(tmp_path: Path):
    exif = Image.Exif()
    padding = b" " * (5 << 20)
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + json.dumps(facts()).encode() + padding
    smooth(8, 8).save(tmp_path / "a.png", exif=exif)
    assert load_comment(tmp_path / "a.png") == ""


def test_a_damaged_file_is_named(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ImageError, match=r"a\.png"):
        read_provenance(tmp_path / "a.png")
    with pytest.raises(ImageError, match="no such file"):
        read_provenance(tmp_path / "b.png")


def test_files_that_changed_or_vanished_are_all_named(tmp_path: Path, defaults: Settings):
    content, style = tmp_path / "cat.png", tmp_path / "sea.png"
    for path, size in ((content, 8), (style, 9)):
        smooth(size, 8).save(path)
    files = {"content": content, "style": style}
    known = {role: Source(path, sha256(path)) for role, path in files.items()}
    picture = saved(tmp_path, metadata_text(known, defaults, defaults.epochs))
    require_unchanged(picture, read_provenance(picture), files)
    smooth(10, 8).save(content)
    style.unlink()
    with pytest.raises(ProvenanceError) as raised:
        require_unchanged(picture, read_provenance(picture), files)
    first, second, third = str(raised.value).splitlines()
    assert str(picture) in first
    assert "content" in second and "cat.png" in second
    assert "style" in third and "sea.png" in third and "cannot be read" in third


def test_a_source_that_can_be_no_file_is_missing(tmp_path: Path, defaults: Settings):
    known = sources(content="cat.png", foo="a" * 300)
    picture = saved(tmp_path, metadata_text(known, defaults, defaults.epochs))
    with pytest.raises(ProvenanceError, match=r"foo: 'a+' is missing; put it back"):
        require_unchanged(picture, read_provenance(picture), {})


def test_a_mask_that_is_gone_is_named_though_no_setting_names_it(
    tmp_path: Path, defaults: Settings
):
    cat, mask = tmp_path / "cat.png", tmp_path / "cat.mask.png"
    for path in (cat, mask):
        smooth(8, 8).save(path)
    known = {"content": Source(cat, sha256(cat)), "mask": Source(mask, sha256(mask))}
    picture = saved(tmp_path, metadata_text(known, defaults, defaults.epochs))
    mask.unlink()
    with pytest.raises(ProvenanceError, match=r"mask: .*cat\.mask\.png' is missing"):
        require_unchanged(picture, read_provenance(picture), {"content": cat})
    require_unchanged(picture, read_provenance(picture), {"content": tmp_path / "dog.png"})


def test_a_file_that_was_chosen_is_right_as_it_is(tmp_path: Path, defaults: Settings):
    other = tmp_path / "other.png"
    smooth(8, 8).save(other)
    picture = saved(tmp_path, metadata_text(sources(content="gone.png"), defaults, 7))
    require_unchanged(picture, read_provenance(picture), {"content": other})
