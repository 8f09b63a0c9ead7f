"""A small image whose pixels only a raised `ENGINE_VERSION` may change: 64 px, 12 epochs, fp32."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from neural_style.config.settings import ENGINE_VERSION

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = GOLDEN / f"expected_{ENGINE_VERSION}.png"
MAKE = "run `python tests/workflow/golden/make.py`, look at the image, and commit it"
TOLERANCE = 1.0
"""Mean difference in levels of 0 … 255. Another processor adds in another order, which makes 0.02
here; a beta larger by a fifth makes 2, an iteration fewer 3, and bf16 8."""


def levels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(float)


def test_the_golden_image(tmp_path):
    assert EXPECTED.exists(), f"ENGINE_VERSION is {ENGINE_VERSION} now: {MAKE}"
    made = tmp_path / "made.png"
    subprocess.run([sys.executable, GOLDEN / "make.py", "--output", made], check=True)
    difference = np.abs(levels(made) - levels(EXPECTED)).mean()
    assert difference <= TOLERANCE, (
        f"the pixels of outputs have changed by {difference:.2f} levels in the mean, which makes "
        "older results out of date; if you want that, raise ENGINE_VERSION in "
        f"workflow/neural_style/config/settings.py, then {MAKE}"
    )


def test_the_golden_image_is_not_replaced_without_a_new_version():
    before = EXPECTED.read_bytes()
    refused = subprocess.run([sys.executable, GOLDEN / "make.py"], capture_output=True, text=True)
    assert refused.returncode == 1 and "raise ENGINE_VERSION first" in refused.stderr
    assert EXPECTED.read_bytes() == before
    assert list(GOLDEN.glob("expected_*.png")) == [EXPECTED]


def test_the_golden_image_is_far_from_both_images():
    expected = levels(EXPECTED)
    for name in ("content.png", "style.png"):
        assert np.abs(expected - levels(GOLDEN / name)).mean() > 10 * TOLERANCE
