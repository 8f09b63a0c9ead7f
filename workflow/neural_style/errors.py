"""The one kind of exception that is meant for the user's eyes."""


class NeuralStyleError(Exception):
    """A mistake that the user can mend.

    The message is one sentence: what is wrong, in which file or under which key, and what to
    do about it. The scripts print it without a traceback and exit with 1.
    """
