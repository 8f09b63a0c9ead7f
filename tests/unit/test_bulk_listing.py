"""The listing: it only grows, holds every file name, and names each output once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from neural_style.bulk.listing import (
    Listing,
    find_content_images,
    read_listing,
    search,
    stat_digest,
    with_found,
    write_listing,
)
from neural_style.bulk.plan import BulkError
from neural_style.io import escape, unescape

UNUSUAL = [
    "a\tb.png",
    "line\nbreak.jpg",
    "back\\slash.gif",
    "größe 🎨.png",
    "\udcff\udcfe.jpg",
    "$(touch x);'\".png",
    "\x85nel\u2028.png",
    " leading and trailing .jpg",
]


def grown(path: Path, found: list[str], shard_size: int = 4) -> Listing:
    """The listing after another search."""
    write_listing(with_found(read_listing(path, shard_size), found), path)
    return read_listing(path, shard_size)


def paths(listing: Listing) -> list[str]:
    return [image.path for image in listing.content_images(range(len(listing)))]


def stems(listing: Listing) -> list[str]:
    return [image.stem for image in listing.content_images(range(len(listing)))]


@pytest.mark.parametrize("name", [*UNUSUAL, "plain.png"])
def test_every_name_fits_on_one_line(name: str):
    line = escape(name)
    assert len(line.splitlines()) == 1 and "\t" not in line
    line.encode("utf-8")
    assert unescape(line) == name


def test_unusual_names_are_read_as_they_were_written(tmp_path: Path):
    listing = grown(tmp_path / "listing.tsv", UNUSUAL)
    assert paths(listing) == sorted(UNUSUAL)


def test_new_names_come_at_the_end_and_removed_ones_stay(tmp_path: Path):
    path = tmp_path / "listing.tsv"
    first = grown(path, ["m/b.jpg", "m/c.jpg"])
    second = grown(path, ["a/z.jpg", "a/a.jpg", "m/c.jpg"])
    assert paths(first) == ["m/b.jpg", "m/c.jpg"]
    assert paths(second) == ["m/b.jpg", "m/c.jpg", "a/a.jpg", "a/z.jpg"]
    before = path.stat().st_mtime_ns
    assert paths(grown(path, ["m/b.jpg"])) == paths(second)
    assert path.stat().st_mtime_ns == before, "written without anything new"


def test_shards_are_ranges(tmp_path: Path):
    listing = grown(tmp_path / "listing.tsv", [f"{number}.jpg" for number in range(9)])
    assert [listing.range_of(shard) for shard in listing.shards] == [
        range(0, 4),
        range(4, 8),
        range(8, 9),
    ]
    assert list(Listing(4, (), ()).shards) == []


def test_new_content_images_count_before_they_are_written(tmp_path: Path):
    path = tmp_path / "listing.tsv"
    grown(path, ["a.jpg", "b.jpg", "c.jpg"])
    found = with_found(read_listing(path, 4), ["d.jpg", "e.jpg", "a.jpg"])
    assert len(found) == 5 and len(found.shards) == 2
    assert found.paths(found.range_of(1)) == ["e.jpg"]
    assert found.paths(range(2, 4)) == ["c.jpg", "d.jpg"]


def test_two_content_images_never_share_an_output(tmp_path: Path):
    path = tmp_path / "listing.tsv"
    first = grown(path, ["a.jpg", "x/a.jpg"])
    assert stems(first) == ["a", "x/a"]
    second = grown(path, ["a.png", "a.png.png", "A.gif", "x/a.webp"])
    assert stems(second)[:2] == stems(first), "a listed content image got another name"
    folded = [stem.casefold() for stem in stems(second)]
    assert len(set(folded)) == len(folded) == 6
    assert stems(second)[2:5] == ["A.gif", "a.png", "a.png.png"]


def test_another_shard_size_is_refused(tmp_path: Path):
    path = tmp_path / "listing.tsv"
    grown(path, ["a.jpg"], shard_size=4)
    with pytest.raises(BulkError, match=r"bulk.shard_size: 5, but .* begun with 4"):
        read_listing(path, 5)


NO_NAMES = ("é\\x.png", "a\\x.png", "a.png\ta\\x", "a\0.png", "\\x00.png", "\\ud800.png")


@pytest.mark.parametrize(
    "text",
    ["", "shard_size\tx\n", "a.jpg\n", *(f"shard_size\t4\n{name}\n" for name in NO_NAMES)],
)
def test_a_damaged_listing_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "listing.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BulkError, match="cannot read the listing"):
        read_listing(path, 4)


def test_the_search_finds_images_and_follows_no_link_out(tmp_path: Path):
    root, outside = tmp_path / "in", tmp_path / "out"
    for name in (
        "a.JPG",
        "n/deep/b.png",
        ".hidden.jpg",
        ".dir/c.jpg",
        "note.txt",
        "x.jpeg",
        "a.Mask.png",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    outside.mkdir()
    (outside / "secret.jpg").touch()
    (root / "link").symlink_to(outside)
    (root / "folder.jpg").mkdir()
    (root / "\udcff.png").touch()
    assert sorted(find_content_images(root).paths) == [
        "a.JPG",
        "n/deep/b.png",
        "x.jpeg",
        "\udcff.png",
    ]


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(BulkError, match=r"bulk.content: cannot read .*nowhere"):
        find_content_images(tmp_path / "nowhere")


def test_the_digest_changes_if_a_file_changes_or_is_removed(tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(b"1")
    (tmp_path / "b.jpg").write_bytes(b"2")
    names = ["a.jpg", "b.jpg"]
    before = stat_digest(tmp_path, names)
    assert stat_digest(tmp_path, names) == before
    os.utime(tmp_path / "a.jpg", ns=(1, 1))
    dated = stat_digest(tmp_path, names)
    (tmp_path / "b.jpg").unlink()
    assert len({before, dated, stat_digest(tmp_path, names)}) == 3


def fill(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_what_the_search_does_not_take_is_named(tmp_path: Path):
    fill(tmp_path, "a.jpg", "a.json", "n/b.CR2", "n/notes.txt", ".x", "n/Thumbs.db", "n/a.txt")
    (tmp_path / "link").symlink_to(tmp_path / "n")
    listing, not_taken = search(Listing(4, (), ()), tmp_path)
    assert list(listing.new) == ["a.jpg"]
    raw, link, other = sorted(not_taken.sentences("bulk.content"))
    assert raw.startswith("bulk.content: not taken, because they are camera raw") and "b.CR2" in raw
    assert "links to folders" in link and repr(str(tmp_path / "link")) in link
    assert "not images" in other and "notes.txt" in other and "n/a.txt" in other


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_content_image_with_several_names_is_listed_once(tmp_path: Path, link):
    root, path = tmp_path / "in", tmp_path / "listing.tsv"
    fill(root, "b.jpg", "c.jpg", "z/own.jpg")
    link(root / "b.jpg", root / "z" / "link.jpg")
    listing, not_taken = search(read_listing(path, 4), root)
    assert list(listing.new) == ["b.jpg", "c.jpg", "z/own.jpg"]
    (sentence,) = not_taken.sentences("bulk.content")
    assert "further names" in sentence and "z/link.jpg" in sentence

    write_listing(listing, path)
    link(root / "b.jpg", root / "a.jpg")  # before the name that is listed
    again, _ = search(read_listing(path, 4), root)
    assert not again.new and paths(again) == ["b.jpg", "c.jpg", "z/own.jpg"]


def test_names_that_were_listed_before_all_stay(tmp_path: Path):
    root, path = tmp_path / "in", tmp_path / "listing.tsv"
    fill(root, "b.jpg")
    os.link(root / "b.jpg", root / "c.jpg")
    grown(path, ["b.jpg", "c.jpg"])
    listing, not_taken = search(read_listing(path, 4), root)
    assert not listing.new and list(not_taken.sentences("bulk.content")) == []


def test_broken_links_are_not_taken_for_one_file(tmp_path: Path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).symlink_to("nowhere.jpg")
    assert list(search(Listing(4, (), ()), tmp_path)[0].new) == ["a.jpg", "b.jpg"]
