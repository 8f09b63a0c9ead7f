# The data set of the configuration, and the functions that its rules use.
from neural_style.bulk.plan import DatasetPaths, make_bulk_plan
from neural_style.bulk.target import discover

BULK = DatasetPaths(Path(CONFIG["bulk"]["output"]))


@functools.cache
def bulk_target():
    """Return the data set. Its folders are searched only if one of its jobs is requested.

    Only Snakemake's main process searches for new content images; the processes of jobs read the
    listing that it has written.
    """
    join_run()
    try:
        target = discover(make_bulk_plan(CONFIG), walk=workflow.is_main_process)
        show_once(target.not_taken)
        return target
    except NeuralStyleError as error:
        stop(error)


def bulk_manifests(wildcards):
    """Return the manifest of each shard."""
    return list(map(str, bulk_target().manifests))


def bulk_contents(wildcards):
    """Return the positions of a shard's content images in the listing."""
    return bulk_target().content_range(int(wildcards.shard))


def bulk_inputs(wildcards):
    """Return a digest of the files of a shard's content images and styles."""
    try:
        return bulk_target().inputs_digest(int(wildcards.shard))
    except NeuralStyleError as error:
        stop(error)


def bulk_method(wildcards):
    """Return a digest of the settings, the assignment of styles and the engine version."""
    try:
        return bulk_target().plan_digest
    except NeuralStyleError as error:
        stop(error)


def bulk_memory(wildcards, attempt):
    """Return the memory to request for a shard, in MB."""
    batch = CONFIG["bulk"]["batch"] or 4
    return max(memory_mb(settings, CLUSTER, attempt, batch) for settings in SWEEP.settings.values())


def bulk_runtime(wildcards, attempt):
    """Return the time to request for a shard, in minutes."""
    bulk = CONFIG["bulk"]
    cross = bulk["assign"] == "cross"
    styles = len(bulk_target().assignment.available) if cross else bulk["styles_per_content"]
    outputs = bulk["shard_size"] * styles
    return sum(
        runtime_minutes(settings, CLUSTER, attempt, outputs) for settings in SWEEP.settings.values()
    )


def freeze_bulk():
    """Write the files that the jobs of a data set read, if it was requested."""
    if bulk_target.cache_info().currsize:
        try:
            bulk_target().write()
        except NeuralStyleError as error:
            raise WorkflowError(str(error)) from None
