"""The baseline: the method as a textbook writes it, without any trick.

It shares the weights with the library and, by definition, the loss; a test holds the two to the
same value. Everything else is plain: float32, `torch.optim.LBFGS`, features by a loop, autograd.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from neural_style.images.tensors import normalize
from neural_style.model.vgg import Vgg19

CONTENT_LAYER = "conv4_2"
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


def plain(
    network: Vgg19, content: Tensor, style: Tensor, alpha: float, beta: float, in_range: bool
) -> Iterator[Tensor]:
    """Optimize without end, one evaluation a step.

    Args:
        network: VGG19 in float32.
        content: [1, 3, H, W] in [0, 1].
        style: [1, 3, h, w] in [0, 1].
        alpha: weight of the content loss.
        beta: weight of the style loss.
        in_range: clamp the image to [0, 1] in the forward pass: the second baseline.

    Yields:
        The image before each step and after it, [1, 3, H, W], not clipped.
    """
    with torch.no_grad():
        content_target = network(normalize(content))[CONTENT_LAYER]
        style_features = network(normalize(style))
        style_targets = {layer: gram(style_features[layer]) for layer in STYLE_LAYERS}
    image = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image], lr=1, max_iter=1, history_size=100)

    def closure() -> Tensor:
        optimizer.zero_grad()
        features = network(normalize(image.clamp(0, 1) if in_range else image))
        content_loss = mse_loss(features[CONTENT_LAYER], content_target)
        style_loss = sum(
            mse_loss(gram(features[layer]), target) for layer, target in style_targets.items()
        )
        loss: Tensor = alpha * content_loss + beta * style_loss
        loss.backward()
        return loss

    while True:
        yield image.detach().clone()
        optimizer.step(closure)


def gram(features: Tensor) -> Tensor:
    """F Fᵀ / (C·H·W)."""
    batch, channels, height, width = features.shape
    flat = features.view(batch, channels, height * width)
    return flat @ flat.transpose(1, 2) / (channels * height * width)
