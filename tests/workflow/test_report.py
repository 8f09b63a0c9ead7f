"""`snakemake --report`: what is in it, and that no name in it does harm."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from tests.workflow.conftest import SHALLOW

CONTENTS, STYLES = ("cat", "dog"), ("sea", "sun")
SETTINGS = {
    "1_1e5_1": "β\N{NO-BREAK SPACE}1e5",
    "1_2.5e6_1": "β\N{NO-BREAK SPACE}2.5e6",
    "long": "long",
}
LAST = {"1_1e5_1": 4, "1_2.5e6_1": 4, "long": 5}
SMALLEST = {
    "image": {"size": 32},
    "optimization": {"epochs": 1, "precision": "fp32"},
    "network": SHALLOW,
}


class Scripts(HTMLParser):
    """The scripts of a page as a browser finds them, by id, and every other tag that there is."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.found: dict[str, str] = {}
        self.tags: set[str] = set()
        self._open: str | None = None

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self._open = dict(attrs).get("id", "") if tag == "script" else None

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open:
            self.found[self._open] = self.found.get(self._open, "") + data

    def read(self, name):
        """The value that a script gives to its variable."""
        text = self.found[name].strip().rstrip(";")
        return json.loads(re.sub(r"^var \w+ = ", "", text))


def report_of(project, name="report.html"):
    outcome = project.query("--report", name)
    outcome.assert_good()
    page = Scripts()
    page.feed((project.root / name).read_text(encoding="utf-8"))
    return page


@pytest.fixture(scope="module")
def report(base, tmp_path_factory):
    return report_of(base.project.copy(tmp_path_factory.mktemp("report") / "project"))


def test_the_last_output_of_each_job_is_in_it_and_no_other(report):
    results = report.read("results")
    pictures = {path for path in results if "generated" in path}
    assert pictures == {
        f"results/{content}/{style}/{setting}/generated_{epoch}.jpg"
        for content in CONTENTS
        for style in STYLES
        for setting, epoch in LAST.items()
    }
    for path in pictures:
        _, content, style, setting, _ = path.split("/")
        facts = results[path]
        labels = {"content": content, "style": style, "setting": SETTINGS[setting]}
        assert facts["labels"] == labels
        assert re.search(rf"content image <[^>]*>{content}</", facts["caption"]), facts["caption"]
        assert facts["data_uri"].startswith("data:image/jpeg")


def test_grids_and_plots_have_their_places(report):
    categories = report.read("categories")
    assert categories.keys() == {"Outputs", "Plots", "Grids"}
    assert categories["Outputs"].keys() == set(CONTENTS)
    pairs = [f"{content}/{style}" for content in CONTENTS for style in STYLES]
    assert {key: sorted(paths) for key, paths in categories["Grids"].items()} == {
        "content": [f"results/grids/content/{content}.jpg" for content in CONTENTS],
        "style": [f"results/grids/style/{style}.jpg" for style in STYLES],
        "epochs": [f"results/grids/epochs/{pair}.jpg" for pair in pairs],
    }
    assert {key: sorted(paths) for key, paths in categories["Plots"].items()} == {
        "Losses over the iterations": [f"results/plots/losses/{pair}.png" for pair in pairs],
        "Content loss against style loss": [f"results/plots/tradeoff/{pair}.png" for pair in pairs],
        "The whole sweep": [f"results/plots/{name}.png" for name in ("content", "style", "total")],
    }


def test_captions_and_the_description_are_whole(report):
    results = report.read("results")
    assert "Gatys, Ecker and Bethge" in report.read("workflow-desc")
    for path, facts in results.items():
        assert "<p>" in facts["caption"], path
        # docutils writes what it does not understand into the text.
        assert "system-message" not in facts["caption"], path
        assert "{{" not in facts["caption"], path
        assert facts["labels"], path


def test_its_first_page_shows_the_outputs_and_each_caption_its_own(report):
    cells = re.findall(r'data-path="([^"]*)"', report.read("workflow-desc"))
    results = report.read("results")
    assert sorted(cells) == sorted(path for path in results if "generated" in path)
    picture = 'src="data:image/jpeg;base64,'
    assert report.read("workflow-desc").count(picture) == len(cells)
    assert all(picture in results[path]["caption"] for path in cells)


@pytest.mark.slow
def test_an_archive_can_be_made_too(again):
    again.query("--report", "report.zip").assert_good()
    assert (again.root / "report.zip").read_bytes()[:2] == b"PK"


@pytest.mark.slow
def test_names_in_it_are_only_names(project):
    # A folder and a file, which together end a script and begin an image.
    folder = project.root / "images" / "style" / "a<"
    folder.mkdir()
    name = "script><img src=x onerror=alert(1)>.png"
    project.add("style", "sea.png", seed=1).rename(folder / name)
    project.add("content", "cat.png", seed=0)
    path = f"images/style/a</{name}"
    project.configure({**SMALLEST, "style": [path], "content": ["images/content"]})
    project.snakemake().assert_good()
    page = report_of(project)
    assert "img" not in page.tags, "a name ended a script"
    assert "&lt;img src=x" in page.read("workflow-desc"), "the name is not in the table"
    params = [facts["job_properties"]["params"] for facts in page.read("results").values()]
    assert any(r"a\u003c/script>" in each for each in params), "the name is nowhere"
