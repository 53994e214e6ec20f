"""Every file of ``results/`` made again, small: ``python -m signer_lib.remake``. ``listed`` says by what, ``running`` does it. [ours]"""
