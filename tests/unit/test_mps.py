"""Apple GPUs: whole jobs on a stand-in without float64 and without the kernels that MPS lacks."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torchgen  # type: ignore[import-untyped]
import yaml
from tests import samples
from tests.unit.jobs import facts_of, names
from tests.unit.stand_in import StandIn, stand_in
from torch import Tensor

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.engine.job import run_job
from neural_style.engine.writer import StoppedError
from neural_style.runtime import device as device_module
from neural_style.runtime import memory
from neural_style.runtime.device import (
    ALLOCATIONS,
    DEVICES,
    DeviceError,
    choose_precision,
    describe,
    lock_device,
    usable_gpus,
)
from neural_style.runtime.failures import is_shortage
from neural_style.runtime.memory import LARGEST_BATCH, available_bytes

MPS = torch.device("mps")
CONTENT, STYLE = samples.CONTENT["chelsea"], samples.CONTENT["coffee"]

FOR_EVERY_DEVICE = (
    *("CompositeExplicitAutograd", "CompositeExplicitAutogradNonFunctional"),
    *("CompositeImplicitAutograd", "MPS"),
)
SPLIT_FURTHER = ("aten::convolution", "aten::convolution_backward")
"""torch names their kernels for MPS in code and not in its list."""


@cache
def list_of_operations() -> Mapping[str, Any]:
    """torch's own list of its operations, with the kernels of each."""
    path = Path(torchgen.__file__).parent / "packaged/ATen/native/native_functions.yaml"
    entries = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return {f"aten::{entry['func'].partition('(')[0]}": entry for entry in entries}


def runs_on_mps(name: str) -> bool:
    entry = list_of_operations()[name]
    if delegate := entry.get("structured_delegate"):
        return runs_on_mps(f"aten::{delegate}")
    if "dispatch" not in entry:
        return True  # it is made of other operations
    kernels = {key.strip() for keys in entry["dispatch"] for key in keys.split(",")}
    return bool(kernels & {*FOR_EVERY_DEVICE})


def what_mps_lacks(operation: Any, results: list[Tensor], given: list[Tensor]) -> None:
    """Refuse float64, and operations without a kernel."""
    for each in results:
        wide = each.dtype in (torch.float64, torch.complex128)
        assert not wide, f"{operation} gives {each.dtype}, which MPS lacks"
    name = operation.name()
    assert name in SPLIT_FURTHER or runs_on_mps(name), f"MPS has no kernel for {name}"


def refuse_eigh(operation: Any, results: list[Tensor], given: list[Tensor]) -> None:
    """The first versions of torch that this project accepts have no such kernel."""
    assert "eigh" not in operation.name()
    what_mps_lacks(operation, results, given)


@pytest.fixture
def _memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 8_000_000_000)
    monkeypatch.setattr(torch.mps, "current_allocated_memory", lambda: 7_000_000_000)


def test_the_stand_in_refuses_what_mps_lacks():
    with stand_in("mps", what_mps_lacks) as mps:
        one = torch.ones(2, device=MPS)
        assert one.device == torch.device("mps", 0)
        assert (one + 1).cpu().tolist() == [2.0, 2.0]
        assert mps.downloads == 1
        with pytest.raises(AssertionError, match=r"gives torch\.float64"):
            one.double()
        with pytest.raises(AssertionError, match=r"gives torch\.float64"):
            torch.zeros(1, dtype=torch.float64).to(MPS)
        with pytest.raises(AssertionError, match="mixes the device and the CPU"):
            one + torch.ones(2)
        with pytest.raises(AssertionError, match="no kernel for aten::linalg_eig"):
            torch.linalg.eig(torch.eye(2, device=MPS))


def run(folder: Path, settings: Settings, device: torch.device, stop_at: int = -1) -> list[str]:
    said: list[str] = []
    asked = iter(range(1000))
    list(
        run_job(
            CONTENT, STYLE, folder, settings, device, 1, lambda: next(asked) == stop_at, said.append
        )
    )
    return said


def losses(folder: Path) -> Tensor:
    """The table of losses, without the column of the seconds."""
    rows = (folder / "losses.csv").read_text(encoding="utf-8").splitlines()[1:]
    return torch.tensor([[float(each) for each in row.split(",")[2:]] for row in rows])


CONTROLS: dict[str, dict[str, Any]] = {
    "L-BFGS": {},
    "Adam, from noise": {"optimizer": "adam", "init": "noise"},
    "stages, padded": {"stages": (Stage(16, 2),), "padding": "reflect", "pooling": "average"},
    "tiles": {"size": 80, "tile": 64, "total_variation": 1.0, "padding": "replicate"},
    "regions": {
        "mask": str(samples.CONTENT["rocket"]),
        "style_mask": str(samples.CONTENT["rocket"]),
        "blend": {str(CONTENT): 2.0},
        "style_scales": (0.5, 1.0),
        "stages": (Stage(16, 2),),
    },
    "color histogram": {"color_histogram": 1.0, "mask": str(samples.CONTENT["rocket"])},
    "coherence": {"coherence": 1.0, "mask": str(samples.CONTENT["rocket"]), "tile": 16},
    "Wasserstein": {"style_loss": "wasserstein", "color": "match"},
    "luminance": {"color": "luminance", "init": str(STYLE), "total_variation": 1.0},
}


@pytest.mark.usefixtures("random_network", "_memory")
@pytest.mark.parametrize("changes", CONTROLS.values(), ids=CONTROLS)
def test_a_job_needs_nothing_that_mps_lacks(
    tmp_path: Path, shallow: Settings, changes: dict[str, Any]
):
    settings = replace(shallow, **changes)
    with stand_in("mps", refuse_eigh) as mps:
        run(tmp_path / "mps", settings, MPS)
    run(tmp_path / "cpu", settings, torch.device("cpu"))
    assert {"aten::convolution", "aten::convolution_backward"} <= {*mps.calls}
    assert names(tmp_path / "mps") == names(tmp_path / "cpu")
    assert facts_of(tmp_path / "mps")["device"] == f"{platform.machine()} GPU (MPS)"
    # The Wasserstein loss is computed in another way, whose rounding the steps amplify.
    bound = 5e-2 if settings.style_loss == "wasserstein" else 2e-2
    torch.testing.assert_close(
        losses(tmp_path / "mps"), losses(tmp_path / "cpu"), rtol=bound, atol=1e-6
    )


@pytest.mark.usefixtures("random_network", "_memory")
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_job_on_mps_resumes(tmp_path: Path, shallow: Settings, optimizer: str):
    settings = replace(shallow, optimizer=optimizer)
    with stand_in("mps", what_mps_lacks):
        run(tmp_path / "whole", settings, MPS)
        with pytest.raises(StoppedError):
            run(tmp_path / "stopped", settings, MPS, stop_at=2)
        said = run(tmp_path / "stopped", settings, MPS)
    assert said == ["resuming from iteration 2 of 4."]
    for name in names(tmp_path / "whole"):
        if name.startswith("generated"):
            one, other = ((tmp_path / each / name).read_bytes() for each in ("whole", "stopped"))
            assert one == other, name


def pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(device_module, "FOLDER", tmp_path)
    for name in ALLOCATIONS:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_auto_takes_the_gpu_of_a_mac(monkeypatch: pytest.MonkeyPatch):
    assert "mps" in DEVICES
    pretend(monkeypatch, cuda=False, mps=True)
    assert usable_gpus("auto") == usable_gpus("mps") == {"mps": MPS}
    assert usable_gpus("cpu") == {}
    pretend(monkeypatch, cuda=False, mps=False)
    assert usable_gpus("auto") == {}
    with pytest.raises(DeviceError, match="mps is not available here; use `--device cpu`"):
        usable_gpus("mps")


class WaitedError(Exception):
    pass


def wait() -> None:
    raise WaitedError


def test_one_job_at_a_time_has_the_gpu(monkeypatch: pytest.MonkeyPatch, locks: Path):
    pretend(monkeypatch, cuda=False, mps=True)
    with lock_device("auto", lambda: None) as device:
        assert device == MPS
        with pytest.raises(WaitedError), lock_device("mps", lambda: None, wait):
            pass
    with lock_device("mps", lambda: None, wait) as device:
        assert device == MPS


def test_bfloat16_is_used_on_request_and_where_it_works(monkeypatch: pytest.MonkeyPatch):
    assert choose_precision("auto", MPS) == torch.float32
    for new, expected in ((True, torch.bfloat16), (False, None)):
        monkeypatch.setattr(
            torch.backends.mps, "is_macos_or_newer", lambda major, minor, new=new: new
        )
        assert choose_precision("fp32", MPS) == torch.float32
        if expected is None:
            with pytest.raises(DeviceError, match=r"precision: bf16 needs macOS 14"):
                choose_precision("bf16", MPS)
        else:
            assert choose_precision("bf16", MPS) == expected


@pytest.mark.usefixtures("_memory")
def test_the_memory_is_shared_with_the_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "usable_bytes", lambda: 10**12)
    assert available_bytes(MPS) == 800_000_000
    monkeypatch.setattr(memory, "usable_bytes", lambda: 10**8)
    assert available_bytes(MPS) == 80_000_000
    assert "mps" in LARGEST_BATCH


def test_a_shortage_on_mps_is_recognized():
    assert is_shortage(RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB)"))


def test_the_device_is_described():
    with warnings.catch_warnings():
        assert describe(MPS) == f"{platform.machine()} GPU (MPS)"


def test_the_stand_in_counts_what_runs_on_the_device():
    with stand_in("mps") as mps:
        assert isinstance(mps, StandIn)
        torch.zeros(2) + 1
        assert mps.calls == []
