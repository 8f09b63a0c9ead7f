"""Make the golden picture anew: `python tests/workflow/golden/make.py`.

Do so after a wanted change of what the engine computes, look at the picture, and commit it.
With `--output FILE` the picture goes there. `content.png` (the middle of scikit-image's cat) and
`style.png` (our own painted night) are made only where they are missing.
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
    """Run the script on the two images and put its last picture to `output`."""
    with tempfile.TemporaryDirectory() as folder:
        files = {"--content": HERE / "content.png", "--style": HERE / "style.png"}
        options = {**files, "--output": folder, **OPTIONS}
        words = [str(word) for pair in options.items() for word in pair]
        subprocess.run([sys.executable, SCRIPT, *words], check=True)
        output.write_bytes((Path(folder) / f"generated_{EPOCHS}.png").read_bytes())


def make_inputs() -> None:
    """Make the two images if they are not there: the test's picture must not follow their code."""
    from PIL import Image
    from skimage.data import chelsea

    from neural_style.samples.paintings.night import swirling_night

    cat, night = HERE / "content.png", HERE / "style.png"
    if not cat.exists():
        Image.fromarray(chelsea()[:300, 75:375]).resize((SIZE, SIZE)).save(cat)
    if not night.exists():
        swirling_night(0, (4 * SIZE, 3 * SIZE)).resize((SIZE, SIZE)).save(night)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=HERE / "expected.png", metavar="FILE")
    chosen = parser.parse_args()
    if not all((HERE / name).exists() for name in ("content.png", "style.png")):
        make_inputs()
    make_picture(chosen.output)
