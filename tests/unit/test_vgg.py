"""The network: equal to torchvision's feature by feature, and never deeper than requested."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from tests import samples
from torch import Tensor, nn
from torch.nn import functional

from neural_style.images.fit import load_fitted
from neural_style.images.tensors import normalize, to_tensor
from neural_style.model.layers import (
    CHANNELS_PER_BLOCK,
    CONVOLUTIONS,
    LAYERS,
    block_of,
    required_convolutions,
)
from neural_style.model.vgg import AVERAGE_POOL_SCALES, Convolution, Vgg19
from neural_style.model.weights import Weights, load_weights

Convolutions = Mapping[str, Convolution]


@pytest.fixture(scope="module")
def image() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def everything(full_convolutions: Convolutions, image: Tensor) -> Mapping[str, Tensor]:
    return Vgg19(full_convolutions, LAYERS)(image)


@pytest.fixture(scope="module")
def torchvision_features(full_convolutions: Convolutions) -> nn.Sequential:
    """The convolutional part of torchvision's VGG19, with the random weights."""
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):  # the classifier, which is not needed, takes seconds to fill
        features: nn.Sequential = models.vgg19(weights=None).features
    features.to_empty(device="cpu")
    places = [module for module in features if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for module, parameters in zip(places, full_convolutions.values(), strict=True):
            assert module.bias is not None
            module.weight.copy_(parameters.weight)
            module.bias.copy_(parameters.bias)
    return features


def test_every_layer_equals_that_of_torchvision(
    torchvision_features: nn.Sequential, image: Tensor, tmp_path: Path
):
    file = tmp_path / "vgg19.pth"
    torch.save(
        {f"features.{key}": value for key, value in torchvision_features.state_dict().items()}, file
    )
    ours = Vgg19(load_weights(str(file)).convolutions, LAYERS)(image)
    theirs: list[Tensor] = []
    current = image
    with torch.no_grad():
        for module in torchvision_features:
            current = module(current.clone())  # their ReLUs work in place
            if not isinstance(module, nn.MaxPool2d):
                theirs.append(current)
    assert len(theirs) == len(LAYERS)
    for layer, expected in zip(LAYERS, theirs, strict=True):
        worst = (ours[layer] - expected).abs().max()
        assert worst <= 1e-5 * expected.abs().max(), f"{layer} is off by {worst:.3g}"


@pytest.mark.parametrize("layers", [{"conv4_2"}, {"relu4_2"}, {"conv4_2", "relu4_2"}])
def test_a_layer_is_the_same_whichever_others_are_requested(
    full_convolutions: Convolutions,
    image: Tensor,
    everything: Mapping[str, Tensor],
    layers: set[str],
):
    features = Vgg19(full_convolutions, layers)(image)
    assert features.keys() == layers
    for layer in layers:
        assert torch.equal(features[layer], everything[layer]), layer


def test_conv_is_before_the_relu_and_relu_behind_it(everything: Mapping[str, Tensor]):
    for convolution in CONVOLUTIONS:
        rectified = everything[convolution.replace("conv", "relu")]
        assert (everything[convolution] < 0).any(), convolution
        assert torch.equal(rectified, everything[convolution].clamp(min=0)), convolution


def test_sizes_halve_between_blocks(everything: Mapping[str, Tensor]):
    for layer, features in everything.items():
        block = block_of(layer)
        side = 32 >> (block - 1)
        assert features.shape == (2, CHANNELS_PER_BLOCK[block - 1], side, side), layer


@pytest.mark.parametrize("deepest", ["conv1_1", "relu2_2", "conv3_1"])
def test_nothing_deeper_than_the_deepest_layer_is_needed_or_kept(
    full_convolutions: Convolutions, image: Tensor, deepest: str
):
    needed = required_convolutions([deepest])
    network = Vgg19({name: full_convolutions[name] for name in needed}, {deepest, "conv1_1"})
    assert deepest in network(image)
    kept = sum(buffer.numel() for buffer in network.buffers())
    assert kept == sum(part.numel() for name in needed for part in full_convolutions[name])


def test_the_network_is_frozen(full_convolutions: Convolutions, image: Tensor):
    assert not list(Vgg19(full_convolutions, {"conv1_1"}).parameters())


def test_gradients_reach_the_image_though_relus_work_in_place(
    full_convolutions: Convolutions, image: Tensor
):
    def slope(layers: set[str]) -> Tensor:
        variable = image.clone().requires_grad_()
        loss = Vgg19(full_convolutions, layers)(variable)["relu3_1"].square().sum()
        return torch.autograd.grad(loss, variable)[0]

    # With every convolution's output kept, no ReLU may work in place.
    torch.testing.assert_close(slope({"relu3_1"}), slope({"relu3_1", *CONVOLUTIONS[:5]}))


def test_prepare_changes_the_precision_and_nothing_else(
    full_convolutions: Convolutions, image: Tensor, everything: Mapping[str, Tensor]
):
    network = Vgg19(full_convolutions, {"conv2_1"}).prepare(torch.device("cpu"), torch.float64)
    assert network.dtype == torch.float64
    features = network(image.double())["conv2_1"]
    torch.testing.assert_close(features.float(), everything["conv2_1"], rtol=1e-4, atol=1e-5)


def padded(features: Tensor, mode: str) -> Tensor:
    """One more row and column on each side, index by index."""
    places = [torch.arange(-1, side + 1) for side in features.shape[2:]]
    for index, side in zip(places, features.shape[2:], strict=True):
        index[0] = 1 if mode == "reflect" else 0
        index[-1] = side - 2 if mode == "reflect" else side - 1
    return features[:, :, places[0]][:, :, :, places[1]]


@pytest.mark.parametrize("padding", ["reflect", "replicate", "replicate_first"])
def test_beyond_the_border_lies_what_the_padding_says(
    full_convolutions: Convolutions, image: Tensor, padding: str
):
    network = Vgg19(full_convolutions, {"relu1_1", "conv1_2"}, padding=padding)
    features = network(image)
    for name, before in (("conv1_1", image), ("conv1_2", features["relu1_1"])):
        weight, bias = full_convolutions[name]
        if padding == "replicate_first" and name != "conv1_1":
            expected = functional.conv2d(before, weight, bias, padding=1)
        else:
            expected = functional.conv2d(padded(before, padding), weight, bias)
        ours = features.get(name, features["relu1_1"])
        expected = expected if name in features else expected.relu()
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("padding", ["zeros", "reflect", "replicate"])
def test_only_zeros_make_a_border_in_an_image_that_has_none(
    full_convolutions: Convolutions, padding: str
):
    gray = torch.full((1, 3, 32, 32), 0.7)
    features = Vgg19(full_convolutions, {"conv3_1"}, padding=padding)(gray)["conv3_1"]
    spread = features.amax(dim=(2, 3)) - features.amin(dim=(2, 3))
    assert (spread.max() > 0.1) == (padding == "zeros")
    assert padding == "zeros" or spread.max() < 1e-4


@pytest.mark.parametrize("padding", ["zeros", "reflect", "replicate", "replicate_first"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_the_narrowest_image_has_features_at_every_layer_and_a_gradient(
    full_convolutions: Convolutions, pooling: str, padding: str
):
    picture = torch.rand(1, 3, 16, 48, generator=torch.Generator().manual_seed(2))
    picture.requires_grad_()
    features = Vgg19(full_convolutions, LAYERS, pooling, padding)(picture)
    assert features["conv5_4"].shape == (1, 512, 1, 3)
    (gradient,) = torch.autograd.grad(features["conv5_4"].sum(), picture)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0


def test_average_pooling_is_the_scaled_mean_of_four(full_convolutions: Convolutions, image: Tensor):
    features = Vgg19(full_convolutions, {"relu1_2", "conv2_1"}, pooling="average")(image)
    four = features["relu1_2"].unflatten(3, (16, 2)).unflatten(2, (16, 2))
    weight, bias = full_convolutions["conv2_1"]
    mean = AVERAGE_POOL_SCALES[0] * four.mean(dim=(3, 5))
    expected = functional.conv2d(mean, weight, bias, padding=1)
    torch.testing.assert_close(features["conv2_1"], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("pooling", "padding", "expected_padding"),
    [
        ("max", "replicate_first", "replicate"),
        ("average", "replicate_first", "replicate"),
        ("max", "zeros", "zeros"),
        ("max", "reflect", "reflect"),
    ],
)
def test_the_network_for_finer_levels_shares_all_weights(
    full_convolutions: Convolutions,
    image: Tensor,
    pooling: str,
    padding: str,
    expected_padding: str,
):
    layers = {"conv1_1", "relu3_1"}
    network = Vgg19(full_convolutions, layers, pooling, padding)
    before, found = network(image), network.for_finer_levels
    expected = Vgg19(full_convolutions, layers, "average", expected_padding)(image)
    torch.testing.assert_close(found(image), expected, rtol=0, atol=0)
    torch.testing.assert_close(network(image), before, rtol=0, atol=0)
    assert not torch.equal(before["relu3_1"], expected["relu3_1"])
    for name, buffer in network.named_buffers():
        assert buffer.data_ptr() == found.get_buffer(name).data_ptr()


def test_average_pooling_keeps_the_scale_of_content_images(caffe: Weights):
    layers = {layer for layer in LAYERS if layer.startswith("relu")} - {"relu5_4"}
    pictures = [load_fitted(path, 192, "stretch") for path in samples.CONTENT.values()]
    batch = normalize(torch.cat(list(map(to_tensor, pictures))))
    expected, ours = (
        {name: float(each.mean()) for name, each in network(batch).items()}
        for network in (
            Vgg19(caffe.convolutions, layers, pooling) for pooling in ("max", "average")
        )
    )
    ratios = {name: ours[name] / expected[name] for name in sorted(layers)}
    assert all(0.75 < ratio < 1.25 for ratio in ratios.values()), ratios
    # Without the factors, whose product is 4, the last layers would be far below.
    assert min(ratios.values()) * 2 > max(ratios.values())


@pytest.mark.parametrize(
    ("layers", "options", "message"),
    [
        ((), {}, "no layers; name at least one"),
        (("conv1_1", "conv9_1"), {}, "unknown layers conv9_1; the layers are conv1_1, relu1_1"),
        (("conv1_1",), {"pooling": "min"}, "unknown pooling 'min'; the poolings are max, average"),
        (("conv1_1",), {"padding": "same"}, "unknown padding 'same'; the paddings are zeros"),
    ],
)
def test_arguments_that_do_not_exist_are_named_beside_those_that_do(
    full_convolutions: Convolutions,
    layers: tuple[str, ...],
    options: dict[str, str],
    message: str,
):
    with pytest.raises(ValueError, match=message):
        Vgg19(full_convolutions, layers, **options)
