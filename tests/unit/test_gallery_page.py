"""The page of the gallery: its data about each output, and that no name becomes markup."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image, ImageSequence
from tests.fake_results import fail, finish, make_inputs, make_jobs

from neural_style.config.options import shell_argument
from neural_style.config.settings import Settings
from neural_style.images.decode import load_image
from neural_style.report.gallery_data import collect, curve_epochs
from neural_style.report.gallery_page import embed, render, report_table, write_gallery
from neural_style.report.grid_render import write_time_lapse
from neural_style.report.outputs import spread, time_lapse

FOLDER = Path("results/gallery")
HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "</script><script>alert(2)</script>.png",
    "<!-- $style ${data} -->.png",
    "100% 'it''s' \"quoted\" #1 ? & \\.png",
    "two\nlines\u2028.png",
    os.fsdecode(b"caf\xe9.png"),
    "שלום \u202e.png",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def jobs(home: Path, defaults: Settings):
    """Two content images × one style image × two settings; the last one failed."""
    jobs = make_jobs(["cat.png", "dog.png"], ["sea.png"], [1e5, 1e6], defaults)
    make_inputs(jobs)
    for number, job in enumerate(jobs[:-1]):
        finish(job, number)
    fail(jobs[-1], "the loss became infinite.")
    return jobs


class Markup(HTMLParser):
    """The elements of a page, and the texts of those that hold scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "script":
            key = self.tags[-1][1].get("id") or "script"
            self.texts[key] = self.texts.get(key, "") + data


def markup_of(page: str) -> Markup:
    markup = Markup()
    markup.feed(page)
    return markup


def test_knows_where_every_output_is(jobs, defaults):
    data = collect(jobs, defaults, FOLDER)
    first = data["outputs"][0]
    assert first["folder"] == "../cat/sea/1_1e5_1"
    assert (FOLDER / first["thumbnail"]).is_file()
    for snapshot in data["settings"][first["setting"]]["snapshots"]:
        assert (FOLDER / first["folder"] / snapshot["file"]).is_file()
    assert [each["epoch"] for each in data["settings"][0]["snapshots"]] == [2, 4, 6]
    cat = data["contents"][first["content"]]
    assert (FOLDER / cat["copies"][data["settings"][0]["fit"]]).is_file()
    assert (FOLDER / cat["thumbnail"]).is_file()
    assert (FOLDER / data["styles"][0]["thumbnail"]).is_file()


def test_each_output_has_its_own_images_and_setting(home, defaults):
    jobs = make_jobs(["cat.png", "dog.png"], ["sea.png", "sun.png"], [1e5, 1e6, 1e7], defaults)
    make_inputs(jobs)
    data = collect(jobs, defaults, FOLDER)
    found = [
        tuple(data[f"{kind}s"][output[kind]]["id"] for kind in ("content", "style", "setting"))
        for output in data["outputs"]
    ]
    assert found == [(job.content, job.style, job.setting) for job in jobs]


def test_knows_the_losses_as_saved_and_over_the_epochs(jobs, defaults):
    data = collect(jobs, defaults, FOLDER)
    second = data["outputs"][1]
    epochs = [0, 1, 2, 4, 6]
    assert data["settings"][0]["epochs"] == epochs
    # The total is as it was minimized, with beta 1e6; content and style loss are without weights.
    assert second["losses"] == pytest.approx([2 + 1e6 * 499 / 7, 2, 499 / 7], rel=1e-4)
    total, content, style = zip(*second["curve"], strict=True)
    assert content == pytest.approx([2 * epoch / 6 for epoch in epochs], rel=1e-4)
    assert style == pytest.approx([499 / (1 + epoch) for epoch in epochs], rel=1e-4)
    assert total[-1] == pytest.approx(2 + 1e6 * 499 / 7, rel=1e-4)
    assert (second["size"], second["seconds"]) == ((48, 32), 83.5)
    assert data["devices"][second["device"]] == "x86_64 CPU, 2 threads, float32"


def test_a_missing_output_has_its_reason(jobs, defaults):
    jobs[0].final_output.write_bytes(b"torn")
    outputs = collect(jobs, defaults, FOLDER)["outputs"]
    assert outputs[3]["missing"] == "the loss became infinite."
    assert "generated_6.png" in outputs[0]["missing"]
    assert "missing" not in outputs[1]
    assert "thumbnail" not in outputs[0]


def test_losses_whose_weights_are_unknown_are_not_shown(jobs, defaults):
    """They could not be compared with those of other settings."""
    record = jobs[0].folder / "run.json"
    facts = json.loads(record.read_text(encoding="utf-8"))
    del facts["settings"]["beta"]
    record.write_text(json.dumps(facts), encoding="utf-8")
    first, second, *_ = collect(jobs, defaults, FOLDER)["outputs"]
    assert [loss is None for loss in first["losses"]] == [False, True, True]
    assert [loss is None for loss in first["curve"][-1]] == [False, True, True]
    assert None not in second["losses"]


def test_settings_have_short_labels_and_names_for_files(home, defaults):
    jobs = make_jobs(["cat.png"], ["sea.png"], [1e5, 1e6], defaults)
    data = collect(jobs, defaults, FOLDER)
    assert data["common"] == "α\u00a01   lr\u00a01"
    assert [each["label"] for each in data["settings"]] == ["β\u00a01e5", "β\u00a01e6"]
    assert [each["slug"] for each in data["settings"]] == ["beta1e5", "beta1e6"]
    named = replace(jobs[0], setting="deep", root=Path("it's here"))
    data = collect([named], defaults, FOLDER)
    assert [(each["label"], each["slug"], each["named"]) for each in data["settings"]] == [
        ("deep", "deep", True)
    ]
    assert data["root"] == {"path": "it's here", "argument": shell_argument("it's here")}


@pytest.mark.parametrize(
    ("start", "whether"),
    [
        ({}, True),
        ({"init": "noise"}, False),
        ({"init_noise": 0.5}, False),
        ({"init": "a.png"}, False),
    ],
)
def test_knows_whether_an_optimization_starts_from_the_content_image(
    home, defaults, start, whether
):
    jobs = make_jobs(["cat.png"], ["sea.png"], [1e6], replace(defaults, **start))
    (setting,) = collect(jobs, defaults, FOLDER)["settings"]
    assert setting["starts_from_content"] is whether


def test_an_output_without_records_is_shown(jobs, defaults):
    for name in ("run.json", "losses.csv"):
        (jobs[0].folder / name).unlink()
    first = collect(jobs, defaults, FOLDER)["outputs"][0]
    assert "thumbnail" in first
    assert "losses" not in first
    assert set(first["curve"]) == {None}


def test_unreadable_originals_leave_a_gap(jobs, defaults):
    jobs[0].content_path.write_bytes(b"torn")
    data = collect(jobs, defaults, FOLDER)
    assert (data["contents"][0]["copies"], data["contents"][0]["thumbnail"]) == ({}, None)
    assert data["contents"][1]["copies"]


@pytest.mark.parametrize("name", [*HOSTILE, "plain.png"])
def test_the_command_reaches_the_program_unchanged(home, defaults, name):
    """Bash reads it, and a program in place of `neural-style` says what arrived."""
    blend = {f"images/style/{name}": 0.5, "a:b.png": 2.0}
    settings = replace(defaults, blend=blend, mask="beside")
    (job,) = make_jobs([name], ["sea.png"], [2.5e7], settings)
    data = collect([job], defaults, FOLDER)
    words = [
        data["contents"][0]["option"],
        data["styles"][0]["option"],
        data["outputs"][0]["option"],
        *data["settings"][0]["options"],
    ]
    program = [sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))"]
    command = f"{shlex.join(program)} {' '.join(words)}"
    said = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ascii(
        [
            f"images/content/{name}",
            "images/style/sea.png",
            f"--output=remade/{job.content}/sea/1_2.5e7_1.png",
            "--beta=25000000",
            "--size=48",
            "--format=png",
            "--epochs=6",
            "--save-every=2",
            f"--blend=images/style/{name}:0.5",
            "--blend=a:b.png:2",
            "--mask=beside",
        ]
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_blended_styles_are_named(home, defaults, name):
    blend = {f"images/style/{name}": 0.5, "sun.png": 2.0}
    (job,) = make_jobs(["cat.png"], ["sea.png"], [1e6], replace(defaults, blend=blend))
    page = markup_of(render(collect([job], defaults, FOLDER)))
    facts = json.loads(page.texts["data"])["settings"][0]["facts"]
    stem = os.fsencode(Path(name).stem).decode("utf-8", "replace")
    assert facts["blend"] == f"{stem}:0.5,sun:2"
    assert (facts["style_scales"], facts["mask"], facts["style_mask"]) == ("1", "none", "none")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_markup(home, defaults, name):
    plain, hostile = (make_jobs([each], [each], [1e6], defaults) for each in ("a.png", name))
    expected = markup_of(render(collect(plain, defaults, FOLDER)))
    found = markup_of(render(collect(hostile, defaults, FOLDER)))
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in expected.tags]
    assert found.texts["script"] == expected.texts["script"]
    stem = os.fsencode(Path(name).stem).decode("utf-8", "replace")
    assert json.loads(found.texts["data"])["contents"][0]["name"] == stem


def test_embedded_data_are_plain_and_whole():
    data = {"name": "<&>\u2028\u2029</script>\udce9'\"é😀"}
    text = embed(data)
    assert text.isascii()
    assert not re.search("[<>&]", text)
    assert json.loads(text) == data


def test_the_page_needs_nothing_but_images(jobs, defaults):
    path = FOLDER / "index.html"
    write_gallery(jobs, defaults, path)
    page = path.read_text(encoding="utf-8")
    assert "http:" not in page.replace("http://www.w3.org/", "")
    assert "https:" not in page
    policy = next(
        attributes["content"] or ""
        for tag, attributes in markup_of(page).tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "innerHTML" not in page


def test_the_second_time_only_the_page_is_written(jobs, defaults):
    path = FOLDER / "index.html"
    write_gallery(jobs, defaults, path)
    text = path.read_bytes()
    copies = {each: each.stat().st_ino for each in FOLDER.rglob("*.jpg")}
    assert len(copies) == 3 + 2 * 2 + 2
    write_gallery(jobs, defaults, path)
    assert {each: each.stat().st_ino for each in FOLDER.rglob("*.jpg")} == copies
    assert path.read_bytes() == text


def test_addresses_are_percent_encoded(home, defaults):
    (job,) = make_jobs(["cat.png"], ["sea.png"], [1e6], defaults)
    odd = replace(job, content="100% #1 ?", style=os.fsdecode(b"\xe9"))
    finish(odd, 0)
    folder = collect([odd], defaults, FOLDER)["outputs"][0]["folder"]
    assert re.fullmatch(r"[\w./%-]+", folder, re.ASCII)
    assert unquote(folder, errors="surrogateescape") == f"../{odd.content}/{odd.style}/1_1e6_1"


def test_of_very_many_snapshots_an_even_choice_is_offered(defaults):
    assert spread(range(5), 5) == [0, 1, 2, 3, 4]
    assert spread(range(101), 3) == [0, 50, 100]
    epochs = curve_epochs(replace(defaults, epochs=100_000, save_every=1))
    assert len(epochs) < 130
    assert (epochs[0], epochs[-1]) == (0, 100_000)


def test_an_argument_is_quoted_only_where_it_needs_it():
    assert shell_argument("--beta=1") == "--beta=1"
    assert shell_argument("a b") == "'a b'"
    assert shell_argument("tab\t'\\") == r"$'tab\011\'\\'"


def test_of_files_that_no_browser_shows_copies_are_made(home, defaults):
    (job,) = make_jobs(["cat.png"], ["sea.png"], [1e6], replace(defaults, epochs=6))
    job = replace(job, settings=replace(job.settings, format="tiff"))
    make_inputs([job])
    finish(job, 0)
    (output,) = collect([job], defaults, FOLDER)["outputs"]
    assert (FOLDER / output["thumbnail"]).is_file()
    for epoch in job.settings.snapshots:
        copy = FOLDER / output["shown"] / f"generated_{epoch}.jpg"
        with Image.open(copy) as shown:
            assert (shown.format, shown.size) == ("JPEG", (48, 32))


def test_other_files_are_shown_as_they_are(jobs, defaults):
    assert all("shown" not in output for output in collect(jobs, defaults, FOLDER)["outputs"])


def test_a_content_image_is_shown_whole_where_outputs_have_its_dimensions(home, defaults):
    (job,) = make_jobs(["cat.png"], ["sea.png"], [1e6], defaults)
    job = replace(job, settings=replace(job.settings, fit="stretch", dimensions="original"))
    make_inputs([job])
    finish(job, 0)
    data = collect([job], defaults, FOLDER)
    copy = data["contents"][0]["copies"][data["settings"][0]["fit"]]
    assert load_image(FOLDER / copy).size == (96, 64)


def test_the_table_of_a_report_has_every_output_and_no_name_is_markup(home, defaults):
    jobs = make_jobs(["cat.png", HOSTILE[0]], ["two\nlines.png"], [1e5, 1e6], defaults)
    for number, job in enumerate(jobs[:-1]):
        finish(job, number)
    table = report_table(jobs)
    assert table.count("<img ") == table.count("data:image/jpeg;base64,") == len(jobs) - 1
    assert "<td>–</td>" in table, "the missing output"
    assert html.escape(Path(HOSTILE[0]).stem) in table
    assert max(map(len, table.splitlines())) < 10_000, "docutils refuses longer lines"
    first = re.search(r'data-path="([^"]*)"', table)
    assert first
    assert first[1] == str(jobs[0].final_output)
    assert "The first 240 of 300 outputs" in report_table(jobs[:1] * 300)


def frames_of(image: Image.Image) -> int:
    return len([*ImageSequence.Iterator(image)])


def test_a_time_lapse_plays_every_iteration_from_the_start_again_and_again(home, defaults):
    (job,) = make_jobs(["cat.png"], ["sea.png"], [1e6], defaults)
    make_inputs([job])
    finish(job, 0)
    film = time_lapse(job.root, job.content, job.style, job.setting)
    write_time_lapse(job, film, side=32, quality=90)
    with Image.open(film) as image:
        assert (frames_of(image), image.size, image.info["loop"]) == (4, (32, 21), 0)
        image.seek(3)
        image.load()
        assert image.info["duration"] == 2000
    first = film.read_bytes()
    write_time_lapse(job, film, side=32, quality=90)
    assert film.read_bytes() == first
    (output,) = collect([job], defaults, FOLDER)["outputs"]
    assert (FOLDER / output["time_lapse"]).resolve() == film.resolve()
    for date, linked in ((0, True), (1, False)):  # 0: see `make_remaining` in remaining.smk
        os.utime(film, (date, date))
        (output,) = collect([job], defaults, FOLDER)["outputs"]
        assert ("time_lapse" in output) == linked
    noisy = replace(job, settings=replace(job.settings, init="noise"))
    write_time_lapse(noisy, film, side=32, quality=90)
    with Image.open(film) as image:
        assert frames_of(image) == 3, "what an optimization from noise starts from is no image"
