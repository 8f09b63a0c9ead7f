"""The key `output`: everything of a sweep is in its folder, and experiments stay side by side."""

from __future__ import annotations

import pytest

OUTPUT = "my experiments/bold one"
SMALLEST = {
    "image": {"size": 32},
    "optimization": {"epochs": 1, "precision": "fp32"},
    "network": {
        "content_layers": {"conv4_2": 0, "conv1_1": 1},
        "style_layers": {"conv1_1": 1, "conv2_1": 0, "conv3_1": 0, "conv4_1": 0, "conv5_1": 0},
    },
    "layer_study": {
        **{"size": 32, "epochs": 1},
        **{"content_layers": ["conv1_1"], "style_layers": ["conv1_1"]},
    },
}


@pytest.fixture
def pair(project):
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    project.configure({**SMALLEST, "output": OUTPUT})
    return project


@pytest.mark.slow
@pytest.mark.long
def test_everything_of_a_sweep_is_in_its_folder(pair):
    torn = pair.add("style", "torn.png", seed=2)
    whole = torn.read_bytes()
    torn.write_bytes(b"")
    (pair.root / "images" / "content" / "c{d}.png").symlink_to("nowhere")
    pair.snakemake("all", "layer_study").assert_refused("torn.png': it is empty", "c{d}.png")
    torn.write_bytes(whole)
    (pair.root / "images" / "content" / "c{d}.png").unlink()
    pair.snakemake("all", "layer_study").assert_good()
    assert pair.would_run() == []
    for name in ("results", "logs"):
        assert not (pair.root / name).exists(), name
    folder = pair.root / OUTPUT
    assert {path.name for path in folder.iterdir()} == {
        *("cat", "grids", "plots", "gallery", "index.tsv", "layer_study", "logs"),
    }
    assert (folder / "cat" / "sea" / "1_1e6_1" / "generated_1.jpg").is_file()
    assert (folder / "grids" / "grids.pdf").is_file()
    assert (folder / "layer_study" / "figure.jpg").is_file()
    logs = folder / "logs"
    for name in ("cat/sea/1_1e6_1", "grids/style/sea", "plots/sweep", "layer_study/images"):
        assert (logs / f"{name}.log").is_file(), name
    index = (folder / "index.tsv").read_text(encoding="utf-8")
    assert f"{OUTPUT}/cat/sea/1_1e6_1" in index

    other = pair.snakemake("-n", "--config", "output=results")
    other.assert_good()
    assert "stylize_1_1e6_1 cat sea" in other.jobs, "it is another experiment"


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("a{b}", "output: 'a{b}' is not allowed; give a name without { } < >."),
        ("<a>", "output: '<a>' is not allowed; give a name without { } < >."),
        ("", "output: the value is empty"),
        ("$HOME/out", "output: '$HOME/out' has the variable $HOME, which is not expanded here"),
        ("images", "output: 'images' and content 'images/content' are the same folder, or one"),
        ("images/style/new", "output: 'images/style/new' and style 'images/style' are the same"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(pair, output, sentence):
    pair.configure({**SMALLEST, "output": output})
    outcome = pair.snakemake("-n")
    outcome.assert_refused(sentence)
    assert not (pair.root / "results").exists()
