"""How many pairs of L-BFGS a picture keeps."""

from __future__ import annotations

from neural_style.config.settings import BYTES_OF_PAIR, HISTORY_SIZE, MOST_BYTES, pairs_kept


def test_the_method_keeps_twenty_pairs_up_to_a_size_and_then_as_many_as_a_limit_holds():
    assert pairs_kept(None, 512, 512) == pairs_kept(None, 2048, 2048) == HISTORY_SIZE == 20
    assert pairs_kept(None, 4096, 4096) == 8
    for edge in range(2048, 4097, 16):
        pairs = pairs_kept(None, edge, edge)
        held = BYTES_OF_PAIR * edge**2
        assert pairs * held <= MOST_BYTES
        assert pairs == HISTORY_SIZE or (pairs + 1) * held > MOST_BYTES


def test_what_is_asked_for_is_kept():
    assert pairs_kept(3, 4096, 4096) == pairs_kept(3, 64, 64) == 3
