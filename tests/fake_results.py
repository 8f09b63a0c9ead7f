"""A finished sweep without the work: small images, and records such as a run writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from PIL import Image

from neural_style.config.inputs import slug
from neural_style.config.settings import LOSSES, RUN, Settings, output_name
from neural_style.config.sweep import Job, format_number


def make_image(path: Path, seed: int, size: tuple[int, int] = (48, 32)) -> None:
    """Write an image of one color with some texture; each seed gives another."""
    random = np.random.default_rng(seed)
    levels = random.integers(60, 200, 3) + random.integers(-50, 50, (size[1], size[0], 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(path)


def make_jobs(
    contents: Sequence[str], styles: Sequence[str], betas: Sequence[float], defaults: Settings
) -> list[Job]:
    """The jobs of image files by their names, below the working directory, and of some betas."""
    settings = {
        f"1_{format_number(beta)}_1": replace(
            defaults, beta=beta, size=48, fit="keep", epochs=6, save_every=2, format="png"
        )
        for beta in betas
    }
    return [
        Job(
            slug(Path(content).stem),
            slug(Path(style).stem),
            setting,
            Path("images", "content", content),
            Path("images", "style", style),
            values,
            Path("results"),
        )
        for content in contents
        for style in styles
        for setting, values in settings.items()
    ]


def make_inputs(jobs: Sequence[Job]) -> None:
    """Write the content and style images of the jobs."""
    paths = dict.fromkeys(path for job in jobs for path in (job.content_path, job.style_path))
    for seed, path in enumerate(paths):
        make_image(path, 1000 + seed, (96, 64))


def finish(job: Job, number: int) -> None:
    """Write what a job leaves; a larger `number` has more content loss and less style loss."""
    for epoch in job.settings.snapshots:
        name = output_name(epoch, job.settings.format)
        make_image(job.folder / name, 10 * number + epoch)
    names = parts_of(job, 0, 0)
    lines = [",".join(["epoch", "seconds", "total", "content", "style", *names])]
    for epoch in range(job.settings.epochs + 1):
        content, style = weighted(job, *losses_at(number, epoch))
        parts = (content + style, content, style, *parts_of(job, content, style).values())
        lines.append(",".join([str(epoch), f"{epoch / 8:.3f}", *(f"{part:.6g}" for part in parts)]))
    (job.folder / LOSSES).write_text("\n".join(lines) + "\n", encoding="utf-8")
    content, style = weighted(job, *losses_at(number, job.settings.epochs))
    facts = {
        "content": {"path": str(job.content_path), "sha256": "0" * 64},
        "style": {"path": str(job.style_path), "sha256": "0" * 64},
        "settings": asdict(job.settings),
        "output": {"file": job.final_output.name, "sha256": "0" * 64, "width": 48, "height": 32},
        "saved_losses": {
            "total": content + style,
            "content": content,
            "style": style,
            "parts": parts_of(job, content, style),
        },
        "device": "x86_64 CPU, 2 threads",
        "precision": "float32",
        "seconds": 83.5,
        "measures": {
            "palette": 40 - number % 30,
            "speckle": 1.5,
            "grain": 0.5,
            "edges": 0.25,
            "unseen_style": 0.125,
        },
        "finished": "2026-01-02T03:04:05+00:00",
    }
    (job.folder / RUN).write_text(json.dumps(facts, indent=2), encoding="utf-8")


def losses_at(number: int, epoch: int) -> tuple[float, float]:
    """Content and style loss of a number's output after an epoch, without alpha and beta."""
    return (1 + number) * epoch / 6, (500 - number) / (1 + epoch)


def weighted(job: Job, content: float, style: float) -> tuple[float, float]:
    """The same with alpha and beta, as a run records them."""
    return job.settings.alpha * content, job.settings.beta * style


def parts_of(job: Job, content: float, style: float) -> Mapping[str, float]:
    """Weighted losses in equal parts for the layers of their kind."""
    settings = job.settings
    return {
        f"{kind}/{layer}": loss / len(layers)
        for kind, loss, layers in (
            ("content", content, settings.content_layers),
            ("style", style, settings.style_layers),
        )
        for layer in layers
    }


def fail(job: Job, sentence: str) -> None:
    """Write what a failed job leaves."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    job.log.write_text(f"loading\nstylize: {sentence}\n", encoding="utf-8")
