"""Write the page of the gallery: one HTML file that needs only the images beside it.

Also the table of small images on the first page of Snakemake's report.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from neural_style.config.settings import Settings
from neural_style.config.sweep import Job
from neural_style.images.decode import ImageError, load_image
from neural_style.io import remove_leftovers, write_text
from neural_style.report.copies import shrink
from neural_style.report.gallery_data import collect
from neural_style.report.names import display_names, setting_labels

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
    "zip.js",
    "picks.js",
    "print.js",
    "keyboard.js",
    "main.js",
)
"""In the order in which they are joined; only `main.js` acts, after all are there."""

MOST_IN_REPORT = 240
"""The most outputs in the table of the report."""

_REPORT_EDGE = 128  # greatest longer side of its images in pixels
_REPORT_QUALITY = 75
_SHOW = "new ToggleViewManager(app).handleSelectedResult(this.dataset.path); return false"
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


def report_table(jobs: Sequence[Job]) -> str:
    """Return the outputs as tables for the first page of a report, styles down, settings across.

    A press on an image shows the output in the report.

    Args:
        jobs: of the sweep; the first `MOST_IN_REPORT` are shown.

    Returns:
        HTML with images as data URIs; no line is long, and no name in it can become markup.
    """
    shown = jobs[:MOST_IN_REPORT]
    labels = setting_labels({job.setting: job.settings for job in jobs})[0]
    contents = display_names({job.content: job.content_path for job in shown})
    styles = display_names({job.style: job.style_path for job in shown})
    parts = []
    for content, name in contents.items():
        of_content = {(job.style, job.setting): job for job in shown if job.content == content}
        settings = list(dict.fromkeys(setting for _, setting in of_content))
        heads = "\n".join(f"<th>{html.escape(labels[setting])}</th>" for setting in settings)
        rows = "".join(
            f"<tr><th>{html.escape(styles[style])}</th>"
            + "".join(_report_cell(of_content.get((style, setting))) for setting in settings)
            + "</tr>\n"
            for style in dict.fromkeys(style for style, _ in of_content)
        )
        parts.append(
            f'<h3>{html.escape(name)}</h3><div style="overflow-x: auto"><table>'
            f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
    if len(shown) < len(jobs):
        parts.append(f"<p>The first {len(shown)} of {len(jobs)} outputs; the gallery has all.</p>")
    return "\n".join(parts)


def thumbnail_uri(path: Path) -> str | None:
    """Return a small JPEG of an image as a data URI; None if the image cannot be read.

    In lines, since docutils refuses long ones; browsers skip the breaks.
    """
    try:
        small = shrink(load_image(path, side=_REPORT_EDGE), _REPORT_EDGE)
    except ImageError:
        return None
    encoded = io.BytesIO()
    small.save(encoded, "jpeg", quality=_REPORT_QUALITY)
    text = base64.encodebytes(encoded.getvalue()).decode("ascii")
    return f"data:image/jpeg;base64,{text.rstrip()}"


def _report_cell(job: Job | None) -> str:
    uri = thumbnail_uri(job.final_output) if job else None
    if job is None or uri is None:
        return "<td>–</td>"
    path, said = html.escape(str(job.final_output)), html.escape(f"{job.content} in {job.style}")
    return (
        f'<td><a href="#" data-path="{path}" onclick="{_SHOW}">'
        f'<img src="{uri}" alt="{said}" style="margin: 0; max-width: none"></a></td>'
    )


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
