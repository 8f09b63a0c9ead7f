"""Run `stylize.py` in a process that stays between the jobs of one run of Snakemake.

A short job would spend most of its time on importing torch and loading the network. So the first
job starts a worker, and each job hands its command line to one. A worker does one job at a time, so
jobs that run at the same time have one each. It ends soon after its owner, after a job that failed,
or when it has had no job for a minute. Where no worker can be had, the job runs in its own process.

A job is still a process of its own, with its own output and exit code. It passes signals on to the
worker; if it is killed, the worker saves a checkpoint and stops that job.

Jobs and workers meet at sockets in a folder that only the user can open.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from owner import SECONDS_BETWEEN_LOOKS, is_alive

FOLDER = Path("/tmp", f"neural_style_workers_{os.getuid()}")
"""Not in $TMPDIR, whose path may be longer than the address of a socket can be."""

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
OWN_TO_PROCESSES = frozenset({"PWD", "OLDPWD", "SHLVL", "_"})
MOST_WORKERS = 64
SECONDS_IDLE = 60.0
NUMBER = 8  # bytes of a number in a message


TRIES = 2


class NoWorkerError(Exception):
    """No worker can be had."""


def main(arguments: list[str]) -> int:
    """Run a job; returns the exit code of `stylize.py`."""
    for _ in range(TRIES):
        try:
            with free_worker(_owner_in(arguments)) as connection:
                # A signal between the two would end this process and not reach the worker.
                before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
                try:
                    _pass_signals_on(_hand_over(connection, arguments))
                finally:
                    signal.pthread_sigmask(signal.SIG_SETMASK, before)
                answer = _receive(connection)
        except NoWorkerError:
            continue
        if answer is None:
            print(
                "stylize: the process ended without a word, perhaps because the memory did not "
                "suffice; what was saved is kept.",
                file=sys.stderr,
            )
        return 1 if answer is None else answer
    sys.argv[0] = str(Path(__file__).with_name("stylize.py"))
    import stylize

    return stylize.main(arguments)


# The job


@contextmanager
def free_worker(owner: int) -> Iterator[socket.socket]:
    """Connect to a worker without a job; start one if there is none.

    Args:
        owner: process with whose end the worker ends. Workers are shared only by jobs of one owner
            in the same environment.

    Raises:
        NoWorkerError: the folder or a socket cannot be used.
    """
    try:
        _require_private_folder()
        for number in range(MOST_WORKERS):
            place = FOLDER / f"{owner}-{_environment()}-{number}"
            with place.with_suffix(".lock").open("w") as lock:
                if not _is_locked_by_us(lock.fileno()):
                    continue
                with _connected(place, owner) as connection:
                    yield connection
                return
    except OSError as error:
        raise NoWorkerError from error
    raise NoWorkerError


def _owner_in(arguments: list[str]) -> int:
    """The process that `--owner` names, or else this one."""
    given = dict(itertools.pairwise(arguments))
    return int(given.get("--owner", os.getpid()))


def _environment() -> str:
    """What processes must have in common to do each other's work."""
    own = {name: value for name, value in os.environ.items() if name not in OWN_TO_PROCESSES}
    facts = json.dumps([sys.executable, sys.path[0], sorted(own.items())])
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _require_private_folder() -> None:
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    status = FOLDER.lstat()
    if not FOLDER.is_dir() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise NoWorkerError


def _is_locked_by_us(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _connected(place: Path, owner: int) -> socket.socket:
    """A connection to the worker at a place; the caller holds its lock."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(place))
    except (ConnectionRefusedError, FileNotFoundError):
        _start(place, owner)
        connection.connect(str(place))
    return connection


def _start(place: Path, owner: int) -> None:
    """Start a worker that listens at a place."""
    import subprocess

    place.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        descriptor = listener.fileno()
        subprocess.Popen(
            [sys.executable, __file__, "--serve", str(descriptor), "--owner", str(owner)],
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the job, which passes it on
        )


def _hand_over(connection: socket.socket, arguments: list[str]) -> int:
    """Send a job and its output streams; returns the worker's process id.

    Raises:
        NoWorkerError: the worker ended meanwhile.
    """
    text = json.dumps({"arguments": arguments, "folder": str(Path.cwd())}).encode()
    try:
        socket.send_fds(connection, [len(text).to_bytes(NUMBER, "big")], [1, 2])
        connection.sendall(text)
        worker = _receive(connection)
    except OSError as error:
        raise NoWorkerError from error
    if worker is None:
        raise NoWorkerError
    return worker


def _pass_signals_on(worker: int) -> None:
    def pass_on(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(worker, number)

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, pass_on)


def _receive(connection: socket.socket) -> int | None:
    """Receive a number; None if the other side has ended."""
    data = b""
    while len(data) < NUMBER:
        with suppress(ConnectionResetError):
            if part := connection.recv(NUMBER - len(data)):
                data += part
                continue
        return None
    return int.from_bytes(data, "big")


# The worker


def serve(listener: socket.socket, owner: int, work: Callable[[list[str]], int]) -> None:
    """Do jobs until the owner has ended, or there was none for `SECONDS_IDLE`.

    Args:
        listener: where jobs connect.
        owner: a process.
        work: runs the command line of a job and returns its exit code.
    """
    place = Path(listener.getsockname())
    listener.settimeout(SECONDS_BETWEEN_LOOKS)
    idle, code = 0.0, 0
    while not code and idle < SECONDS_IDLE and is_alive(owner):
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            idle += SECONDS_BETWEEN_LOOKS
            continue
        idle = 0.0
        with connection:
            code = _do(connection, work)
            if code:  # before the answer: then nobody can connect, since the job has the lock
                listener.close()
            with suppress(OSError):
                connection.sendall(code.to_bytes(NUMBER, "big"))
    listener.close()
    place.unlink(missing_ok=True)
    _remove_what_the_dead_left()


def _do(connection: socket.socket, work: Callable[[list[str]], int]) -> int:
    """Do the job of a connection, with its output streams and in its folder."""
    connection.settimeout(None)
    header, streams, _, _ = socket.recv_fds(connection, NUMBER, 2)
    size = int.from_bytes(header, "big")
    request = json.loads(connection.recv(size, socket.MSG_WAITALL))
    with _streams(streams):
        os.chdir(request["folder"])
        connection.sendall(os.getpid().to_bytes(NUMBER, "big"))
        code = _watched(connection, lambda: work(request["arguments"]))
        os.chdir("/")  # the folder may be removed
    return code


@contextmanager
def _streams(descriptors: list[int]) -> Iterator[None]:
    """Use descriptors as the output streams within the block."""
    null = os.open(os.devnull, os.O_WRONLY)
    for target, source in zip((1, 2), descriptors, strict=True):
        os.dup2(source, target)
        os.close(source)
    try:
        yield
    finally:
        for target in (1, 2):
            os.dup2(null, target)
        os.close(null)


def _watched(connection: socket.socket, work: Callable[[], int]) -> int:
    """Run the work; if the job is killed meanwhile, stop as after SIGTERM."""
    is_done = threading.Event()

    def watch() -> None:
        with suppress(OSError):
            connection.recv(1)
        if not is_done.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="watch the job", daemon=True).start()
    try:
        return work()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except Exception:
        import traceback

        traceback.print_exc()
        return 1
    finally:
        is_done.set()
        sys.stdout.flush()
        sys.stderr.flush()


def _remove_what_the_dead_left() -> None:
    """Remove the files of owners that have ended: no job can need them."""
    for path in FOLDER.iterdir():
        owner = path.name.partition("-")[0]
        if owner.isdigit() and not is_alive(int(owner)):
            path.unlink(missing_ok=True)


def _serve_stylize(descriptor: int, owner: int) -> None:
    import gc

    import stylize
    import torch

    run = stylize.main_of_many_jobs()
    gc.freeze()  # or each collection would look at all of torch

    def work(arguments: list[str]) -> int:
        code = run(arguments)
        if not code:  # the next job may need the memory; there is none after a failure
            gc.collect()
            torch.cuda.empty_cache()  # fails on a GPU that has failed
        return code

    with socket.socket(fileno=descriptor) as listener:
        serve(listener, owner, work)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--serve", descriptor, "--owner", owner]:
            _serve_stylize(int(descriptor), int(owner))
        case arguments:
            sys.exit(main(arguments))
