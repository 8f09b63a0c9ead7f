"""Lines of tab-separated text that hold any file name, and give it back exactly."""

from __future__ import annotations


def escape(text: str) -> str:
    """Backslash escapes for tabs, line breaks, backslashes and bytes that are no UTF-8."""
    if "\\" in text or not text.isprintable():
        return text.encode("unicode_escape").decode("ascii")
    return text


def unescape(text: str) -> str:
    """The text that `escape` was given."""
    if "\\" not in text:
        return text
    return text.encode("ascii").decode("unicode_escape")
