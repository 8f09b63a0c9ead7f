"""The pipeline on a real Slurm; without one these tests are skipped, but not in CI."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2]))

from tests.slurm.private_slurm import PrivateSlurm, missing_binaries
from tests.workflow.conftest import BINARIES, LOUD, REPOSITORY, Outcome, Project, run

PLUGIN = "snakemake_executor_plugin_slurm"

# Shallow layers: little work, since the machine's time goes into starting jobs.
NETWORK = {"content_layers": {"conv2_1": 1}, "style_layers": {"conv1_1": 1, "conv2_1": 1}}


class ClusterProject(Project):
    """A user's folder on a cluster."""

    def __init__(self, root: Path, slurm: PrivateSlurm) -> None:
        super().__init__(root)
        self.slurm = slurm

    def snakemake(self, *options: str, config: str = "config.yaml", **variables: str) -> Outcome:
        """Run `snakemake --profile profiles/slurm`, asking squeue, and impatiently."""
        command = [str(BINARIES / "snakemake"), *LOUD, "-s", str(REPOSITORY / "Snakefile")]
        command += ["--configfile", str(self.root / config), "--directory", str(self.root)]
        command += ["--profile", str(REPOSITORY / "profiles" / "slurm")]
        command += ["--slurm-status-command", "squeue", "--latency-wait", "10"]
        command += ["--slurm-init-seconds-before-status-checks", "1"]
        command += ["--seconds-between-status-checks", "1", *options]
        return run(command, self.root, **self.slurm.variables, **variables)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests on a cluster, so that `-m` can leave them out."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slurm)


@pytest.fixture(scope="session")
def slurm() -> Iterator[PrivateSlurm]:
    """A cluster of one node with one GPU."""
    missing = missing_binaries()
    if importlib.util.find_spec(PLUGIN) is None:
        missing.append(PLUGIN)
    if missing:
        sentence = (
            f"without {', '.join(missing)} Slurm is not tested; Debian's packages are slurmctld, "
            "slurmd, slurm-client and munge, and the plugin's is snakemake-executor-plugin-slurm"
        )
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    with PrivateSlurm() as cluster:
        yield cluster
    assert not cluster.processes(), "Slurm left processes behind"


@pytest.fixture(scope="session")
def cluster_project(
    slurm: PrivateSlurm, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], ClusterProject]:
    """Make an empty project of a name."""
    return lambda name: ClusterProject(tmp_path_factory.mktemp(name) / "project", slurm)
