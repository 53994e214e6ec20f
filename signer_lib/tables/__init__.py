"""The tables of the results, as Markdown and as LaTeX: ``python -m signer_lib.tables``. One module a table, one model, two writers. [ours]

Every module has ``TITLE`` and ``PARTS``: heading -> a function from the results' folder to a ``model.Table``, which raises ``SignerError`` in one
line where a file is missing.
"""
