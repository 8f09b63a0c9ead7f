"""Transfer problems: the shapes of their tensors, their colors, and which share a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.images.tensors import luminance
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    check_batch,
    move_problems,
    recolor_problem,
    single_style_problem,
)
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim.loop import Optimization

CONTENT, STYLE = torch.rand(1, 3, 20, 24), torch.rand(1, 3, 18, 30)
REGION = Region((StyleReference(STYLE),))
DEFAULTS = Settings()

WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "no batch dimension": (
        lambda: single_style_problem(CONTENT[0], STYLE, DEFAULTS),
        r"the content image has the shape \[3, 20, 24\], not \[1, 3, any, any\]",
    ),
    "a batch of contents": (
        lambda: single_style_problem(CONTENT.expand(2, -1, -1, -1), STYLE, DEFAULTS),
        r"the content image has the shape \[2, 3, 20, 24\]",
    ),
    "channels last": (
        lambda: single_style_problem(CONTENT, STYLE.permute(0, 2, 3, 1), DEFAULTS),
        r"a style image has the shape \[1, 18, 30, 3\]",
    ),
    "a guide of another size": (
        lambda: StyleReference(STYLE, guide=torch.ones(1, 1, 9, 15)),
        r"the guide of a style image has the shape \[1, 1, 9, 15\], not \[1, 1, 18, 30\]",
    ),
    "a mask of the style's size": (
        lambda: TransferProblem(
            DEFAULTS, CONTENT, (Region(REGION.styles, torch.ones(1, 1, 18, 30)),)
        ),
        r"the mask of a region has the shape \[1, 1, 18, 30\], not \[1, 1, 20, 24\]",
    ),
    "a start of another size": (
        lambda: TransferProblem(DEFAULTS, CONTENT, (REGION,), start=STYLE),
        r"the image to start from has the shape \[1, 3, 18, 30\]",
    ),
    "a gray chroma": (
        lambda: TransferProblem(DEFAULTS, CONTENT, (REGION,), chroma=CONTENT[:, :1]),
        r"the chroma of the content image has the shape \[1, 1, 20, 24\]",
    ),
    "no region": (lambda: TransferProblem(DEFAULTS, CONTENT, ()), "needs a region"),
    "no style": (lambda: TransferProblem(DEFAULTS, CONTENT, (Region(()),)), "needs a style"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_a_tensor_of_another_shape_is_named(make: Callable[[], object], message: str):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("color", ["style", "match", "luminance"])
def test_a_single_style_gets_the_colors_of_the_settings(color: str):
    settings = replace(DEFAULTS, color=color)
    made = single_style_problem(CONTENT, STYLE, settings)
    by_hand = recolor_problem(TransferProblem(settings, CONTENT, (REGION,)))
    assert torch.equal(made.content, by_hand.content)
    (one,), (other,) = made.regions[0].styles, by_hand.regions[0].styles
    assert torch.equal(one.image, other.image)
    assert torch.equal(one.image, STYLE) == (color == "style")
    if color == "luminance":
        assert made.chroma is not None
        torch.testing.assert_close(made.chroma, CONTENT - luminance(CONTENT))


def batch(settings: Settings, content: Tensor = CONTENT, **change: Any) -> list[TransferProblem]:
    other = single_style_problem(content, STYLE, replace(settings, **change))
    return [single_style_problem(CONTENT, STYLE, settings), other]


@pytest.mark.parametrize(
    "change",
    [{"alpha": 2.0}, {"beta": 2.0}, {"learning_rate": 0.5}, {"seed": 3}, {"init_noise": 0.5}],
)
def test_weights_start_and_seed_may_differ_in_a_batch(change: dict[str, Any]):
    check_batch(batch(DEFAULTS, **change))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"pooling": "average"}, "pooling"),
        ({"optimizer": "adam", "tile": 32}, "tile, optimizer"),
        ({"color": "match"}, "color"),
        ({"style_loss": "wasserstein"}, "style_loss"),
        ({"style_layers": {"conv1_1": 2.0}}, "style_layers"),
        ({"content_layers": {"conv1_1": 1.0}}, "content_layers"),
        ({"epochs": 7}, "stages"),
        ({"stages": (Stage(128, 5),)}, "stages"),
    ],
)
def test_what_a_batch_must_share_is_named(
    random_convolutions: Mapping[str, Convolution], change: dict[str, Any], names: str
):
    network = Vgg19(random_convolutions, DEFAULTS.layers)
    with pytest.raises(ValueError, match=f"^problems of a batch differ in {names}$"):
        Optimization(network, batch(DEFAULTS, **change))


def test_problems_of_a_batch_have_one_size(random_convolutions: Mapping[str, Convolution]):
    network = Vgg19(random_convolutions, DEFAULTS.layers)
    with pytest.raises(ValueError, match=r"differ in size: 24 × 20 and 20 × 24 pixels"):
        Optimization(network, batch(DEFAULTS, CONTENT.mT))


def test_a_batch_is_not_empty(random_convolutions: Mapping[str, Convolution]):
    with pytest.raises(ValueError, match="at least one problem"):
        Optimization(Vgg19(random_convolutions, DEFAULTS.layers), [])


def test_a_network_has_the_layers_of_the_settings(
    random_convolutions: Mapping[str, Convolution],
):
    network = Vgg19(random_convolutions, {"conv4_2", "conv1_1"})
    with pytest.raises(ValueError, match=r"features of conv2_1, conv3_1, conv4_1, conv5_1$"):
        Optimization(network, batch(DEFAULTS)[:1])


def test_problems_that_are_moved_together_share_what_they_shared():
    """Statistics of a style image are computed once for all of them."""
    mask, start, meta = torch.ones(1, 1, 20, 24), CONTENT / 2, torch.device("meta")
    region = Region((StyleReference(STYLE, guide=torch.ones(1, 1, 18, 30)),), mask)
    problems = [
        TransferProblem(DEFAULTS, content, (region,), chroma=CONTENT - 0.5, start=start)
        for content in (CONTENT, CONTENT.flip(3))
    ]
    one, other = move_problems(problems, meta)
    for moved in (one, other):
        (there,) = moved.regions
        (style,) = there.styles
        tensors = (moved.content, moved.chroma, moved.start, there.mask, style.image, style.guide)
        assert [each is not None and each.device == meta for each in tensors] == [True] * 6
    assert one.content is not other.content
    assert one.regions[0].styles[0].image is other.regions[0].styles[0].image
