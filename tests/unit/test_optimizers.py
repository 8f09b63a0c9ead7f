"""The choice of the optimizer: each by its name, with learning rates in steps of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from neural_style.config.settings import Settings
from neural_style.optim.adam import Adam
from neural_style.optim.lbfgs import Lbfgs
from neural_style.optim.optimizers import make_optimizer

START = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
GRADIENT = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(1))


def test_the_name_chooses(defaults: Settings):
    for name, kind in {"lbfgs": Lbfgs, "adam": Adam}.items():
        assert isinstance(
            make_optimizer(START, [replace(defaults, optimizer=name)] * 2, is_last_stage=True), kind
        )
    with pytest.raises(ValueError):
        make_optimizer(START, [replace(defaults, optimizer="newton")] * 2, is_last_stage=True)


@pytest.mark.parametrize("name", ["lbfgs", "adam"])
def test_a_first_step_is_visible_and_in_proportion_to_each_learning_rate(
    defaults: Settings, name: str
):
    settings = [replace(defaults, optimizer=name, learning_rate=rate) for rate in (1.0, 0.25)]
    gradient = GRADIENT[:1].expand(2, -1, -1, -1)
    steps = (
        (make_optimizer(START, settings, is_last_stage=True).step(START, gradient) - START)
        .abs()
        .mean(dim=(1, 2, 3))
    )
    assert 0.01 < steps[0] < 0.05
    torch.testing.assert_close(steps[1], steps[0] / 4, rtol=1e-4, atol=0)


# A change of sign at each pixel has the frequency 1/2, which is 13 times f + f₁ of the mean.
@pytest.mark.parametrize(
    ("style_loss", "is_last_stage", "broad", "fine"),
    [
        ("gram", True, 1, 13**0.4),
        ("gram", False, 1, 13**0.4),
        ("wasserstein", True, 2.09 / 0.3, 2.09 / 0.3 / 13**0.3),
        ("wasserstein", False, 2.09 / 0.3, 2.09 / 0.3),
    ],
)
def test_steps_prefer_brightness_to_color(
    defaults: Settings, style_loss: str, is_last_stage: bool, broad: float, fine: float
):
    gray = torch.ones(3).view(1, 3, 1, 1)
    color = torch.tensor([1.0, -2.0, 1.0]).view(1, 3, 1, 1)
    start = torch.full((2, 3, 16, 24), 0.5)

    def ratio(wave: torch.Tensor) -> float:
        """How many times as far a step goes along gray, for a gradient with as much of both."""
        settings = [replace(defaults, style_loss=style_loss)] * 2
        gradient = (wave * (gray + color)).expand_as(start)
        step = make_optimizer(start, settings, is_last_stage).step(start, gradient) - start
        along = [(step * axis).sum(dim=1) / axis.square().sum() for axis in (gray, color)]
        return float(along[0].abs().mean() / along[1].abs().mean())

    assert ratio(torch.ones(24)) == pytest.approx(broad, rel=1e-3)
    assert ratio(1.0 - 2 * (torch.arange(24) % 2)) == pytest.approx(fine, rel=1e-3)
