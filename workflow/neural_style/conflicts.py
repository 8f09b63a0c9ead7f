"""Settings that are each allowed and make no sense together. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from neural_style.settings import Settings

Rule = Callable[[Settings], Iterator[str]]
"""Yields a sentence for each conflict: the keys, what is wrong, what to do."""

RULES: tuple[Rule, ...] = ()
"""For every setting of a sweep, and for the options of `scripts/stylize.py`."""

BULK_RULES: tuple[Rule, ...] = ()
"""For a setting that a data set is made in; they come on top."""


def find_conflicts(settings: Settings, rules: tuple[Rule, ...] = RULES) -> list[str]:
    """The sentences of all rules that the settings break."""
    return [sentence for rule in rules for sentence in rule(settings)]
