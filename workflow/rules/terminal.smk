# What the terminal shows of a run beside the lines of its jobs. Of Snakemake's own lines, a dozen for
# each job, the default profile hides most; this file replaces others by one, and shows errors whole.
import copy
import logging

from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent

QUIET = {each.name for each in workflow.output_settings.quiet or ()}
IS_QUIET = QUIET == {"RULES", "HOST"}  # as profiles/default says
SELECTING = "Select jobs to execute..."
FAILED = "RuleException:\nCalledProcessError"  # begins what Snakemake says of a command that failed
STYLIZE = "stylize_"  # begins the names of the rules that make outputs


class RunMessages(logging.Filter):
    """Sees every message of Snakemake, and decides which the terminal shows."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream  # of Snakemake's messages: standard output in a dry run
        self.works = {}  # number of a job that makes an output → its work
        self.done = []  # works of those that have finished
        self.left = 0.0  # work that is still to do
        self.began = None
        self.failed = []  # messages about commands that failed, until their jobs are shown

    def filter(self, record):
        """Take note of a message; return whether Snakemake may show it."""
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO and not workflow.dryrun:
            self.begin(record.stats)
        elif event == LogEvent.JOB_INFO and record.rule_name.startswith(STYLIZE):
            self.began = self.began or time.time()
            self.works[record.jobid] = work_of(record.rule_name)
        elif event == LogEvent.JOB_FINISHED and record.job_id in self.works:
            work = self.works.pop(record.job_id)
            self.done.append(work)
            self.left -= work
        elif event == LogEvent.JOB_ERROR:
            self.left -= self.works.pop(record.jobid, 0.0)
        elif event == LogEvent.PROGRESS:
            self.progress(record.done, record.total)
        message = record.getMessage()
        if message.startswith(FAILED):
            self.failed.append(message)
        if is_hidden(event):
            self.say(f"\n{DefaultFormatter().format(self.without_command(record))}")
        return not is_replaced(event, message)

    def without_command(self, record):
        """Return a record without its command if a message has just shown that."""
        command = (getattr(record, "shellcmd", None) or "").strip()
        shown = next((each for each in self.failed if command and command in each), None)
        if shown is None:
            return record
        self.failed.remove(shown)
        record = copy.copy(record)  # the log of the run gets it whole
        record.shellcmd = None
        return record

    def begin(self, counts):
        """Say how many jobs there are, and of these how many make an output."""
        outputs = {rule: count for rule, count in counts.items() if rule.startswith(STYLIZE)}
        self.left = sum(count * work_of(rule) for rule, count in outputs.items())
        if IS_QUIET:
            makes = f", {sum(outputs.values())} of them make an output" if outputs else ""
            self.say(f"{counts['total']} jobs to run{makes}.")

    def progress(self, done, total):
        """Say how many jobs are done and, after some outputs, how long the others will take."""
        words = [f"{done} of {total} jobs are done."] if IS_QUIET else []
        seconds = time_left(self.done, self.left, time.time() - (self.began or 0))
        if seconds:
            words.append(f"The other outputs will take about {format_duration(seconds)}.")
        if words:
            self.say(" ".join(words))

    def say(self, text):
        """Show a text among the messages of Snakemake."""
        print(text, file=self.stream, flush=True)


def is_replaced(event, message):
    """Return whether a message says what this file says, or only that the scheduler is at work."""
    replaced = (LogEvent.RUN_INFO, LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED, LogEvent.PROGRESS)
    return IS_QUIET and not workflow.dryrun and (event in replaced or message == SELECTING)


def is_hidden(event):
    """Return whether a message is hidden although it is wanted: an error, or a job of a dry run."""
    in_dry_run = (LogEvent.JOB_INFO,) if workflow.dryrun else ()
    return IS_QUIET and event in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR, *in_dry_run)


def work_of(rule):
    """Return the work of a job that makes an output, by its rule."""
    settings = SWEEP.settings[rule.removeprefix(STYLIZE)]
    return work_until(settings, settings.epochs)


def tell_end():
    """Say at the very end what the run made, what failed and why, and where to look."""
    for line in run_summary(SWEEP.jobs, BEGAN, time.time(), Path(GALLERY)):
        print(line, file=sys.stderr)


def write_whole_log():
    """Let the log of the run hold everything, however quiet the terminal is."""
    for handler in logger.handlers:
        if handler.name == "DefaultLogFileHandler":
            for each in handler.filters:
                each.quiet = set()


if workflow.is_main_process and not IS_MODULE:
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            handler.filters.insert(0, RunMessages(handler.stream))  # before the one that hides
