"""What a job requests from a cluster, and which file names can be passed to one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neural_style.config.keys import Stage
from neural_style.config.sections import Cluster
from neural_style.config.settings import Settings
from neural_style.runtime.estimates import memory_mb, runtime_minutes, time_left

CLUSTER = Cluster()
WITHOUT = replace(CLUSTER, gpu_as="none")


@pytest.mark.parametrize(("size", "measured"), [(64, 754), (256, 982), (512, 1655)])
def test_a_request_covers_what_was_measured(defaults: Settings, size: int, measured: int):
    """Including the 250 MB of Snakemake, with a margin of half as much again."""
    asked = memory_mb(replace(defaults, size=size), WITHOUT, 1)
    assert 1.5 * (measured + 250) <= asked * 1.01 <= 2.5 * (measured + 250)


@pytest.mark.parametrize("cluster", [CLUSTER, WITHOUT])
def test_memory_grows_with_the_pixels(defaults: Settings, cluster: Cluster):
    one, two, four = (
        memory_mb(replace(defaults, size=size), cluster, 1) for size in (256, 512, 1024)
    )
    assert four - two == pytest.approx(4 * (two - one), rel=0.01)
    assert memory_mb(defaults, cluster, 1, batch=4) == pytest.approx(four, abs=2)


def test_a_pyramid_copies_the_features_that_it_pads(defaults: Settings):
    """As `replicate` does at every size, and `replicate_first` at the finer levels only."""
    pyramid = replace(defaults, style_loss="wasserstein", size_correction=True)
    for size, is_alike in ((1024, True), (512, False)):
        first, all_layers, zeros = (
            memory_mb(replace(pyramid, size=size, padding=padding), WITHOUT, 1)
            for padding in ("replicate_first", "replicate", "zeros")
        )
        assert zeros < all_layers
        assert first == (all_layers if is_alike else zeros)
    alone = replace(pyramid, size=1024, size_correction=False)
    assert memory_mb(replace(alone, padding="replicate_first"), WITHOUT, 1) == memory_mb(
        replace(alone, padding="zeros"), WITHOUT, 1
    )


def test_tiles_and_a_small_history_save_memory_and_tiles_take_time(defaults: Settings):
    large = replace(defaults, size=2048)
    whole, tiled = replace(large, tile=4096), replace(large, tile=256)
    few = replace(tiled, history=5)
    asked = [memory_mb(each, WITHOUT, 1) for each in (whole, large, tiled, few)]
    assert asked == sorted(asked, reverse=True)
    assert asked[0] > 3 * asked[-1]
    times = [runtime_minutes(each, WITHOUT, 1) for each in (whole, large, tiled)]
    assert times == sorted(times)
    assert times[-1] < 4 * times[0]


def test_time_grows_with_pixels_iterations_and_outputs(defaults: Settings):
    def beyond_the_start(size: int, epochs: int, outputs: int = 1) -> int:
        settings = replace(defaults, size=size, epochs=epochs)
        return runtime_minutes(settings, CLUSTER, 1, outputs) - runtime_minutes(
            replace(settings, epochs=0), CLUSTER, 1
        )

    base = beyond_the_start(512, 10_000)
    assert base == pytest.approx(67, abs=1)
    # 3.76 = (1024² + 150²) / (512² + 150²)
    assert beyond_the_start(1024, 10_000) == pytest.approx(3.76 * base, abs=4)
    assert beyond_the_start(512, 30_000) == pytest.approx(3 * base, abs=4)
    assert beyond_the_start(512, 10_000, outputs=256) == pytest.approx(256 * base, rel=0.02)


def test_iterations_of_smaller_stages_take_less_time(defaults: Settings):
    long = replace(defaults, size=1024, epochs=30_000)
    staged = replace(long, stages=(Stage(256, 10_000), Stage(512, 10_000)))
    start = runtime_minutes(replace(defaults, epochs=0), CLUSTER, 1)
    one, other = (runtime_minutes(each, CLUSTER, 1) - start for each in (long, staged))
    # 1 / 3.76 = (512² + 150²) / (1024² + 150²), 1 / 12.2 = (256² + 150²) / (1024² + 150²)
    assert other == pytest.approx(one * (1 + 1 / 3.76 + 1 / 12.2) / 3, rel=0.02)


def test_without_a_gpu_time_depends_on_the_cores(defaults: Settings):
    four, one = (runtime_minutes(defaults, replace(WITHOUT, threads=cores), 1) for cores in (4, 1))
    assert runtime_minutes(defaults, CLUSTER, 1) < four < one


@pytest.mark.parametrize("request_for", [memory_mb, runtime_minutes])
def test_a_retry_and_a_factor_request_more(defaults: Settings, request_for):
    first = request_for(defaults, CLUSTER, 1)
    assert isinstance(first, int)
    assert request_for(defaults, CLUSTER, 3) == pytest.approx(3 * first, abs=3)
    doubled = replace(CLUSTER, memory_factor=2, runtime_factor=2)
    assert request_for(defaults, doubled, 1) == pytest.approx(2 * first, abs=2)


def test_the_time_of_a_sweep_follows_from_its_first_outputs():
    assert time_left([1, 1], 4, 10) is None
    assert time_left([1, 2, 1], 8, 10) == 20
    assert time_left([1, 2, 1], 0, 10) is None
