"""Style transfer from Python: `stylize` for one output, `Stylizer` for many.

Images are paths, Pillow images, NumPy arrays or torch tensors, and the output is of the kind of the
content image. The engine is that of the pipeline: files give the pixels of its jobs. Nothing global
is changed, and nothing is shown unless you ask for a progress bar. Importing this module does not
import torch; the first call does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from neural_style.config.inputs import INIT, MASK, STYLE_MASK
from neural_style.config.options import in_python
from neural_style.config.schema import settings_of
from neural_style.config.settings import Settings, SettingsError
from neural_style.errors import NeuralStyleError

if TYPE_CHECKING:
    import torch

    from neural_style.engine.session import Output


def stylize(
    content: object,
    style: object,
    settings: Settings | None = None,
    *,
    device: str | torch.device = "auto",
    style_weights: Sequence[float] | None = None,
    mask: object = None,
    style_mask: object = None,
    init: object = None,
    progress: bool = False,
    callback: Callable[[Output], object] | None = None,
    **values: Any,  # noqa: ANN401 - the settings have their types
) -> Output:
    """Give an image the style of another one.

    Args:
        content: the content image: a path; a Pillow image of any mode; an array [H, W, 3] or [H, W]
            of uint8, or of floating-point numbers in [0, 1]; or a tensor [3, H, W], or [B, 3, H, W]
            for several images, of floating-point numbers in [0, 1].
        style: the style image, as the content image, or a list of several.
        settings: the defaults, if it is None.
        device: `auto` (that of a content image on a GPU, else a GPU if there is one, else the CPU),
            `cpu`, `cuda`, or a device of torch.
        style_weights: weight of each style image; only the ratios matter. Without it, they are
            equal.
        mask: where in the content image the style acts: white there, black elsewhere. A path, a
            Pillow image, an array or tensor [H, W] of Booleans, uint8, or numbers in [0, 1], or
            `"beside"` for the file beside the content image. Of several styles, the first acts
            where it is white, and the others where it is black.
        style_mask: which part of the (first) style image is used, in the same forms.
        init: what the optimization starts from: `"recolored"`, `"content"`, `"noise"`, or an image.
        progress: whether to show a progress bar, on a terminal or in a notebook.
        callback: gets an `Output` for the start and for each iteration. If it raises
            `StopIteration`, the run ends with that iteration.
        **values: settings by name, such as `size=256`; they override `settings`. `preset="strong"`
            takes the values of a preset, which others override.

    Returns:
        The output after the last iteration.

    Raises:
        NeuralStyleError: an image, a setting or the device is not as it must be, the memory does
            not suffice, or the optimization diverged; the message is a sentence for each mistake.

    Example:
        >>> from neural_style import stylize
        >>> output = stylize("cat.jpg", "wave.jpg", size=64, epochs=3)
        >>> output.image.size
        (64, 43)
        >>> bool(output.losses["total"][-1] < output.losses["total"][0])
        True
        >>> output.save("out.png")
        PosixPath('out.png')

        Tensors and arrays come back as they were given:

        >>> import numpy as np
        >>> photo = np.zeros((48, 64, 3), dtype=np.uint8)
        >>> output = stylize(photo, ["wave.jpg", "night.jpg"], style_weights=[1, 0.5], size=64,
        ...                  epochs=1)
        >>> output.image.shape, output.image.dtype
        ((48, 64, 3), dtype('uint8'))
    """
    place: Any = getattr(content, "device", None)
    on_gpu = getattr(place, "type", "cpu") not in ("cpu", "meta")
    return Stylizer(device=place if device == "auto" and on_gpu else device)(
        content,
        style,
        settings,
        style_weights=style_weights,
        mask=mask,
        style_mask=style_mask,
        init=init,
        progress=progress,
        callback=callback,
        **values,
    )


class Stylizer:
    """Stylizes images call after call; the network is loaded once.

    Args:
        settings: of all calls that have no other ones; the defaults, if it is None.
        device: as in `stylize`; `auto` is a GPU if there is one, else the CPU.
        **values: settings by name, as in `stylize`.

    Raises:
        NeuralStyleError: a setting or the device is not as it must be.

    Example:
        >>> from neural_style import Stylizer
        >>> stylizer = Stylizer(size=64, epochs=1)
        >>> for style in ("wave.jpg", "night.jpg"):
        ...     print(stylizer("cat.jpg", style, beta=1e5).image.size)
        (64, 43)
        (64, 43)
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        device: str | torch.device = "auto",
        **values: Any,  # noqa: ANN401 - the settings have their types
    ) -> None:
        if "torch" not in sys.modules:
            from neural_style.runtime.memory import require_room_for_torch

            require_room_for_torch()  # whose libraries would end the process without a sentence
        from neural_style.engine.session import Session

        self.settings = _settings_from(settings, values)
        self._session = Session(device)

    def __call__(
        self,
        content: object,
        style: object,
        settings: Settings | None = None,
        *,
        callback: Callable[[Output], object] | None = None,
        **options: Any,  # noqa: ANN401 - those of `iterate`
    ) -> Output:
        """Stylize an image or a batch of images; see `stylize` for arguments and errors."""
        outputs = self.iterate(content, style, settings, **options)
        for output in outputs:
            try:
                if callback is not None:
                    callback(output)
            except StopIteration:
                outputs.close()
        return output

    def iterate(
        self,
        content: object,
        style: object,
        settings: Settings | None = None,
        *,
        style_weights: Sequence[float] | None = None,
        mask: object = None,
        style_mask: object = None,
        init: object = None,
        progress: bool = False,
        **values: Any,  # noqa: ANN401 - the settings have their types
    ) -> Generator[Output, None, None]:
        """Yield the start, then the output of each iteration; leave the loop to stop.

        The images are read before the first iteration. See `stylize` for arguments and errors.

        Example:
            >>> from neural_style import Stylizer
            >>> for output in Stylizer(size=64).iterate("cat.jpg", "wave.jpg"):
            ...     if output.epoch == 2:
            ...         break
            >>> output.losses["total"].shape
            (3,)
        """
        from neural_style.display import bar_for
        from neural_style.model.weights import WeightsError

        try:
            return self._session.outputs(
                content,
                style,
                _settings_from(settings or self.settings, values),
                weights=style_weights,
                companions={MASK: mask, STYLE_MASK: style_mask, INIT: init},
                bar=bar_for if progress else None,
            )
        except WeightsError as error:
            raise WeightsError(in_python(str(error))) from error


def _settings_from(base: Settings | None, values: Mapping[str, Any]) -> Settings:
    """Check settings by name that override others."""
    if not isinstance(base, Settings | None):
        raise SettingsError(
            f"settings is of type {type(base).__name__}; give Settings(…), or settings by name, "
            "such as size=256."
        )
    own = dict(values)
    preset = own.pop("preset", None)
    try:
        return settings_of(own, preset, None if base is None else vars(base))
    except NeuralStyleError as error:
        raise SettingsError(in_python(str(error))) from None
