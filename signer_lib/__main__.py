"""``python -m signer_lib`` is ``stable-signer``."""

from signer_lib.cli import main

main()
