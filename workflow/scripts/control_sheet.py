"""Make a sheet of docs/controls.md: the tiles that are missing, then the sheet from all of them."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import torch
from command import command
from display import say_waiting, show_in_turn
from options import SCHEMA

from neural_style.config.schema import read_schema
from neural_style.images.encode import save_image
from neural_style.manual.control_tiles import make_tiles, sheet_grid
from neural_style.manual.controls import Made, read_sheets
from neural_style.report.grid_render import render_grid
from neural_style.runtime.device import DEVICES, claim_device


@command("control_sheet")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = make_parser().parse_args(arguments)
    sheet = read_sheets(options.sheets, read_schema(SCHEMA))[options.name]
    torch.set_num_threads(max(1, options.threads))
    with claim_device(options.device, partial(say_waiting, "control_sheet")) as device:
        steps = make_tiles(sheet, options.folder, device)
        show_in_turn(
            (title_of(options.name, step.tile), step.tile.settings, step.progress) for step in steps
        )
    page = render_grid(sheet_grid(sheet, options.folder), sheet.tile_size)
    save_image(page, options.output, options.quality)


def title_of(sheet: str, tile: Made) -> str:
    """Which picture is being made; no two of a sheet have the same."""
    return f"{sheet}, {tile.content.stem} × {tile.style.stem}, {tile.label}"


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sheets", type=Path, required=True, metavar="FILE", help="such as docs/controls.yaml"
    )
    parser.add_argument("--name", required=True, help="of a sheet in it")
    parser.add_argument("--folder", type=Path, required=True, help="gets the tiles")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the sheet")
    parser.add_argument("--quality", type=int, default=60, choices=range(1, 101), metavar="1-100")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N")
    return parser


if __name__ == "__main__":
    sys.exit(main())
