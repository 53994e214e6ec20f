"""``stable-signer``, run in this process."""

from typer.testing import CliRunner

from signer_lib.cli import app
from signer_lib.errors import SignerError


def run(*arguments) -> str:
    """The output of a command that ends well; a ``SignerError`` comes through."""
    result = CliRunner().invoke(app, [*map(str, arguments)])
    if isinstance(result.exception, SignerError):
        raise result.exception
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output
