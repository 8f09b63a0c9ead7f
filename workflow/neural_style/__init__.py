"""Optimization-based neural style transfer (Gatys, Ecker and Bethge, 2015).

    from neural_style import stylize
    stylize("cat.jpg", "wave.jpg", size=256, epochs=100).save("out.jpg")

`stylize` makes one output; `Stylizer` makes many with the network loaded once; `Settings` are the
settings of an output. See docs/python.md. The modules below are the library of the pipeline.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neural_style.api import Stylizer, stylize
    from neural_style.config.settings import Settings
    from neural_style.engine.session import Output
    from neural_style.errors import NeuralStyleError

    __version__: str

__all__ = ["NeuralStyleError", "Output", "Settings", "Stylizer", "__version__", "stylize"]

_HOMES = {
    "NeuralStyleError": "errors",
    "Output": "engine.session",
    "Settings": "config.settings",
    "Stylizer": "api",
    "stylize": "api",
}
"""Public name → its module, which is imported at the first use: `import neural_style` is quick."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module has
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("neural-style-pipeline")
        except PackageNotFoundError:  # a checkout on PYTHONPATH
            return "unknown"
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
