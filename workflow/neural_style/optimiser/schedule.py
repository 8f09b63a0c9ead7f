"""Optimisations one after another, such as from coarse to fine, as if they were one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from torch import Tensor

from neural_style.optimiser.optimisation import Optimisation, Progress, State

Begin = Callable[[Tensor | None], Optimisation]
"""Sets a stage up. It starts from the pictures of the stage before, [B, 3, h, w] of whatever size;
from a start of its own where there are none, or where a state is restored next."""


class Schedule:
    """Goes through stages. Epochs count on, and what a stage has learnt is forgotten by the next.

    Iterating yields the present state, then the state after each step. Where one stage ends and
    the next begins is one epoch, and yielded once: as the picture that the former made.

    Args:
        stages: the last epoch of each stage, ascending → how it begins.
    """

    def __init__(self, stages: Mapping[int, Begin]) -> None:
        self._lasts, self._begins = tuple(stages), tuple(stages.values())
        self._number, self._now = 0, self._begins[0](None)

    def __iter__(self) -> Iterator[Progress]:
        """Yield the state now and after each epoch that is left."""
        for progress in self._now:
            yield progress
        gave_up = progress.gave_up
        while self._number + 1 < len(self._begins):
            self._turn_to(self._number + 1, progress.pictures)
            epochs = iter(self._now)
            next(epochs)
            for each in epochs:
                progress = replace(each, gave_up=each.gave_up | gave_up)
                yield progress
            gave_up = progress.gave_up

    def state(self) -> State:
        """All that the epochs to come depend on. It holds until the next epoch changes it."""
        return self._now.state()

    def restore(self, state: State) -> None:
        """Go on from a state of a schedule that was set up like this one, bit for bit."""
        number = next(n for n, last in enumerate(self._lasts) if state.epoch <= last)
        if number != self._number:
            self._turn_to(number, None)
        self._now.restore(state)

    def _turn_to(self, number: int, pictures: Tensor | None) -> None:
        """Begin another stage, in the memory of the present one."""
        del self._now
        self._number, self._now = number, self._begins[number](pictures)
