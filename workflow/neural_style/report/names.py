"""What to call settings in legends and reports. Free of matplotlib: the Snakefile reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from neural_style.config.settings import Settings
from neural_style.config.sweep import WEIGHTS, format_number

_SIGNS = MappingProxyType({"alpha": "α", "beta": "β", "learning_rate": "lr"})


def labels_of(settings: Mapping[str, Settings]) -> dict[str, str]:
    """What to call each setting: its name, or those of its numbers in which the settings differ."""
    numbered = {key: each for key, each in settings.items() if _is_numbered(key, each)}
    varying = [name for name in WEIGHTS if len(_values(numbered, name)) > 1] or ["beta"]
    return {
        key: _weights(each, varying) if key in numbered else key for key, each in settings.items()
    }


def common_weights(settings: Mapping[str, Settings]) -> str:
    """The weights in which the settings of the lists do not differ: `α 1   lr 1`."""
    numbered = {key: each for key, each in settings.items() if _is_numbered(key, each)}
    common = [name for name in WEIGHTS if len(_values(numbered, name)) == 1]
    return _weights(next(iter(numbered.values())), common) if common else ""


def _is_numbered(setting: str, values: Settings) -> bool:
    """Whether the id is made of the weights."""
    return setting == "_".join(format_number(getattr(values, name)) for name in WEIGHTS)


def _values(settings: Mapping[str, Settings], name: str) -> set[float]:
    return {getattr(each, name) for each in settings.values()}


def _weights(values: Settings, names: Sequence[str]) -> str:
    """Weights by their signs: `α 1   β 1e6`."""
    return "   ".join(f"{_SIGNS[name]} {format_number(getattr(values, name))}" for name in names)
