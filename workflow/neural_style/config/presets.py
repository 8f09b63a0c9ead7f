"""Presets: settings with a name, from a light tint to the method's own numbers.

A preset has the form of an entry of `settings.named`. What it does not set comes from the rest of
the configuration, and an entry that uses a preset may override it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from neural_style.config.sizes import REFERENCE_SIZE, halved_sizes

STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
"""The style layers of the method."""


@dataclass(frozen=True)
class Preset:
    """A preset.

    Attributes:
        help: what the output looks like.
        values: in the form of an entry of `settings.named`.
        has_stages: whether the stages of `coarse_to_fine` are part of it.
    """

    help: str
    values: Mapping[str, Any]
    has_stages: bool = False


def _weighted(*weights: float) -> dict[str, float]:
    """Return weights of the method's style layers, scaled to the method's sum."""
    scale = len(STYLE_LAYERS) / sum(weights)
    return {
        layer: scale * weight for layer, weight in zip(STYLE_LAYERS, weights, strict=True) if weight
    }


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "best": Preset(
            "the palette and the strokes of the style on a calm surface, coarse to fine with the "
            "Wasserstein style loss",
            {
                "alpha": 1.3,
                "beta": 1e6,
                "learning_rate": 1.0,
                "network": {
                    "weights": "caffe",
                    "content_layers": {"relu4_2": 1.0},
                    "style_layers": {
                        layer.replace("conv", "relu"): weight
                        for layer, weight in _weighted(256, 64, 16, 7, 3).items()
                    },
                    "padding": "replicate_first",
                },
                "optimization": {
                    "optimizer": "lbfgs",
                    "size_correction": True,
                    "init": "content",
                    "init_noise": 0.0,
                },
                "transfer": {
                    "content_loss": "contraharmonic",
                    "content_focus": 1.0,
                    "style_loss": "wasserstein",
                    "color_histogram": 1.0,
                    "coherence": 1.0,
                    "total_variation": 0.8,
                    "total_variation_exponent": 2,
                    "total_variation_chroma": 3.5,
                },
            },
            has_stages=True,
        ),
        "subtle": Preset(
            "the content with the tint of the style and a little of its brushwork",
            {"alpha": 1.0, "beta": 2e4},
        ),
        "strong": Preset(
            "style first, its shapes replace those of the content",
            {"alpha": 1.0, "beta": 1e7},
        ),
        "texture": Preset(
            "brushwork without shapes, only the three shallow style layers",
            {
                "alpha": 1.0,
                "beta": 1e7,
                "network": {"style_layers": _weighted(1, 1, 1, 0, 0)},
            },
        ),
        "paper": Preset(
            "layers, weights, and iterations of the paper, at 512 × 512 pixels",
            {
                "alpha": 1.0,
                "beta": 1e6,
                "learning_rate": 1.0,
                "image": {"size": 512, "fit": "stretch"},
                "network": {
                    "weights": "caffe",
                    "content_layers": {"conv4_2": 1.0},
                    "style_layers": _weighted(1, 1, 1, 1, 1),
                },
                "optimization": {
                    "optimizer": "lbfgs",
                    "stages": [],
                    "size_correction": True,
                    "epochs": 1000,
                    "init": "content",
                },
                "transfer": {
                    "content_loss": "squared",
                    "content_focus": 0.0,
                    "style_loss": "gram",
                    "color_histogram": 0.0,
                    "coherence": 0.0,
                },
            },
        ),
    }
)
"""Name → preset."""

COARSEST = 120
"""Pixels that the smallest stage of `coarse_to_fine` has at least."""

FULL_SIZE_EPOCHS = 76
"""All of `coarse_to_fine` costs as much as so many iterations that look at the full size alone, or
less. One of `best` costs 1.1 to 1.2 times as much as one of the method."""

STEEPNESS = 1.1
"""The number of iterations of a stage falls with this power of its size."""

LEAST_LARGE_EPOCHS = 10
"""Iterations of a stage of `coarse_to_fine` above `REFERENCE_SIZE`, unless there is no time."""

FIXED_COST = 150**2
"""Pixels that cost as much as what an iteration costs at any size, measured for `best` on
a CPU with AMX (benchmarks/LOOK.md)."""


def describe_presets() -> str:
    """Return all presets with their help, as one clause."""
    *most, last = (f"{name} ({preset.help})" for name, preset in PRESETS.items())
    return f"{', '.join(most)}, or {last}"


def with_preset(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of `settings.named` with the values of its preset filled in.

    Args:
        entry: may have the key `preset`, a name in `PRESETS`. Its own keys win over the preset, and
            its own layers replace those of the preset.

    Returns:
        The entry without the key `preset`, and without the stages of the preset, see `stages_of`.
    """
    name = entry.get("preset")
    own = {key: value for key, value in entry.items() if key != "preset"}
    return laid_over(PRESETS[name].values if name else {}, own)


def stages_of(preset: str | None, own: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Return the stages that a preset has at a size, and their iterations; often none.

    Args:
        preset: its name, if there is one.
        own: values of `optimization` beside the preset: own stages win over its, and they share own
            iterations.
        size: `image.size`.

    Returns:
        Values of `optimization`.
    """
    if preset is None or not PRESETS[preset].has_stages or "stages" in own:
        return {}
    return coarse_to_fine(size, own.get("epochs"))


def coarse_to_fine(size: int, epochs: int | None = None) -> dict[str, Any]:
    """Return the stages that give outputs of different sizes a similar look, and their iterations.

    The network sees a fixed number of pixels, so the shapes in a large output are those that it had
    as a small one: of `COARSEST` pixels or a little more. Each stage has about twice the pixels of
    the one before. Below `REFERENCE_SIZE`, a large output has the stages and iterations of one of
    that size, and continues it (see `Settings.at_reference`): other ones make other shapes. Above,
    the stages have at most twice as many iterations as the power law of that size, or
    `LEAST_LARGE_EPOCHS`.

    Args:
        size: edge of the output in pixels.
        epochs: of all stages together; None for what `FULL_SIZE_EPOCHS` says.

    Returns:
        Values of `stages` and `epochs`.
    """
    sizes = _stage_sizes(size)
    shares = [_share(edge, size) for edge in sizes]
    if epochs is None:
        unit, reference = _last_epochs(size), _last_epochs(REFERENCE_SIZE)
        counts = [
            int(min(unit * share, _most_epochs(edge, reference)))
            for edge, share in zip(sizes, shares, strict=True)
        ]
    else:
        counts = [int(epochs / sum(shares) * share) for share in shares]
        counts[0] = epochs - sum(counts[1:])
    stages = [
        {"size": edge, "epochs": count}
        for edge, count in reversed(list(zip(sizes[1:], counts[1:], strict=True)))
        if count
    ]
    return {"stages": stages, "epochs": sum(counts)}


def _stage_sizes(size: int) -> list[int]:
    """The sizes of all stages of an output, largest first, each with half the pixels of the last.

    Above `REFERENCE_SIZE`, it is about half, so that this size and those below it are among them,
    but for outputs that are little larger than it, which take its place.
    """
    start = min(size, REFERENCE_SIZE)
    small = [start]
    while (smaller := round(start / math.sqrt(2) ** len(small))) >= COARSEST:
        small.append(smaller)
    steps = round(2 * math.log2(size / start))
    large = [round(start * (size / start) ** (step / steps)) for step in range(steps, 0, -1)]
    return [*large, *small] if large else [size, *small[1:]]


def _last_epochs(size: int) -> float:
    """Iterations at the size of an output for which all stages cost `FULL_SIZE_EPOCHS`."""

    def cost(edge: int) -> int:
        return sum(seen**2 + FIXED_COST for seen, _ in halved_sizes(edge, edge))

    total = sum(_share(edge, size) * cost(edge) for edge in _stage_sizes(size))
    return FULL_SIZE_EPOCHS * (size**2 + FIXED_COST) / total


def _share(edge: int, size: int) -> float:
    """Iterations of a stage of `edge` pixels for each one at `size`."""
    return float((size / edge) ** STEEPNESS)


def _most_epochs(edge: int, reference: float) -> float:
    """Iterations of a stage of `edge` pixels, at most; `reference` at `REFERENCE_SIZE`."""
    continued = reference * _share(edge, REFERENCE_SIZE)
    return continued if edge <= REFERENCE_SIZE else max(2 * continued, LEAST_LARGE_EPOCHS)


def laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two entries of `settings.named` section by section; the keys of `over` win."""
    merged = dict(under)
    for key, value in over.items():
        merged[key] = {**merged.get(key, {}), **value} if isinstance(value, Mapping) else value
    return merged
