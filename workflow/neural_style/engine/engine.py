"""The engine: optimizes batches of transfer problems, and loads each network once.

The job of a sweep (`engine.job`), the worker of a shard (`bulk.batches`) and the layer study
(`engine.layer_study`) and the Python interface (`api`) call `Engine`. It reads no image files and
writes no files.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.engine.measures import UNSEEN_LAYERS, Measures, measure
from neural_style.engine.record import MAIN_KINDS, Losses, summarize_losses
from neural_style.images.tensors import to_pil_images
from neural_style.losses.build import StyleTargets, make_objective
from neural_style.losses.problem import TransferProblem, check_batch
from neural_style.model.vgg import Vgg19
from neural_style.model.weights import Weights, load_weights
from neural_style.optim.loop import WHOLE_GRAPH, GraphKind, Optimization
from neural_style.optim.parameterization import choose_parameterization
from neural_style.runtime.device import choose_precision
from neural_style.runtime.memory import automatic_batch, explaining_shortage, return_freed_memory

NETWORKS_KEPT = 4
"""Networks that are kept on the device, each with its cache of style statistics."""


class Engine:
    """Optimizes transfer problems on one device.

    Args:
        device: of the networks and all tensors.
        keep_styles: whether style images and their statistics stay on the device for later problems
            with the same tensors.
    """

    def __init__(self, device: torch.device, *, keep_styles: bool = True) -> None:
        self.device = device
        self._keep_styles = keep_styles
        self._weights = lru_cache(maxsize=None)(load_weights)
        self._cached_network = lru_cache(maxsize=NETWORKS_KEPT)(self._load_network)

    def precision(self, settings: Settings) -> torch.dtype:
        """The dtype of the network for `optimization.precision`."""
        return choose_precision(settings.precision, self.device)

    def weights(self, settings: Settings) -> Weights:
        """The weights that `network.weights` names.

        Raises:
            WeightsError: they are missing or are not those of a VGG19.
        """
        return self._weights(settings.weights)

    def float32_network(self, settings: Settings, layers: frozenset[str] | None = None) -> Vgg19:
        """Make a network in float32, for measuring losses; it is not cached.

        Args:
            settings: weights, pooling and padding.
            layers: whose features it gives; None for those of the settings.

        Raises:
            WeightsError: see `weights`.
        """
        convolutions = self.weights(settings).convolutions
        chosen = layers or settings.layers
        return Vgg19(convolutions, chosen, settings.pooling, settings.padding).to(self.device)

    def optimization(
        self, problems: Sequence[TransferProblem], *, graph: GraphKind = WHOLE_GRAPH
    ) -> Optimization:
        """Load the network and return the optimization of a batch, which runs as you iterate it.

        Args:
            problems: one for each image, all of one size and with the same `Settings.batch_key`.
            graph: the most that is recorded as a CUDA graph.

        Raises:
            WeightsError: see `weights`.
            ValueError: there is no problem, or the problems cannot share a batch.
        """
        check_batch(problems)
        settings = problems[0].settings
        network, targets = self._cached_network(
            settings.weights,
            settings.layers,
            settings.pooling,
            settings.padding,
            self.precision(settings),
        )
        # With other colors, each content image makes its own style images.
        kept = targets if self._keep_styles and settings.color == "style" else None
        return Optimization(
            network, problems, kept, graph=graph, between_stages=return_freed_memory
        )

    @torch.no_grad()
    def saved_losses(
        self, problem: TransferProblem, saved: Tensor
    ) -> tuple[Losses, dict[str, float]]:
        """Compute the losses, in float32, of an image as its file holds it: rounded and compressed.

        They are computed at the size of the optimization, also where the file has the dimensions
        of the content image. The content loss is that beside the content image, also where the last
        stage continued another image (see `stage.continued_stage`): so outputs can be compared.

        Args:
            problem: the transfer problem.
            saved: the final image as `encode.round_trip` gives it, [1, 3, H, W] in [0, 1].

        Returns:
            The losses, and the weight of each term that is neither content nor style.
        """
        parameterization = choose_parameterization([problem])
        objective = make_objective(self.float32_network(problem.settings), [problem])
        x = parameterization.from_images(saved.to(problem.content))
        losses = objective.losses_at(parameterization.network_input(x))
        weights = {
            term.name: float(torch.as_tensor(term.weight).max())
            for term in objective.terms
            if term.kind not in MAIN_KINDS
        }
        return summarize_losses(objective.term_names, losses[:, 0]), weights

    def measures(self, problem: TransferProblem, saved: Tensor) -> Measures | None:
        """Measure an image, as its file holds it, beside its content image and the pair's style.

        Args:
            problem: the transfer problem.
            saved: the final image as `encode.round_trip` gives it, [1, 3, H, W] in [0, 1].

        Returns:
            None if the problem keeps the chroma of the content image: its colors are not those of
            the style.
        """
        if problem.chroma is not None:
            return None
        output, content, style = (
            np.asarray(to_pil_images(each)[0])
            for each in (saved, problem.content, problem.regions[0].styles[0].image)
        )
        # Whatever the settings say, with max pooling and zeros, so that outputs can be compared.
        convolutions = self.weights(problem.settings).convolutions
        network = Vgg19(convolutions, UNSEEN_LAYERS).to(self.device)
        return measure(output, content, style, network)

    def batch_size(self, settings: Settings, height: int, width: int) -> int:
        """How many images of a size (in pixels) to optimize at once: as many as fit in memory."""
        precision = self.precision(settings)
        return automatic_batch(settings, height, width, self.device, precision)

    def explaining_shortage(
        self, settings: Settings, height: int, width: int
    ) -> AbstractContextManager[None]:
        """Return a context manager that turns an out-of-memory error into one that says what fits.

        Args:
            settings: of the images.
            height: of an image in pixels.
            width: of an image in pixels.

        Raises:
            MemoryShortageError: the memory did not suffice within the block.
        """
        return explaining_shortage(settings, height, width, self.device, self.precision(settings))

    def _load_network(
        self,
        source: str,
        layers: frozenset[str],
        pooling: str,
        padding: str,
        precision: torch.dtype,
    ) -> tuple[Vgg19, StyleTargets]:
        """A network for optimizing, and a cache of the statistics of style images that it gives."""
        convolutions = self._weights(source).convolutions
        network = Vgg19(convolutions, layers, pooling, padding).prepare(self.device, precision)
        return network, StyleTargets()
