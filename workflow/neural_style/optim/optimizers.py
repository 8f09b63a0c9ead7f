"""Creates the optimizer and its preconditioner, which knows frequencies and colors.

The loss is far more curved along fine detail than along broad areas of color, and plain L-BFGS
needs dozens of iterations to learn this. A first inverse Hessian that falls with the spatial
frequency, as the spectrum of natural images does, provides it from the start. It also prefers
changes of brightness to changes of color: to fine ones with Gram matrices, which would leave them
in the output as speckle, and to broad ones with the Wasserstein loss. It is the change of variables
of Olah, Mordvintsev and Schubert (Feature Visualization, 2017), who optimize Fourier coefficients
scaled by a power of the frequency, in decorrelated colors, written as a preconditioner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import torch
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.config.sizes import history_size
from neural_style.optim.lbfgs import Lbfgs, LbfgsState

if TYPE_CHECKING:  # Adam is loaded only where it is asked for
    from neural_style.optim.adam import AdamState

EXPONENT = 0.8
"""Power of the frequency in the preconditioner; from 0.5 to 1 hardly any difference was measured,
see `benchmarks/RESULTS.md`."""

CHROMA_EXPONENT = 1.2
"""The same for chroma, with Gram matrices, which leave speckle; benchmarks/LOOK.md has trials."""

WASSERSTEIN_CHROMA_EXPONENT = 0.5
"""The same with the Wasserstein loss, with which fine colors come late: in the last stage."""

EARLY_CHROMA_EXPONENT = 0.8
"""The same in the stages before the last one, where fine colors would become shapes that hide the
content; benchmarks/LOOK.md has trials."""

COLOR_AXES = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
"""Directions in RGB along which the colors of natural images vary independently, nearly: gray,
yellow to blue, and magenta to green."""

COLOR_GAINS = (2.09, 0.61, 0.30)
"""Factors of the preconditioner along `COLOR_AXES`, with the Wasserstein loss: the standard
deviations of natural images there (Krizhevsky, Sutskever and Hinton, 2012), scaled to the sum 3."""

FIRST_STEP = 0.02
"""Mean change of a pixel, in [0, 1], by the first step of L-BFGS with learning rate 1.

The first step of `torch.optim.LBFGS` changes all pixels together by 1, which wastes several
evaluations until the curvature is known.
"""

ADAM_STEP = 0.025
"""Change of a pixel, in [0, 1], by a step of Adam with learning rate 1 whose gradients agree;
see "Adam" in benchmarks/RESULTS.md."""

OptimizerState: TypeAlias = "LbfgsState | AdamState"


class Optimizer(Protocol):
    """Proposes steps for a batch of independent problems, without synchronizing with the GPU.

    Attributes:
        memory: everything that the next step depends on, at fixed shapes. The next step may change
            its tensors. It may be replaced by a copy.
    """

    memory: Any  # of its own type, an `OptimizerState`

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Propose the next iterates from the current ones and the gradient there, all [B, ...].

        The caller may move the proposal: what counts is the next `x` that it calls with.
        """

    def restart(self, problems: Tensor, scale: float) -> None:
        """Forget what was learned about some problems, [B], and scale their next steps."""

    # Each takes back its own memory, and nothing else.
    def restore(self, state: Any) -> None:  # noqa: ANN401
        """Restore a memory, `after` some steps, with the same problems and settings."""


def make_optimizer(start: Tensor, settings: Sequence[Settings], is_last_stage: bool) -> Optimizer:
    """The optimizer of a batch.

    Args:
        start: the first iterates, [B, C, H, W] in units of [0, 1].
        settings: one for each problem; the optimizer and its history size are those of the first,
            learning rates are each problem's own.
        is_last_stage: whether the images have the size of the outputs.

    Raises:
        ValueError: the settings name another optimizer.
    """
    rates = start.new_tensor([each.learning_rate for each in settings])
    match settings[0].optimizer:
        case "lbfgs":
            history = history_size(settings[0].history, start.shape[2], start.shape[3])
            if settings[0].style_loss == "wasserstein":
                exponent = WASSERSTEIN_CHROMA_EXPONENT if is_last_stage else EARLY_CHROMA_EXPONENT
                precondition = color_preconditioner(start, exponent)
            else:
                precondition = frequency_preconditioner(start, CHROMA_EXPONENT)
            return Lbfgs(start, rates, history, FIRST_STEP, precondition)
        case "adam":
            from neural_style.optim.adam import Adam

            return Adam(start, rates, unit=ADAM_STEP, change=frequency_change_of_variables(start))
        case other:
            raise ValueError(f"there is no optimizer {other!r}; the optimizers are lbfgs and adam")


def color_preconditioner(like: Tensor, chroma_exponent: float) -> Callable[[Tensor], Tensor]:
    """The map of `frequency_preconditioner`, and for images with three channels one of colors.

    Both are symmetric and positive definite, and commute.

    Args:
        like: images [B, C, H, W] of the size, dtype and device that the map is for.
        chroma_exponent: power of the frequency for chroma.
    """
    by_frequency = frequency_preconditioner(like, chroma_exponent)
    if like.shape[1] != len(COLOR_AXES):
        return by_frequency
    axes = torch.tensor(COLOR_AXES, dtype=torch.float64)
    axes = axes / axes.norm(dim=1, keepdim=True)
    gains = torch.tensor(COLOR_GAINS, dtype=torch.float64).diag()
    matrix = (axes.mT @ gains @ axes).to(like)

    def apply(images: Tensor) -> Tensor:
        mixed = matrix @ images.flatten(start_dim=2)
        return by_frequency(mixed.view_as(images))

    return apply


def frequency_preconditioner(like: Tensor, chroma_exponent: float) -> Callable[[Tensor], Tensor]:
    """A symmetric positive definite map of images: each frequency f times (f + f₁)^-`EXPONENT`.

    f₁ is one period over the longer side, so that the mean has a finite factor. Images are taken
    to repeat beyond their borders. This holds for gray, the mean over the channels; what it leaves
    of an image is chroma, which has an exponent of its own and the same factor for f = 0.

    Args:
        like: images [..., C, H, W] of the size, dtype and device that the map is for.
        chroma_exponent: power of the frequency for chroma.
    """
    across = torch.fft.rfftfreq(like.shape[-1], dtype=like.dtype, device="cpu")
    gray = _gain(like, across, EXPONENT)
    chroma = _gain(like, across, chroma_exponent)
    chroma = chroma * (gray[0, 0] / chroma[0, 0])
    # A Fourier transform over the channels, too: its first coefficient is gray, all others chroma.
    return _filter(like, torch.stack([gray] + [chroma] * (like.shape[-3] - 1)))


def frequency_change_of_variables(like: Tensor) -> Callable[[Tensor], Tensor]:
    """The map M of the change of variables x = M·z, whose square treats chroma as gray.

    It is scaled so that white noise keeps its mean square.
    """
    across, half = (
        frequencies(like.shape[-1], dtype=like.dtype, device="cpu")
        for frequencies in (torch.fft.fftfreq, torch.fft.rfftfreq)
    )
    power = float(_gain(like, across, EXPONENT / 2).square().mean())
    return _filter(like, _gain(like, half, EXPONENT / 2) / power**0.5)


def _gain(like: Tensor, across: Tensor, exponent: float) -> Tensor:
    """The factor of each frequency, [H, F] for F frequencies across; on the CPU."""
    height, width = like.shape[-2:]
    down = torch.fft.fftfreq(height, dtype=like.dtype, device="cpu").unsqueeze(1)
    frequency = torch.hypot(down, across) + 1 / max(height, width)
    return frequency.pow(-exponent).to(like.dtype)


def _filter(like: Tensor, gain: Tensor) -> Callable[[Tensor], Tensor]:
    """The map that multiplies the Fourier coefficients over the last dimensions by real factors."""
    dimensions = tuple(range(-gain.ndim, 0))
    size = like.shape[-gain.ndim :]
    factors = gain.to(like.device)

    def apply(images: Tensor) -> Tensor:
        coefficients = torch.fft.rfftn(images, dim=dimensions) * factors
        filtered: Tensor = torch.fft.irfftn(coefficients, s=size, dim=dimensions)
        return filtered

    return apply
