"""The base class of errors that users see, and the class of warnings."""


class NeuralStyleError(Exception):
    """An error that the user can fix.

    The message has one sentence per line: what is wrong, in which file or under which key, and what
    to do about it. The scripts print it without a traceback and exit with 1.
    """


class NeuralStyleWarning(UserWarning):
    """Something that the user should know, although the work goes on.

    The message is one sentence. The library gives it to `warnings.warn`, since it prints nothing;
    the scripts show it in their log, once.
    """
