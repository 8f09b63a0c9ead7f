"""A folder for one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from neural_style.errors import NeuralStyleError
from neural_style.io import claim, claimed


def fail(tries: int) -> None:
    raise AssertionError("nobody else has it")


class OutOfPatienceError(Exception):
    pass


def test_a_folder_is_made_and_kept_if_something_is_in_it(tmp_path: Path):
    with claimed(tmp_path / "a" / "b", fail):
        (tmp_path / "a" / "b" / "file").touch()
    assert (tmp_path / "a" / "b" / "file").exists()


def test_an_empty_folder_is_removed(tmp_path: Path):
    with pytest.raises(ValueError), claimed(tmp_path / "a", fail):
        raise ValueError
    assert not (tmp_path / "a").exists()


def test_another_one_waits_until_it_is_free(tmp_path: Path):
    tried = []

    def free(tries: int) -> None:
        tried.append(tries)
        if tries == 1:
            os.close(other)

    (tmp_path / "file").touch()
    other = os.open(tmp_path, os.O_RDONLY)
    assert claim(other, fcntl.LOCK_EX)
    with claimed(tmp_path, free):
        assert tried == [0, 1]


def test_who_waits_may_lose_patience(tmp_path: Path):
    def wait(tries: int) -> None:
        raise OutOfPatienceError

    with (
        claimed(tmp_path, fail),
        pytest.raises(OutOfPatienceError),
        claimed(tmp_path, wait),
    ):
        pass


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path):
    (tmp_path / "taken").touch()
    for path in (tmp_path / "taken", tmp_path / "taken" / "deep"):
        with pytest.raises(NeuralStyleError, match=r"cannot write .*taken"), claimed(path, fail):
            pass
