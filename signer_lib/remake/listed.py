"""What makes each file of ``results/``, at nano size: the command, what it needs, about how long it takes. [ours]

Nano: a twentieth of the sentences (the signers are all there), one seed, trainings of seconds, a few small clips. It shows that every figure has a
command that runs; the figures themselves took hours, and are those of ``results/``.

Words in a command may hold {out}, the new results; {work}, where data and models go; {data}, $SIGNER_DATA; {root}, the project.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One process.

    command  what follows ``python``.                      files   patterns of what it leaves under results/; none: only others need it
    needs    entries that come first.                      data    files of $SIGNER_DATA that it needs
    modules  what has to be installed besides the core.    fresh   folders that must not be there half-made
    minutes  of one core, about.                           key     the figure told beside the committed one: "rows/renderer/ssim"
    """

    name: str
    command: tuple[str, ...]
    files: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    minutes: float = 1.0
    key: str = ""


def words(line: str) -> tuple[str, ...]:
    return tuple(line.split())


JUDGE = "{root}/data/checkpoints/back-translation-nano"
RULES, RECORDINGS = "{work}/rules", "{work}/recordings"
FULL, REGRESSION = "{work}/comparison/rules/full-1", "{work}/comparison/rules/regression-1"
ASL_LEX, WLASL, PHOENIX = "asl_lex/signdata.csv", "wlasl50/wlasl50_real_T_170.npz", "phoenix14t/train.de"
ASL_APP = "asl_app/signs_pose33_lh21_rh21_face33.npz"
SHARE, MINUTES = "0.05", "0.2"                    # of the sentences; of one training of poses
UNTRAINED = "static_mean wrong_sentence nearest_neighbour stitching_raw stitching spoken_to_signed ground_truth candidates"
VARIANTS = ("full uniform_gate one_expert first_candidate no_semantics no_refinement positions",
            "hard_choice top_2 no_smooth no_vel no_hand no_way no_balance")
B = "--set=weight_smooth=2 --set=weight_way={way} --set=cutoff={cutoff}"       # what SLP-MoE is told on (b)
DEV = {  # what was tried on dev of (b): folder -> variant, settings
    "candidates_dropped_04": ("full", 0.3, 2, " --set=candidates_dropped=0.4"), "cutoff_3": ("full", 0.5, 3, " --set=temperature=3"),
    "temperature_1": ("full", 0.3, 2, ""), "temperature_3": ("full", 0.3, 2, " --set=temperature=3"),
    "temperature_8": ("full", 0.3, 2, " --set=temperature=8"), "uniform_gate": ("uniform_gate", 0.3, 2, ""),
    "weight_balance_005": ("full", 0.3, 2, " --set=weight_balance=0.05"), "weight_way_06": ("full", 0.6, 2, " --set=temperature=3"),
}
STRIP = ("import sys; from signer_lib.figures.save import save_fig; from signer_lib.pipeline import StableSignerPipeline; "
         "save_fig(StableSignerPipeline.from_pretrained()('Hello, my name is Sam. Where is the library?').plot_strip(), sys.argv[1])")


def of_files(folder: str, systems: str) -> tuple[str, ...]:
    """Where ``comparison.study`` writes these systems: with a seed those that are trained."""
    return tuple(f"{folder}/{name}{end}.json" for name in systems.split() for end in ("", "-*"))


def study(data: str, judge: str, folder: str, systems: str, settings: str = "") -> tuple[str, ...]:
    return words(f"-m signer_lib.comparison.study --data {data} --judge {judge} --out {{out}}/{folder} --work {{work}}/comparison{settings} "
                 f"--minutes {MINUTES} --systems {systems}")


def data_and_models() -> list[Entry]:
    return [
        Entry("performances", words(f"-m signer_lib.performances rules --out {RULES} --share {SHARE}"), fresh=(RULES,), minutes=2.9),
        Entry("recorded performances",
              words(f"-m signer_lib.performances recordings --data {{data}} --rules {RULES} --out {RECORDINGS} --share {SHARE}"),
              needs=("performances",), data=(ASL_APP, WLASL), fresh=(RECORDINGS,), minutes=1.1),
        Entry("judge of recordings", words(f"-m signer_lib train back-translation --data {RECORDINGS}/judge --minutes 1 "
                                           "--out {out}/slp_moe/judge_of_recordings"),
              ("slp_moe/judge_of_recordings/*",), ("recorded performances",), fresh=("{out}/slp_moe/judge_of_recordings",), minutes=1.3,
              key="train_minutes"),
        Entry("judge of frames",
              words(f"-m signer_lib train back-translation --data {RULES}/judge --size seen --minutes 1 --out {{work}}/judge-seen"),
              needs=("performances",), fresh=("{work}/judge-seen",), minutes=1.5),
        Entry("clips", words(f"-m signer_lib.performances.filmed --data {RULES} --out {{work}}/clips --clips 32 4 3 2 --frames 8 --test-frames 8"),
              needs=("performances",), modules=("vtkmodules",), fresh=("{work}/clips",), minutes=0.5),
        Entry("renderer", words("-m signer_lib train renderer --data {work}/clips --size nano --minutes 1 --out {work}/renderer-nano"),
              needs=("clips",), fresh=("{work}/renderer-nano",), minutes=1.5),
        *(Entry(f"joint fine-tuning, {name}", words(f"-m signer_lib train joint --performances {RULES} --experts {FULL} --set steps=6 "
                                                    f"--set warmup_steps=2 --set dev_frames=4{more} --out {{work}}/joint/{name}"),
                needs=("poses, variants 1",),
                fresh=(f"{{work}}/joint/{name}",), minutes=0.4) for name, more in (("joint-1", ""), ("control-1", " --set weight_renderer=0"))),
    ]


def language() -> list[Entry]:
    phoenix = ("-m signer_lib.language.study --data {data}/phoenix14t --text-ext de --size phoenix --minutes 0.5 --work {work}/study "
               "--out {out}/slul/phoenix14t")
    return [
        Entry("SLUL", words("-m signer_lib.language.report --out {out}/slul/asl.json"), ("slul/asl.json",), minutes=0.9,
              key="rows/SLUL nano, greedy/bleu4"),
        *(Entry(f"SLUL on PHOENIX, {variant}", words(f"{phoenix} --variants {variant}"),
                (f"slul/phoenix14t/{variant}-*.json", *["slul/phoenix14t/copy.json"] * (variant == "plain")), data=(PHOENIX,), minutes=1.1,
                key="test/bleu4")
          for variant in ("plain", "sagm", "sagm_kl", "full", "full_semantic")),
    ]


def prior() -> list[Entry]:
    export = "-m signer_lib prior export --prototypes {work}/"
    recognition = words("-m signer_lib.metrics.recognition --clips {data}/" + WLASL + " --aspect 1.0 --out {out}/prior/recognition.json --prototypes")
    return [
        Entry("compiling", words("-m signer_lib.prior.compiling_study --processes 1 --out {out}/prior/compiling.json --asl-lex {data}/" + ASL_LEX),
              ("prior/compiling.json",), data=(ASL_LEX,), minutes=1.5, key="asl_lex/compiled"),
        Entry("durations", words("-m signer_lib.prior.durations --asl-lex {data}/" + ASL_LEX + " --factors {work}/durations.yaml "
                                 "--out {out}/prior/durations.json"),
              ("prior/durations.json",), data=(ASL_LEX,), minutes=0.5, key="median error in ms/held-out entries of ASL-LEX/rule"),
        Entry("handshapes", words("-m signer_lib.prior.fit_handshapes --data {data} --out {work}/handshapes_fitted.yaml "
                                  "--result {out}/prior/handshapes.json"), ("prior/handshapes.json",), data=(ASL_APP,), key="mean/test_fitted"),
        Entry("recordings made stable", words("-m signer_lib.prior.recordings --data {data} --out {out}/prior/recordings.json"),
              ("prior/recordings.json",), data=(ASL_APP, WLASL), minutes=0.4, key="sets/asl_app/goals/jerk_ratio/mean"),
        Entry("stand-ins", words("-m signer_lib.prior.stand_in_study --out {out}/prior/stand_in.json"), ("prior/stand_in.json",),
              key="sentences/used as the common word/signed_as_meant"),
        Entry("a large prior", words("-m signer_lib.prior.bench --clips 4000 --work {work} --out {out}/prior/scale.json"), ("prior/scale.json",),
              key="cold/median_ms"),
        Entry("our prototypes", words(export + "ours.npz"), minutes=0.5),
        Entry("ASL-LEX's prototypes", words(export + "lex.npz --asl-lex {data}/" + ASL_LEX), data=(ASL_LEX,), minutes=0.6),
        Entry("recognition", (*recognition, "compiled from our descriptions={work}/ours.npz", "compiled from ASL-LEX's codes={work}/lex.npz"),
              ("prior/recognition.json",), ("our prototypes", "ASL-LEX's prototypes"), (WLASL,), key="rows/compiled from our descriptions/top1"),
    ]


def poses() -> list[Entry]:
    rules, recorded, judge = "slp_moe/rules", "slp_moe/recordings", "{out}/slp_moe/judge_of_recordings"
    b = " " + B.format(way=0.3, cutoff=2)
    told: dict[str, Any] = {"minutes": 1.2, "key": "bleu4"}
    on_b = {"needs": ("judge of recordings",)} | told
    return [
        *(Entry(f"poses, variants {k}", study(RULES, JUDGE, rules, systems), of_files(rules, systems), ("performances",), minutes=2.5, key="bleu4")
          for k, systems in enumerate(VARIANTS, 1)),
        Entry("poses, untrained", study(RULES, JUDGE, rules, UNTRAINED), of_files(rules, UNTRAINED), ("performances",), **told),
        Entry("poses, regression", study(RULES, JUDGE, rules, "regression regression_long"), of_files(rules, "regression regression_long"),
              ("performances",), **told),
        Entry("recorded poses, untrained", study(RECORDINGS, judge, recorded, UNTRAINED), of_files(recorded, UNTRAINED), **on_b),
        Entry("recorded poses, regression", study(RECORDINGS, judge, recorded, "regression"), of_files(recorded, "regression"), **on_b),
        Entry("recorded poses, even weights", study(RECORDINGS, judge, recorded, "uniform_gate", b), of_files(recorded, "uniform_gate"), **on_b),
        Entry("recorded poses, SLP-MoE", study(RECORDINGS, judge, recorded, "full first_candidate", b + " --set=temperature=3"),
              of_files(recorded, "full first_candidate"), **on_b),
        *(Entry(f"recorded poses, dev, {name}",
                study(RECORDINGS, judge, f"slp_moe/recordings_dev/{name}", variant, " " + B.format(way=way, cutoff=cutoff) + more + " --split dev")
                + ("--work", f"{{work}}/comparison_dev/{name}"), (f"slp_moe/recordings_dev/{name}/*.json",), **on_b | {"minutes": 0.8})
          for name, (variant, way, cutoff, more) in DEV.items()),
        Entry("significance on rules", words(f"-m signer_lib.comparison.significance --data {RULES} --judge {JUDGE} --work {{work}}/comparison "
                                             "--out {out}/slp_moe/significance_rules.json"),
              ("slp_moe/significance_rules.json",), ("poses, variants 1",), minutes=0.5, key="differences/1/p"),
        Entry("significance on recordings", words(f"-m signer_lib.comparison.significance --data {RECORDINGS} --judge {judge} "
                                                  "--work {work}/comparison --out {out}/slp_moe/significance_recordings.json"),
              ("slp_moe/significance_recordings.json",), ("recorded poses, SLP-MoE",), minutes=0.5, key="differences/1/p"),
        Entry("speed of poses", words("-m signer_lib.comparison.speed --threads 1 --out {out}/slp_moe/speed.json"), ("slp_moe/speed.json",),
              key="ten_glosses_ms/all"),
    ]


def video() -> list[Entry]:
    evaluate = "-m signer_lib evaluate renderer --model {root}/data/checkpoints/renderer-base --data {work}/clips --split "
    return [
        *(Entry(f"video, {split}", words(f"{evaluate}{split} --out {{out}}/renderer/{split}.json"), (f"renderer/{split}.json",), ("clips",),
                minutes=1.2, key="rows/renderer/hand_ssim") for split in ("test", "test_body")),
        Entry("speed of video", words("-m signer_lib.comparison.render_speed --model {work}/renderer-nano --threads 1 --repeats 1 "
                                      "--out {out}/renderer/speed.json"), ("renderer/speed.json",), ("renderer",), minutes=1.7, key="seconds"),
        Entry("picture of the renderer", words("-m signer_lib.figures.renderer_picture --out {out}/renderer/frames.png"), ("renderer/frames.png",)),
        Entry("strip", ("-c", STRIP, "{out}/tour/strip.png"), ("tour/strip.png",)),
    ]


def end_to_end() -> list[Entry]:
    at = "end_to_end"
    chains = f"--data {RULES} --judge {JUDGE}"
    return [
        Entry("attribution", words(f"-m signer_lib.comparison.attribution {chains} --experts {FULL} --regressions {REGRESSION} "
                                   f"--work {{work}}/attribution --out {{out}}/{at}/attribution.json"), (f"{at}/attribution.json",),
              ("poses, variants 1", "poses, regression"), minutes=0.3, key="goal/ratio"),
        Entry("corruption", words(f"-m signer_lib.comparison.corruption {chains} --experts {FULL} --regression {REGRESSION} --sentences 8 "
                                  f"--work {{work}}/corruption --out {{out}}/{at}/corruption.json"), (f"{at}/corruption.json",),
              ("poses, variants 1", "poses, regression"), minutes=0.5, key="rows/0/bleu4"),
        Entry("learning",
              words(f"-m signer_lib.comparison.learning --performances {RULES} --work {{work}}/learning --out {{out}}/{at}/learning.json"),
              (f"{at}/learning.json",), ("performances",), minutes=0.7, key="rows/0/dtw_mje"),
        Entry("joint", words(f"-m signer_lib.joint.evaluate --frozen {FULL} --joint {{work}}/joint/joint-1 --control {{work}}/joint/control-1 "
                             f"--performances {RULES} --clips 2 --frames 4 --out {{out}}/{at}/joint.json"), (f"{at}/joint.json",),
              ("joint fine-tuning, joint-1", "joint fine-tuning, control-1"), minutes=0.3, key="rows/0/hand_ssim"),
        Entry("screen", words(f"-m signer_lib.comparison.screen --data {RULES} --judge {{work}}/judge-seen --clips 2 --every 4 "
                              f"--work {{work}}/screen --out {{out}}/{at}/screen.json"), (f"{at}/screen.json",),
              ("judge of frames",), minutes=0.5, key="rows/0/bleu4"),
    ]


def own_data() -> list[Entry]:
    train = "-m signer_lib train all --minutes 0.3 --config {root}/recipes/own_data_"
    return [Entry(f"own data, {name}", words(f"{train}{name}.yaml --out {{work}}/own_data/{name} --result {{out}}/own_data/{name}.json"),
                  (f"own_data/{name}.json",), data=data, minutes=minutes, key=key)
            for name, data, minutes, key in (("recordings", (ASL_APP, WLASL), 6.0, "reached/poses/rows/slp_moe/dtw_mje"),
                                             ("phoenix", (PHOENIX,), 1.5, "reached/slul/SLUL/bleu4"))]


def scale() -> list[Entry]:
    return [Entry("scaling", words("-m signer_lib.comparison.scaling --drawn 4 --rendered 4 --minutes 0.1 --rounds 1 --out {out}/scale/cpu.json"),
                  ("scale/cpu.json",), minutes=2.3, key="signing, drawn/ratio")]


def reliability() -> list[Entry]:
    return [Entry("damaged files", words("{root}/tests/fuzz/run.py --cases 500 --seed 1 --out {out}/reliability/fuzz.json"),
                  ("reliability/fuzz.json",), minutes=1.5, key="outcomes/refused")]


ENTRIES = (*data_and_models(), *poses(), *language(), *end_to_end(), *video(), *prior(), *own_data(), *scale(), *reliability())
