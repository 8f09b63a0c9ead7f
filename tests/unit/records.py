"""Made-up records of finished jobs, for the tests of what is read and drawn from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neural_style.config.schema import complete
from neural_style.config.settings import Settings
from neural_style.config.sweep import Job, Sweep, plan_sweep
from neural_style.losses.coherence import COHERENCE_SCALE
from neural_style.losses.histogram import HISTOGRAM_SCALE
from neural_style.losses.terms import TOTAL_VARIATION_SCALE


def sweep_of(contents: list[str], styles: list[str], **config: Any) -> Sweep:
    """The sweep of image files that are made here, in `images/`, under the current folder."""
    for kind, names in (("content", contents), ("style", styles)):
        folder = Path("images", kind)
        folder.mkdir(parents=True)
        for name in names:
            Image.new("RGB", (8, 8)).save(folder / name, "PNG")
    return plan_sweep(complete(config))


def terms_of(job: Job, epochs: int) -> dict[str, np.ndarray]:
    """Weighted losses that are easy to tell: MSE n · (epoch + 1) of the n-th layer, from 1.

    The content loss begins with 0, as it does when the output starts from the content image.
    """
    epoch = np.arange(epochs + 1)
    settings, weights = job.settings, further_weights(job.settings)
    terms = {}
    for n, (layer, weight) in enumerate(settings.content_layers.items(), start=1):
        terms[f"content/{layer}"] = settings.alpha * weight * n * epoch
    for n, (layer, weight) in enumerate(settings.style_layers.items(), start=1):
        terms[f"style/{layer}"] = settings.beta * weight * n * 1e-4 / (epoch + 1)
    losses = {
        "palette/color_histogram": 1e-2 / (epoch + 1),
        "smoothness/coherence": 1e-3 * (2.0 + epoch),
        "smoothness/total_variation": 2.0 + epoch,
    }
    return terms | {name: weight * losses[name] for name, weight in weights.items()}


def further_weights(settings: Settings) -> dict[str, float]:
    """The weight of each term that is neither content nor style."""
    weights = {
        "palette/color_histogram": HISTOGRAM_SCALE * settings.beta * settings.color_histogram,
        "smoothness/coherence": COHERENCE_SCALE * settings.coherence,
        "smoothness/total_variation": TOTAL_VARIATION_SCALE * settings.total_variation,
    }
    return {name: weight for name, weight in weights.items() if weight}


def finish(job: Job) -> None:
    """Write what a finished job leaves: an output, `losses.csv` and `run.json`."""
    epochs = job.settings.epochs
    terms = terms_of(job, epochs)
    job.folder.mkdir(parents=True)
    Image.new("RGB", (60, 40), "teal").save(job.final_output)
    content, style = (
        np.sum([v for k, v in terms.items() if k.startswith(kind)], axis=0)
        for kind in ("content/", "style/")
    )
    lines = [",".join(["epoch", "seconds", "total", "content", "style", *terms])]
    for epoch in range(epochs + 1):
        total = sum(float(term[epoch]) for term in terms.values())
        values = [total, content[epoch], style[epoch]]
        values += [term[epoch] for term in terms.values()]
        lines.append(",".join([str(epoch), "0.5", *(f"{value:.6g}" for value in values)]))
    (job.folder / "losses.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    facts = {
        "settings": asdict(job.settings),
        "output": {"file": job.final_output.name, "width": 60, "height": 40},
        "further_weights": further_weights(job.settings),
        "saved_losses": {"parts": {term: float(values[-1]) for term, values in terms.items()}},
    }
    (job.folder / "run.json").write_text(json.dumps(facts), encoding="utf-8")


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what the `run.json` of a job says."""
    path = folder / "run.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    change(facts)
    path.write_text(json.dumps(facts), encoding="utf-8")


def fail(job: Job, why: str) -> None:
    """Write what a failed job leaves: its log."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    job.log.write_text(f"stylize: {why}\n", encoding="utf-8")
