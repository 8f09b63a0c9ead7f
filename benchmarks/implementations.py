"""Who takes part in a race: the textbook, with and without the range, and this library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from plain import CONTENT_LAYER, STYLE_LAYERS, plain
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.images.fit import load_fitted
from neural_style.images.tensors import to_tensor
from neural_style.losses.build import make_objective
from neural_style.losses.objective import Objective
from neural_style.losses.problem import TransferProblem, single_style_problem
from neural_style.model.vgg import Vgg19
from neural_style.model.weights import Weights, load_weights
from neural_style.optim.loop import Optimization, Progress

ALPHA, BETA = 1.0, 1.0e6

OURS = "ours"
BASELINES: Mapping[str, bool] = MappingProxyType({"plain": False, "plain in range": True})
"""Name → whether the image is clamped to [0, 1] inside the objective."""

IMPLEMENTATIONS = (*BASELINES, OURS)


@dataclass(frozen=True)
class Comparison:
    """What all implementations are given.

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
        """A network in float32 on the comparison's device."""
        layers = (CONTENT_LAYER, *STYLE_LAYERS)
        return Vgg19(self.weights.convolutions, layers).to(self.content.device)

    def problem(self, epochs: int) -> TransferProblem:
        """The method's problem."""
        return single_style_problem(self.content, self.style, self.settings(epochs))

    def settings(self, epochs: int) -> Settings:
        """The method, from the content image like the others, with beta as it is; one file."""
        return Settings(
            alpha=ALPHA,
            beta=BETA,
            size=self.content.shape[-1],
            fit="stretch",
            format="png",
            weights=self.weights.source,
            content_layers={CONTENT_LAYER: 1.0},
            style_layers=dict.fromkeys(STYLE_LAYERS, 1.0),
            size_correction=False,
            init="content",
            epochs=epochs,
            save_every=epochs,
        )

    def judge(self) -> Objective:
        """The loss in float32."""
        return make_objective(self.network(), [self.problem(1)])

    def arithmetic(self, name: str) -> tuple[torch.dtype, bool]:
        """The precision of an implementation, and whether its float32 rounds to TF32 on CUDA.

        A textbook leaves torch's defaults as they are, which do that in convolutions.
        """
        return (torch.float32, True) if name in BASELINES else (self.precision, False)

    def enter(self, name: str, evaluations: int) -> Iterator[Tensor]:
        """The images of an implementation, one for each evaluation."""
        if name in BASELINES:
            return plain(self.network(), self.content, self.style, ALPHA, BETA, BASELINES[name])
        return self._ours(evaluations)

    def _ours(self, evaluations: int) -> Iterator[Tensor]:
        for progress in self.optimize(1, evaluations):
            yield progress.images

    def optimize(self, batch: int, epochs: int) -> Iterator[Progress]:
        """Run this library on a batch that holds the same problem several times."""
        network = self.network().prepare(self.content.device, self.precision)
        return iter(Optimization(network, [self.problem(epochs)] * batch))


def open_comparison(
    pair: str, size: int, device: torch.device, precision: torch.dtype, weights: Path | None
) -> Comparison:
    """Load the network and a pair of images.

    Args:
        pair: two files, a comma between them.
        size: sides of the square that they are stretched to.
        device: where it takes place.
        precision: of this library's network.
        weights: file of the caffe weights; None takes that of the package.
    """
    content, style = (
        to_tensor(load_fitted(Path(name), size, "stretch")).to(device) for name in pair.split(",")
    )
    return Comparison(load_weights("caffe", weights), content, style, precision)
