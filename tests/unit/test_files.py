"""Files are whole or not there, and a failure is one sentence."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest

from neural_style.errors import NeuralStyleError, NeuralStyleWarning
from neural_style.io import (
    atomic,
    format_duration,
    read_regular,
    remove_leftovers,
    remove_leftovers_below,
    sha256,
    sync_folder,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_into_folders_that_are_not_there_yet(tmp_path: Path):
    path = tmp_path / "a" / "b" / "text.txt"
    write_text(path, "Käse\n")
    assert path.read_bytes() == "Käse\n".encode()
    assert names(path.parent) == ["text.txt"]


def test_a_file_is_replaced_only_when_the_new_one_is_whole(tmp_path: Path):
    path = tmp_path / "text.txt"
    path.write_text("old")
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent, "a move to another disk would not be atomic"
        assert temporary.suffix == ".txt"
        assert temporary.name.startswith("."), "half a file must not be taken for a result"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["text.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
def test_an_exception_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
):
    path = tmp_path / "text.txt"
    path.write_text("old")
    with pytest.raises(error), atomic(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["text.txt"]


def test_an_exception_before_anything_is_written_is_no_trouble(tmp_path: Path):
    with pytest.raises(ValueError), atomic(tmp_path / "text.txt"):
        raise ValueError
    assert names(tmp_path) == []


def test_two_writers_of_a_file_do_not_meet(tmp_path: Path):
    path = tmp_path / "text.txt"
    with atomic(path) as first, atomic(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert names(tmp_path) == ["text.txt"]


@pytest.mark.parametrize("moment", ["write", "fsync", "replace"])
def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str):
    path = tmp_path / "text.txt"
    path.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if moment == "write":
        monkeypatch.setattr(Path, "open", full)
    else:
        monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[moment], full)
    with pytest.raises(NeuralStyleError) as caught:
        write_text(path, "new")
    monkeypatch.undo()
    message = str(caught.value)
    assert f"cannot write {str(path)!r}: {os.strerror(errno.ENOSPC)}" in message
    assert message.endswith(".")
    assert "\n" not in message
    assert path.read_text() == "old"
    assert names(tmp_path) == ["text.txt"]


def refuse_fsync(
    monkeypatch: pytest.MonkeyPatch, number: int, only: Callable[[int], bool] = lambda fd: True
) -> list[int]:
    """Let fsync fail with an errno for some descriptors; the list gets each call's access mode."""
    modes: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        modes.append(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE)
        if only(descriptor):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return modes


def is_read_only(descriptor: int) -> bool:
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY


def write_by_path(path: Path) -> None:
    with atomic(path) as temporary:
        temporary.write_text("new")


def write_through_a_descriptor(path: Path) -> None:
    write_text(path, "new")


WRITERS = [write_by_path, write_through_a_descriptor]
NO_FSYNC = [errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EPERM]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("number", NO_FSYNC, ids=map(errno.errorcode.get, NO_FSYNC))
def test_a_file_system_that_syncs_only_writers_is_written_to(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    write: Callable[[Path], None],
):
    """As CIFS does."""
    modes = refuse_fsync(monkeypatch, number, is_read_only)
    write(tmp_path / "text.txt")
    assert (tmp_path / "text.txt").read_text() == "new"
    assert os.O_RDONLY not in modes and len(modes) == 1


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("number", NO_FSYNC, ids=map(errno.errorcode.get, NO_FSYNC))
def test_a_file_system_without_fsync_is_written_to_and_named_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    write: Callable[[Path], None],
):
    refuse_fsync(monkeypatch, number)
    with pytest.warns(NeuralStyleWarning) as warned:
        for name in ("a.txt", "b.txt"):
            write(tmp_path / name)
            assert (tmp_path / name).read_text() == "new"
        sync_folder(tmp_path)
    (message,) = {str(each.message) for each in warned}  # scripts show each text once
    assert os.strerror(number) in message
    assert names(tmp_path) == ["a.txt", "b.txt"]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fails_is_an_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    write: Callable[[Path], None],
):
    path = tmp_path / "text.txt"
    path.write_text("old")
    refuse_fsync(monkeypatch, number)
    with pytest.raises(NeuralStyleError, match=rf"cannot write .*{os.strerror(number)}"):
        write(path)
    with pytest.raises(NeuralStyleError, match=rf"cannot write .*{os.strerror(number)}"):
        sync_folder(tmp_path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["text.txt"]


def test_a_second_name_of_a_write_protected_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Root, who runs some tests, may open it for writing: the refusal is simulated."""
    (tmp_path / "first").write_text("new")
    real = Path.open

    def protected(path: Path, mode: str = "r", *options: Any, **named: Any) -> IO[Any]:
        if mode == "r+b":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, mode, *options, **named)

    monkeypatch.setattr(Path, "open", protected)
    with atomic(tmp_path / "second") as temporary:
        temporary.hardlink_to(tmp_path / "first")
    assert (tmp_path / "second").read_text() == "new"


@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
def test_what_is_no_regular_file_has_no_checksum(tmp_path: Path, kind: str):
    path = {"device": Path("/dev/zero"), "pipe": tmp_path / "pipe", "folder": tmp_path}[kind]
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(NeuralStyleError, match="is not a regular file"):
        sha256(path)


def test_a_name_with_control_characters_is_quoted(tmp_path: Path):
    with pytest.raises(
        NeuralStyleError, match=r"cannot read '.*a\\x1b\[31m\\x07\\n\.png': No such"
    ) as caught:
        sha256(tmp_path / "a\x1b[31m\x07\n.png")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
def test_what_is_no_regular_file_is_not_read(tmp_path: Path, make_pipe, kind: str):
    path = {"device": Path("/dev/null"), "pipe": tmp_path / "pipe", "folder": tmp_path}[kind]
    if kind == "pipe":
        make_pipe(path)
    with pytest.raises(OSError, match="is not a regular file"):
        read_regular(path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path):
    (tmp_path / "text").write_text("four")
    assert read_regular(tmp_path / "text", 4) == "four"
    with pytest.raises(OSError, match="is too large"):
        read_regular(tmp_path / "text", 3)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no such files here")
def test_of_a_file_no_more_than_its_size_is_read():
    assert read_regular(Path("/proc/self/status")) == ""  # as of the endless /proc/self/pagemap


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path: Path):
    (tmp_path / "taken").write_text("a file")
    for path in (tmp_path / "taken" / "text.txt", tmp_path / "taken" / "deep" / "text.txt"):
        with pytest.raises(NeuralStyleError, match=r"cannot write .*taken"):
            write_text(path, "new")


def test_a_target_that_is_a_folder_is_one_sentence(tmp_path: Path):
    (tmp_path / "text.txt").mkdir()
    with pytest.raises(NeuralStyleError, match="cannot write"):
        write_text(tmp_path / "text.txt", "new")
    assert names(tmp_path) == ["text.txt"]


def test_a_folder_without_permission_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refuse)  # root, who runs some tests, may write anywhere
    with pytest.raises(NeuralStyleError, match=r"Permission denied.*a folder that you may write"):
        write_text(tmp_path / "closed" / "text.txt", "new")


def test_a_file_with_a_name_as_long_as_allowed_is_written(tmp_path: Path):
    path = tmp_path / ("n" * 251 + ".txt")
    write_text(path, "new")
    assert path.read_text() == "new"


NAMES = ["a.txt", "cat.2.png", f"{'long' * 50}.pdf", "none", ".hidden.json", "a\nb.txt"]
OTHERS = [
    ".a.0badcafe.csv",
    ".b.0badcafe.txt",
    ".a.0badcaf.txt",
    "a.0badcafe.txt",
    ".a.txt",
    "a.txt",
]


def leave(path: Path) -> Path:
    """What a killed writer leaves of a file."""
    with suppress(NeuralStyleError), atomic(path) as temporary:
        pass
    temporary.write_bytes(b"half")
    return temporary


@pytest.mark.parametrize("name", NAMES)
def test_what_killed_writers_left_of_a_file_is_removed_and_nothing_else(tmp_path: Path, name: str):
    for other in OTHERS:
        (tmp_path / other).touch()
    left = leave(tmp_path / name), leave(tmp_path / name)
    assert all(each.exists() for each in left)
    remove_leftovers([tmp_path / name, tmp_path / "nowhere" / name])
    assert names(tmp_path) == sorted(OTHERS)


def test_what_killed_writers_left_below_a_folder_is_removed_and_nothing_else(tmp_path: Path):
    kept = [tmp_path / "deep" / "er" / name for name in (".a.0badcaf.txt", "b.0badcafe.txt")]
    for path in kept:
        write_text(path, "")
    for name in NAMES:
        leave(tmp_path / name)
        leave(tmp_path / "deep" / "er" / name)
    remove_leftovers_below(tmp_path)
    remove_leftovers_below(tmp_path / "nowhere")
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_the_checksum_is_that_of_the_bytes(tmp_path: Path):
    path = tmp_path / "data"
    path.write_bytes(b"\0\xff" * 100_000)
    assert sha256(path) == hashlib.sha256(b"\0\xff" * 100_000).hexdigest()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (720, "12 min"),
        (11_100, "3 h 05 min"),
        (47 * 3600, "47 h 00 min"),
        (99 * 3600, "4 d 03 h"),
    ],
)
def test_a_duration_is_in_units_that_suit_it(seconds: float, expected: str):
    assert format_duration(seconds) == expected
