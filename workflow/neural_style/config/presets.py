"""Settings that proved good, by name. Free of torch: the Snakefile reads it.

Each has the shape of an entry of `settings.named`: what it does not say comes from the rest of the
configuration, and an entry that takes a preset may contradict it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
"""The style layers of the method."""


@dataclass(frozen=True)
class Preset:
    """A setting by name.

    Attributes:
        description: on one line, for people.
        overrides: what it says, in the shape of an entry of `settings.named`.
    """

    description: str
    overrides: Mapping[str, Any]


def _weighted(*weights: float) -> dict[str, float]:
    """The method's style layers with these weights, scaled so that their sum is the method's."""
    scale = len(STYLE_LAYERS) / sum(weights)
    return {
        layer: scale * weight for layer, weight in zip(STYLE_LAYERS, weights, strict=True) if weight
    }


PRESETS: Mapping[str, Preset] = {
    "subtle": Preset(
        "the photograph as it is, in the painting's tint and with a little of its brushwork",
        {"alpha": 1.0, "beta": 2e4},
    ),
    "balanced": Preset(
        "the photograph plainly recognizable, the paint plainly the painting's",
        {"alpha": 1.0, "beta": 1e6},
    ),
    "strong": Preset(
        "the painting first: its shapes move into the photograph's",
        {"alpha": 1.0, "beta": 1e7},
    ),
    "texture": Preset(
        "the painting's brushwork without its shapes: the three shallower style layers only",
        {"alpha": 1.0, "beta": 1e7, "network": {"style_layers": _weighted(1, 1, 1, 0, 0)}},
    ),
    "front_loaded": Preset(
        "the painting's colors and grain rather than its shapes: style layers weigh 256:64:16:4:1",
        {"network": {"style_layers": _weighted(256, 64, 16, 4, 1)}},
    ),
    "paper": Preset(
        "the method's own numbers, whatever the rest of the configuration says",
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
        },
    ),
}
"""By name, in the order in which people are shown them."""


def with_preset(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of `settings.named`, with the keys of the preset that it takes below its own.

    Args:
        entry: its own keys; `preset`, if it is there, is a name in `PRESETS`.

    Returns:
        The same without the key `preset`. As ever, layers of its own replace those of the preset.
    """
    name = entry.get("preset")
    own = {key: value for key, value in entry.items() if key != "preset"}
    return laid_over(PRESETS[name].overrides if name else {}, own)


def laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of `settings.named` with the keys of another over its own, section by section."""
    merged = dict(under)
    for key, value in over.items():
        merged[key] = {**merged.get(key, {}), **value} if isinstance(value, Mapping) else value
    return merged
