"""The command that makes a picture again, as text for a shell."""

from __future__ import annotations

import os
import shlex


def shell_word(word: str) -> str:
    r"""A word as a shell has to be told it, quoted where it has to be.

    What cannot be seen or is no UTF-8 is written as `$'caf\351'`, which bash and zsh
    understand, since it would not survive the way through a page and a clipboard.
    """
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escape, os.fsencode(word)))}'"


def _escape(byte: int) -> str:
    if byte in b"'\\":
        return f"\\{chr(byte)}"
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"
