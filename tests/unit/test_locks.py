"""Locks on files and folders, against other processes."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from neural_style.errors import NeuralStyleError
from neural_style.locks import FileLock, lock_folder


def fail(tries: int) -> None:
    raise AssertionError("no other process has the lock")


class OutOfPatienceError(Exception):
    pass


def lock_on(path: Path) -> FileLock:
    """A lock as another process opens it: flock excludes two opened descriptors, too."""
    return FileLock(os.open(path, os.O_RDONLY))


def test_an_exclusive_lock_excludes_every_other_until_it_is_released(tmp_path: Path):
    with lock_on(tmp_path) as other:
        with lock_on(tmp_path) as first:
            assert first.acquire()
            assert not other.acquire()
            assert not other.acquire(shared=True)
        assert other.acquire()


def test_shared_locks_exclude_only_an_exclusive_one(tmp_path: Path):
    with lock_on(tmp_path) as first, lock_on(tmp_path) as second, lock_on(tmp_path) as third:
        assert first.acquire(shared=True) and second.acquire(shared=True)
        assert not third.acquire()
        assert not first.acquire(), "it became exclusive beside another shared lock"


def test_an_exclusive_lock_can_become_shared(tmp_path: Path):
    with lock_on(tmp_path) as first, lock_on(tmp_path) as second:
        assert first.acquire() and first.acquire(shared=True, wait=True)
        assert second.acquire(shared=True)


def test_a_file_system_without_locks_is_told_from_a_lock_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise OSError("this file system has no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with lock_on(tmp_path) as lock, pytest.raises(OSError, match="no locks"):
        lock.acquire()
    with lock_folder(tmp_path / "a", fail):
        (tmp_path / "a" / "file").touch()


def test_a_folder_is_created_and_kept_if_something_is_in_it(tmp_path: Path):
    with lock_folder(tmp_path / "a" / "b", fail):
        (tmp_path / "a" / "b" / "file").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["file"]


def test_an_empty_folder_is_removed(tmp_path: Path):
    with pytest.raises(ValueError), lock_folder(tmp_path / "a", fail):
        raise ValueError
    assert not (tmp_path / "a").exists()


def test_another_process_waits_until_the_folder_is_free(tmp_path: Path):
    tried = []
    (tmp_path / "file").touch()
    other = lock_on(tmp_path)
    assert other.acquire()

    def free(tries: int) -> None:
        tried.append(tries)
        if tries == 1:
            other.release()

    with lock_folder(tmp_path, free):
        assert tried == [0, 1]


def test_an_error_ends_the_wait(tmp_path: Path):
    def wait(tries: int) -> None:
        raise OutOfPatienceError

    with (
        lock_folder(tmp_path, fail),
        pytest.raises(OutOfPatienceError),
        lock_folder(tmp_path, wait),
    ):
        pass


def test_a_wait_that_ends_early_leaves_the_folder_to_its_owner(tmp_path: Path):
    def wait(tries: int) -> None:
        raise OutOfPatienceError

    folder = tmp_path / "a"
    with lock_folder(folder, fail):
        before = folder.stat().st_ino
        with pytest.raises(OutOfPatienceError), lock_folder(folder, wait):
            pass
        assert folder.stat().st_ino == before


def test_a_folder_that_its_owner_removes_is_made_again_for_the_next(tmp_path: Path):
    folder = tmp_path / "a"
    folder.mkdir()
    other = lock_on(folder)
    assert other.acquire()

    def remove(tries: int) -> None:
        folder.rmdir()
        other.release()

    with lock_folder(folder, remove), lock_on(folder) as third:
        assert not third.acquire(), "the lock is on the folder that was removed"


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path):
    (tmp_path / "taken").touch()
    for path in (tmp_path / "taken", tmp_path / "taken" / "deep"):
        with (
            pytest.raises(NeuralStyleError, match=r"cannot write .*taken"),
            lock_folder(path, fail),
        ):
            pass
