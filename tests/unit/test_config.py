"""The configuration: defaults at every level, and a schema that knows what the library does."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from config_reference import annotated_config
from tests.unit.configurations import Json, Schema

from neural_style.config.schema import complete, setting_nodes
from neural_style.config.settings import FITS, OUTPUT_FORMATS, Settings
from neural_style.config.sweep import expand_settings
from neural_style.model.layers import LAYERS

ROOT = Path(__file__).parents[2]


def test_an_empty_configuration_is_all_defaults():
    """Those of the method, and others that outputs depend on; a new key needs no line here."""
    completed = complete({})
    expected: Mapping[str, Any] = {
        "content": ["images/content"],
        "style": ["images/style"],
        "output": "results",
        "image": {
            "size": 512,
            "fit": "keep",
            "format": "jpg",
            "quality": 95,
            "dimensions": "fitted",
            "transparency": "white",
        },
        "settings": {
            "alpha": [1],
            "beta": [1e6],
            "learning_rate": [1.0],
            "presets": [],
            "named": {},
        },
        "network": {
            "weights": "caffe",
            "content_layers": {"conv4_2": 1},
            "style_layers": {f"conv{block}_1": 1 for block in range(1, 6)},
            "pooling": "max",
            "padding": "zeros",
            "tile": None,
        },
        "optimization": {
            "optimizer": "lbfgs",
            "history": None,
            "stages": [],
            "size_correction": True,
            "epochs": 1000,
            "save_every": 100,
            "init": "recolored",
            "init_noise": 0,
            "seed": 0,
            "precision": "auto",
        },
        "transfer": {
            "color": "style",
            "blend": {},
            "style_scales": [1],
            "mask": None,
            "style_mask": None,
            "style_loss": "gram",
            "total_variation": 0,
        },
        "jobs": {},
        "grids": {
            "format": "jpg",
            "quality": 90,
            "tile_size": 256,
            "tiles_per_page": 60,
            "pdf_size": 2000,
        },
        "layer_study": {
            "content": None,
            "style": None,
            "size": 160,
            "epochs": 200,
            "content_layers": [f"conv{block}_1" for block in range(1, 6)],
            "style_layers": [f"conv{block}_1" for block in range(1, 6)],
            "alpha": 1,
            "beta": 1e6,
        },
        "bulk": {
            "content": None,
            "style": None,
            "output": "results/bulk",
            "assign": "cross",
            "styles_per_content": 1,
            "seed": 0,
            "shard_size": 256,
            "size": "original",
            "batch": None,
            "failed_fraction": 0.1,
        },
        "cluster": {"gpu_as": "gpus", "threads": 4, "memory_factor": 1, "runtime_factor": 1},
    }
    assert completed.keys() == expected.keys()
    for section, value in expected.items():
        found = completed[section]
        wanted = {**found, **value} if isinstance(value, Mapping) else value
        assert found == wanted, section


def test_the_configuration_at_the_root_says_nothing_but_the_defaults_and_the_best_preset():
    at_root = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    more = {"settings": {"presets": ["best"]}}
    assert complete(at_root) == complete(more)
    assert annotated_config(more) == (ROOT / "config.yaml").read_text(encoding="utf-8")
    for section, keys in complete({}).items():
        assert at_root[section].keys() == keys.keys() if isinstance(keys, dict) else section


def test_defaults_fill_every_level_and_change_nothing_that_is_given():
    given = {"image": {"size": 64}, "settings": {"beta": [1, 2]}, "optimization": {"epochs": 7}}
    before = copy.deepcopy(given)
    completed = complete(given)
    assert given == before
    assert completed["image"] == {**complete({})["image"], "size": 64}
    assert completed["settings"]["beta"] == [1, 2]
    assert completed["settings"]["alpha"] == [1]
    assert completed["optimization"]["epochs"] == 7
    assert completed["optimization"]["save_every"] == 100


def test_given_layers_replace_the_default_ones():
    completed = complete({"network": {"style_layers": {"relu1_1": 0.5}}})
    assert completed["network"]["style_layers"] == {"relu1_1": 0.5}


def test_completing_twice_changes_nothing_more():
    once = complete({"settings": {"beta": ["1e5"], "named": {"a": {"alpha": 2}}}})
    assert complete(once) == once


def test_defaults_are_copies():
    complete({})["settings"]["alpha"].append(5)
    assert complete({})["settings"]["alpha"] == [1]


def test_named_settings_hold_only_what_they_override():
    named = {"deep": {"image": {"size": 64}}}
    assert complete({"settings": {"named": named}})["settings"]["named"] == named


@pytest.mark.parametrize("text", ["1e6", "1E6", "+1e6", "1.e6", "1.0e6", "1.0E+6", "10e5"])
def test_exponents_that_yaml_takes_for_a_text_are_numbers(text: str):
    assert yaml.safe_load("1e6") == "1e6", "YAML reads it by itself now"
    completed = complete({"settings": {"beta": [text], "named": {"a": {"beta": text}}}})
    assert completed["settings"]["beta"] == [1e6]
    assert completed["settings"]["named"]["a"]["beta"] == 1e6


def test_a_text_stays_a_text_where_a_text_is_wanted():
    config = {"content": "1e6", "style": ["a", "1e6"], "network": {"weights": "2e5"}}
    completed = complete(config)
    assert (completed["content"], completed["style"]) == (["1e6"], ["a", "1e6"])
    assert completed["network"]["weights"] == "2e5"


@pytest.mark.parametrize("number", ["1e3", 1000.0, "1.0e+3"])
def test_whole_numbers_are_whole_however_they_are_written(number: object):
    named = {"short": {"optimization": {"epochs": number}}}
    config = {"optimization": {"epochs": number}, "settings": {"named": named}}
    for settings in expand_settings(complete(config)).values():
        assert isinstance(settings.epochs, int)
        assert settings.snapshots[-1] == 1000


def test_the_names_in_the_schema_are_those_of_the_library(schema: Schema):
    definitions = schema["$defs"]
    assert tuple(definitions["Layer"]["enum"]) == LAYERS
    image = definitions["Image"]["properties"]
    assert tuple(image["fit"]["enum"]) == FITS
    assert image["format"]["enum"] == list(OUTPUT_FORMATS)


def test_settings_in_python_have_the_defaults_of_the_schema():
    assert expand_settings(complete({})) == {"1_1e6_1": Settings()}


def test_every_setting_has_one_section():
    keys = [name for nodes in setting_nodes().values() for name in nodes]
    assert len(set(keys)) == len(keys), "two sections share a key"
    assert set(keys) == {field.name for field in fields(Settings)}


def test_every_key_of_the_schema_is_described_and_every_mapping_closed(schema: Schema):
    def walk(node: Json, path: str) -> Iterator[str]:
        for key, child in node.get("properties", {}).items():
            target = schema["$defs"][child["$ref"].split("/")[-1]] if "$ref" in child else child
            if not ({"description"} & (child.keys() | target.keys())):
                yield f"{path}.{key}: no description"
            if target.get("type") == "object" and "additionalProperties" not in target:
                yield f"{path}.{key}: open"
            yield from walk(target, f"{path}.{key}")

    assert list(walk(schema, "")) == []


def test_what_the_snakefile_imports_of_data_sets_reads_no_images():
    code = (
        "import sys; import neural_style.bulk.target; print({'PIL', 'numpy'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_what_the_snakefile_imports_is_free_of_torch():
    modules = (
        *("config.schema", "config.sweep", "config.options", "config.inputs", "config.settings"),
        *("config.layer_study", "report.outputs", "report.grid_compose", "report.grid_render"),
        *("bulk.target", "bulk.worker", "bulk.verify", "bulk.status"),
    )
    imports = "; ".join(f"import neural_style.{module}" for module in modules)
    code = f"import sys; {imports}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_grids_are_drawn_without_the_library_of_their_pdf():
    """Each job of grids would wait half a second for it."""
    code = "import sys, neural_style.report.grid_render; print('fpdf' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_the_figure_of_a_layer_study_is_drawn_without_torch():
    scripts = str(Path(__file__).parents[2] / "workflow" / "scripts")
    code = f"import sys; sys.path.append({scripts!r}); import layer_study_figure;"
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_the_snakefile_reads_the_names_of_plots_without_matplotlib():
    code = (
        "import sys, neural_style.report.outputs, neural_style.report.names;"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
