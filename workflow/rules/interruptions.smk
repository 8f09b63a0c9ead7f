# What happens to a run that is killed. Included last, when all rules are known.
import signal

import psutil

from neural_style.runtime.snakemake_lock import enter_run


def is_made_here(path):
    """Return whether a rule of this workflow makes a file."""
    return any(rule.is_producer(path) for rule in workflow.rules)


def pass_termination_on():
    """Let SIGTERM also reach the jobs, which save a checkpoint and stop.

    Snakemake by itself waits until they end.
    """
    if not workflow.local_exec:
        return
    finish = signal.getsignal(signal.SIGTERM)

    def terminate(number, frame):
        if callable(finish):
            finish(number, frame)
        for process in psutil.Process().children(recursive=True):
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                pass

    signal.signal(signal.SIGTERM, terminate)


def begin_run():
    """Do what comes before the first job of a run."""
    write_whole_log()
    freeze_bulk()
    pass_termination_on()


@functools.cache
def join_run():
    """Also do this in a workflow that uses this one as a module, where Snakemake ignores `onstart`.

    Called when jobs of this workflow are planned: by then, all handlers of that workflow are known.
    """
    if not IS_MODULE:
        return
    start, fail = workflow._onstart, workflow._onerror

    def start_both(log):
        start(log)
        begin_run()

    def fail_both(log):
        fail(log)
        make_remaining()

    workflow.onstart(start_both)
    workflow.onerror(fail_both)


if workflow.is_main_process:
    enter_run(Path(".snakemake"), is_made_here)
