"""Make the golden image of a raised `ENGINE_VERSION`: `python tests/workflow/golden/make.py`.

Run it after you changed the pixels of outputs on purpose and raised `ENGINE_VERSION` in
`workflow/neural_style/config/settings.py`. Look at the new image and commit it in place of the old.
`content.png` (the sample image chelsea) and `style.png` (swirling_night) are 64 × 64 pixels.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from neural_style.config.settings import ENGINE_VERSION

HERE = Path(__file__).parent
EXPECTED = HERE / f"expected_{ENGINE_VERSION}.png"
SIZE, EPOCHS = 64, 12
OPTIONS = {
    "--size": str(SIZE),
    "--fit": "stretch",
    "--epochs": str(EPOCHS),
    "--size-correction": "false",
    "--init": "content",
    "--precision": "fp32",
    "--device": "cpu",
    "--threads": "1",
}


def make_image(output: Path) -> None:
    """Stylize content.png with style.png, and write the last output to `output`."""
    options = [word for pair in OPTIONS.items() for word in pair]
    images = [str(HERE / "content.png"), str(HERE / "style.png"), "--output", str(output)]
    subprocess.run([sys.executable, "-m", "neural_style", *images, *options], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the image there instead")
    chosen = parser.parse_args()
    if chosen.output is None and EXPECTED.exists():
        sys.exit(f"{EXPECTED.name} exists; raise ENGINE_VERSION first.")
    make_image(chosen.output or EXPECTED)
    if chosen.output is None:
        for older in set(HERE.glob("expected_*.png")) - {EXPECTED}:
            older.unlink()
