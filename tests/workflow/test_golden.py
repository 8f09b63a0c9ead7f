"""One small picture that the engine must go on making: 64 pixels, 12 epochs, fp32, one thread.

After a wanted change of what the engine computes, `python tests/workflow/golden/make.py` makes
`golden/expected.png` anew; look at it, and commit it with the change.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

GOLDEN = Path(__file__).parent / "golden"
TOLERANCE = 1.0
"""Mean difference in levels of 0 … 255. Another processor adds in another order, which makes 0.02
here; a beta larger by a fifth makes 2, an epoch fewer 3, and bf16 8."""


def levels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(float)


def test_the_golden_picture(tmp_path):
    made = tmp_path / "made.png"
    subprocess.run([sys.executable, GOLDEN / "make.py", "--output", made], check=True)
    difference = np.abs(levels(made) - levels(GOLDEN / "expected.png")).mean()
    assert difference <= TOLERANCE, (
        f"the picture differs by {difference:.2f} levels in the mean; if that is wanted, run "
        "`python tests/workflow/golden/make.py`, look at the picture, and commit it"
    )


def test_the_golden_picture_is_far_from_both_images():
    expected = levels(GOLDEN / "expected.png")
    for name in ("content.png", "style.png"):
        assert np.abs(expected - levels(GOLDEN / name)).mean() > 10 * TOLERANCE
