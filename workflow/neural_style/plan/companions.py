"""The files that a job reads beside its photograph, its painting and the network's weights.

Free of torch: Snakemake has to know them before any job starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from neural_style.plan.formats import IMAGE_SUFFIXES
from neural_style.plan.settings import BESIDE, STARTS, Settings

INIT = "init"
"""What the picture to start from is to a job."""

MASK, STYLE_MASK = "mask", "style_mask"
"""What the masks of the photograph and of the painting are to a job."""


def companions_of(content: Path, style: Path, settings: Settings) -> Mapping[str, Path]:
    """The further files of a job, by what they are to it, such as `mask`.

    The style images of a blend are `blend_1`, `blend_2` …, in the order of `settings.blend`, and
    their masks `blend_1_mask` ….

    Args:
        content: the photograph.
        style: the painting.
        settings: of the job, with the files of its blend (see `named_files`).
    """
    return dict(_companions(content, style, settings))


def _companions(content: Path, style: Path, settings: Settings) -> Iterator[tuple[str, Path]]:
    if settings.init not in STARTS:
        yield INIT, Path(settings.init)
    for role, image, mask in (
        (MASK, content, settings.mask),
        (STYLE_MASK, style, settings.style_mask),
    ):
        if found := _mask_of(image, mask):
            yield role, found
    for number, name in enumerate(settings.blend, start=1):
        yield blended(number), Path(name)
        # A mask that is named is one of the pair's own style.
        if settings.style_mask == BESIDE and (found := _mask_of(Path(name), BESIDE)):
            yield mask_of_blended(number), found


def blended(number: int) -> str:
    """What the style image of a place in the blend, from 1, is to a job."""
    return f"blend_{number}"


def mask_of_blended(number: int) -> str:
    """What its mask is."""
    return f"blend_{number}_mask"


def _mask_of(image: Path, mask: str | None) -> Path | None:
    """The mask that a setting has for an image."""
    if mask is None:
        return None
    return mask_beside(image) if mask == BESIDE else Path(mask)


def mask_beside(image: Path) -> Path | None:
    """The mask of an image by its name: `cat.mask.png` for `cat.jpg`, or None.

    Of several, the first by its suffix counts, in lower case or else in upper case.
    """
    suffixes = sorted(IMAGE_SUFFIXES)
    names = (f"{image.stem}.mask{each}" for each in [*suffixes, *map(str.upper, suffixes)])
    return next((path for path in map(image.with_name, names) if path.is_file()), None)
