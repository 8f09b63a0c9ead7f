"""Sample photographs that an installed scikit-image brings along, free for any use."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from neural_style.errors import NeuralStyleError

_FILES = {
    "astronaut": "astronaut.png",  # NASA, public domain
    "chelsea": "chelsea.png",  # a cat, by Stéfan van der Walt, CC0
    "coffee": "coffee.png",  # by Rachel Michetti, CC0
    "rocket": "rocket.jpg",  # SpaceX, public domain
}

PHOTOGRAPHS: tuple[str, ...] = tuple(_FILES)
"""The names of the photographs."""


def photograph(name: str) -> Path:
    """The file of a photograph.

    scikit-image is located, not imported: its import takes seconds.

    Args:
        name: one of `PHOTOGRAPHS`.

    Raises:
        NeuralStyleError: scikit-image is not installed, or came without this photograph.
        KeyError: there is no photograph of this name.
    """
    file = _FILES[name]
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise NeuralStyleError(
            f"cannot find the sample photograph {file}: scikit-image is not installed; "
            "install it with `pip install scikit-image`, or bring photographs of your own."
        )
    path = Path(package.origin).parent / "data" / file
    if not path.is_file():
        raise NeuralStyleError(
            f"cannot find the sample photograph {path}: this scikit-image came without it; "
            "reinstall scikit-image, or bring photographs of your own."
        )
    return path
