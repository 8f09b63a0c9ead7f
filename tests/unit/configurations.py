"""What the tests of the configuration share: its types, and what is said of a mistake in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from neural_style.config.schema import ConfigError, complete

Json = Any
Schema = Mapping[str, Json]


def mistakes(config: Json) -> list[str]:
    """The lines of the error's message, without the first."""
    with pytest.raises(ConfigError) as caught:
        complete(config)
    first, *lines = str(caught.value).splitlines()
    assert first == "invalid configuration:"
    return [line.strip() for line in lines]
