"""With every control, a recorded iteration says bit for bit what one that is not recorded says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.unit.combinations import Choice, alone, label, make_problems

from neural_style.config.settings import Settings
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim import cuda_graph, loop
from neural_style.optim.cuda_graph import WARM_UPS, Work, recorded_iteration
from neural_style.optim.loop import WHOLE_GRAPH, Optimization

CPU = torch.device("cpu")


def record(work: Work) -> Work:
    """Stands in for CUDA: tries the work, and does it again on the same memory for a replay."""
    for _ in range(WARM_UPS + 1):
        work()
    return work


@pytest.mark.usefixtures("small_pyramids")
@pytest.mark.parametrize("choice", list(alone()), ids=label)
def test_a_recorded_iteration_makes_the_same_images(
    choice: Choice,
    random_convolutions: Mapping[str, Convolution],
    shallow: Settings,
    monkeypatch: pytest.MonkeyPatch,
):
    problems = make_problems(choice, replace(shallow, epochs=4))
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[choice["precision"]]
    network = Vgg19(random_convolutions, shallow.layers, choice["pooling"], choice["padding"])
    network.prepare(CPU, dtype)
    expected = list(Optimization(network, problems))
    monkeypatch.setattr(loop, "GRAPH_DEVICES", ("cpu",))
    monkeypatch.setattr(cuda_graph, "reason_against", lambda *_: "")
    monkeypatch.setattr(
        cuda_graph, "recorded_iteration", partial(recorded_iteration, record=record)
    )
    optimization = Optimization(network, problems)
    found = list(optimization)
    assert optimization.graph == WHOLE_GRAPH
    for one, other in zip(found, expected, strict=True):
        assert one.images.equal(other.images)
        assert one.losses.equal(other.losses)
