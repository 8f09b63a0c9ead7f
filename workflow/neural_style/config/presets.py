"""Presets: settings with a name, from a light tint to the method's own numbers.

A preset has the form of an entry of `settings.named`. What it does not set comes from the rest of
the configuration, and an entry that uses a preset may override it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
"""The style layers of the method."""


@dataclass(frozen=True)
class Preset:
    """A preset.

    Attributes:
        help: what the output looks like.
        values: in the form of an entry of `settings.named`.
    """

    help: str
    values: Mapping[str, Any]


def _weighted(*weights: float) -> dict[str, float]:
    """Return weights of the method's style layers, scaled to the method's sum."""
    scale = len(STYLE_LAYERS) / sum(weights)
    return {
        layer: scale * weight for layer, weight in zip(STYLE_LAYERS, weights, strict=True) if weight
    }


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "subtle": Preset(
            "the content with the tint of the style and a little of its brushwork",
            {"alpha": 1.0, "beta": 2e4},
        ),
        "balanced": Preset(
            "content clearly recognizable, style clearly visible",
            {"alpha": 1.0, "beta": 1e6},
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
        "front_loaded": Preset(
            "colors and grain rather than shapes, style layers weighted 256:64:16:4:1",
            {"network": {"style_layers": _weighted(256, 64, 16, 4, 1)}},
        ),
        "paper": Preset(
            "all numbers of the paper, at 512 × 512 pixels",
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
)
"""Name → preset."""


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
        The entry without the key `preset`.
    """
    name = entry.get("preset")
    own = {key: value for key, value in entry.items() if key != "preset"}
    return laid_over(PRESETS[name].values if name else {}, own)


def laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two entries of `settings.named` section by section; the keys of `over` win."""
    merged = dict(under)
    for key, value in over.items():
        merged[key] = {**merged.get(key, {}), **value} if isinstance(value, Mapping) else value
    return merged
