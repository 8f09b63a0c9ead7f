"""The layer study: what each depth of the network keeps of a photograph and of a painting.

Three parts, as in the figures of Gatys, Ecker and Bethge (2015): pictures that agree with the
photograph in the features of one layer, pictures that agree with the painting in the Gram matrices
of the layers down to some depth, and stylizations for every pair of the two. This module only says
which pictures those are; free of torch, since the Snakefile reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neural_style.config.settings import STARTS, Settings
from neural_style.config.sweep import LOGS, RESULTS, SECTIONS, make_settings
from neural_style.errors import NeuralStyleError

FOLDER = RESULTS / "layer_study"
LOG_FOLDER = LOGS / "layer_study"
FIGURE = "figure.jpg"
CHART = "chart.png"
LAYER_LOSSES = "losses.csv"

_FROM_THE_SWEEP = {
    "image": ("fit",),
    "network": ("weights", "pooling", "padding"),
    "optimization": ("optimizer", "init", "seed", "precision"),
}


class LayerStudyError(NeuralStyleError):
    """The layer study cannot be made as it is configured."""


@dataclass(frozen=True)
class StudyPicture:
    """One picture of the study.

    Attributes:
        content_layer: where it shall agree with the photograph; None if nowhere.
        style_layers: where its Gram matrices shall agree with the painting's, by depth.
    """

    content_layer: str | None
    style_layers: tuple[str, ...]

    @property
    def file(self) -> str:
        """Its file, below the folder of the study."""
        content = f"content_{self.content_layer}" if self.content_layer else ""
        style = f"style_{span(self.style_layers)}" if self.style_layers else ""
        return f"pictures/{'_'.join(filter(None, [content, style]))}.png"

    @property
    def label(self) -> str:
        """What it is made from, for people."""
        content = f"content of {self.content_layer}" if self.content_layer else ""
        style = f"style of {span(self.style_layers)}" if self.style_layers else ""
        return " × ".join(filter(None, [content, style]))


@dataclass(frozen=True)
class LayerStudy:
    """The layer study of a configuration.

    Attributes:
        content: id of the photograph; None for the first.
        style: id of the painting; None for the first.
        content_layers: one a row of the figure, by depth.
        style_layers: by depth; the first, the first two, … of them are the sets.
        settings: of every picture but for layers and start.
    """

    content: str | None
    style: str | None
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    settings: Settings

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer of the study, by depth: where the pictures are judged."""
        return _by_depth({*self.content_layers, *self.style_layers})

    @property
    def style_sets(self) -> tuple[tuple[str, ...], ...]:
        """The first style layer, the first two, and so on to all of them."""
        return tuple(self.style_layers[: end + 1] for end in range(len(self.style_layers)))

    @property
    def pictures(self) -> tuple[StudyPicture, ...]:
        """Content reconstructions, style reconstructions, then every pair of the two."""
        return (
            *(StudyPicture(layer, ()) for layer in self.content_layers),
            *(StudyPicture(None, layers) for layers in self.style_sets),
            *(
                StudyPicture(layer, layers)
                for layer in self.content_layers
                for layers in self.style_sets
            ),
        )

    def settings_of(self, picture: StudyPicture) -> Settings:
        """How a picture is made: like any job of the sweep, with terms left out.

        A reconstruction starts from noise, since it must not know what it shall find. A file to
        start from is the sweep's own: it says nothing of the photograph of the study.
        """
        content_layers = {picture.content_layer: 1.0} if picture.content_layer else {}
        both = bool(content_layers and picture.style_layers)
        init = self.settings.init if self.settings.init in STARTS else "content"
        return replace(
            self.settings,
            content_layers=content_layers,
            style_layers=dict.fromkeys(picture.style_layers, 1.0),
            init=init if both else "noise",
        )


def plan_study(config: Mapping[str, Any]) -> LayerStudy:
    """The layer study of a configuration that `config.complete` has checked."""
    study = config["layer_study"]
    sections = {key: dict(config[key]) for key in SECTIONS}
    sections["image"]["size"] = study["size"]
    sections["optimization"] |= {"epochs": study["epochs"], "save_every": study["epochs"]}
    # The stages of the sweep may be larger than the study, and its weights are its own.
    sections["optimization"] |= {"stages": [], "size_correction": False}
    weights = {
        "alpha": study["alpha"],
        "beta": study["beta"],
        "learning_rate": config["settings"]["learning_rate"][0],
    }
    return LayerStudy(
        content=study["content"],
        style=study["style"],
        content_layers=_by_depth(study["content_layers"]),
        style_layers=_by_depth(study["style_layers"]),
        settings=make_settings(weights, sections),
    )


def study_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a complete configuration a study depends on; a change elsewhere makes none again."""
    return {
        "layer_study": config["layer_study"],
        "settings": {"learning_rate": config["settings"]["learning_rate"][:1]},
        **{
            key: {name: config[key][name] for name in names}
            for key, names in _FROM_THE_SWEEP.items()
        },
    }


def choose(files: Mapping[str, Path], name: str | None, key: str) -> Path:
    """The image of an id, or the first image.

    Args:
        files: id → file, not empty.
        name: the id; None takes the first.
        key: `content` or `style`, for the message.

    Raises:
        LayerStudyError: there is no image with that id.
    """
    if name is None:
        return next(iter(files.values()))
    if name not in files:
        some = ", ".join(list(files)[:5]) + (" and others" if len(files) > 5 else "")
        raise LayerStudyError(
            f"layer_study.{key}: there is no {key} image with the id {name!r}; "
            f"choose one of {some}."
        )
    return files[name]


def span(layers: tuple[str, ...]) -> str:
    """A set of layers, by depth, as its first and its last: `conv1_1-conv3_1`."""
    return layers[0] if len(layers) == 1 else f"{layers[0]}-{layers[-1]}"


def _by_depth(layers: Iterable[str]) -> tuple[str, ...]:
    """Layers in the order of the network: conv1_1, relu1_1, conv1_2, …."""
    return tuple(sorted(layers, key=lambda layer: (layer[4:], layer[:4])))
