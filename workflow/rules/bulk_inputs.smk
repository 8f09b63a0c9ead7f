# What the rules of a data set ask.
BULK = DatasetPaths(Path(CONFIG["bulk"]["output"]))


@functools.cache
def bulk_target():
    """The data set; nobody looks at its folders before a job of it is asked for.

    A job of another process than Snakemake's own finds everything frozen.
    """
    try:
        return look(bulk_plan(CONFIG), walk=workflow.is_main_process)
    except NeuralStyleError as error:
        stop(error)


def bulk_manifests(wildcards):
    """A manifest for each shard."""
    return list(map(str, bulk_target().manifests))


def bulk_photographs(wildcards):
    """The range of a shard."""
    return bulk_target().photographs(int(wildcards.shard))


def bulk_inputs(wildcards):
    """What changes when one of a shard's photographs or styles does."""
    return bulk_target().inputs(int(wildcards.shard))


def bulk_pictures(wildcards):
    """What changes when other pictures are asked for, or the code that makes them is another."""
    return bulk_target().pictures


def bulk_memory(wildcards, attempt):
    """Of a shard, in MB."""
    at_once = CONFIG["bulk"]["batch"] or 4
    return max(memory_mb(settings, CLUSTER, attempt, at_once) for settings in SETTINGS.values())


def bulk_runtime(wildcards, attempt):
    """Of a shard, in minutes."""
    bulk = CONFIG["bulk"]
    cross = bulk["assign"] == "cross"
    styles = len(bulk_target().styles) if cross else bulk["styles_per_content"]
    pictures = bulk["shard_size"] * styles
    return sum(
        runtime_minutes(settings, CLUSTER, attempt, pictures) for settings in SETTINGS.values()
    )


def freeze_bulk():
    """Write down what the jobs of a data set work on, if it was asked for."""
    if bulk_target.cache_info().currsize:
        try:
            bulk_target().freeze()
        except NeuralStyleError as error:
            raise WorkflowError(str(error)) from None
