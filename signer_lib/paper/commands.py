"""The results that figures are drawn from, and what makes each. [ours]"""

COMMANDS = {
    "end_to_end/attribution.json": "python -m signer_lib.comparison.attribution --data out/rules --experts SLP_MOE... --regressions REGRESSION... "
                                   "--judge data/checkpoints/back-translation-nano --work out/attribution --out results/end_to_end/attribution.json",
    "end_to_end/corruption.json": "python -m signer_lib.comparison.corruption --data out/rules --experts SLP_MOE --regression REGRESSION "
                                  "--judge data/checkpoints/back-translation-nano --work out/corruption --out results/end_to_end/corruption.json",
    "end_to_end/learning.json": "python -m signer_lib.comparison.learning --performances out/rules --out results/end_to_end/learning.json "
                                "--seeds 1 2 3",
}
STUDY = ("python -m signer_lib.comparison.study --data out/rules --judge data/checkpoints/back-translation-nano --out results/slp_moe/rules "
         "--seeds 1 2 3")
