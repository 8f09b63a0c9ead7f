"""Write the page of the gallery: one HTML file that needs only the images beside it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from neural_style.config.settings import Settings
from neural_style.config.sweep import Job
from neural_style.io import remove_leftovers, write_text
from neural_style.report.gallery_data import collect

_WEB = Path(__file__).with_name("web")
_SCRIPTS = (
    "data.js",
    "axes.js",
    "query.js",
    "state.js",
    "stage.js",
    "overview.js",
    "matrix.js",
    "filters.js",
    "curve.js",
    "slider.js",
    "viewer.js",
    "table.js",
    "picks.js",
    "print.js",
    "keyboard.js",
    "main.js",
)
"""In the order in which they are joined; only `main.js` acts, after all are there."""

_UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def write_gallery(jobs: Sequence[Job], defaults: Settings, path: Path) -> None:
    """Write the gallery of a sweep, and beside it the copies of images that it shows.

    Args:
        jobs: of the sweep, finished or not.
        defaults: settings of the command `neural-style` without options.
        path: of the page; no other process may write it or its copies meanwhile.

    Raises:
        NeuralStyleError: a file cannot be written.
    """
    remove_leftovers([path])
    write_text(path, render(collect(jobs, defaults, path.parent)))


def render(data: Mapping[str, Any]) -> str:
    """Return the page with its style sheet, scripts, and data.

    Data cannot become markup: `embed` escapes it for its element, the scripts insert it as text
    only, and the content security policy of the page allows no scripts but its own.
    """
    style = _read("gallery.css")
    script = '"use strict";\n(() => {\n' + "\n".join(map(_read, _SCRIPTS)) + "\n})();\n"
    policy = (
        f"default-src 'none'; img-src 'self' file: data:; style-src {_source(style)}; "
        f"script-src {_source(script)}; base-uri 'none'; form-action 'none'"
    )
    template = Template(_read("page.html"))
    return template.substitute(policy=policy, style=style, script=script, data=embed(data))


def embed(data: Mapping[str, Any]) -> str:
    """Return data as JSON that is safe in a script element: ASCII without `<`, `>`, and `&`."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.translate(_UNSAFE)


def _read(name: str) -> str:
    return (_WEB / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """Return the source of an inline element in a content security policy: the hash of its text."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
