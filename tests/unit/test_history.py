"""How many pairs of L-BFGS a picture keeps."""

from __future__ import annotations

from neural_style.config.settings import (
    BYTES_PER_HISTORY_ENTRY,
    HISTORY_SIZE,
    MOST_BYTES,
    history_size,
)


def test_the_method_keeps_twenty_pairs_up_to_a_size_and_then_as_many_as_a_limit_holds():
    assert history_size(None, 512, 512) == history_size(None, 2048, 2048) == HISTORY_SIZE == 20
    assert history_size(None, 4096, 4096) == 8
    for edge in range(2048, 4097, 16):
        pairs = history_size(None, edge, edge)
        held = BYTES_PER_HISTORY_ENTRY * edge**2
        assert pairs * held <= MOST_BYTES
        assert pairs == HISTORY_SIZE or (pairs + 1) * held > MOST_BYTES


def test_what_is_asked_for_is_kept():
    assert history_size(3, 4096, 4096) == history_size(3, 64, 64) == 3
