"""The one exception that a person sees as a single line, without a traceback."""

import sys
from collections.abc import Callable


class SignerError(Exception):
    """Something the caller can put right. The message says what is wrong and what to do.

    The command line prints it as one line and exits with code 2; in a notebook it reads like any exception.
    """


def run(main: Callable[[], object]) -> None:
    """A command: a ``SignerError`` ends in one line and exit code 2."""
    try:
        main()
    except SignerError as error:
        print(f"stable-signer: {error}", file=sys.stderr)
        sys.exit(2)
