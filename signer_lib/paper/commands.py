"""The files that figures are drawn from, and what to type for each. [ours]"""

COMMANDS = {
    "end_to_end/attribution.json": "python -m signer_lib.comparison.attribution --data out/rules --out results/end_to_end/attribution.json ...",
    "end_to_end/corruption.json": "python -m signer_lib.comparison.corruption --data out/rules --out results/end_to_end/corruption.json ...",
    "end_to_end/learning.json": "python -m signer_lib.comparison.learning --data out/rules --out results/end_to_end/learning.json ...",
}
STUDY = ("python -m signer_lib.comparison.study --data out/rules --judge data/checkpoints/back-translation-nano --out results/slp_moe/rules "
         "--seeds 1 2 3")
