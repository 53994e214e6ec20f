"""The one exception that a person sees as a single line, without a traceback."""

import errno
import sys
from collections.abc import Callable

LONGEST = 1000                            # characters of a message: it may quote a file, and a file may hold anything


class SignerError(Exception):
    """Something the caller can put right. The message says what is wrong and what to do.

    The command line prints it as one line and exits with code 2; in a notebook it reads like any exception. Whatever a damaged file put into the
    message, it stays one line that can be printed.
    """

    def __init__(self, message: object):
        line = "".join(c if c.isprintable() else " " for c in str(message))
        super().__init__(line if len(line) <= LONGEST else f"{line[:LONGEST * 2 // 3]} ... {line[-LONGEST // 3:]}")


def no_space(error: BaseException) -> bool:
    """Whether ``error`` says that a disk is full, in the words of Python or of safetensors, which tells it as text."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or type(error).__name__ == "SafetensorError" and "os error 28" in str(error)


def run(main: Callable[[], object]) -> None:
    """A command: a ``SignerError``, or a disk that is full, ends in one line and exit code 2."""
    try:
        main()
    except Exception as error:
        if not isinstance(error, SignerError) and not no_space(error):
            raise
        told = error if isinstance(error, SignerError) else "no space is left on the disk; what was finished is kept"
        print(f"stable-signer: {told}", file=sys.stderr)
        sys.exit(2)
