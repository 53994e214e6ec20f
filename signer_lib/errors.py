"""The one exception that a person sees as a single line, without a traceback."""

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


def run(main: Callable[[], object]) -> None:
    """A command: a ``SignerError`` ends in one line and exit code 2."""
    try:
        main()
    except SignerError as error:
        print(f"stable-signer: {error}", file=sys.stderr)
        sys.exit(2)
