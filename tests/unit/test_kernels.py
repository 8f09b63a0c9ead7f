"""What an iteration asks of a GPU: never to wait for the host, and few kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.unit.recordings import PICTURES, STYLE
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from neural_style.config.settings import Settings
from neural_style.losses import wasserstein
from neural_style.losses.build import make_objective
from neural_style.losses.problem import TransferProblem, single_style_problem
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim.loop import Optimization

Convolutions = Mapping[str, Convolution]

WAITS = {
    *("lift_fresh", "_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal"),
    *("_linalg_eigh", "linalg_eigh", "_linalg_svd"),
}
"""What makes the host wait for a GPU: numbers of Python on the way there, or back."""


class Watch(TorchDispatchMode):
    """Notes which operations are called."""

    def __init__(self) -> None:
        super().__init__()
        self.called: set[str] = set()

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.called.add(operation.__name__.partition(".")[0])
        return operation(*args, **(kwargs or {}))


def as_it_is(problem: TransferProblem) -> TransferProblem:
    return problem


def with_adam(problem: TransferProblem) -> TransferProblem:
    return replace(problem, settings=replace(problem.settings, optimizer="adam"))


def smooth(problem: TransferProblem) -> TransferProblem:
    return replace(problem, settings=replace(problem.settings, total_variation=1.0))


def in_luminance(problem: TransferProblem) -> TransferProblem:
    return replace(problem, chroma=torch.zeros_like(problem.content))


def masked(problem: TransferProblem) -> TransferProblem:
    mask = problem.content[:, :1]
    return replace(problem, regions=tuple(replace(each, mask=mask) for each in problem.regions))


def in_gaussians(problem: TransferProblem) -> TransferProblem:
    return replace(problem, settings=replace(problem.settings, style_loss="wasserstein"))


@pytest.mark.parametrize(
    "change", [as_it_is, with_adam, smooth, in_luminance, masked, in_gaussians]
)
def test_an_epoch_never_waits_for_the_device(
    network: Vgg19,
    shallow: Settings,
    change: Callable[[TransferProblem], TransferProblem],
    monkeypatch: pytest.MonkeyPatch,
):
    """A recording may not, and a queue that is never empty is what keeps a GPU at work."""
    monkeypatch.setattr(wasserstein, "_on_gpu", lambda values: True)
    problems = [change(single_style_problem(each[None], STYLE, shallow)) for each in PICTURES]
    epochs = iter(Optimization(network, problems))
    for _ in range(2):
        next(epochs)
    with Watch() as watch:
        next(epochs)
    assert {"convolution", "convolution_backward"} <= watch.called
    assert not watch.called & WAITS


NO_KERNELS = {
    *("view", "detach", "expand", "transpose", "permute", "unsqueeze", "squeeze", "slice"),
    *("select", "t", "alias", "as_strided", "diagonal", "split", "split_with_sizes", "unbind"),
    *("_unsafe_view", "promote_types"),
    *("empty", "empty_strided", "empty_like", "new_empty", "_reshape_alias"),
}
"""Operations that only look at memory in another way, or allocate some."""

TWO_KERNELS = {"masked_fill", "baddbmm"}
"""Operations that copy a tensor first."""

MOST_KERNELS: Sequence[tuple[dict[str, Any], int, int]] = (
    ({}, 64, 2),
    ({"style_loss": "wasserstein"}, 65, 2),  # the preconditioner mixes colors
    ({"optimizer": "adam"}, 52, 0),
)
"""Changes of settings, kernels of an iteration without the objective, and how often it reads the
whole history. There were about 145 kernels before L-BFGS kept R⁻¹ and P·y."""

MOST_OF_GRAM = 1.3
"""Kernels of an iteration with the Wasserstein loss, in units of those with Gram matrices."""


class Kernels(TorchDispatchMode):
    """Counts the kernels of each operation, and those that read the whole history."""

    def __init__(self, history_values: int = 0) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.history_reads = 0
        self._history_values = history_values

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = operation.__name__.partition(".")[0]
        if name not in NO_KERNELS:
            self.counts[name] += 1 + (name in TWO_KERNELS)
            sizes = [each.numel() for each in args if isinstance(each, Tensor)]
            reads = bool(self._history_values) and self._history_values in sizes
            self.history_reads += reads and name != "index_copy_"
        return operation(*args, **(kwargs or {}))


@pytest.mark.usefixtures("meta_targets")
@pytest.mark.parametrize(("changes", "kernels", "reads"), MOST_KERNELS)
def test_an_iteration_has_few_kernels_and_few_passes_over_the_history(
    random_convolutions: Convolutions,
    shallow: Settings,
    changes: dict[str, Any],
    kernels: int,
    reads: int,
):
    """A change that adds a kernel has to be worth it: then raise the numbers above."""
    meta, history = torch.device("meta"), 20
    network = Vgg19(random_convolutions, shallow.layers).prepare(meta, torch.float32)
    content, style = torch.empty(2, 1, 3, 64, 64, device=meta)
    settings = replace(shallow, epochs=40, **changes)
    problems = [single_style_problem(content, style, settings)]
    iterations = iter(Optimization(network, problems))
    for _ in range(history + 5):
        next(iterations)
    with Kernels(2 * history * content.numel()) as whole:
        next(iterations)
    evaluate = make_objective(network, problems)
    evaluate(content)  # joins the terms
    with Kernels() as objective:
        evaluate(content)
    rest = whole.counts - objective.counts
    assert sum(rest.values()) <= kernels, rest
    assert whole.history_reads <= reads


@pytest.mark.usefixtures("meta_targets")
@pytest.mark.parametrize("regions", [1, 2])
def test_the_wasserstein_loss_has_few_more_kernels_than_gram_matrices(
    random_convolutions: Convolutions, regions: int
):
    """All layers and regions share one coupled iteration."""
    meta, counts = torch.device("meta"), {}
    for style_loss in ("gram", "wasserstein"):
        settings = Settings(style_loss=style_loss, precision="fp32", epochs=4, init="content")
        network = Vgg19(random_convolutions, settings.layers).prepare(meta, torch.float32)
        content, style = torch.empty(2, 1, 3, 64, 64, device=meta)
        problem = single_style_problem(content, style, settings)
        if regions > 1:
            problem = replace(masked(problem), regions=masked(problem).regions * regions)
        iterations = iter(Optimization(network, [problem]))
        for _ in range(2):
            next(iterations)
        with Kernels() as kernels:
            next(iterations)
        counts[style_loss] = sum(kernels.counts.values())
    assert counts["wasserstein"] <= MOST_OF_GRAM * counts["gram"], counts
