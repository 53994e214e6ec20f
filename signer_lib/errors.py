"""The one exception that a person sees as a single line, without a traceback."""


class SignerError(Exception):
    """Something the caller can put right. The message says what is wrong and what to do.

    The command line prints it as one line and exits with code 2; in a notebook it reads like any exception.
    """
