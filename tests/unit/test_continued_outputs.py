"""Large outputs continue small ones: stages up to the reference size make the same in both."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.unit.data_sets import Copying, DataSet, save
from tests.unit.images import smooth
from torch import Tensor
from torch.testing import assert_close

from neural_style.bulk.batches import BatchRunner
from neural_style.bulk.shard import Task
from neural_style.bulk.worker import Result, Take, batch_key
from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.config.sizes import REFERENCE_SIZE
from neural_style.engine.engine import Engine
from neural_style.engine.load import load_problem, make_problems
from neural_style.images import decode
from neural_style.images.fit import load_fitted
from neural_style.images.tensors import luminance, to_tensor
from neural_style.losses.build import StyleTargets, make_objective
from neural_style.losses.objective import Objective
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    check_batch,
    move_problems,
)
from neural_style.losses.resampling import continue_problem, problem_at, resample_images, size_at
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim import stage as stage_module
from neural_style.optim.loop import Optimization, Progress
from neural_style.optim.stage import continued_stage
from neural_style.optim.state import StateError, clone

CPU = torch.device("cpu")
FIRST = Stage(64, 2)
LARGE = 700
CONTROLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "luminance": {"color": "luminance"},
    "matched colors": {"color": "match"},
    "crop": {"fit": "crop"},
    "noise": {"init": "noise"},
    "image": {"init": "other.jpg"},
    "masks": {"mask": "mask.png", "style_mask": "mask.png"},
    "blend": {"blend": {"other.jpg": 1.0}, "style_scales": (0.5, 1.0)},
}


@pytest.fixture
def staged(shallow: Settings) -> Settings:
    return replace(shallow, size=LARGE, fit="keep", stages=(FIRST,), epochs=4)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JPEG files that are decoded at a reduced size for small outputs."""
    monkeypatch.setattr(decode, "REDUCED_FROM", 1000 * 800)
    monkeypatch.chdir(tmp_path)
    for name, size in {
        "content": (1300, 850),
        "style": (750, 950),
        "other": (1100, 900),
    }.items():
        smooth(*size).transpose(Image.Transpose.ROTATE_180).save(f"{name}.jpg")
    mask = Image.new("L", (260, 170))
    mask.paste(255, (0, 0, 130, 170))
    mask.save("mask.png")


def problem_of(settings: Settings) -> TransferProblem:
    return load_problem(Path("content.jpg"), Path("style.jpg"), settings, CPU).problem


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("controls", CONTROLS.values(), ids=CONTROLS)
def test_a_large_output_begins_as_a_small_one(
    staged: Settings, controls: dict[str, Any], random_convolutions: Mapping[str, Convolution]
):
    network = Vgg19(random_convolutions, staged.layers).prepare(CPU, torch.float32)

    def first_stage(size: int) -> list[Progress]:
        problem = problem_of(replace(staged, size=size, **controls))
        return list(itertools.islice(Optimization(network, [problem]), FIRST.epochs + 1))

    small, large = first_stage(REFERENCE_SIZE), first_stage(LARGE)
    for one, other in zip(small, large, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.losses, other.losses)


@pytest.mark.usefixtures("images")
def test_stages_above_the_reference_size_have_the_images_of_the_output(staged: Settings):
    problem = problem_of(staged)
    assert problem.at_reference is not None
    assert problem_at(problem, 1) == problem
    at_reference = problem_at(problem, REFERENCE_SIZE / LARGE)
    assert at_reference.content is problem.at_reference.content
    assert at_reference.settings == problem.settings
    above, resampled = (
        problem_at(each, 600 / LARGE) for each in (problem, replace(problem, at_reference=None))
    )
    assert max(above.content.shape) == 600
    assert torch.equal(above.content, resampled.content)


@pytest.mark.usefixtures("images")
def test_the_size_of_a_stage_is_that_of_its_images(staged: Settings):
    for large in range(513, 700, 31):  # of 512 × 335, 475 / large resamples to another height
        problem = problem_of(replace(staged, size=large))
        for size in (64, 475, 512, large - 1, large):
            shape = problem_at(problem, size / large).content.shape
            assert size_at(problem, size / large) == (shape[3], shape[2])


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(
    ("size", "stages"), [(REFERENCE_SIZE, (FIRST,)), (LARGE, ()), (LARGE, (Stage(600, 2),))]
)
def test_outputs_without_small_stages_need_no_smaller_images(
    staged: Settings, size: int, stages: tuple[Stage, ...]
):
    assert problem_of(replace(staged, size=size, stages=stages)).at_reference is None


@pytest.mark.usefixtures("images")
def test_problems_of_a_batch_have_one_size_at_the_reference_size(staged: Settings):
    problem = problem_of(staged)
    assert problem.at_reference is not None
    cut = replace(problem.at_reference, content=problem.at_reference.content[..., :-1, :])
    with pytest.raises(ValueError, match=r"700 × 458 \(at the reference size 512 × 335\) and"):
        check_batch([problem, replace(problem, at_reference=cut)])


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("kind", ["image", "tensors"])
def test_images_in_memory_are_fitted_at_both_sizes(staged: Settings, kind: str):
    content = Image.open("content.jpg")
    batch = torch.cat([to_tensor(content), 1 - to_tensor(content)])
    given = {"content": content if kind == "image" else batch, "style": Image.open("style.jpg")}
    large, _ = make_problems(given, staged, CPU)
    small, _ = make_problems(given, replace(staged, size=REFERENCE_SIZE, stages=()), CPU)
    assert len(large) == len(small) == (1 if kind == "image" else 2)
    for one, other in zip(move_problems(large, torch.device("meta")), small, strict=True):
        assert one.at_reference is not None and one.at_reference.content.is_meta
        assert one.at_reference.content.shape == other.content.shape
    for one, other in zip(large, small, strict=True):
        assert one.at_reference is not None
        assert torch.equal(one.at_reference.content, other.content)
    check_batch(large)


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("role", ["content", "style"])
def test_what_is_too_narrow_for_the_reference_size_is_resampled(staged: Settings, role: str):
    smooth(1400, 40).save(f"{role}.jpg")  # 20 of 700 pixels, 15 of 512
    problem = problem_of(staged)
    assert problem.at_reference is None
    assert max(problem_at(problem, FIRST.size / LARGE).content.shape) == FIRST.size


@pytest.fixture
def continued(staged: Settings) -> Settings:
    """Settings of an output that continues its stage of the reference size."""
    stages = (Stage(64, 1), Stage(REFERENCE_SIZE, 1))
    return replace(staged, style_loss="wasserstein", size_correction=True, stages=stages, epochs=4)


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(
    "controls", [{}, CONTROLS["luminance"], CONTROLS["masks"], CONTROLS["noise"]]
)
def test_stages_above_the_reference_size_keep_the_content_of_its_images(
    continued: Settings,
    controls: dict[str, Any],
    random_convolutions: Mapping[str, Convolution],
    monkeypatch: pytest.MonkeyPatch,
):
    contents: list[Tensor] = []

    def spy(
        network: Vgg19, problems: Sequence[TransferProblem], targets: StyleTargets
    ) -> Objective:
        contents.append(problems[0].content)
        return make_objective(network, problems, targets)

    monkeypatch.setattr(stage_module, "make_objective", spy)
    network = Vgg19(random_convolutions, continued.layers).prepare(CPU, torch.float32)
    problem = problem_of(replace(continued, **controls))
    images = [each.images for each in Optimization(network, [problem])]
    if controls.get("color") == "luminance":
        images = [luminance(each).expand(-1, 3, -1, -1) for each in images]
    own = [problem_at(problem, stage.size / LARGE) for stage in problem.settings.all_stages]
    for content, stage in zip(contents[:2], own[:2], strict=True):
        assert torch.equal(content, stage.content)
    assert len(contents) == 3
    assert_close(contents[2], continue_problem(own[2], images[2]).content, atol=1e-6, rtol=0)
    assert (contents[2] - own[2].content).abs().max() > 0.01


@pytest.mark.usefixtures("images")
def test_only_a_pyramid_continues_the_stage_of_the_reference_size(continued: Settings):
    problem = problem_of(continued)
    assert continued_stage(problem) == Stage(REFERENCE_SIZE, 1)
    for changed in (
        problem_of(replace(continued, style_loss="gram")),
        problem_of(replace(continued, size_correction=False)),
        problem_of(replace(continued, stages=(Stage(64, 1), Stage(600, 1)))),
        replace(problem, at_reference=None),
    ):
        assert continued_stage(changed) is None


@pytest.mark.usefixtures("images")
def test_a_continued_content_has_the_brightness_detail_of_the_content_image(continued: Settings):
    problem = problem_of(continued)
    assert problem.at_reference is not None
    size, whole = problem.at_reference.content.shape[2:], problem.content.shape[2:]
    noise = torch.rand(problem.content.shape, generator=torch.Generator().manual_seed(5))
    problem = replace(problem, content=0.3 + 0.4 * noise)
    detail = luminance(problem.content)
    detail = detail - resample_images(resample_images(detail, *size), *whole)
    assert detail.abs().max() > 0.1
    image = 0.4 + 0.2 * resample_images(noise, *size)
    found = continue_problem(problem, image).content
    assert_close(found, resample_images(image, *whole) + detail, atol=1e-6, rtol=0)


def two_problems(settings: Settings) -> list[TransferProblem]:
    smooth(1300, 850).convert("L").save("gray.jpg")
    gray = load_problem(Path("gray.jpg"), Path("style.jpg"), settings, CPU).problem
    return [problem_of(settings), gray]


@pytest.mark.usefixtures("images")
def test_each_image_of_a_batch_continues_its_own(
    continued: Settings, random_convolutions: Mapping[str, Convolution]
):
    network = Vgg19(random_convolutions, continued.layers).prepare(CPU, torch.float32)
    problems = two_problems(continued)

    def after_its_first_iteration(problems: Sequence[TransferProblem]) -> Tensor:
        return next(each.images for each in Optimization(network, problems) if each.epoch == 3)

    both = after_its_first_iteration(problems)
    for image, problem in zip(both, problems, strict=True):
        difference = (image - after_its_first_iteration([problem])[0]).abs().mean()
        assert difference < 1e-5, "more than rounding"


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("color", ["style", "luminance"])
@pytest.mark.parametrize("epoch", [2, 3])
def test_a_continued_output_resumes_to_the_bit(
    continued: Settings,
    color: Any,
    epoch: int,
    random_convolutions: Mapping[str, Convolution],
):
    network = Vgg19(random_convolutions, continued.layers).prepare(CPU, torch.float32)
    problems = two_problems(replace(continued, color=color))
    whole = Optimization(network, problems)
    images = []
    for progress in whole:
        images.append(progress.images)
        if progress.epoch == epoch:
            state = clone(whole.state())
    assert (state.continued is None) == (epoch == 2)
    resumed = Optimization(network, problems)
    resumed.resume(state)
    for progress in resumed:
        assert torch.equal(progress.images, images[progress.epoch])
    assert progress.epoch == 4


@pytest.mark.usefixtures("images")
def test_images_whose_luminance_leaves_its_range_are_continued_within_it(
    continued: Settings, random_convolutions: Mapping[str, Convolution]
):
    """Rounding of the chroma does this, by less than here."""

    def moved(problem: TransferProblem | None) -> TransferProblem:
        assert problem is not None and problem.chroma is not None
        dark = 0.01 * problem.content
        regions = (Region((StyleReference(torch.zeros_like(dark)),)),)
        return replace(problem, content=dark, regions=regions, chroma=torch.full_like(dark, 1e-5))

    network = Vgg19(random_convolutions, continued.layers).prepare(CPU, torch.float32)
    problem = problem_of(replace(continued, color="luminance"))
    problem = replace(moved(problem), at_reference=moved(problem.at_reference))
    optimization = Optimization(network, [problem])
    states = {each.epoch: clone(optimization.state()) for each in optimization}
    assert states[2].variable.min() < 0
    Optimization(network, [problem]).resume(states[3])


@pytest.mark.usefixtures("images")
def test_a_state_with_other_images_to_continue_is_refused(
    continued: Settings, random_convolutions: Mapping[str, Convolution]
):
    network = Vgg19(random_convolutions, continued.layers).prepare(CPU, torch.float32)
    problem = problem_of(continued)
    optimization = Optimization(network, [problem])
    states = {each.epoch: clone(optimization.state()) for each in optimization}
    given = states[3].continued
    assert given is not None
    for epoch, wrong, text in (
        (3, None, "NoneType, not Tensor"),
        (3, "a", "str, not Tensor"),
        (3, given[..., 1:], "has the shape"),
        (3, given.double(), "dtype"),
        (3, given * float("nan"), "not finite"),
        (3, given + 0.5, "out of range"),
        (1, given, "Tensor, not NoneType"),
    ):
        state = replace(states[epoch], continued=wrong)
        with pytest.raises(StateError, match=text):
            Optimization(network, [problem]).resume(state)


@pytest.mark.usefixtures("images")
def test_an_optimization_that_refused_a_state_starts_over(
    continued: Settings, random_convolutions: Mapping[str, Convolution]
):
    network = Vgg19(random_convolutions, continued.layers).prepare(CPU, torch.float32)
    problem = problem_of(continued)
    optimization = Optimization(network, [problem])
    losses, states = [], {}
    for progress in optimization:
        losses.append(progress.losses.clone())
        states[progress.epoch] = clone(optimization.state())
    again = Optimization(network, [problem])
    with pytest.raises(StateError, match="out of range"):
        again.resume(replace(states[3], variable=states[3].variable + 2))
    for progress in again:
        assert torch.equal(progress.losses, losses[progress.epoch])


class Keeping(Copying):
    """Also keeps the tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[Task] = []

    def __call__(self, tasks: Sequence[Task], take: Take) -> None:
        self.tasks += tasks
        super().__call__(tasks, take)


def tasks_of(data: DataSet) -> list[Task]:
    runner = Keeping()
    data.run(runner)
    return runner.tasks


def problems_of(tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> list[TransferProblem]:
    """The problems of a batch, which is not optimized."""
    made: list[TransferProblem] = []

    def optimization(_: Engine, problems: Sequence[TransferProblem]) -> list[Progress]:
        made.extend(problems)
        raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "optimization", optimization)
    with pytest.raises(KeyboardInterrupt):
        BatchRunner(Engine(CPU), len(tasks), print)(tasks, lambda *_: None)
    return made


def test_a_data_set_has_the_problems_of_a_sweep(
    data: DataSet, staged: Settings, monkeypatch: pytest.MonkeyPatch
):
    content = data.plan.content / "class0" / "deep" / "0.png"
    smooth(1300, 850).save(content.with_suffix(".jpg"))
    content.unlink()
    settings = replace(staged, color="match")
    data.plan = replace(data.plan, settings={"one": settings}, size="fitted")
    (task, *_) = (each for each in tasks_of(data) if each.image.size == (LARGE, 458))
    (made,) = problems_of([task], monkeypatch)
    path = data.plan.content / task.output.content.path
    expected = load_problem(path, task.output.style.file, settings, CPU).problem
    assert expected.at_reference is not None and made.at_reference is not None
    for one, other in ((expected, made), (expected.at_reference, made.at_reference)):
        assert torch.equal(one.content, other.content)
        assert torch.equal(one.regions[0].styles[0].image, other.regions[0].styles[0].image)
        assert one.settings == other.settings


@pytest.mark.usefixtures("random_network")
def test_a_style_too_narrow_for_the_reference_size_changes_no_other_output(
    data: DataSet, staged: Settings, monkeypatch: pytest.MonkeyPatch
):
    data.add("class0/deep/0.png", 0, (1300, 850))
    save(data.root / "styles" / "s1.png", 201, (1400, 40))
    data.plan = replace(data.plan, settings={"one": staged}, size="fitted")
    tasks = [each for each in tasks_of(data) if each.image.size == (LARGE, 458)]
    batches: list[list[bool]] = []

    def optimization(_: Engine, problems: Sequence[TransferProblem]) -> Iterator[Progress]:
        check_batch(problems)
        batches.append([problem.at_reference is not None for problem in problems])
        images = torch.cat([problem.content for problem in problems])
        diverged = torch.zeros(len(problems), dtype=torch.bool)
        yield Progress(1, images, ("style/a",), torch.ones(1, len(problems)), diverged)

    monkeypatch.setattr(Engine, "optimization", optimization)
    results: dict[str, Result] = {}
    runner = BatchRunner(Engine(CPU), 2, print)
    runner(tasks, lambda task, result: results.update({task.output.style.id: result}))
    assert sorted(batches) == [[False], [True]]
    assert sorted(results) == ["s0", "s1"]
    assert all(result.image is not None for result in results.values())


@pytest.mark.usefixtures("random_network")
def test_stages_with_one_ratio_share_a_batch(data: DataSet, staged: Settings):
    half = replace(staged, size=96, stages=(Stage(48, 2),))
    double = replace(half, size=192, stages=(Stage(96, 2),))
    data.add("class0/deep/0.png", 0, (80, 60))
    data.plan = replace(data.plan, settings={"half": half, "double": double}, size="original")
    tasks = [each for each in tasks_of(data) if each.image.size == (80, 60)]
    assert len(tasks) == 4 and len(set(map(batch_key, tasks))) == 1
    results: list[Result] = []
    BatchRunner(Engine(CPU), 4, print)(tasks, lambda _, result: results.append(result))
    assert [result.reason for result in results] == [""] * 4


def test_tasks_of_other_sizes_at_the_reference_size_share_no_batch(data: DataSet, staged: Settings):
    data.plan = replace(data.plan, settings={"one": staged}, size="fitted")
    task = tasks_of(data)[0]
    assert task.at_reference is not None
    other = replace(task, at_reference=task.at_reference.resize((512, 300)))
    assert batch_key(task) != batch_key(other)


def test_images_that_keep_their_own_size_are_loaded_once(data: DataSet, staged: Settings):
    data.plan = replace(data.plan, settings={"one": staged}, size="original")
    tasks = tasks_of(data)
    assert tasks and all(
        task.at_reference is None and max(task.image.size) < LARGE for task in tasks
    )
    data.plan = replace(data.plan, settings={"one": replace(staged, fit="pad")})
    for task in tasks_of(data):
        assert task.at_reference is not None
        path = data.plan.content / task.output.content.path
        assert task.at_reference == load_fitted(path, REFERENCE_SIZE, "pad")
