# What becomes of a run that is killed. Included last, when all rules are known.
import signal

import psutil

from neural_style.runtime.snakemake_lock import enter_run


def is_made_here(path):
    """Whether a rule of this workflow makes a file."""
    return any(rule.is_producer(path) for rule in workflow.rules)


def pass_termination_on():
    """Let the jobs save their states and stop, too: by itself, Snakemake waits for their ends."""
    if not workflow.local_exec:
        return
    finish = signal.getsignal(signal.SIGTERM)

    def stop(number, frame):
        if callable(finish):
            finish(number, frame)
        for process in psutil.Process().children(recursive=True):
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                pass

    signal.signal(signal.SIGTERM, stop)


if workflow.is_main_process:
    enter_run(Path(".snakemake"), is_made_here)
