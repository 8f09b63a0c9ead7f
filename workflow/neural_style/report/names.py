"""What people read in grids, plots, the gallery, and Snakemake's report: names and numbers.

Free of torch and matplotlib, since the Snakefile reads it.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from neural_style.config.settings import LISTED_KEYS, Settings
from neural_style.config.sweep import format_number, setting_id

SYMBOLS: Mapping[str, str] = MappingProxyType({"alpha": "α", "beta": "β", "learning_rate": "lr"})
"""Symbol of each of `LISTED_KEYS` in a label."""

SEPARATOR = "  ·  "
"""Between the facts of a subtitle."""

_BETWEEN_VALUES = "   "
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def setting_labels(settings: Mapping[str, Settings]) -> tuple[dict[str, str], str]:
    """Return the label of each setting by its id, and what all of them share, such as `α 1   lr 1`.

    An unnamed setting is labeled with the values that differ between settings: `β 1e6`. If none
    differs, or there is only one setting, its label has all three values, and the second part is
    empty. A named setting has its name as label.
    """
    differing = differing_keys(settings)
    labels = {key: setting_label(key, each, differing) for key, each in settings.items()}
    common = [name for name in LISTED_KEYS if name not in differing] if differing else []
    return labels, _values_label(next(iter(settings.values())), common) if common else ""


def differing_keys(settings: Mapping[str, Settings]) -> list[str]:
    """Return those of `LISTED_KEYS` whose values differ between settings."""
    return [
        key for key in LISTED_KEYS if len({getattr(each, key) for each in settings.values()}) > 1
    ]


def setting_label(key: str, settings: Settings, names: Iterable[str] = ()) -> str:
    """Return the label of a setting: its id if that is a name, else some or all of its values.

    Args:
        key: id of the setting.
        settings: its values.
        names: those of `LISTED_KEYS` to show; all if there are none.
    """
    if key != setting_id(getattr(settings, name) for name in LISTED_KEYS):
        return key
    return _values_label(settings, list(names) or LISTED_KEYS)


def weight_label(name: str, value: float) -> str:
    """Return `α 1`, `β 1e6` or `lr 1`, rounded to six digits; lines do not break within it."""
    return f"{SYMBOLS[name]}\N{NO-BREAK SPACE}{format_number(float(f'{value:.6g}'))}"


def display_names(
    files: Mapping[str, Path], draws: Callable[[str], bool] = lambda name: True
) -> dict[str, str]:
    """Return the name of each image by its id: its file's name without the suffix.

    An image keeps its id if the name is blank, shared with another file, or cannot be drawn. Bytes
    that are not UTF-8 become replacement characters.

    Args:
        files: id → file.
        draws: whether a font has all characters of a name.
    """
    names = {key: replace_undecodable(path.stem) for key, path in files.items()}
    shared = Counter(names.values())
    return {
        key: name if name.strip() and shared[name] == 1 and draws(files[key].stem) else key
        for key, name in names.items()
    }


def replace_undecodable(text: str) -> str:
    """Return text with replacement characters for bytes that are not UTF-8."""
    return os.fsencode(text).decode("utf-8", "replace")


def size_label(sizes: Iterable[tuple[int, int] | None]) -> str:
    """Return the size in pixels that images share, or else their longer side; empty if neither."""
    known = {size for size in sizes if size}
    longer = {max(size) for size in known}
    if len(known) == 1:
        return "{} × {} px".format(*known.pop())
    return f"{longer.pop()} px" if len(longer) == 1 else ""


def iterations_label(epochs: Iterable[int]) -> str:
    """Return `1000 iterations`, or their range: `300–1000 iterations`; empty without any."""
    several = sorted(set(epochs))
    if not several:
        return ""
    ends = f"{several[0]}–{several[-1]}" if len(several) > 1 else f"{several[0]}"
    return f"{ends} iteration{'s' if several[-1] > 1 else ''}"


def format_loss(value: float) -> str:
    """Return a loss rounded to three digits: 0.512, 51200, 5.12e7."""
    mantissa, _, exponent = f"{float(f'{value:.3g}'):g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def format_tick(value: float) -> str:
    """Return a number of an axis: 250, 0.05, 2×10⁻⁵."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if 0.01 <= abs(value) < 10000:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPTS)
    digits = mantissa.rstrip("0").rstrip(".")
    return power if digits == "1" else f"{digits}×{power}"


def _values_label(settings: Settings, names: Iterable[str]) -> str:
    return _BETWEEN_VALUES.join(weight_label(name, getattr(settings, name)) for name in names)
