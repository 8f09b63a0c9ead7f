"""Damaged and hostile records of jobs: they are named with the remedy, and what is left is read."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from tests.unit.records import edit

from neural_style.report.loss_table import read_curves, read_losses
from neural_style.report.runs import RunError, read_run


def test_an_output_in_another_folder_is_not_followed(job_folder):
    edit(job_folder, lambda facts: facts["output"].update(file="../../../etc/passwd"))
    assert read_run(job_folder).output == job_folder / "passwd"


DAMAGED_TABLES = {
    "empty": "",
    "only a header": "HEADER\n",
    "another header": "epoch,loss\n0,1\n",
    "a short row": "HEADER\n0,1,2\n",
    "a word": "HEADER\n0,x,1,1,1,1,1,1,1,1,1,1\n",
    "no term": "epoch,seconds,total,content,style\n0,1,1,1,1\n",
    "epochs twice": "HEADER\nROW\nROW\n",
    "no epoch": "HEADER\nnan,1,1,1,1,1,1,1,1,1,1,1\n",
    "a late epoch": "HEADER\nROW\n1e300,1,1,1,1,1,1,1,1,1,1,1\n",
    "half an epoch": "HEADER\nROW\n1.5,1,1,1,1,1,1,1,1,1,1,1\n",
    "an epoch before 0": "HEADER\n-1,1,1,1,1,1,1,1,1,1,1,1\n",
    "a loss of 1e308": "HEADER\n0,1,1e308,1,1,1,1,1,1,1,1,1\n",
    "a loss of 1e308 for a term": "HEADER\n0,1,1,1,1,1,1,1,1,1,1,-1e308\n",
    "400 digits": f"HEADER\n0,1,{'9' * 300},1,1,1,1,1,1,1,1,1\n",
    "a field of megabytes": f"HEADER\n0,1,{'9' * 5_000_000},1,1,1,1,1,1,1,1,1\n",
    "a word of megabytes": f"HEADER\n0,1,{'x' * 5_000_000},1,1,1,1,1,1,1,1,1\n",
    "a header of megabytes": f"HEADER,{'x' * 5_000_000}\nROW\n",
    "a null character": "HEADER\n0,1,\0,1,1,1,1,1,1,1,1,1\n",
    "rows without end": "HEADER\n" + "0,1,1,1,1,1,1,1,1,1,1,1\n" * 100_002,
}


@pytest.mark.parametrize("text", DAMAGED_TABLES.values(), ids=DAMAGED_TABLES.keys())
def test_a_damaged_table_is_named(job_folder, text):
    path = job_folder / "losses.csv"
    header, row, *_ = path.read_text(encoding="utf-8").splitlines()
    path.write_text(text.replace("HEADER", header).replace("ROW", row), encoding="utf-8")
    with pytest.raises(
        RunError, match=r"losses\.csv.*; delete this folder and run the job again\.$"
    ) as caught:
        read_curves(job_folder)
    assert len(str(caught.value)) < 400
    read_losses(job_folder, [0, 1])


DAMAGED_RECORDS = {
    "empty": "",
    "torn": '{"settings": {',
    "a list": "[]",
    "no settings": "{}",
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", DAMAGED_RECORDS.values(), ids=DAMAGED_RECORDS.keys())
def test_a_damaged_record_is_named(job_folder, text):
    (job_folder / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=r"run\.json.*; delete this folder and run the job again\.$"):
        read_curves(job_folder)


def test_a_damaged_record_still_has_the_facts_that_it_says(job_folder):
    edit(job_folder, lambda facts: facts.update(saved_losses={}, seconds=7))
    run = read_run(job_folder)
    assert run.error == (
        f"'{job_folder / 'run.json'}' is missing 'parts'; delete this folder and run the job again."
    )
    assert (run.seconds, run.size) == (7, (60, 40))


HOSTILE = [1e308, 10**400, -1, "x" * 900_000, [], {}, {"x" * 900_000: 1}, [[[]]], None]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "path",
    [
        ("settings",),
        ("settings", "alpha"),
        ("settings", "content_layers"),
        ("settings", "style_layers"),
        ("settings", "style_layers", "conv1_1"),
        ("saved_losses",),
        ("saved_losses", "parts"),
        ("saved_losses", "parts", "style/conv5_1"),
        ("output", "width"),
        ("output", "height"),
    ],
    ids=".".join,
)
def test_a_record_of_no_run_is_named(job_folder, path, value):
    def damage(facts):
        for name in path[:-1]:
            facts = facts[name]
        facts[path[-1]] = value

    edit(job_folder, damage)
    with pytest.raises(RunError, match=r"run\.json.*; delete this folder") as caught:
        read_curves(job_folder)
    assert len(str(caught.value)) < 600


def test_an_output_without_pixels_and_a_layer_of_no_network_are_damage(job_folder):
    for change in (
        lambda facts: facts["output"].update(width=0),
        lambda facts: facts["output"].update(height=10**9),
        lambda facts: facts["settings"].update(content_layers={"conv1_1/../x": 1}),
    ):
        before = (job_folder / "run.json").read_text(encoding="utf-8")
        edit(job_folder, change)
        with pytest.raises(RunError, match="damaged"):
            read_curves(job_folder)
        (job_folder / "run.json").write_text(before, encoding="utf-8")


@pytest.mark.parametrize("kind", ["content", "style"])
def test_a_record_without_layers_of_a_kind_is_damage_whatever_other_terms_it_has(job_folder, kind):
    def damage(facts):
        facts["settings"][f"{kind}_layers"] = {}
        facts["further_weights"] = {"smoothness/total_variation": 100.0}

    edit(job_folder, damage)
    with pytest.raises(RunError, match="damaged"):
        read_curves(job_folder)


def test_a_number_too_small_for_a_quotient_counts_as_0(job_folder):
    path = job_folder / "losses.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = lines[2].split(",")
    lines[2] = ",".join([*cells[:2], "1e-320", *cells[3:]])
    path.write_text("\n".join(lines), encoding="utf-8")
    assert read_curves(job_folder).total[1] == 0
    edit(job_folder, lambda facts: facts["settings"].update(alpha=1e-320))
    assert read_curves(job_folder).loss("content") is None


@pytest.mark.parametrize("value", [-1, "1", True, None, float("inf"), float("nan")])
def test_weights_are_numbers_from_0_up(job_folder, value):
    edit(job_folder, lambda facts: facts["settings"].update(beta=value))
    with pytest.raises(RunError, match=r"run\.json': it is damaged"):
        read_curves(job_folder)


@pytest.mark.parametrize("name", ["losses.csv", "run.json"])
def test_a_missing_or_unreadable_file_is_named(job_folder, name):
    path = job_folder / name
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RunError, match=f"cannot read .*{name}': it is not text"):
        read_curves(job_folder)
    path.unlink()
    with pytest.raises(RunError, match=f"cannot read .*{name}': No such file"):
        read_curves(job_folder)


@pytest.mark.parametrize("all_stages", [[], [{"epochs": 3}], [{"epochs": 3, "beta": -1}], 5])
def test_stages_that_are_damaged_are_named(job_folder, all_stages):
    edit(job_folder, lambda facts: facts.update(stages=all_stages))
    with pytest.raises(RunError, match=r"run\.json"):
        read_curves(job_folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '{"saved_losses": 3, "output": [], "device": {}, "seconds": "long"}',
        '{"saved_losses": {"total": 1, "content": "x", "style": 2}}',
        '{"saved_losses": {"total": NaN, "content": 1, "style": Infinity}}',
        '{"measures": {"palette": "1", "speckle": NaN, "other": 1}}',
        '{"measures": [1]}',
        '{"seconds": true, "output": {"width": 0, "height": 7}}',
        f'{{"seconds": {"9" * 400}}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_record_says_nothing(tmp_path: Path, text: str):
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    with suppress(RunError):
        run = read_run(tmp_path)
        assert run.error
        assert not any((run.totals, run.size, run.seconds, run.device, run.finished))
        assert not run.measures


def test_a_record_that_is_too_large_is_not_read(tmp_path: Path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"seconds": 1, "padding": "x" * (1 << 20)}), encoding="utf-8")
    with pytest.raises(RunError, match=r"run\.json': it is too large"):
        read_run(tmp_path)


@pytest.mark.parametrize("name", ["run.json", "losses.csv"])
def test_a_pipe_is_no_record(job_folder, make_pipe, name):
    make_pipe(job_folder / name)
    with pytest.raises(RunError, match=rf"cannot read .*{name}': it is not a regular file; delete"):
        read_curves(job_folder)
    assert name == "run.json" or not read_losses(job_folder, [0])


def test_texts_are_bounded(tmp_path: Path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"device": "x" * 10_000}), encoding="utf-8")
    assert len(read_run(tmp_path).device or "") == 200


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"epoch,seconds\n0,1\n",
        b"epoch,total,content,style\n0,1,2,many\n",
        b"epoch,total,content,style\n0,1\n",
        b"epoch,total,content,style\n0,1,nan,inf\n",
        b"\xff\xfe\x00",
    ],
)
def test_losses_that_cannot_be_read_are_left_out(tmp_path: Path, data: bytes):
    (tmp_path / "losses.csv").write_bytes(data)
    assert read_losses(tmp_path, [0]) == {}


def test_losses_before_and_after_a_damaged_row_are_read(tmp_path: Path):
    assert read_losses(tmp_path, [0]) == {}, "there is no file"
    path = tmp_path / "losses.csv"
    path.write_text("epoch,total,content,style\n0,3,1,2\n1,x,y,z\n2,7,3,4\n3,1\n", encoding="utf-8")
    assert read_losses(tmp_path, [0, 1, 2, 3, 4]) == {0: (3, 1, 2), 2: (7, 3, 4)}
    path.write_text("epoch,total,content,style,style/conv1_1,smoothness/tv\n0,6,1,2,2,3\n")
    assert read_losses(tmp_path, [0]) == {0: (6, 1, 2)}
