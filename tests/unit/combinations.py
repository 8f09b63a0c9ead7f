"""Transfer problems with every control, alone and in pairs, for tests of devices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.losses.problem import Region, StyleReference, TransferProblem, recolor_problem

Choice = Mapping[str, Any]

CONTROLS: Mapping[str, Sequence[Any]] = {
    "optimizer": ("lbfgs", "adam"),
    "history": (None, 2),
    "stages": ((), (Stage(16, 2),)),
    "color": ("style", "luminance", "match"),
    "region": ("everywhere", "masked", "two", "guided"),
    "styles": (1, 2),
    "start": ("content", "noise", "image"),
    "tile": (None, 64),
    "padding": ("zeros", "reflect", "replicate", "replicate_first"),
    "pooling": ("max", "average"),
    "precision": ("fp32", "bf16"),
    "batch": (1, 3),
    "content_loss": ("squared", "contraharmonic"),
    "content_focus": (0.0, 2.0),
    "style_loss": ("gram", "wasserstein"),
    "size_correction": (False, True),
    "color_histogram": (0.0, 1.0),
    "coherence": (0.0, 1.0),
    "total_variation": (0.0, 1.0),
    "total_variation_exponent": (1, 2),
    "total_variation_chroma": (1.0, 3.0),
}
"""Control → its values, the default first: fields of `Settings`, and what a problem is made of."""

MADE_OF = ("region", "styles", "start", "batch")


def alone() -> Iterator[dict[str, Any]]:
    """The defaults, each other value with the defaults of all other controls, and a pyramid."""
    defaults = {name: values[0] for name, values in CONTROLS.items()}
    yield defaults
    for name, values in CONTROLS.items():
        for value in values[1:]:
            yield {**defaults, name: value}
    yield {**defaults, "style_loss": "wasserstein", "size_correction": True}


def pairwise() -> list[dict[str, Any]]:
    """Combinations in which each two values of two controls meet, by greedy choices."""
    names = list(CONTROLS)
    missing = {
        ((one, i), (other, j))
        for one, other in itertools.combinations(names, 2)
        for i in range(len(CONTROLS[one]))
        for j in range(len(CONTROLS[other]))
    }
    rows = []
    while missing:
        row = dict(min(missing))
        for name in names:
            if name not in row:
                numbers = range(len(CONTROLS[name]))
                met = [_new_pairs(names, (name, number), row, missing) for number in numbers]
                row[name] = met.index(max(met))
        missing -= {_pair(names, *pair) for pair in itertools.combinations(row.items(), 2)}
        rows.append({name: CONTROLS[name][row[name]] for name in names})
    return rows


def _new_pairs(
    names: Sequence[str], one: tuple[str, int], row: Mapping[str, int], missing: set[Any]
) -> int:
    return sum(_pair(names, one, each) in missing for each in row.items())


def _pair(names: Sequence[str], one: tuple[str, int], other: tuple[str, int]) -> Any:
    return (one, other) if names.index(one[0]) < names.index(other[0]) else (other, one)


def label(choice: Choice) -> str:
    """What differs from the defaults."""
    parts = [
        f"{name}={value if not isinstance(value, tuple) else 'yes'}"
        for name, value in choice.items()
        if value != CONTROLS[name][0]
    ]
    return ",".join(parts) or "defaults"


def make_problems(choice: Choice, settings: Settings) -> list[TransferProblem]:
    """A batch of problems on the CPU, of 32 × 48 pixels, or of 80 × 96 for tiles."""
    fields = {name: value for name, value in choice.items() if name not in MADE_OF}
    noise = "noise" if choice["start"] == "noise" else "content"
    settings = replace(settings, **fields, init=noise)
    size = (32, 48) if choice["tile"] is None else (80, 96)
    return [make_problem(choice, settings, size, number) for number in range(choice["batch"])]


def make_problem(
    choice: Choice, settings: Settings, size: tuple[int, int], seed: int
) -> TransferProblem:
    generator = torch.Generator().manual_seed(seed)

    def image(channels: int, height: int, width: int) -> Tensor:
        coarse = torch.rand(1, channels, height // 8, width // 8, generator=generator)
        fine = torch.rand(1, channels, height, width, generator=generator)
        smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
        return 0.8 * smooth + 0.2 * fine

    def styles() -> tuple[StyleReference, ...]:
        sizes = [(32, 32), (48, 32)][: choice["styles"]]
        return tuple(
            StyleReference(
                image(3, *each),
                1 / len(sizes),
                image(1, *each) if choice["region"] == "guided" else None,
            )
            for each in sizes
        )

    mask = image(1, *size)
    regions = {
        "everywhere": lambda: (Region(styles()),),
        "guided": lambda: (Region(styles()),),
        "masked": lambda: (Region(styles(), mask),),
        "two": lambda: (Region(styles(), mask), Region(styles(), 1 - mask)),
    }[choice["region"]]()
    start = image(3, *size) if choice["start"] == "image" else None
    return recolor_problem(
        TransferProblem(replace(settings, seed=seed), image(3, *size), regions, start=start)
    )
