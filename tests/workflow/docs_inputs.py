"""Called before a command of the documentation: small settings, and images that are missing.

Usage: python docs_inputs.py WORDS OF THE COMMAND, in the copy of the project.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

SMALL: Mapping[str, Any] = {
    "image": {"size": 64},
    "optimization": {"epochs": 4, "save_every": 2, "precision": "fp32"},
    "layer_study": {
        "size": 64,
        "epochs": 2,
        "content_layers": ["conv1_1", "conv2_1"],
        "style_layers": ["conv1_1", "conv2_1"],
    },
}
"""What every configuration gets; entries named like these elsewhere get the same numbers."""

DEFAULTS = {"alpha": 1, "beta": 1e6, "learning_rate": 1}
"""Of a list of weights, the one that stays, if it is there; else the first."""

NAMES = {"content": "cat.jpg", "style": "wave.jpg"}
OURS = ("images/samples", "docs")


def laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values, of which those in `over` win."""
    merged = dict(under)
    for key, value in over.items():
        before = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        merged[key] = laid_over(before, value) if both else value
    return merged


def shrunk(value: Any, key: str = "") -> Any:
    """A configuration with the numbers of `SMALL`, one weight of each list, and one image."""
    if isinstance(value, Mapping):
        return {name: shrunk(each, name) for name, each in value.items()}
    if key == "stages":
        return [{"size": 32, "epochs": 2} for _ in value][:1]
    if key in DEFAULTS and isinstance(value, list):
        return [DEFAULTS[key] if DEFAULTS[key] in map(float, value) else value[0]]
    if key in NAMES and isinstance(value, list):
        return value[:1]
    if key == "size" and isinstance(value, int):
        return 64
    return {"epochs": 4, "save_every": 2}.get(key, value)


def shrink(file: Path) -> None:
    """Make the settings of a YAML file small."""
    config = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    text = yaml.safe_dump(laid_over(shrunk(config), SMALL))
    file.write_text(text, encoding="utf-8")


def named_in(file: Path) -> Iterator[tuple[str, str]]:
    """The content and style images that a configuration names, with their kind."""
    config = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    for kind in NAMES:
        value = config.get(kind) or []
        yield from ((kind, each) for each in ([value] if isinstance(value, str) else value))
    bulk = config.get("bulk") or {}
    if bulk.get("content"):
        yield "content", f"{bulk['content']}/class"
    if bulk.get("style"):
        yield "style", bulk["style"]


def named_by(words: list[str]) -> Iterator[tuple[str, str]]:
    """The same of a command: `neural-style cat.jpg wave.jpg`, or `content=cat.jpg`."""
    if words[0] == "neural-style":
        files = [word for word in words[1:] if not word.startswith("-") and word != "remake"]
        yield from zip(NAMES, files[:2] if words[1] != "remake" else [], strict=False)
        return
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.lstrip("-").partition("=")
        if name in NAMES and (word.startswith("--") or equals):
            yield name, value if equals else following


def provide(kind: str, name: str) -> None:
    """Paint an image, or a folder with one, if it is missing or empty."""
    path = Path(name)
    if name.startswith(OURS) or (path.exists() and not path.is_dir()):
        return
    if path.suffix:
        paint(path, kind)
    elif not any(file.suffix in (".jpg", ".png") for file in path.rglob("*")):
        paint(path / NAMES[kind], kind)


def paint(path: Path, kind: str) -> None:
    """Save an image of 96 × 64 pixels with gradients and texture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(sorted(NAMES).index(kind))
    y, x = np.mgrid[0:64, 0:96] / 64
    waves = [np.sin(random.uniform(5, 30) * (x * a + y * b)) for a, b in random.normal(size=(3, 2))]
    levels = 128 + 80 * np.stack(waves, axis=-1) + random.normal(scale=12, size=(64, 96, 3))
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(path)


def main(words: list[str]) -> None:
    """Prepare the working directory for a command."""
    files = [] if words[0] == "neural-style" else sorted(Path().glob("*.yaml"))
    for file in files:
        shrink(file)
    for kind, name in [*named_by(words), *(named for file in files for named in named_in(file))]:
        provide(kind, name)


if __name__ == "__main__":
    main(sys.argv[1:])
