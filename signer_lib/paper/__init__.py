"""The paper's figures as functions of the files in ``results/`` and of the shipped models: ``python -m signer_lib.paper``. [ours: the drawings]

One module a figure. Each has ``CAPTION``, how to read it; ``load(sources)``, its data, every file of which ``sources`` notes; ``draw(data)``, the
picture; and ``compared(data)``, a sentence on how ours compares with the paper, made of the same data. Fig. 1 to 5 follow the paper's captions; its
Fig. 6 and 7 could not be read, so ours of that number, and Fig. 8, are other pictures.
"""
