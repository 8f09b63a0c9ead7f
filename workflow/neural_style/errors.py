"""The exception and the warning that are meant for the user's eyes."""


class NeuralStyleError(Exception):
    """A mistake that the user can mend.

    The message is one sentence: what is wrong, in which file or under which key, and what to
    do about it. The scripts print it without a traceback and exit with 1.
    """


class NeuralStyleWarning(UserWarning):
    """Something that the user should know, although the work goes on.

    The message is one sentence. The library gives it to `warnings.warn`, since it prints nothing;
    the scripts show it in their log, once.
    """
