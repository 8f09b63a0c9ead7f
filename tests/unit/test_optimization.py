"""The optimization of images: what it yields, that it gets better, and that it never breaks."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests import samples
from torch import Tensor

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.images.fit import load_fitted
from neural_style.images.tensors import to_tensor
from neural_style.losses.build import make_objective
from neural_style.losses.problem import single_style_problem
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.model.weights import Weights
from neural_style.optim.lbfgs import LbfgsState
from neural_style.optim.loop import Optimization, Progress
from neural_style.optim.parameterization import projected_gradient
from neural_style.optim.safeguard import MAX_END_RATIO

Convolutions = Mapping[str, Convolution]
SIDE = 32


def random_pictures(*shape: int, seed: int) -> Tensor:
    """Soft random images with a little grain, float32 in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(shape[0], 3, 4, 4, generator=generator)
    soft = torch.nn.functional.interpolate(coarse, shape[2:], mode="bilinear")
    return (soft + 0.1 * torch.randn(shape, generator=generator)).clamp(0, 1)


CONTENTS = random_pictures(2, 3, SIDE, SIDE, seed=1)
STYLES = [random_pictures(1, 3, *size, seed=2) for size in ((SIDE, SIDE), (40, 24))]


@pytest.fixture(scope="module")
def network(random_convolutions: Convolutions, shallow: Settings) -> Vgg19:
    return prepared(random_convolutions, shallow)


def prepared(
    convolutions: Convolutions, settings: Settings, dtype: torch.dtype = torch.float32
) -> Vgg19:
    return Vgg19(convolutions, settings.layers).prepare(torch.device("cpu"), dtype)


def run(
    network: Vgg19,
    settings: Settings | Sequence[Settings],
    contents: Tensor = CONTENTS[:1],
    styles: Sequence[Tensor] = STYLES[:1],
) -> list[Progress]:
    each = [settings] if isinstance(settings, Settings) else settings
    return list(
        Optimization(network, list(map(single_style_problem, contents.split(1), styles, each)))
    )


def total(progress: Progress) -> Tensor:
    return progress.losses.sum(dim=0)


def assert_sane(states: Sequence[Progress]) -> None:
    for state in states:
        assert state.images.isfinite().all(), f"epoch {state.epoch}: the picture is not finite"
        assert state.images.min() >= 0, f"epoch {state.epoch}"
        assert state.images.max() <= 1, f"epoch {state.epoch}"


def test_the_start_and_every_epoch_are_yielded(network: Vgg19, shallow: Settings):
    states = run(network, replace(shallow, epochs=5))
    assert [state.epoch for state in states] == [0, 1, 2, 3, 4, 5]
    assert torch.equal(states[0].images, CONTENTS[:1])
    names = ("content/conv2_2", "style/conv1_1", "style/conv2_1", "style/conv3_1")
    assert {state.term_names for state in states} == {names}
    assert_sane(states)


@pytest.mark.parametrize("init", ["content", "noise"])
def test_the_losses_reported_are_those_of_the_image_yielded(
    network: Vgg19, shallow: Settings, init: str
):
    settings = replace(shallow, init=init, epochs=6)
    objective = make_objective(network, [single_style_problem(CONTENTS[:1], STYLES[0], settings)])
    for state in run(network, settings):
        expected = objective(state.images).losses
        torch.testing.assert_close(state.losses, expected, rtol=1e-5, atol=0)


def test_states_yielded_stay_as_they_were(network: Vgg19, shallow: Settings):
    stream = Optimization(network, [single_style_problem(CONTENTS[:1], STYLES[0], shallow)])
    copies = [(state, state.images.clone(), state.losses.clone()) for state in stream]
    for state, pictures, parts in copies:
        assert torch.equal(state.images, pictures)
        assert torch.equal(state.losses, parts)


def test_contents_and_styles_are_not_changed(network: Vgg19, shallow: Settings):
    content, style = CONTENTS[:1].clone(), STYLES[0].clone()
    run(network, shallow, content, [style])
    assert torch.equal(content, CONTENTS[:1])
    assert torch.equal(style, STYLES[0])


def test_a_content_image_takes_on_the_style_of_a_style_image(caffe: Weights, defaults: Settings):
    settings = replace(defaults, epochs=25)
    content = to_tensor(load_fitted(samples.CONTENT["chelsea"], 64, "stretch"))
    style = to_tensor(load_fitted(samples.STYLE["woodcut_wave"], 64, "stretch"))
    states = run(prepared(caffe.convolutions, settings), settings, content, [style])
    assert_sane(states)
    first, last = float(total(states[0])), float(total(states[-1]))
    assert last < 0.25 * first, f"the loss fell from {first:.4g} to {last:.4g} only"
    assert (states[-1].images - content).abs().mean() > 0.02, "the picture hardly changed"


def test_more_of_alpha_keeps_more_of_the_content(network: Vgg19, shallow: Settings):
    changes = []
    for alpha in (1.0, 1e2, 1e4):
        states = run(network, replace(shallow, alpha=alpha, beta=1e3, epochs=15))
        changes.append(float((states[-1].images - CONTENTS[:1]).abs().mean()))
    assert changes[0] > changes[1] > changes[2]


@pytest.mark.parametrize("init", ["content", "noise"])
def test_the_same_run_gives_the_same_bits(network: Vgg19, shallow: Settings, init: str):
    settings = replace(shallow, init=init, epochs=8)
    one, other = run(network, settings)[-1], run(network, settings)[-1]
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.losses, other.losses)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_batch_is_many_single_runs(
    random_convolutions: Convolutions, shallow: Settings, optimizer: str
):
    shallow = replace(shallow, optimizer=optimizer)
    network = prepared(random_convolutions, shallow, torch.float64)
    contents, styles = CONTENTS.double(), [style.double() for style in STYLES]
    settings = [
        replace(shallow, epochs=10, alpha=1.0, beta=1e4),
        replace(shallow, epochs=10, alpha=2.0, beta=1e3, learning_rate=0.5, init="noise", seed=3),
    ]
    together = run(network, settings, contents, styles)
    for i in range(2):
        alone = run(network, settings[i], contents[i : i + 1], styles[i : i + 1])
        for both, one in zip(together, alone, strict=True):
            torch.testing.assert_close(both.images[i], one.images[0], rtol=0, atol=1e-8)
            torch.testing.assert_close(both.losses[:, i], one.losses[:, 0], rtol=1e-6, atol=0)


def test_without_a_style_weight_the_content_stays(network: Vgg19, shallow: Settings):
    states = run(network, replace(shallow, beta=0.0))
    assert torch.equal(states[-1].images, CONTENTS[:1])
    assert not states[-1].diverged.any()


def test_without_a_content_weight_only_the_style_counts(network: Vgg19, shallow: Settings):
    states = run(network, replace(shallow, alpha=0.0, epochs=15))
    assert (states[-1].losses[0] == 0).all()
    assert total(states[-1]) < 0.3 * total(states[0])


def test_with_no_weight_at_all_nothing_happens(network: Vgg19, shallow: Settings):
    states = run(network, replace(shallow, alpha=0.0, beta=0.0, init="noise"))
    assert torch.equal(states[-1].images, states[0].images)
    assert not states[-1].diverged.any()


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_black_and_white_stay_within_the_range(network: Vgg19, shallow: Settings, optimizer: str):
    shallow = replace(shallow, optimizer=optimizer)
    contents = torch.cat([torch.zeros(1, 3, SIDE, SIDE), torch.ones(1, 3, SIDE, SIDE)])
    states = run(network, [replace(shallow, epochs=8)] * 2, contents, STYLES)
    assert_sane(states)
    assert (total(states[-1]) < total(states[0])).all()


def test_slopes_that_lead_out_of_the_range_count_as_none():
    pictures = torch.tensor([0.0, 0.0, 0.5, 0.5, 1.0, 1.0]).view(1, 1, 1, 6)
    slope = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]).view(1, 1, 1, 6)
    expected = [0.0, -1.0, 1.0, -1.0, 1.0, 0.0]
    low, high = torch.tensor(0.0), torch.tensor(1.0)
    assert projected_gradient(pictures, slope, low, high).flatten().tolist() == expected


class Faulty(Vgg19):
    """A network that returns NaN for one image of the batch, at the given evaluations.

    Evaluation 0 is the start; those before it, of content and styles, are sound.
    """

    def __init__(
        self,
        convolutions: Convolutions,
        settings: Settings,
        *,
        styles: int,
        image: int,
        evaluations: Collection[int],
    ) -> None:
        super().__init__(convolutions, settings.layers)
        self.calls = -1 - styles
        self.image = image
        self.evaluations = evaluations

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = super().forward(image)
        if self.calls in self.evaluations:
            spoilt = torch.zeros(len(image), 1, 1, 1)
            spoilt[self.image] = float("nan")
            features = {layer: each + spoilt for layer, each in features.items()}
        self.calls += 1
        return features


@pytest.mark.parametrize(("optimizer", "left"), [("lbfgs", 0.5), ("adam", 0.75)])
def test_nan_at_some_evaluations_is_recovered_from(
    random_convolutions: Convolutions, shallow: Settings, optimizer: str, left: float
):
    settings = replace(shallow, epochs=16, optimizer=optimizer)
    faulty = Faulty(random_convolutions, settings, styles=1, image=0, evaluations=(1, 5, 6, 11))
    states = run(faulty, settings)
    assert faulty.calls == 17, "the faults did not come at the evaluations intended"
    assert_sane(states)
    assert all(state.losses.isfinite().all() for state in states)
    assert not states[-1].diverged.any()
    assert total(states[-1]) < left * total(states[0])


def test_nan_in_one_image_leaves_the_other_of_the_batch_untouched(
    random_convolutions: Convolutions, network: Vgg19, shallow: Settings
):
    settings = [replace(shallow, epochs=10)] * 2
    faulty = Faulty(random_convolutions, shallow, styles=2, image=1, evaluations=range(4, 99))
    spoilt = run(faulty, settings, CONTENTS, STYLES)
    sound = run(network, settings, CONTENTS, STYLES)
    assert_sane(spoilt)
    assert spoilt[-1].diverged.tolist() == [False, True]
    assert torch.equal(spoilt[-1].images[0], sound[-1].images[0])
    best = min(sound[:4], key=lambda state: float(total(state)[1]))
    assert torch.equal(spoilt[-1].images[1], best.images[1])


def test_nan_from_the_start_is_given_up_at_once(
    random_convolutions: Convolutions, shallow: Settings
):
    faulty = Faulty(random_convolutions, shallow, styles=1, image=0, evaluations=range(99))
    states = run(faulty, shallow)
    assert all(state.diverged.all() for state in states)
    assert_sane(states)


ABSURD: list[dict[str, Any]] = [
    *({"learning_rate": 1e20}, {"beta": 1e30}, {"learning_rate": 99}),
    {"beta": 1e30, "color_histogram": 1.0},
    {"beta": 1e30, "coherence": 1e9},
]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("change", ABSURD)
def test_absurd_settings_never_give_an_image_that_is_not_finite(
    network: Vgg19, shallow: Settings, optimizer: str, change: dict[str, Any]
):
    states = run(network, replace(shallow, epochs=8, optimizer=optimizer, **change))
    assert_sane(states)
    assert all(state.losses.isfinite().all() or state.diverged.all() for state in states)


@pytest.mark.parametrize("stages", [(), (Stage(16, 2),)])
def test_steps_that_are_too_long_end_with_the_best_image(
    network: Vgg19, shallow: Settings, stages: tuple[Stage, ...]
):
    wild = replace(shallow, size=SIDE, optimizer="adam", learning_rate=20.0, stages=stages)
    excesses = []
    for epochs in range(6, 13):
        states = run(network, replace(wild, epochs=epochs))
        at_size = [state for state in states if state.images.shape == CONTENTS[:1].shape]
        totals = [float(total(state)) for state in at_size]
        assert totals[-1] <= MAX_END_RATIO * min(totals)
        assert states[-1].excess is not None
        excesses.append(float(states[-1].excess))
        if excesses[-1] > 1:
            best = at_size[totals.index(min(totals))]
            assert torch.equal(at_size[-1].images, best.images)
            assert totals[-1] == min(totals)
    assert max(excesses) > MAX_END_RATIO, "this does not test what it should"


def test_an_end_that_is_about_the_best_is_kept(network: Vgg19, shallow: Settings):
    states = run(network, replace(shallow, epochs=12))
    assert states[-1].excess is not None and states[-1].excess.tolist() == [1.0]


def test_an_optimization_is_iterated_once(network: Vgg19, shallow: Settings):
    run = Optimization(network, [single_style_problem(CONTENTS[:1], STYLES[0], shallow)])
    with pytest.raises(RuntimeError, match="no state before its first iteration"):
        run.state()
    next(iter(run))
    state = run.state()
    with pytest.raises(RuntimeError, match="iterated once"):
        next(iter(run))
    with pytest.raises(RuntimeError, match="resumes before its first iteration"):
        run.resume(state)


def test_what_ends_frees_its_memory_at_once(network: Vgg19, shallow: Settings):
    """Memory on a GPU does not remind Python to look for cycles."""
    optimization = Optimization(
        network, [single_style_problem(CONTENTS[:1], STYLES[0], replace(shallow, history=1))]
    )
    steps = iter(optimization)
    next(steps)
    next(steps)
    memory = optimization.state().optimizer
    assert isinstance(memory, LbfgsState)
    entries = weakref.ref(memory.entries)
    del memory
    assert entries() is not None
    gc.collect()
    gc.disable()
    try:
        del optimization, steps
        assert entries() is None
    finally:
        gc.enable()
