"""README.md and docs/: commands run as they are written, YAML is valid, links and words are right.

Each page has one test that runs its ```sh blocks in order, with bash, in a fresh copy of the
project's files that git does not ignore. The environment's programs come first on PATH, as after
`. .venv/bin/activate`. Blocks of ```console and ```text are not run. On every page, these are
shortened:

- `make TARGET` becomes `make --dry-run TARGET`; `pip install` may not load anything, so it passes
  only for what the environment has.
- `neural-style` gets the options of `SMALL_OPTIONS` behind its own, and `generated_100.jpg` is the
  name of the last image of a job.
- Before `snakemake` starts, sizes and iterations in the YAML files of the copy become small, and
  of a list of images or weights one stays: see `docs_inputs.py`. `--profile profiles/slurm` and
  `docs_images` are dry runs.
- Images and folders of images that a command or a configuration names are painted if they are
  missing, except samples and images of the documentation.

A ```yaml block whose first line is `# config.yaml` is written over the copy's config.yaml before
the next commands.
"""

from __future__ import annotations

import html
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.workflow.docs_inputs import laid_over

from neural_style.config.options import option_name
from neural_style.config.schema import complete, config_schema, resolve
from neural_style.config.sweep import expand_settings

REPOSITORY = Path(__file__).parents[2]
BINARIES = Path(sys.executable).parent
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
LINKED = [
    *PAGES,
    *sorted((REPOSITORY / "docs").glob("*/*.md")),
    *sorted((REPOSITORY / "benchmarks").glob("*.md")),
    *sorted((REPOSITORY / "images").glob("samples/*.md")),
]
WORDS_OF_README = 1500

SMALL_OPTIONS = "--size 64 --epochs 4 --stages none --precision fp32"
PRELUDE = f"""
set -euo pipefail
make() {{ command make --dry-run "$@" > /dev/null; }}
pip() {{ command python -m pip install --no-index "${{@:2}}" > /dev/null; }}
neural-style() {{
  case "$1" in init | gallery | status | verify | presets | settings) ;; *)
    command python {shlex.quote(str(Path(__file__).with_name("docs_inputs.py")))} neural-style "$@"
    set -- "${{@//generated_[0-9]*.jpg/generated_4.jpg}}" {SMALL_OPTIONS} ;;
  esac
  command python -m neural_style "$@"
}}
snakemake() {{
  command python {shlex.quote(str(Path(__file__).with_name("docs_inputs.py")))} "$@"
  case " $* " in *" docs_images "* | *" profiles/slurm "*) set -- --dry-run "$@" ;; esac
  command snakemake "$@"
}}
"""

OF_OTHER_PROGRAMS = {
    *("--gpus", "--gres", "--upgrade", "--upgrade-package"),
    *("--tag", "--build-arg", "--rm", "--user", "--volume", "--nv"),
}
"""Options that pages mention and that are those of Slurm's `sbatch`, uv, Docker, and Apptainer."""


@dataclass(frozen=True)
class Block:
    """A fenced block: the language after its fence, and its text without indentation."""

    language: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    lines: list[str] = []
    language, indent = None, ""
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = re.match(r"( *)```(\w*)\s*$", line)
        if fence and language is None:
            indent, language, lines = fence[1], fence[2], []
        elif fence:
            assert language is not None
            found.append(Block(language, "\n".join(lines) + "\n"))
            language = None
        elif language is not None:
            lines.append(line.removeprefix(indent))
    assert language is None, f"{page.name}: a block has no end"
    return found


def prose_of(page: Path) -> str:
    """A page without its fenced blocks."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^( *)```.*?^\1```\s*?$", "", text, flags=re.DOTALL | re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def executed_pages() -> list[Any]:
    """The pages with commands; those of docs/results.md run several sweeps, and take minutes."""
    marks = {"docs/results.md": pytest.mark.long}
    return [
        pytest.param(page, marks=marks.get(name_of(page), ())) for page in with_block(PAGES, "sh")
    ]


def with_block(pages: list[Path], language: str) -> list[Path]:
    return [page for page in pages if any(block.language == language for block in blocks_of(page))]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's files that git does not ignore, and a file for `. .venv/bin/activate`."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, check=True, text=True)
    root = tmp_path / "project"
    for name in filter(None, names.stdout.split("\0")):
        if (source := REPOSITORY / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, root / name)
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "activate").touch()
    return root


@pytest.mark.slow
@pytest.mark.parametrize("page", executed_pages(), ids=name_of)
def test_the_commands_of_a_page_work(page: Path, copy: Path):
    ran = ""
    for block in blocks_of(page):
        if block.language == "yaml" and block.text.startswith("# config.yaml\n"):
            write_over(copy / "config.yaml", yaml.safe_load(block.text))
        if block.language == "sh":
            code, said = run_block(block.text, copy)
            assert code == 0, f"{name_of(page)}:\n{block.text}\n{said}"
            ran += block.text
    missing = [path for path in outputs_named(page, ran) if not list(copy.glob(path))]
    assert not missing, f"{name_of(page)} names outputs that its commands do not make: {missing}"


@pytest.mark.parametrize(
    "command",
    [
        "snakemake --cores 1 --no-such-option",
        "snakemake --cores 1 no_such_target",
        "neural-style a.jpg b.jpg --output out.jpg --sise=9",
        "make no_such_target",
        "pip install no-such-package-of-the-documentation",
        "cat no_such_file | wc -l",
    ],
)
def test_a_wrong_command_is_noticed(command: str, copy: Path):
    code, said = run_block(f"{command}\ntrue\n", copy)
    assert code != 0, said


def run_block(text: str, folder: Path) -> tuple[int, str]:
    """Run the lines of a block in a copy: the exit code, and all that was printed."""
    kept = {key: os.environ[key] for key in os.environ if key != "SNAKEMAKE_PROFILE"}
    outcome = subprocess.run(
        ["bash", "-c", PRELUDE + text],
        cwd=folder,
        env={
            **kept,
            "PATH": os.pathsep.join([str(BINARIES), os.environ["PATH"]]),
            "PYTHONPATH": str(folder / "workflow"),
            "XDG_CONFIG_HOME": str(folder.parent / "no-configuration"),
            "OMP_NUM_THREADS": "1",  # images this small gain nothing from threads
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=300,
    )
    return outcome.returncode, outcome.stdout


def write_over(file: Path, values: Mapping[str, Any]) -> None:
    """Write values over those of a YAML file."""
    before = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump(laid_over(before, values)), encoding="utf-8")


def outputs_named(page: Path, commands: str) -> Iterator[str]:
    """Patterns of the outputs that the commands of a page name, and that its text names.

    `generated_1000.jpg` stands for any epoch. `make demo` is a dry run, so `results/demo` counts
    only where Snakemake is called with demo.yaml.
    """
    commands = re.sub(r"\\\n\s*", " ", commands)
    for line in commands.splitlines():
        dry = re.match(r"make\b|pip\b", line) or " profiles/slurm" in line or "docs_images" in line
        if not dry:
            yield from re.findall(r"--(?:output|report)[= ]+(\S+)", line)
    made = [name for name in ("results", "out", "again") if f"--output {name}" in commands]
    made += ["results"] if re.search(r"^snakemake(?!.* profiles/slurm)", commands, re.M) else []
    named = re.findall(r"`([^`\s{}<>*…]+/[^`\s{}<>*…]*)`", prose_of(page))
    for tree in (block.text for block in blocks_of(page) if block.language == "text"):
        named += paths_of_tree(tree)
    for path in named:
        demo = path.startswith("results/demo") and "demo.yaml" not in commands
        if path.split("/")[0] in made and not demo:
            yield re.sub(r"generated_\d+", "generated_*", path)


def paths_of_tree(text: str) -> Iterator[str]:
    """The paths of a drawn folder, each line `  name  remark`; not those made only sometimes.

    A remark that says `where …`, `if …` or `while …` marks those.
    """
    folders: list[tuple[int, str]] = []
    for line in text.splitlines():
        entry = re.match(r"( *)(\S.*?)(?:  +(.*))?$", line)
        if entry is None:
            continue
        depth = len(entry[1])
        folders = [folder for folder in folders if folder[0] < depth]
        if not folders and not entry[2].endswith("/"):
            return
        base = "".join(name for _, name in folders)
        names = re.split(r",? … |, ", entry[2])
        if not re.search(r"\b(?:where|if|while)\b", entry[3] or "") and "{" not in entry[2]:
            yield from (base + name.rstrip("/") for name in names if "…" not in name)
        if entry[2].endswith("/"):
            folders.append((depth, entry[2]))


@pytest.mark.parametrize("page", with_block(PAGES, "yaml"), ids=name_of)
def test_the_yaml_of_a_page_is_a_valid_configuration(page: Path):
    for block in blocks_of(page):
        if block.language == "yaml" and not re.match(r"# (?!config\.yaml)\S+\.ya?ml\n", block.text):
            values = yaml.safe_load(block.text)
            assert values, f"{name_of(page)}: nothing in\n{block.text}"
            expand_settings(complete(values))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_key_and_option_that_a_page_names_is_there(page: Path, options: set[str]):
    codes = [
        *re.findall(r"`([^`\n]+)`", prose_of(page)),
        *(block.text for block in blocks_of(page) if block.language in ("sh", "console")),
    ]
    keys = set(dotted_keys())
    sections = {key.partition(".")[0] for key in keys}
    for code in codes:
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", code):
            assert option in options, f"{name_of(page)}: no program has {option}"
        for key in re.findall(r"^([a-z_]+\.[a-z_.]+)(?::|$)", code):
            if key.partition(".")[0] in sections and not key.endswith((".yaml", ".pdf")):
                assert key in keys, f"{name_of(page)}: the configuration has no key {key}"


@pytest.fixture(scope="session")
def options() -> set[str]:
    """The long options of Snakemake, of the project's own scripts, and of other programs."""
    shown = subprocess.run(
        [BINARIES / "snakemake", "--help"], capture_output=True, encoding="utf-8", check=True
    )
    library = REPOSITORY / "workflow" / "neural_style" / "cli"
    folders = (REPOSITORY / "workflow" / "scripts", REPOSITORY / "docs" / "tools", library)
    sources = [path.read_text(encoding="utf-8") for each in folders for path in each.glob("*.py")]
    written = re.findall(r"add_argument\([^)]*?\"(--[a-z-]+)\"", "\n".join(sources))
    made = [option_name(key.rpartition(".")[2]) for key in dotted_keys()]
    return {*re.findall(r"--[a-z][a-z-]*", shown.stdout), *written, *made, *OF_OTHER_PROGRAMS}


def dotted_keys() -> Iterator[str]:
    """Every key of the configuration: `image.size`."""
    schema = config_schema()

    def below(path: str, node: Mapping[str, Any]) -> Iterator[str]:
        for name, child in node.get("properties", {}).items():
            yield f"{path}{name}"
            if len(path) < 60:
                yield from below(f"{path}{name}.", resolve(child, schema))

    yield from below("", schema)


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_the_links_of_a_page_lead_somewhere(page: Path):
    for target in links_of(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name_of(page)}: {target} is not there"
        assert file.is_relative_to(REPOSITORY), f"{name_of(page)}: {target} leaves the project"
        if anchor:
            assert anchor in anchors_of(file), f"{name_of(page)}: no heading is #{anchor} in {path}"


def links_of(page: Path) -> list[str]:
    """The relative links and images of a page."""
    text = re.sub(r"`[^`\n]*`", "", prose_of(page))
    found = [
        *re.findall(r"\]\(\s*<?([^)\s>]+)", text),
        *re.findall(r"^ *\[[^\]]+\]:\s*(\S+)", text, re.MULTILINE),
        *re.findall(r"""(?:src|href)=["']([^"']+)""", text),
    ]
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    seen: Counter[str] = Counter()
    anchors = set(re.findall(r"""<a (?:id|name)=["']([^"']+)""", prose_of(page)))
    for heading in re.findall(r"^#{1,6} +(.+?)\s*#*$", prose_of(page), re.MULTILINE):
        shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", html.unescape(shown).lower()).strip().replace(" ", "-")
        anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return anchors


def test_each_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [REPOSITORY / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            targets = (target.partition("#")[0] for target in links_of(page))
            waiting += [(page.parent / target).resolve() for target in targets if target]
    assert not {name_of(page) for page in PAGES} - {name_of(page) for page in reached}


def test_the_readme_is_short():
    words = len((REPOSITORY / "README.md").read_text(encoding="utf-8").split())
    assert words <= WORDS_OF_README, f"README.md has {words} words; move some of them to docs/"


def test_each_page_of_the_docs_begins_with_what_the_reader_can_do():
    for page in PAGES[1:]:
        paragraphs = re.sub(r"<!--.*?-->", "", prose_of(page), flags=re.DOTALL).split("\n\n")
        opening = next(text for text in paragraphs[1:] if text.strip())
        assert re.search(r"\byou (?:can|know)\b", opening), f"{name_of(page)} begins: {opening}"


def test_outputs_are_found_in_commands_in_the_text_and_in_drawn_folders(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "See `results/index.tsv` and `results/{content}/`.\n\n"
        "```sh\nsnakemake --report \\\n  a.html\n```\n\n"
        "```text\nresults/\n  grids/\n    cat.jpg   styles down\n    b.jpg   where there are two\n"
        "  cat/1_1e6_1/\n    generated_100.jpg … generated_1000.jpg\n```\n",
        encoding="utf-8",
    )
    commands = next(block.text for block in blocks_of(page) if block.language == "sh")
    assert list(outputs_named(page, commands)) == [
        "a.html",
        "results/index.tsv",
        "results",
        "results/grids",
        "results/grids/cat.jpg",
        "results/cat/1_1e6_1",
        "results/cat/1_1e6_1/generated_*.jpg",
        "results/cat/1_1e6_1/generated_*.jpg",
    ]
