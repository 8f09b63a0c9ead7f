"""Whether an optimization diverged, or did not settle, and what to tell the user about it."""

from __future__ import annotations

from neural_style.config.settings import Settings
from neural_style.errors import NeuralStyleError
from neural_style.optim.loop import Progress

CHECK_INTERVAL = 10
"""Iterations between two checks for divergence; each synchronizes with the GPU."""


class DivergedError(NeuralStyleError):
    """The loss became infinite or NaN, and returning to the best image did not help."""


def divergence_sentence(epoch: int, settings: Settings) -> str:
    """What to tell the user about an optimization that diverged by an iteration."""
    if epoch == 0:
        return (
            "the loss is infinite or NaN from the start; lower alpha, beta or a layer's weight, "
            "or check the file of network.weights."
        )
    return (
        f"the loss became infinite or NaN by iteration {epoch}, and again after returning to the "
        f"best image; lower learning_rate (now {settings.learning_rate:g}) or beta "
        f"(now {settings.beta:g})."
    )


def excesses(progress: Progress) -> list[float]:
    """`Progress.excess` of each problem of a batch. Synchronizes with the GPU."""
    count = len(progress.images)
    return [1.0] * count if progress.excess is None else progress.excess.tolist()


def return_sentence(excess: float, settings: Settings) -> str:
    """What to tell the user where the best image took the place of the last one.

    Args:
        excess: how many times the best loss the last one was.
        settings: of the run.
    """
    return (
        f"the optimization did not settle: its last loss was {excess:.3g} times the best one, so "
        "the final output is the best image; lower learning_rate "
        f"(now {settings.learning_rate:g})."
    )
