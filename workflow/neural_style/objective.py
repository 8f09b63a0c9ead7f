"""The function that is minimised: pictures in, losses and gradient out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neural_style.losses import ContentTerm, StyleTerm, Term, gram_matrix
from neural_style.settings import Settings
from neural_style.tensors import normalise
from neural_style.vgg import Vgg19


@dataclass(frozen=True)
class Evaluation:
    """The losses of a batch of pictures, and where they lead.

    Attributes:
        parts: weighted loss of each term and image, [T, B].
        gradient: of each image's total loss, [B, 3, H, W].
    """

    parts: Tensor
    gradient: Tensor

    @property
    def total(self) -> Tensor:
        """Sum of the parts, [B]."""
        return self.parts.sum(dim=0)


class Objective:
    """alpha · content loss + beta · style loss, for each picture of a batch on its own.

    Args:
        network: gives the features that the terms ask for.
        terms: the summands.
    """

    def __init__(self, network: Vgg19, terms: Sequence[Term]) -> None:
        self.network = network
        self.terms = tuple(terms)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the terms, in the order of `parts`."""
        return tuple(term.name for term in self.terms)

    def parts(self, pictures: Tensor) -> Tensor:
        """Weighted loss of each term for pictures [B, 3, H, W] in [0, 1]: [T, B]."""
        features = features_of(self.network, pictures)
        return torch.stack([term(features) for term in self.terms])

    def __call__(self, pictures: Tensor) -> Evaluation:
        """Losses and gradient at pictures [B, 3, H, W] in [0, 1]."""
        variable = pictures.detach().requires_grad_()
        parts = self.parts(variable)
        (gradient,) = torch.autograd.grad(parts.sum(), variable)
        return Evaluation(parts.detach(), gradient.contiguous())


def features_of(network: Vgg19, pictures: Tensor) -> dict[str, Tensor]:
    """Features of pictures [B, 3, H, W] in [0, 1], in the network's precision."""
    ready = normalise(pictures).to(dtype=network.dtype, memory_format=torch.channels_last)
    features: dict[str, Tensor] = network(ready)
    return features


@torch.no_grad()
def gatys_objective(
    network: Vgg19, contents: Tensor, styles: Sequence[Tensor], settings: Sequence[Settings]
) -> Objective:
    """The objective of the paper: features of the content, Gram matrices of the style.

    Args:
        network: gives the features.
        contents: [B, 3, H, W] in [0, 1].
        styles: a style image [1, 3, h, w] in [0, 1] for each content image; their sizes may
            differ, and one that is given several times is computed once.
        settings: one for each content image. Layers are those of the first; alpha and beta are
            each image's own.
    """
    common = settings[0]
    alpha = contents.new_tensor([each.alpha for each in settings])
    beta = contents.new_tensor([each.beta for each in settings])
    content = features_of(network, contents)
    unique = {id(style): style for style in styles}
    grams = {
        key: _gram_matrices(network, style, common.style_layers) for key, style in unique.items()
    }
    terms: list[Term] = [
        ContentTerm(layer, alpha * weight, content[layer])
        for layer, weight in common.content_layers.items()
    ]
    terms += [
        StyleTerm(layer, beta * weight, torch.cat([grams[id(style)][layer] for style in styles]))
        for layer, weight in common.style_layers.items()
    ]
    return Objective(network, terms)


def _gram_matrices(network: Vgg19, style: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
    """The Gram matrix [1, C, C] of a style image [1, 3, h, w] at each layer."""
    features = features_of(network, style)
    return {layer: gram_matrix(features[layer]) for layer in layers}
