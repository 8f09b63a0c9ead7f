"""Runs implementations in turn on one pair of images, and judges the images they would save."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from neural_style.losses.objective import Objective

ROUND = 10
"""Evaluations that an implementation makes before the next takes its turn, so that all share the
noise of the machine."""


@dataclass
class Track:
    """What one implementation did.

    Attributes:
        seconds: time spent until each image was there, the first included.
        images: each image as it would be saved, 8 bits a channel, [1, 3, H, W].
    """

    seconds: list[float] = field(default_factory=list)
    images: list[Tensor] = field(default_factory=list)

    @property
    def evaluation(self) -> float:
        """Median seconds an evaluation."""
        steps = [b - a for a, b in zip(self.seconds[1:], self.seconds[2:], strict=False)]
        return sorted(steps)[len(steps) // 2]


def race(implementations: Mapping[str, tuple[Iterator[Tensor], int]]) -> dict[str, Track]:
    """Let each implementation make its number of evaluations, `ROUND` at a time.

    Args:
        implementations: by name, an endless iterator over images that begins with the start and
            makes one evaluation for each further one, and the number of evaluations.
    """
    tracks = {name: Track() for name in implementations}
    while True:
        going = [
            name
            for name, (_, evaluations) in implementations.items()
            if len(tracks[name].images) <= evaluations
        ]
        if not going:
            return tracks
        for name in going:
            images, evaluations = implementations[name]
            for _ in range(min(ROUND, evaluations + 1 - len(tracks[name].images))):
                advance(tracks[name], images)


def advance(track: Track, images: Iterator[Tensor]) -> None:
    """Take one image; only the making of it is timed."""
    began = time.perf_counter()
    image = next(images)
    wait(image.device)
    spent = time.perf_counter() - began
    track.seconds.append((track.seconds[-1] if track.seconds else 0) + spent)
    track.images.append(image.clamp(0, 1).mul(255).round().to(torch.uint8).cpu())


def wait(device: torch.device) -> None:
    """Let a GPU finish what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Judge:
    """The loss of an image as saved, in float32, the same for every implementation."""

    def __init__(self, objective: Objective, device: torch.device) -> None:
        self._objective = objective
        self._device = device
        self._known: dict[int, float] = {}

    @torch.no_grad()
    def loss(self, image: Tensor) -> float:
        """The total loss of 8-bit pixels [1, 3, H, W]."""
        if id(image) not in self._known:
            pixels = image.to(self._device).float() / 255
            self._known[id(image)] = float(self._objective.losses_at(pixels).sum())
        return self._known[id(image)]

    def first_reach(self, track: Track, target: float) -> int | None:
        """The evaluations after which a track's image has at most this loss, if ever."""
        for evaluations, image in enumerate(track.images):
            if self.loss(image) <= target:
                return evaluations
        return None
