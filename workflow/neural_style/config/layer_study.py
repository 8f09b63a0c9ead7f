"""The layer study: what each depth of the network keeps of a content image and of a style image.

It has three parts, as the figures of Gatys, Ecker and Bethge (2015): images that match the content
image in the features of one layer, images that match the style image in the Gram matrices of the
layers down to some depth, and stylizations for every pair of the two. This module only says which
images these are. The Snakefile imports it, so it does not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neural_style.config.settings import Settings, make_settings
from neural_style.errors import NeuralStyleError

FOLDER = "layer_study"
"""Name of the study's folder, in the folder of the sweep and in that of the logs."""

FIGURE = "figure.jpg"
CHART = "chart"
"""The figure of the losses, without suffix; see `report.outputs.files_of`."""
LAYER_LOSSES = "losses.csv"

_FROM_THE_SWEEP: Mapping[str, tuple[str, ...]] = {
    "image": ("fit",),
    "network": ("weights", "pooling", "padding"),
    "optimization": ("optimizer", "init", "seed", "precision"),
}
"""Keys of the sweep that hold for the study, too. All others are its own or have their default."""


class LayerStudyError(NeuralStyleError):
    """The layer study cannot be made as it is configured."""


@dataclass(frozen=True)
class StudyImage:
    """One image of the study.

    Attributes:
        content_layer: whose features match those of the content image; None for no layer.
        style_layers: whose Gram matrices match those of the style image, by depth.
    """

    content_layer: str | None
    style_layers: tuple[str, ...]

    @property
    def file(self) -> str:
        """Its file, below the folder of the study."""
        content = f"content_{self.content_layer}" if self.content_layer else ""
        style = f"style_{span(self.style_layers)}" if self.style_layers else ""
        return f"images/{'_'.join(filter(None, [content, style]))}.png"

    @property
    def label(self) -> str:
        """What it is made from, such as `content of conv4_2 × style of conv1_1`."""
        content = f"content of {self.content_layer}" if self.content_layer else ""
        style = f"style of {span(self.style_layers)}" if self.style_layers else ""
        return " × ".join(filter(None, [content, style]))


@dataclass(frozen=True)
class LayerStudy:
    """The layer study of a configuration.

    Attributes:
        content: id of the content image; None for the first.
        style: id of the style image; None for the first.
        content_layers: one for each row of the figure, by depth.
        style_layers: by depth; the first, the first two, … of them are the sets.
        settings: of every image except for layers and start.
    """

    content: str | None
    style: str | None
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    settings: Settings

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer of the study, by depth; at these the images are compared."""
        return _by_depth({*self.content_layers, *self.style_layers})

    @property
    def style_sets(self) -> tuple[tuple[str, ...], ...]:
        """The first style layer, the first two, and so on to all of them."""
        return tuple(self.style_layers[: end + 1] for end in range(len(self.style_layers)))

    @property
    def images(self) -> tuple[StudyImage, ...]:
        """Content reconstructions, style reconstructions, then every pair of the two."""
        return (
            *(StudyImage(layer, ()) for layer in self.content_layers),
            *(StudyImage(None, layers) for layers in self.style_sets),
            *(
                StudyImage(layer, layers)
                for layer in self.content_layers
                for layers in self.style_sets
            ),
        )

    def settings_of(self, image: StudyImage) -> Settings:
        """Return how an image is made: like a job of the sweep, with only some layers.

        A reconstruction starts from noise, so that nothing of the image it should match is in the
        start. Others start from the content image as it is, so that only the layers decide what
        becomes of its colors; or from noise, if the sweep does.
        """
        content_layers = {image.content_layer: 1.0} if image.content_layer else {}
        both = bool(content_layers and image.style_layers)
        return replace(
            self.settings,
            content_layers=content_layers,
            style_layers=dict.fromkeys(image.style_layers, 1.0),
            init="content" if both and self.settings.init != "noise" else "noise",
        )


def plan_study(config: Mapping[str, Any]) -> LayerStudy:
    """Plan the layer study of a configuration that `complete` has checked, or of `study_config`."""
    config = study_config(config)
    study = config["layer_study"]
    sections = {section: config[section] for section in _FROM_THE_SWEEP}
    sections["image"]["size"] = study["size"]
    # The stages of the sweep may be larger than the study, and its weights are its own.
    sections["optimization"] |= {
        **{"epochs": study["epochs"], "save_every": study["epochs"]},
        "size_correction": False,
    }
    listed = {
        "alpha": study["alpha"],
        "beta": study["beta"],
        "learning_rate": config["settings"]["learning_rate"][0],
    }
    return LayerStudy(
        content=study["content"],
        style=study["style"],
        content_layers=_by_depth(study["content_layers"]),
        style_layers=_by_depth(study["style_layers"]),
        settings=make_settings(listed, sections),
    )


def study_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that the images of the study depend on.

    A change elsewhere does not make them again.
    """
    return {
        "layer_study": config["layer_study"],
        "settings": {"learning_rate": config["settings"]["learning_rate"][:1]},
        **{
            section: {key: config[section][key] for key in keys}
            for section, keys in _FROM_THE_SWEEP.items()
        },
    }


def figure_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that the figure of the study depends on."""
    grids = {key: config["grids"][key] for key in ("tile_size", "quality")}
    return {**study_config(config), "grids": grids}


def choose(files: Mapping[str, Path], name: str | None, key: str) -> Path:
    """Return the image with an id, or the first image.

    Args:
        files: id → file, not empty.
        name: the id; None for the first image.
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
    """Return a set of layers, sorted by depth, as its first and last: `conv1_1-conv3_1`."""
    return layers[0] if len(layers) == 1 else f"{layers[0]}-{layers[-1]}"


def _by_depth(layers: Iterable[str]) -> tuple[str, ...]:
    """Return layers in the order of the network: conv1_1, relu1_1, conv1_2, …."""
    return tuple(sorted(layers, key=lambda layer: (layer[4:], layer[:4])))
