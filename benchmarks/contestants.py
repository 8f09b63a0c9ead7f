"""Who takes part in a race: the textbook, with and without the range, and this library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from plain import CONTENT_LAYER, STYLE_LAYERS, plain
from torch import Tensor

from neural_style.objective import Objective, gatys_objective
from neural_style.settings import Settings
from neural_style.stylize import stylize
from neural_style.vgg import Vgg19
from neural_style.weights import Weights

ALPHA, BETA = 1.0, 1.0e6

OURS = "ours"
YARDSTICKS: Mapping[str, bool] = MappingProxyType({"plain": False, "plain in range": True})
"""Name → whether the picture is clamped to [0, 1] inside the objective."""


@dataclass(frozen=True)
class Contest:
    """What all contestants are given.

    Attributes:
        weights: of the network.
        content: [1, 3, H, W] in [0, 1].
        style: [1, 3, h, w] in [0, 1].
        precision: of this library's network; the textbook's is float32.
    """

    weights: Weights
    content: Tensor
    style: Tensor
    precision: torch.dtype

    def network(self) -> Vgg19:
        """A network in float32 on the contest's device."""
        layers = (CONTENT_LAYER, *STYLE_LAYERS)
        return Vgg19(self.weights.convolutions, layers).to(self.content.device)

    def settings(self, epochs: int) -> Settings:
        """The method's defaults."""
        return Settings(
            alpha=ALPHA,
            beta=BETA,
            learning_rate=1.0,
            size=self.content.shape[-1],
            fit="stretch",
            format="png",
            quality=95,
            weights=self.weights.source,
            content_layers={CONTENT_LAYER: 1.0},
            style_layers=dict.fromkeys(STYLE_LAYERS, 1.0),
            optimizer="lbfgs",
            epochs=epochs,
            save_every=epochs,
            init="content",
            seed=0,
            precision="auto",
        )

    def judge(self) -> Objective:
        """The loss in float32."""
        return gatys_objective(self.network(), self.content, [self.style], [self.settings(1)])

    def enter(self, name: str, evaluations: int) -> Iterator[Tensor]:
        """The pictures of a contestant, one for each evaluation."""
        if name in YARDSTICKS:
            return plain(self.network(), self.content, self.style, ALPHA, BETA, YARDSTICKS[name])
        return self._ours(evaluations)

    def _ours(self, evaluations: int) -> Iterator[Tensor]:
        network = self.network().prepare(self.content.device, self.precision)
        run = stylize(network, self.content, [self.style], [self.settings(evaluations)])
        for progress in run:
            yield progress.pictures
