"""``python fsdp_on_cpu.py WORDS``: the command line, cut among CPU processes.

accelerate turns FSDP on where it finds accelerators. Here its two questions for hardware are answered as on such a machine, but with gloo and the
CPU; all the rest is accelerate's and torch's own.
"""

import sys

import torch
from accelerate.state import PartialState
from accelerate.utils import DistributedType

from signer_lib import cli


def on_the_cpu(state):
    state.device = torch.device("cpu")


if __name__ == "__main__":
    PartialState._prepare_backend = lambda *_, **__: ("gloo", DistributedType.MULTI_GPU)
    PartialState.set_device = on_the_cpu
    sys.argv[0] = "stable-signer"
    cli.main()
