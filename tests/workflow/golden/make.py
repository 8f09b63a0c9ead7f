"""Make the golden image again: `python tests/workflow/golden/make.py`.

Do so after you changed on purpose what the engine computes. Look at the image, raise
`ENGINE_VERSION`, and commit both. With `--output FILE`, the image is written to that file.
`content.png` (the sample image chelsea) and `style.png` (swirling_night) are 64 × 64 pixels.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SCRIPT = HERE.parents[2] / "workflow" / "scripts" / "stylize.py"
SIZE, EPOCHS = 64, 12
OPTIONS = {
    "--size": str(SIZE),
    "--epochs": str(EPOCHS),
    "--format": "png",
    "--size-correction": "false",
    "--precision": "fp32",
    "--device": "cpu",
    "--threads": "1",
}


def make_picture(output: Path) -> None:
    """Stylize content.png with style.png, and write the last output to `output`."""
    with tempfile.TemporaryDirectory() as folder:
        files = {"--content": HERE / "content.png", "--style": HERE / "style.png"}
        options = {**files, "--output": folder, **OPTIONS}
        words = [str(word) for pair in options.items() for word in pair]
        subprocess.run([sys.executable, SCRIPT, *words], check=True)
        output.write_bytes((Path(folder) / f"generated_{EPOCHS}.png").read_bytes())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=HERE / "expected.png", metavar="FILE")
    chosen = parser.parse_args()
    make_picture(chosen.output)
