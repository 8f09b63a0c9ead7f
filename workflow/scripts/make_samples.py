"""Put sample images into the input folders that hold none yet; nothing is ever replaced."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from command import command
from PIL import Image

from neural_style.samples.sample_images import (
    holds_image,
    sample_paintings,
    sample_photographs,
    save_samples,
)


@command("make_samples")
def main(arguments: list[str] | None = None) -> None:
    """Fill both folders."""
    options = _parser().parse_args(arguments)
    _fill(options.content, sample_photographs)
    _fill(options.style, partial(sample_paintings, options.seed))


def _fill(folder: Path, make: Callable[[], Mapping[str, Image.Image]]) -> None:
    if holds_image(folder):
        print(f"{folder}: has images already, left alone")
        return
    for path in save_samples(make(), folder):
        print(path)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--content",
        type=Path,
        default=Path("images/content"),
        metavar="FOLDER",
        help="gets photographs (default: %(default)s)",
    )
    parser.add_argument(
        "--style",
        type=Path,
        default=Path("images/style"),
        metavar="FOLDER",
        help="gets paintings (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        default=0,
        metavar="N",
        help="chooses among the variants of the paintings (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
