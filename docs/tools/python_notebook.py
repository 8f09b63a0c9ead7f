"""Make docs/python.ipynb, the notebook that shows the Python interface with images.

Run it as `python docs/tools/python_notebook.py`. The cells are below. They are run here, in one
namespace, and what they show is put into the notebook, so that no kernel is needed.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import nbformat
from matplotlib.figure import Figure
from PIL import Image

DOCS = Path(__file__).parents[1]
NOTEBOOK = DOCS / "python.ipynb"

CELLS = """
# %% [markdown]
# # Style transfer from Python
#
# This notebook shows what [python.md](python.md) describes. It was made by
# `python docs/tools/python_notebook.py`. The images are small, so that it runs on a CPU in a few
# minutes.
# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from neural_style import Stylizer, stylize

SIZE, EPOCHS = 192, 60

samples = Path("../images/samples")
cat = samples / "content" / "chelsea.jpg"
night = samples / "style" / "swirling_night.jpg"
glass = samples / "style" / "stained_glass.jpg"
# %% [markdown]
# ## One output
#
# With `progress=True`, a bar shows the progress.
# %%
output = stylize(cat, night, size=SIZE, epochs=EPOCHS)
output.image
# %% [markdown]
# The losses of every iteration are arrays.
# %%
figure, axes = plt.subplots(figsize=(5, 3))
for name in ("total", "content", "style"):
    axes.semilogy(output.losses[name][1:], label=name)
axes.set(xlabel="iteration", ylabel="weighted loss")
axes.legend()
figure
# %% [markdown]
# ## Several styles and settings
#
# A `Stylizer` loads the network once.
# %%
stylizer = Stylizer(size=SIZE, epochs=EPOCHS)
images = {
    "beta 1e5": stylizer(cat, night, beta=1e5).image,
    "stained glass": stylizer(cat, glass).image,
    "both styles": stylizer(cat, [night, glass], style_weights=[1, 1]).image,
    "colors of the cat": stylizer(cat, night, color="luminance").image,
}
figure, axes = plt.subplots(2, 2, figsize=(7, 5))
for place, (name, image) in zip(axes.flat, images.items(), strict=True):
    place.imshow(image)
    place.set_title(name)
    place.axis("off")
figure
# %% [markdown]
# ## Every iteration
#
# `iterate` yields the start and each iteration. Leave the loop when you like the image.
# %%
for step in stylizer.iterate(cat, glass):
    if step.losses["total"][-1] < 0.1 * step.losses["total"][0]:
        break
print(f"stopped after {step.epoch} iterations")
step.image
# %% [markdown]
# ## Arrays, tensors, and masks
#
# The output is of the kind of the content image. Here, the style acts in a circle of an array.
# %%
photo = np.asarray(output.image)
y, x = np.mgrid[-1 : 1 : photo.shape[0] * 1j, -1 : 1 : photo.shape[1] * 1j]
circle = stylizer(photo, glass, mask=x**2 + y**2 < 0.5).image
print(type(circle).__name__, circle.dtype, circle.shape)
plt.figure(figsize=(4, 3))
plt.imshow(circle)
plt.axis("off")
plt.gcf()
# %%
batch = torch.from_numpy(photo / 255).permute(2, 0, 1).flip(2).expand(2, -1, -1, -1)
result = stylizer(batch, night, epochs=2)
print(result.image.shape, result.image.dtype, result.losses["total"].shape)
"""

QUALITY = 80


def cells() -> Iterator[tuple[str, str]]:
    """Kind (`markdown` or `code`) and source of each cell."""
    for part in re.split(r"^# %%", CELLS, flags=re.MULTILINE)[1:]:
        kind, _, source = part.partition("\n")
        if "[markdown]" in kind:
            yield "markdown", re.sub(r"^# ?", "", source.strip(), flags=re.MULTILINE)
        else:
            yield "code", source.strip()


def run_cell(source: str, namespace: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Run a code cell, and yield what it shows: printed text, then the value of its last line."""
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(body, []), "cell", "exec"), namespace)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)
    if printed.getvalue():
        yield nbformat.v4.new_output("stream", name="stdout", text=printed.getvalue())
    if value is not None:
        yield nbformat.v4.new_output("display_data", data=shown(value))


def shown(value: object) -> dict[str, str]:
    """A value as a notebook shows it, by media type."""
    picture = io.BytesIO()
    if isinstance(value, Figure):
        value.tight_layout()
        value.savefig(picture, format="jpeg", dpi=90, pil_kwargs={"quality": QUALITY})
    elif isinstance(value, Image.Image):
        value.save(picture, "JPEG", quality=QUALITY)
    else:
        return {"text/plain": repr(value)}
    return {"image/jpeg": base64.b64encode(picture.getvalue()).decode("ascii")}


def make_notebook() -> Any:  # noqa: ANN401 - nbformat has no hints
    """Run all cells in the folder of the notebook, and return it."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    for number, (kind, source) in enumerate(cells()):
        cell = (
            nbformat.v4.new_markdown_cell(source)
            if kind == "markdown"
            else nbformat.v4.new_code_cell(source, outputs=list(run_cell(source, namespace)))
        )
        cell["id"] = f"cell-{number}"
        notebook.cells.append(cell)
    plt.close("all")
    return notebook


def main() -> None:
    """Write the notebook."""
    os.chdir(DOCS)
    notebook = make_notebook()
    nbformat.validate(notebook)
    NOTEBOOK.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
