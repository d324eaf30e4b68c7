"""Telling users' mistakes, which get one clear message, from bugs, which keep their traceback."""

from __future__ import annotations

import errno
import os
from typing import Final

from pipeline.cli.terminal import complain

BAD_INPUT: Final = 2
"""Exit code of a mistake that the message says how to mend."""

FAILED: Final = 1
"""Exit code of a verb that did what it was asked, to no avail."""

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C: 128 + SIGINT."""

_PACKAGE: Final = "pipeline"
_LONGEST_NAME: Final = 100
# What a full disk or a folder's owner does is no bug of ours, and no traceback helps with it.
_SURROUNDINGS: Final = {
    errno.EACCES: "make it writable, or choose another folder",
    errno.EPERM: "make it writable, or choose another folder",
    errno.EROFS: "choose a folder on a file system that can be written to",
    errno.ENOSPC: "free some space, or choose a folder on another disk with --home",
    errno.EDQUOT: "free some space, or choose a folder on another disk with --home",
}


# Whoever asks for such a name has made it up.
_NAMES: Final = (errno.ENAMETOOLONG, errno.ELOOP)


class Unsuccessful(Exception):  # noqa: N818 - it is an outcome, not an error
    """The verb came to an end without what was wanted; its text says why and what is near."""


def exit_code_for(error: Exception) -> int | None:
    """Report a user's mistake and give its exit code; None for a bug, which nobody reported.

    A `ValueError` is a user's mistake when this package's own code raised it: the same class out of
    the depths of a library means that we called it wrongly.
    """
    if isinstance(error, Unsuccessful):
        complain(str(error))
        return FAILED
    if isinstance(error, ValueError) and _raised_here(error):
        complain(str(error))
        return BAD_INPUT
    if isinstance(error, OSError) and error.errno in _NAMES:
        place = str(error.filename)
        shown = place if len(place) <= _LONGEST_NAME else place[:_LONGEST_NAME] + "..."
        reason = os.strerror(error.errno).lower()
        complain(f"{shown}: expected the name of a file or a folder, got {reason}; correct it")
        return BAD_INPUT
    if isinstance(error, OSError) and error.errno in _SURROUNDINGS:
        place = f"{error.filename}: " if error.filename else ""
        complain(f"{place}{os.strerror(error.errno)}; {_SURROUNDINGS[error.errno]}")
        return FAILED
    return None


def _raised_here(error: Exception) -> bool:
    frame = error.__traceback__
    if frame is None:
        return False
    while frame.tb_next is not None:
        frame = frame.tb_next
    name = str(frame.tb_frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] == _PACKAGE
