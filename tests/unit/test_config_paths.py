"""Paths in the configuration: the home folder, variables, and characters that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.configurations import Json, mistakes

from neural_style.config.schema import complete

PATH_KEYS = {
    "content": lambda path: {"content": path},
    "content[1]": lambda path: {"content": ["images/content", path]},
    "style[0]": lambda path: {"style": [path]},
    "output": lambda path: {"output": path},
    "network.weights": lambda path: {"network": {"weights": path}},
    "optimization.init": lambda path: {"optimization": {"init": path}},
    "transfer.mask": lambda path: {"transfer": {"mask": path}},
    "transfer.style_mask": lambda path: {"transfer": {"style_mask": path}},
    "transfer.blend": lambda path: {"transfer": {"blend": {path: 0.5}}},
    "bulk.content": lambda path: {"bulk": {"content": path}},
    "bulk.style": lambda path: {"bulk": {"style": path}},
    "bulk.output": lambda path: {"bulk": {"output": path}},
    "settings.named.a.transfer.mask": lambda path: {
        "settings": {"named": {"a": {"transfer": {"mask": path}}}}
    },
    "settings.named.a.network.weights": lambda path: {
        "settings": {"named": {"a": {"network": {"weights": path}}}}
    },
}
"""Every key that holds a path → a configuration with a path there."""

HALF = "\ud800"


@pytest.mark.parametrize(
    "config",
    [
        *(make(f"a{HALF}") for make in PATH_KEYS.values()),
        {HALF: 1},
        {"image": {HALF: 1}},
        {"image": {"format": HALF}},
        {"image": {"size": HALF}},
        {"network": {"style_layers": {HALF: 1}}},
        {"layer_study": {"content": HALF}},
        {"settings": {"named": {HALF: {"beta": 1}}}},
        {"settings": {"named": {"a": {HALF: 1}}}},
        {"settings": {"presets": [HALF]}},
    ],
)
def test_half_of_a_character_pair_is_refused_wherever_text_may_be(config: Json):
    for line in mistakes(config):
        line.encode()
        assert "'" in line and line.endswith((".", "?"))


def test_bytes_of_a_file_name_are_taken_but_not_for_outputs():
    name = "caf\udce9.png"  # as os.fsdecode represents the byte E9
    assert complete({"transfer": {"mask": name}})["transfer"]["mask"] == name
    for key in ("output", "bulk.output"):
        (line,) = mistakes(PATH_KEYS[key](name))
        assert line.startswith(key) and line.endswith("give a name without control characters.")


@pytest.mark.parametrize("character", ["\0", "\n", "\x1b", "\x85"])
@pytest.mark.parametrize("key", ["output", "bulk.output"])
def test_control_characters_in_the_folder_of_outputs_are_refused(key: str, character: str):
    (line,) = mistakes(PATH_KEYS[key](f"a{character}b"))
    assert line.endswith("is not allowed; give a name without control characters.")


@pytest.mark.parametrize("key", ["output", "bulk.output"])
def test_a_folder_of_outputs_that_looks_like_an_option_is_refused(key: str):
    for name in ("-results", "./-results"):
        (line,) = mistakes(PATH_KEYS[key](name))
        assert line.endswith("give a name that begins with another character than a hyphen.")


@pytest.mark.parametrize("key", PATH_KEYS)
def test_a_null_character_in_a_path_is_refused(key: str):
    (line,) = mistakes(PATH_KEYS[key]("a\0b"))
    assert line.endswith("is not allowed; give a name without control characters.")


@pytest.mark.parametrize("key", PATH_KEYS)
def test_the_home_folder_is_found_in_every_path(key: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/ada")
    make = PATH_KEYS[key]
    assert complete(make("~/a b.png")) == complete(make("/home/ada/a b.png"))
    assert complete(make("a~/b~.png")) != complete(make("/home/ada/b~.png"))


@pytest.mark.parametrize("key", PATH_KEYS)
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("$HOME/a.png", "'$HOME/a.png' has the variable $HOME, which is not expanded here"),
        ("a/${NOBODY}/b", "'a/${NOBODY}/b' has the variable ${NOBODY}, which is not expanded"),
        ("scratch_$USER/a", "'scratch_$USER/a' has the variable $USER, which is not expanded here"),
        ("~nobody/a.png", "'~nobody/a.png' begins with the home folder of a user who does not"),
    ],
)
def test_a_variable_in_a_path_is_refused(
    key: str, path: str, reason: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setattr("pwd.getpwnam", {}.__getitem__)  # there are no users
    (line,) = mistakes(PATH_KEYS[key](path))
    assert reason in line and line.startswith(key.partition("[")[0])
    assert "; write the whole path" in line


@pytest.mark.parametrize("name", ["~cat.png", "$HOME", "cost $5.png", "a$b.png"])
def test_a_file_that_is_called_like_a_variable_is_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    assert complete({"transfer": {"mask": name}})["transfer"]["mask"] == name
