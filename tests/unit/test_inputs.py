"""The images of a folder: which files count, which are left out, and what is refused."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from neural_style.config.folders import MOST_NAMED
from neural_style.config.inputs import InputError, find_images
from neural_style.config.settings import IMAGE_SUFFIXES


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def found(folder: Path) -> list[str]:
    return list(find_images([folder], "content").files)


def test_images_are_found_at_every_depth_sorted_by_id(tmp_path: Path):
    fill(tmp_path, "b.jpg", "a/z.png", "a/deep/er/c.gif")
    assert find_images([tmp_path], "content").files == {
        "a-deep-er-c": tmp_path / "a/deep/er/c.gif",
        "a-z": tmp_path / "a/z.png",
        "b": tmp_path / "b.jpg",
    }
    assert found(tmp_path) == sorted(found(tmp_path))


def test_the_case_of_the_suffix_does_not_matter(tmp_path: Path):
    suffixes = sorted(IMAGE_SUFFIXES)
    fill(tmp_path, *(f"{i:02}{suffix.upper()}" for i, suffix in enumerate(suffixes)))
    assert found(tmp_path) == [f"{i:02}" for i in range(len(suffixes))]


def test_other_files_and_hidden_ones_are_passed_over(tmp_path: Path):
    fill(tmp_path, "a.jpg", "notes.txt", "b.jpg.part", "jpg", ".b.jpg", "._c.jpg", ".git/d.jpg")
    fill(tmp_path, "a/.cache/e.jpg")
    assert found(tmp_path) == ["a"]


def test_masks_are_passed_over_unless_they_are_named(tmp_path: Path):
    fill(tmp_path, "a.jpg", "a.mask.png", "B.MASK.JPG", "c.d.mask.tif", "mask.png", "e.masks.png")
    assert found(tmp_path) == ["a", "e.masks", "mask"]
    assert found(tmp_path / "a.mask.png") == ["a.mask"]


def test_a_folder_named_like_an_image_is_searched_and_no_image(tmp_path: Path):
    assert found(fill(tmp_path, "album.jpg/a.jpg")) == ["album.jpg-a"]


def test_links_to_files_count_and_links_to_folders_are_not_followed(tmp_path: Path):
    elsewhere = fill(tmp_path / "elsewhere", "one.jpg", "two.jpg")
    folder = fill(tmp_path / "folder", "own.jpg")
    (folder / "linked.jpg").symlink_to(elsewhere / "one.jpg")
    (folder / "album").symlink_to(elsewhere)
    (folder / "loop").symlink_to(folder)
    assert found(folder) == ["linked", "own"]


def test_the_folder_itself_may_be_a_link(tmp_path: Path):
    (tmp_path / "link").symlink_to(fill(tmp_path / "folder", "a.jpg"))
    assert found(tmp_path / "link") == ["a"]


def test_files_and_folders_may_be_mixed(tmp_path: Path):
    fill(tmp_path, "one/a.jpg", "two/b.jpg", "two/c.jpg")
    images = find_images([tmp_path / "two/c.jpg", tmp_path / "one"], "content")
    assert list(images.files) == ["a", "c"]


@pytest.mark.parametrize(
    "names",
    [
        ("cat.jpg", "cat.png"),
        ("Cat.jpg", "cat.jpg"),
        ("a b.jpg", "a-b.jpg"),
        ("a/b.jpg", "a-b.jpg"),
        ("é.jpg", "sub/../é.png"),
    ],
)
def test_files_that_would_share_an_id_are_both_named_and_left_out(
    tmp_path: Path, names: tuple[str, str]
):
    fill(tmp_path, "sub/other.jpg", *names)
    images = find_images([tmp_path], "style")
    assert list(images.files) == ["sub-other"]
    (refusal,) = images.refused
    assert re.match(r"style: .*would share the id .*; rename", refusal)
    for name in names:
        assert repr(str(tmp_path / os.path.normpath(name))) in refusal


def test_every_clash_is_told_at_once_with_all_its_files(tmp_path: Path):
    fill(tmp_path, "a.jpg", "a.png", "b.jpg", "b.png", "b.gif", "c.jpg")
    first, second = find_images([tmp_path], "content").refused
    assert [first.count(f"a.{suffix}'") for suffix in ("jpg", "png")] == [1, 1]
    assert [second.count(f"b.{suffix}'") for suffix in ("jpg", "png", "gif")] == [1, 1, 1]


def test_nothing_left_is_a_mistake_that_says_why(tmp_path: Path):
    fill(tmp_path, "a.jpg", "a.png")
    with pytest.raises(InputError, match=r"^content: .*would share the id a;"):
        find_images([tmp_path], "content")


def test_a_source_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"^content: there is no .*nowhere.*create it"):
        find_images([tmp_path / "nowhere"], "content")


def test_a_folder_without_images_is_named_even_beside_others(tmp_path: Path):
    full, empty = fill(tmp_path / "full", "a.jpg"), fill(tmp_path / "empty", "notes.txt")
    with pytest.raises(InputError, match=r"empty.* contains no image \(.*\.webp\)"):
        find_images([full, empty], "content")


def test_a_link_that_cannot_be_followed_costs_only_itself(tmp_path: Path):
    fill(tmp_path, "a.jpg")
    (tmp_path / "b.jpg").symlink_to("long" * 100)  # root has permission everywhere
    images = find_images([tmp_path], "content")
    assert list(images.files) == ["a"]
    assert images.refused == (
        f"content: '{tmp_path}/b.jpg' cannot be read: File name too long; fix or remove it.",
    )


def test_an_unreadable_folder_is_no_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fill(tmp_path, "a.jpg", "closed/b.jpg")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root, who runs some tests, may read anything
    with pytest.raises(InputError, match=r"^content: cannot read .*closed.*Permission denied"):
        find_images([tmp_path], "content")


@pytest.mark.parametrize(
    "name",
    [
        "Screenshot 2026-01-05 at 3.04.05\u202fPM.png",
        "no-break\u00a0space.jpg",
        "ideographic\u3000space.jpg",
        "\U0001f469\u200d\U0001f469\u200d\U0001f467.jpg",
        "\u0645\u06cc\u200c\u062e.jpg",
        "WhatsApp\u200e Image.jpg",
        "soft\u00adhyphen.jpg",
        "\ufeffmark.jpg",
        "right\u202eleft.jpg",
        "line\u2028separator.jpg",
        "private\ue000use.jpg",
        "flag\U0001f3f4\U000e0067\U000e007f.jpg",
        "tab\there.jpg",
        "cafe\u0301.jpg",
        "one{.jpg",
        "}two{.jpg",
        "{}.jpg",
        "{a-b}.jpg",
        "{!r}.jpg",
        "<A>.jpg",
        "100%s.jpg",
        "{content}.jpg",
        "a{{b}}.jpg",
        "{ a.b }.jpg",
        "{set}/a.jpg",
        "a{b,[0-9]{2}}.jpg",
        "<logs>.jpg",
        "two\nlines.jpg",
        "car\rriage.jpg",
        "\x1b[31mred.jpg",
        "next\x85line.jpg",
        "caf\udce9.jpg",
    ],
)
def test_names_that_only_look_odd_are_taken(tmp_path: Path, name: str):
    images = find_images([fill(tmp_path, name)], "content")
    assert list(images.files.values()) == [tmp_path / name]
    assert not images.refused


@pytest.mark.parametrize("name", ["a < b.jpg", "it's.jpg", 'a"b.jpg', "$HOME;ls.jpg", "a b.jpg"])
def test_names_that_only_a_shell_minds_are_taken(tmp_path: Path, name: str):
    assert len(found(fill(tmp_path, name))) == 1


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path):
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    sources = [tmp_path / "none", tmp_path, tmp_path / ("long" * 100)]
    with pytest.raises(InputError) as caught:
        find_images(sources, "content")
    none, long, link = str(caught.value).splitlines()
    assert none.startswith("content: there is no folder or file") and "none" in none
    assert link.startswith("content: ") and "gone.png" in link and "broken link" in link
    assert long.startswith("content: cannot read ")


# Files that are not taken


def not_taken(*sources: Path) -> list[str]:
    return list(find_images(sources, "content").not_taken)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("IMG_1.CR2", "camera raw files"),
        ("a.dng", "camera raw files"),
        ("logo.svg", "drawings or documents"),
        ("scan.PDF", "drawings or documents"),
        ("IMG_2.MOV", "videos"),
        ("a.mp4", "videos"),
        ("layers.psd", "files of image editors"),
        ("old.jp2", "images of a type that is not read"),
        ("light.exr", "images of a type that is not read"),
        ("notes.txt", "not images by their suffix"),
        ("README.md", "not images by their suffix"),
        ("b.jpg.part", "not images by their suffix"),
        ("jpg", "not images by their suffix"),
        ("cat.svg", "drawings or documents"),
        ("cat.jpg.zip", "not images by their suffix"),
    ],
)
def test_a_file_that_is_not_taken_is_named_once_with_the_reason(
    tmp_path: Path, name: str, reason: str
):
    fill(tmp_path, "cat.jpg", f"deep/{name}")
    (sentence,) = not_taken(tmp_path, tmp_path / "deep" / "..", tmp_path / "cat.jpg")
    assert sentence.startswith(f"content: not taken, because they are {reason}")
    assert sentence.count(repr(str(tmp_path / "deep" / name))) == 1
    assert found(tmp_path) == ["cat"]


@pytest.mark.parametrize(
    "name",
    [
        *(".DS_Store", "._cat.jpg", ".hidden/notes.txt", "Thumbs.db", "desktop.ini", "Icon\r"),
        *("cat.xmp", "elsewhere.xmp", "cat.JPG.xmp", "IMG_1.AAE"),
        *("cat.json", "Cat.jpg.json", "cat.jpg.supplemental-metadata.json", "cat.txt"),
        *("cat.mask.png", "other.MASK.heic"),
    ],
)
def test_hidden_files_sidecars_and_masks_are_not_mentioned(tmp_path: Path, name: str):
    assert not_taken(fill(tmp_path, "cat.jpg", name)) == []


def test_a_text_that_belongs_to_no_image_is_named(tmp_path: Path):
    fill(tmp_path, "v1.2.jpg", "v1.json", "1.txt", "deep/v1.2.json", "v1.2.json")
    (sentence,) = not_taken(tmp_path)
    listed = (repr(str(tmp_path / name)) for name in ("1.txt", "deep/v1.2.json", "v1.json"))
    assert sentence.endswith(f": {', '.join(listed)}.")


def test_a_link_to_a_folder_is_named(tmp_path: Path):
    (fill(tmp_path / "photos", "a.jpg") / "album").symlink_to(fill(tmp_path / "away", "b.jpg"))
    (sentence,) = not_taken(tmp_path / "photos")
    assert "links to folders" in sentence and "album" in sentence


def test_a_sentence_about_very_many_files_ends(tmp_path: Path):
    fill(tmp_path, "a.jpg", *(f"{number:04}.CR2" for number in range(MOST_NAMED + 7)))
    (sentence,) = not_taken(tmp_path)
    assert sentence.count(".CR2") == MOST_NAMED and sentence.endswith(" and 7 more.")


def test_where_nothing_is_an_image_the_others_are_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"contains no image .*\n.*camera raw files.*a\.NEF"):
        find_images([fill(tmp_path, "a.NEF")], "content")


# The same file


def test_overlapping_sources_take_a_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fill(tmp_path, "content/cat.jpg", "content/deep/dog.jpg")
    folder = tmp_path / "content"
    monkeypatch.chdir(tmp_path)
    for sources, ids in [
        ([folder, folder / "cat.jpg"], ["cat", "deep-dog"]),
        ([folder / "cat.jpg", folder], ["cat", "deep-dog"]),
        ([folder, folder], ["cat", "deep-dog"]),
        ([folder, folder / "deep"], ["cat", "deep-dog"]),
        ([folder / "deep", folder], ["cat", "dog"]),
        ([tmp_path, folder], ["content-cat", "content-deep-dog"]),
        ([folder, Path("content")], ["cat", "deep-dog"]),
        ([folder, folder / "deep" / ".." / "cat.jpg"], ["cat", "deep-dog"]),
    ]:
        images = find_images(sources, "content")
        assert list(images.files) == ids, sources
        assert images.refused == () and images.not_taken == (), sources


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_further_names_of_a_file_count_once_and_are_named(tmp_path: Path, link):
    fill(tmp_path, "dog.jpg", "cat.jpg")
    link(tmp_path / "dog.jpg", tmp_path / "also.jpg")
    again = tmp_path / "x" / ".." / "also.jpg"
    (tmp_path / "x").mkdir()
    images = find_images([tmp_path, again], "content")
    kept = "dog" if link is os.symlink else "also"  # of equal names, the first
    assert list(images.files) == sorted(["cat", kept])
    (sentence,) = images.not_taken
    assert "further names of images" in sentence
    assert repr(str(tmp_path / ("also.jpg" if kept == "dog" else "dog.jpg"))) in sentence
    assert sentence.count(".jpg'") == 1


def test_a_linked_folder_beside_the_real_one_counts_once(tmp_path: Path):
    (tmp_path / "link").symlink_to(fill(tmp_path / "real", "a.jpg"))
    images = find_images([tmp_path / "real", tmp_path / "link"], "style")
    assert images.files == {"a": tmp_path / "real" / "a.jpg"}
    assert images.not_taken == ()


def test_a_file_system_without_numbers_of_files_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fill(tmp_path, "a.jpg", "b.jpg")
    stat = os.stat

    def numberless(path: str | Path, **options: bool) -> os.stat_result:
        fields = list(stat(path, **options))
        fields[1] = 0
        return os.stat_result(fields)

    monkeypatch.setattr(os, "stat", numberless)
    assert found(tmp_path) == ["a", "b"]
