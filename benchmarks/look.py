r"""How outputs look: measures of pairs in several settings, beside images of other programs.

Prints a table in Markdown, and writes a grid of the images. Outputs that are there already are not
made again. `engine/measures.py` says what the columns mean. Images of other programs are named
CONTENT_STYLE.png.

    PYTHONPATH=workflow python benchmarks/look.py --output results/look --size 512 \
      --pairs images/samples/content/rocket.jpg,images/samples/style/swirling_night.jpg \
      --settings '{"method": {"optimization": {"epochs": 100}}, "best": {"preset": "best"}}'
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from neural_style.config.schema import complete
from neural_style.config.settings import RUN, Settings, output_name
from neural_style.config.sweep import expand_settings
from neural_style.engine.engine import Engine
from neural_style.engine.job import run_job
from neural_style.engine.measures import UNSEEN_LAYERS, measure
from neural_style.images.decode import load_image
from neural_style.images.encode import save_image
from neural_style.images.fit import load_fitted
from neural_style.runtime.device import choose_device
from neural_style.runtime.memory import keep_freed_memory

HEAD = "| pair | made by | palette | speckle | grain | edges | unseen style | seconds |"
RULE = "|---|---|--:|--:|--:|--:|--:|--:|"


@dataclass(frozen=True)
class Made:
    """An image and who made it; `seconds` is None where that is not known."""

    maker: str
    file: Path
    seconds: float | None


def main() -> int:
    """Make what is missing, print the table, and write the grid."""
    options = make_parser().parse_args()
    keep_freed_memory()
    if options.threads:
        torch.set_num_threads(options.threads)
    settings = settings_of(options)
    judge = Judge(choose_device(options.device), options.size)
    rows: list[list[Path]] = []
    print(HEAD, RULE, sep="\n", flush=True)
    for pair in options.pairs:
        content, style = map(Path, pair.split(","))
        name = f"{content.stem}_{style.stem}"
        row = [content, style]
        for made in images_of(content, style, name, settings, options):
            row.append(made.file)
            print(judge.line(content, style, name, made), flush=True)
        rows.append(row)
    if options.grid:
        save_image(grid(rows, options.tile), options.grid, 88)
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", nargs="+", required=True, metavar="CONTENT,STYLE")
    parser.add_argument("--settings", type=json.loads, default={"best": {"preset": "best"}})
    parser.add_argument("--others", nargs="*", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--output", type=Path, required=True, help="folder of the outputs")
    parser.add_argument("--grid", type=Path, help="a JPEG of all images")
    parser.add_argument("--tile", type=int, default=300, help="width of its images")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int)
    return parser


def settings_of(options: argparse.Namespace) -> Mapping[str, Settings]:
    """The settings by name."""
    config = {
        "settings": {"named": options.settings},
        "image": {"size": options.size, "format": "png"},
    }
    expanded = expand_settings(complete(config))
    return {name: expanded[name] for name in options.settings}


def images_of(
    content: Path,
    style: Path,
    name: str,
    settings: Mapping[str, Settings],
    options: argparse.Namespace,
) -> Iterator[Made]:
    """Yield the images of a pair: outputs, then those of other programs that are there."""
    for setting, values in settings.items():
        folder = options.output / str(options.size) / name / setting
        if not (folder / RUN).exists():
            deque(run_job(content, style, folder, values, choose_device(options.device)), maxlen=0)
        seconds = json.loads((folder / RUN).read_text(encoding="utf-8"))["seconds"]
        yield Made(setting, folder / output_name(values.epochs, values.format), seconds)
    for other in options.others:
        maker, _, folder = other.partition("=")
        file = Path(folder) / f"{name}.png"
        if file.exists():
            yield Made(maker, file, None)


class Judge:
    """Measures images; `size` is that of the outputs."""

    def __init__(self, device: torch.device, size: int) -> None:
        self._size = size
        self._network = Engine(device).float32_network(Settings(), frozenset(UNSEEN_LAYERS))

    def line(self, content: Path, style: Path, pair: str, made: Made) -> str:
        """A row of the table."""
        inputs = [load_fitted(path, self._size, "keep") for path in (content, style)]
        image = load_image(made.file)
        if image.size != inputs[0].size:  # other programs round differently
            image = image.resize(inputs[0].size, Image.Resampling.LANCZOS)
        pixels, content_pixels, style_pixels = (np.asarray(each) for each in (image, *inputs))
        *measures, unseen = asdict(
            measure(pixels, content_pixels, style_pixels, self._network)
        ).values()
        apart = "–" if unseen is None else f"{unseen:.3f}"
        seconds = "–" if made.seconds is None else f"{made.seconds:.0f}"
        numbers = " | ".join(f"{value:.2f}" for value in measures)
        return f"| {pair} | {made.maker} | {numbers} | {apart} | {seconds} |"


def grid(rows: list[list[Path]], width: int) -> Image.Image:
    """The images in rows, each `width` pixels wide; a row is as high as its highest image."""
    gap = width // 50
    scaled = [[_scaled(load_image(path), width) for path in row] for row in rows]
    heights = [max(image.height for image in row) for row in scaled]
    columns = max(map(len, scaled))
    page = Image.new(
        "RGB", (columns * (width + gap) - gap, sum(heights) + gap * (len(rows) - 1)), "white"
    )
    top = 0
    for row, height in zip(scaled, heights, strict=True):
        for column, image in enumerate(row):
            page.paste(image, (column * (width + gap), top))
        top += height + gap
    return page


def _scaled(image: Image.Image, width: int) -> Image.Image:
    height = round(image.height * width / image.width)
    return image.resize((width, height), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    sys.exit(main())
