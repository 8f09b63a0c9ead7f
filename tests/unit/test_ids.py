"""The ids of images: readable, safe in a path and on a page, and never two alike."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from neural_style.config.inputs import LONGEST_ID, RESERVED, slug

SAFE = set("abcdefghijklmnopqrstuvwxyz0123456789._-")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat", "cat"),
        ("Cat", "cat"),
        ("IMG_0042", "img_0042"),
        ("two words", "two-words"),
        ("a/b", "a-b"),
        ("v1.2", "v1.2"),
        (".hidden.", "hidden"),
        ("--help", "help"),
        ("$(rm -rf ~)", "rm-rf"),
        ("Müller", "muller"),
    ],
)
def test_ids_are_readable(name: str, expected: str):
    assert slug(name) == expected


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("straße", "stra-e-"),
        ("神奈川沖浪裏", "image-"),
        ("", "image-"),
        ("...", "image-"),
        ("grids", "grids-"),
        ("x" * 65, "xxx-"),
        ("ab" * 40, "ababab-"),
        ("long" * 40, "long" * 13 + "lon-"),
    ],
)
def test_names_that_lose_something_get_a_digest(name: str, start: str):
    identifier = slug(name)
    assert identifier.startswith(start)
    assert len(identifier) == len(start) + 8


def hostile_names() -> Iterator[str]:
    dice = random.Random(0)
    pieces = [
        *("..", ".", "/", "\\", "-", "_", " ", "~", "$", "'", '"', "\n", "\0", "\t", "{}", "<a>"),
        *("é", "ß", "ﬁ", "İ", "Å", "神", "🌊", "\u202e", "\udce9", "\u017f", "½", "\u0130"),
        *("a", "B", "0", "cat", "grids", "x" * 40, "aaaa"),
    ]
    yield from RESERVED
    yield from pieces
    for _ in range(5000):
        yield "".join(dice.choices(pieces, k=dice.randrange(8)))


def test_every_id_is_safe_in_a_path_and_on_a_page():
    for name in hostile_names():
        identifier = slug(name)
        assert set(identifier) <= SAFE, name
        assert 0 < len(identifier) <= LONGEST_ID, name
        assert ".." not in identifier, name
        assert identifier[0] not in ".-", name
        assert identifier[-1] not in ".-", name
        assert identifier not in RESERVED, name
        assert slug(name) == identifier


def test_names_with_letters_of_their_own_do_not_become_alike():
    names = ["strase", "straße", "神", "奈", "🌊", "", ".", "b" * 70, "b" * 71]
    assert len({slug(name) for name in names}) == len(names)


def test_ids_do_not_differ_by_case_alone():
    names = list(hostile_names())
    identifiers = {slug(name) for name in (*names, *map(str.upper, names))}
    assert len({identifier.casefold() for identifier in identifiers}) == len(identifiers)


def test_results_and_logs_of_the_sweep_itself_are_not_taken():
    """`results/index.tsv` and `logs/index.log` are files where a content would have a folder."""
    assert {"grids", "index.tsv", "index.log"} <= RESERVED
    for name in RESERVED:
        assert slug(name) != name


@pytest.mark.parametrize("name", ["000000000139", "IMG_00001", "COCO_train2014_000000000009"])
def test_numbers_with_many_zeros_stay_as_they_are(name: str):
    assert slug(name) == name.lower()
