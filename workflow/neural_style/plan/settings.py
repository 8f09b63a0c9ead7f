"""Everything that decides how one picture turns out. Free of torch: the Snakefile reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from neural_style.plan.stages import Stage

BUILT_IN = ("caffe", "torchvision")
"""The sources of weights that are no file of the user's."""

ORIGINAL = "original"
"""The dimensions of pictures that get those of their photograph."""

KEEP = "keep"
"""The transparency of pictures that get that of their photograph."""
BESIDE = "beside"
"""The value for a mask that lies beside its image, if there is one: `cat.mask.png`."""

UNTIL_NAMED: Mapping[str, Any] = MappingProxyType({"size_correction": False})
"""What held before there was a key, where its default is something else: for older records."""

STARTS = ("content", "noise")
"""What a picture can start from that is no file of the user's."""


@dataclass(frozen=True)
class Settings:
    """One setting of a sweep, complete. The defaults live in `config.schema.yaml`.

    Attributes:
        alpha: weight of the content loss, ≥ 0.
        beta: weight of the style loss, ≥ 0.
        learning_rate: factor on every step of the optimiser, > 0.
        size: edge of the picture in pixels.
        fit: how an image comes to that size, one of `formats.FITS`.
        format: type of the pictures written, a key of `formats.OUTPUT_FORMATS`.
        quality: of JPEG and WebP, 1 … 100.
        dimensions: of the pictures written, `fitted` or `original`, see `finishing.Finish`.
        transparency: of the photograph, `white` or `keep`, see `finishing.Finish`.
        weights: source of the network, see `weights.load_weights`.
        content_layers: weight of each layer whose features are compared.
        style_layers: weight of each layer whose Gram matrices are compared.
        pooling: between the network's blocks, `max` or `average`.
        padding: of its convolutions, `zeros`, `reflect` or `replicate`.
        tile: edge of the tiles that the network sees a picture in, in pixels; None leaves it to
            `tiling.tile_edge`.
        optimizer: `lbfgs` or `adam`.
        history: pairs that L-BFGS keeps; None leaves it to `history.pairs_kept`.
        stages: what goes before the picture's own size, from coarse to fine.
        size_correction: whether beta is that of 512 pixels, see `balance.beta_at`.
        epochs: iterations of the optimiser, those of the stages included.
        save_every: epochs between two pictures.
        init: what the picture starts from, one of `STARTS` or an image file.
        init_noise: share of noise that is mixed into that, 0 … 1.
        seed: of the noise.
        precision: of the network, `auto`, `fp32` or `bf16`.
        colour: what becomes of the photograph's colours, see `colour.recoloured`.
        blend: weight of each further style image, by its file; that of the style itself is 1.
        style_scales: edges of the style images in units of `size`, ascending.
        mask: where the style acts: a file, `BESIDE`, or None for everywhere.
        style_mask: where the style is looked at, likewise.
        total_variation: weight of the smoothness of what is painted, ≥ 0.
    """

    alpha: float
    beta: float
    learning_rate: float
    size: int
    fit: str
    format: str
    quality: int
    dimensions: str
    transparency: str
    weights: str
    content_layers: Mapping[str, float]
    style_layers: Mapping[str, float]
    pooling: str
    padding: str
    tile: int | None
    optimizer: str
    history: int | None
    stages: tuple[Stage, ...]
    size_correction: bool
    epochs: int
    save_every: int
    init: str
    init_noise: float
    seed: int
    precision: str
    colour: str
    blend: Mapping[str, float]
    style_scales: tuple[float, ...]
    mask: str | None
    style_mask: str | None
    total_variation: float

    @property
    def style_sizes(self) -> tuple[int, ...]:
        """The edges in pixels at which style images are looked at."""
        return tuple(int(self.size * scale + 0.5) for scale in self.style_scales)

    @property
    def course(self) -> tuple[Stage, ...]:
        """All stages; the last has the picture's own size, and the epochs that are left."""
        before = sum(stage.epochs for stage in self.stages)
        return (*self.stages, Stage(self.size, self.epochs - before))

    def up_to(self, epoch: int) -> Settings:
        """Settings of which the picture after that epoch is the last one."""
        done = 0
        for number, stage in enumerate(self.stages):
            done += stage.epochs
            if epoch <= done:
                before = self.stages[:number]
                return replace(self, size=stage.size, stages=before, epochs=epoch)
        return replace(self, epochs=epoch)

    @property
    def layers(self) -> frozenset[str]:
        """Every layer whose features are needed."""
        return frozenset(self.content_layers) | frozenset(self.style_layers)

    @property
    def saved_fit(self) -> str:
        """How the photograph lies in the saved pictures: `keep` where they have its dimensions."""
        return "keep" if self.dimensions == ORIGINAL else self.fit

    @property
    def noise_share(self) -> float:
        """How much of the start is noise, 0 … 1."""
        return 1.0 if self.init == "noise" else self.init_noise

    @property
    def snapshots(self) -> tuple[int, ...]:
        """The epochs whose pictures are saved: each multiple of `save_every`, and the last."""
        return (*range(self.save_every, self.epochs, self.save_every), self.epochs)


def settings_from_facts(facts: Mapping[str, Any]) -> Settings:
    """Settings from what `dataclasses.asdict` made of them and JSON gave back."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in {**UNTIL_NAMED, **facts}.items()
    }
    values["stages"] = tuple(Stage(**stage) for stage in values["stages"])
    return Settings(**values)
