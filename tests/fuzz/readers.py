"""Every reader of files that somebody may give: how to make a valid file for it, and how it reads one. A new reader gets its line in ``READERS``."""

import csv
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from signer_lib.assets import DATA, RESULTS
from signer_lib.config import PRESETS
from signer_lib.pose import PoseSequence
from signer_lib.prior.body import load_body

TEXTS = ["I like this house.", "You read the book.", "My name is Sam.", "Where is the library?", "We eat.", "She can't find it."]
GLOSSES = ["HOUSE IX-1 LIKE", "BOOK IX-2 READ", "POSS-1 NAME fs-SAM", "LIBRARY WHERE", "IX-1-pl EAT", "IX-3 FIND CANNOT"]


@dataclass(frozen=True)
class Reader:
    """make(folder) fills a folder with valid files; read(folder) reads them and gives something back; ``share``: of the cases, by cost."""

    make: Callable[[Path], None]
    read: Callable[[Path], object]
    share: int = 10


# --- poses -----------------------------------------------------------------------------------------------------------
def moving(frames: int = 6, seed: int = 0) -> PoseSequence:
    noise = np.random.default_rng(seed).normal(0, 0.05, (frames, 70, 3))
    return PoseSequence(load_body().rest() + noise, 25.0)


def sound(poses: PoseSequence) -> PoseSequence:
    """Raises if a sequence breaks its own contract."""
    seen = poses.confidence > 0
    assert poses.xyz.shape == (len(poses), len(poses.skeleton), 3) and poses.xyz.dtype == np.float32
    assert (np.isfinite(poses.xyz).all(-1) == seen).all() and np.isfinite(poses.confidence).all() and 0 < poses.fps < 1e4
    return poses.resample(25.0) if len(poses) else poses


def all_sound(found: dict[str, PoseSequence]) -> int:
    assert found
    return sum(len(sound(poses)) for poses in found.values())


def make_pose(folder: Path) -> None:
    from signer_lib.pose.formats import write_pose

    write_pose(moving(), folder / "clip.pose")


def make_holistic(folder: Path) -> None:
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody

    from signer_lib.prior.fingerspelling import letter_files

    pose = Pose.read(letter_files()["A"].read_bytes())
    pose.body = NumPyPoseBody(pose.body.fps, pose.body.data[:3], pose.body.confidence[:3])
    with open(folder / "clip.pose", "wb") as file:
        pose.write(file)


def make_mediapipe(folder: Path) -> None:
    rng = np.random.default_rng(0)
    points = lambda n: np.round(rng.uniform(0.2, 0.8, (n, 3)), 3).tolist()
    frames = [{"pose": points(33), "left_hand": points(21) if k else None, "right_hand_landmarks": points(21), "face": points(468)} for k in range(2)]
    for frame in frames:
        frame["pose"][11], frame["pose"][12] = [0.7, 0.5, 0, 0.9], [0.3, 0.5, 0, 0.9]
    (folder / "clip.json").write_text(json.dumps({"fps": 25, "width": 640, "height": 480, "frames": frames}))


def make_npz(folder: Path, width: tuple[int, ...] = (108, 3)) -> None:
    rng = np.random.default_rng(0)
    np.savez_compressed(folder / "clips.npz", **{name: rng.uniform(0.2, 0.8, (4, *width)).astype(np.float32) for name in ("book", "house")})


def openpose_frame(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    part = lambda n: np.round(np.c_[rng.uniform(100, 500, (n, 2)), rng.uniform(0.3, 1, n)], 2).ravel().tolist()
    return {"version": 1.3, "people": [{"pose_keypoints_2d": part(25), "hand_left_keypoints_2d": part(21), "hand_right_keypoints_2d": part(21),
                                        "face_keypoints_2d": part(70)} for _ in range(1 + seed % 2)]}


def make_openpose(folder: Path) -> None:
    for clip in ("one", "two"):
        (folder / clip).mkdir()
        for k in range(2):
            (folder / clip / f"{clip}_{k:012d}_keypoints.json").write_text(json.dumps(openpose_frame(k)))


def make_openpose_zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "clips.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(3):
            archive.writestr(f"one/{k:012d}_keypoints.json", json.dumps(openpose_frame(k)))


def make_skels(folder: Path) -> None:
    rng = np.random.default_rng(0)
    line = lambda frames: " ".join(f"{v:.4f}" for v in np.c_[rng.normal(0, 0.2, (frames, 150)), np.linspace(0, 1, frames)].ravel())
    (folder / "dev.skels").write_text("".join(line(2) + "\n" for _ in range(3)))
    for ending, lines in (("files", "abc"), ("gloss", ["A B", "C", "D"]), ("text", ["a b", "c", "d"])):
        (folder / f"dev.{ending}").write_text("".join(f"{one}\n" for one in lines))


def make_lexicon_of_poses(folder: Path) -> None:
    from signer_lib.pose.formats import write_pose
    from signer_lib.pose.formats.lexicon import COLUMNS

    (folder / "ase").mkdir()
    with open(folder / "index.csv", "w", newline="") as file:
        index = csv.writer(file)
        index.writerow((*COLUMNS, "priority"))
        for k, word in enumerate(("book", "house", "name")):
            write_pose(moving(4, k), folder / "ase" / f"{word}.pose")
            index.writerow((f"ase/{word}.pose", "en", "ase", 0, 120 * (k % 2), word, word.upper(), 0))


def read_named(folder: Path, name: str) -> int:
    from signer_lib.pose.formats import read_poses

    return all_sound(read_poses(folder / name))


def make_slrtp(folder: Path) -> None:
    from signer_lib.pose.formats.named import NamedClip
    from signer_lib.pose.formats.slrtp import write_slrtp

    write_slrtp([NamedClip(f"c{k}", moving(3, k), "BOOK", TEXTS[k], "one") for k in range(2)], folder / "dev.pt")


def make_words(folder: Path) -> None:
    (folder / "words.csv").write_text("name,gloss,text,signer\n" + "".join(f"c{k},{GLOSSES[k]},\"{TEXTS[k]}\",one\n" for k in range(4)))
    (folder / "how2sign.tsv").write_text("SENTENCE_NAME\tSENTENCE\n" + "".join(f"c{k}\t{TEXTS[k]}\n" for k in range(4)))


def read_words(folder: Path) -> object:
    from signer_lib.pose.formats.words import Words

    return Words(folder / "words.csv").of("c1"), Words(folder / "how2sign.tsv").of("c1")


def make_sentences(folder: Path) -> None:
    from safetensors.numpy import save_file

    (folder / "train.text").write_text("".join(f"{text}\n" for text in TEXTS))
    (folder / "train.gloss").write_text("".join(f"{gloss}\n" for gloss in GLOSSES))
    save_file({f"{k:06d}": moving(3, k).xyz.astype(np.float16) for k in range(len(TEXTS))}, folder / "train.safetensors",
              metadata={"fps": "25.0", "skeleton": "signer70"})


def make_sentences_of_files(folder: Path) -> None:
    from signer_lib.pose.formats import write_pose

    for ending, lines in (("text", TEXTS), ("gloss", GLOSSES)):
        (folder / f"train.{ending}").write_text("".join(f"{line}\n" for line in lines[:2]))
    for k in range(2):
        write_pose(moving(4, k), folder / "train" / f"{k}.pose")


def read_sentences(folder: Path) -> int:
    from signer_lib.pose.formats.folder import read_folder

    return sum(map(len, read_folder(folder, "train").poses))


def make_performances(folder: Path) -> None:
    from signer_lib.performances.folder import Performed, write_split
    from signer_lib.performances.units import Span, Unit

    write_split(folder, "train", [Performed(f"s{k}", TEXTS[k], ["BOOK", "fs-SAM"], [Unit("BOOK", 0), Unit("S", 1, "fs-SAM")], moving(6, k),
                                            [Span(0, 0, 3), Span(None, 3, 4), Span(1, 4, 6)], "one", ["citation", "citation"]) for k in range(3)])


def read_performances(folder: Path) -> int:
    from signer_lib.performances.folder import read_split

    return sum(len(sound(row.poses)) for row in read_split(folder, "train"))


# --- the prior -------------------------------------------------------------------------------------------------------
SIGNS = """
LIBRARY: {type: one-handed, handshape: l, palm: front, fingers: up, location: neutral,
          movement: {path: circle, plane: front, size: 0.12, repeat: 2}}
KNOW: {type: one-handed, handshape: bent-b, palm: back, fingers: [up-left, up], location: temple, contact: fingertips, duration: 600,
       movement: {path: tap, direction: left}}
BOOK: {type: symmetric, handshape: {selected: imrp, thumb: Open}, palm: [left, up], fingers: front, location: neutral, face: [brows-up]}
PAPER: {type: base-hand, handshape: open-b, palm: down, fingers: left, location: base-palm, movement: {path: tap, direction: left},
        base: {handshape: open-b, palm: up, fingers: right, location: neutral}}
KNOWBOOK: {compound: [KNOW, BOOK]}
"""


def make_signs(folder: Path) -> None:
    (folder / "signs.yaml").write_text(SIGNS)


def read_signs(folder: Path) -> object:
    from signer_lib.prior.phonology import load_signs

    return load_signs(folder)


def make_handshapes(folder: Path) -> None:
    for name in ("handshapes.yaml", "handshapes_fitted.yaml"):
        shutil.copyfile(DATA / "lexicon" / name, folder / name)


def read_handshapes(folder: Path) -> object:
    from signer_lib.prior.handshapes import load_handshapes

    return load_handshapes(folder / "handshapes.yaml")


def read_durations(folder: Path) -> object:
    from signer_lib.prior.durations import load_factors

    return load_factors(folder / "durations.yaml")


def copied(*files: Path) -> Callable[[Path], None]:
    return lambda folder: [shutil.copyfile(file, folder / file.name) for file in files] and None


def make_prior(folder: Path) -> None:
    from signer_lib.prior.database import Prior
    from signer_lib.prior.table import clip_row

    prior = Prior.new(folder / "prior")
    for part in range(2):
        prior.add(clip_row(gloss, f"v{part}", moving(5, part), source="recording", licence="CC0-1.0", signer="made",
                           phonology={"type": "one-handed"} if gloss == "A" else None, embedding=[0.1, 0.2]) for gloss in ("A", "BOOK"))
    manifest = (folder / "prior" / "manifest.json").read_text()
    for number, part in enumerate(prior.parts):                              # they have random names: the same damage needs the same ones
        (folder / "prior" / part["name"]).rename(folder / "prior" / f"part-{number}")
        manifest = manifest.replace(part["name"], f"part-{number}")
    (folder / "prior" / "manifest.json").write_text(manifest)


def read_prior(folder: Path) -> int:
    from signer_lib.prior.database import Prior

    prior = Prior.load(folder / "prior")
    prior.validate()
    return sum(len(sound(clip.poses)) for gloss in prior.glosses for clip in prior.candidates(gloss, 2))


def make_asl_lex(folder: Path) -> None:
    from signer_lib.prior.asl_lex import MORPHEMES

    one = {"Handshape": "open_b", "SelectedFingers": "imrp", "FlexionChange": "0", "SpreadChange": "0", "SignType": "OneHanded",
           "Movement": "Straight", "RepeatedMovement": "0", "MajorLocation": "Head", "MinorLocation": "Chin", "SecondMinorLocation": "HeadAway",
           "Contact": "1", "NonDominantHandshape": "NA", "UlnarRotation": "0"}
    names = [f"{column}{morpheme}.2.0" for morpheme in MORPHEMES for column in
             (*one, "Flexion", "Spread", "ThumbPosition", "ThumbContact")]
    with open(folder / "signdata.csv", "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ["EntryID", "Batch", "SignDuration(ms)", *names], restval="NA")
        writer.writeheader()
        for k in range(4):
            writer.writerow({"EntryID": f"sign_{k}", "Batch": "A", "SignDuration(ms)": 500 + k} | {f"{c}.2.0": code for c, code in one.items()})


def read_asl_lex_file(folder: Path) -> object:
    from signer_lib.prior.asl_lex import read_asl_lex

    return read_asl_lex(folder / "signdata.csv")


def make_prototypes(folder: Path) -> None:
    from signer_lib.prior.exporting import write_prototypes

    write_prototypes([("BOOK", moving(5)), ("HOUSE", moving(4, 1))], folder / "signs.npz")


def read_prototype_file(folder: Path) -> object:
    from signer_lib.metrics.recognition import read_prototypes

    return read_prototypes(folder / "signs.npz")


# --- language --------------------------------------------------------------------------------------------------------
def make_pairs(folder: Path) -> None:
    for split in ("train", "dev"):
        (folder / f"{split}.text").write_text("".join(f"{line}\n" for line in TEXTS))
        (folder / f"{split}.gloss").write_text("".join(f"{line}\n" for line in GLOSSES))
    (folder / "prompts.txt").write_text('How would I sign "{}"?\nSign {}\n')


def read_corpus(folder: Path) -> tuple:
    from signer_lib.language.corpora import open_corpus

    corpus = open_corpus(folder)
    return corpus.train, corpus.dev, corpus.prompts


def make_phoenix(folder: Path) -> None:
    for split in ("train", "dev"):
        rows = "".join(f"v{k}|v{k}/1/*.png|-1|-1|Signer08|__ON__ {gloss} X X __OFF__|{text}\n" for k, (text, gloss) in enumerate(zip(TEXTS, GLOSSES)))
        (folder / f"PHOENIX-2014-T.{split}.corpus.csv").write_text("name|video|start|end|speaker|orth|translation\n" + rows)


def make_aslg(folder: Path) -> None:
    with open(folder / "aslg.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "gloss"), *(zip(TEXTS, GLOSSES))])


def make_aslg_saved(folder: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    datasets.Dataset.from_dict({"text": TEXTS, "gloss": GLOSSES}).save_to_disk(folder / "saved")
    for path in (folder / "saved").iterdir():
        path.rename(folder / path.name)
    (folder / "saved").rmdir()


def read_train(folder: Path) -> object:
    from signer_lib.language.corpora import open_corpus

    return open_corpus(folder).train


def make_study(folder: Path) -> None:
    for name, lines in (("pairs.text", TEXTS), ("pairs.gloss", GLOSSES)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    (folder / "pairs.tsv").write_text("sentence\tglosses\tpart\n" + "".join(f"{a}!\t{b}\ttrain\n" for a, b in zip(TEXTS, GLOSSES)))
    (folder / "study.yaml").write_text("languages: en-ase\nseed: 3\nstages: [corpus, slul]\ntext:\n  - lines: [pairs.text, pairs.gloss]\n"
                                       "  - table: pairs.tsv\n    text: sentence\n    gloss: glosses\n    split: part\n    most: 4\n"
                                       "held_out: {dev: 0.2, test: 0.2}\nsame_sentence: drop\n")


def read_study_file(folder: Path) -> object:
    from signer_lib.own_data.study import read_study
    from signer_lib.own_data.text import read_text

    return [read_text(source) for source in read_study(folder / "study.yaml").text]


def make_manifest(folder: Path) -> None:
    rows = "".join(f"n{k},{TEXTS[k]},{GLOSSES[k]},{k},128,yes\n" for k in range(4))
    (folder / "rows.csv").write_text("name,text,glosses,seed,size,captions\n" + rows)


def read_manifest_file(folder: Path) -> object:
    from signer_lib.manifest.rows import read_manifest

    return read_manifest(folder / "rows.csv")


def make_synonyms(folder: Path) -> None:
    (folder / "synonyms_en.yaml").write_text("car: [motorcar, automobile]\nhouse: [dwelling]\n'yes': [yeah, yep]\n")


def read_synonyms(folder: Path) -> object:
    from signer_lib.language.corruption import load_synonyms

    return load_synonyms("en", folder)


def read_presets(folder: Path) -> list:
    from signer_lib.baselines.regression_training import regression_config
    from signer_lib.experts.training import moe_config
    from signer_lib.joint.settings import joint_config
    from signer_lib.language.training import slul_config
    from signer_lib.metrics.back_translation_training import back_translation_config
    from signer_lib.metrics.keypoints_training import keypoint_config
    from signer_lib.render.renderer.settings import renderer_config

    kinds = {"slul": slul_config, "slp_moe": moe_config, "renderer": renderer_config, "back_translation": back_translation_config,
             "regression": regression_config, "keypoints": keypoint_config, "joint": joint_config}
    return [next(kind for name, kind in kinds.items() if path.name.startswith(name))(str(path)) for path in sorted(folder.glob("*.yaml"))]


# --- checkpoints -----------------------------------------------------------------------------------------------------
def make_slul(folder: Path) -> None:
    from signer_lib.language.slul import SLUL
    from signer_lib.language.tokenizer import SignTokenizer

    torch.manual_seed(0)
    settings = {"language": "en-ase", "beams": 2, "length_penalty": 1.0, "max_glosses": 8}
    size = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2}
    SLUL.new(SignTokenizer.train(list(zip(TEXTS, GLOSSES)), "en-ase", 400), settings, size, prompts=True).save_pretrained(folder)


def read_slul(folder: Path) -> object:
    from signer_lib.language.slul import SLUL

    return SLUL.from_pretrained(folder).understand("I like the book.")


def small_moe() -> object:
    from signer_lib.experts.model import SLPMoE
    from signer_lib.experts.training import moe_config

    torch.manual_seed(0)
    return SLPMoE(16, moe_config("nano", ["d_query=16", "hidden=8", "experts=3", "channels=12", "frames=16"]))


def make_moe(folder: Path) -> None:
    small_moe().save_pretrained(folder)


def read_moe(folder: Path) -> object:
    from signer_lib.experts.model import SLPMoE

    return SLPMoE.from_pretrained(folder)


def make_regression(folder: Path) -> None:
    from dataclasses import replace

    from signer_lib.baselines.regression import Regression
    from signer_lib.baselines.regression_training import regression_config

    torch.manual_seed(0)
    small = replace(regression_config("nano"), d_model=16, d_ff=16, heads=2, encoder_layers=1, decoder_layers=1)
    Regression(small, fps=25.0, frames_per_unit=12.0, names=["BOOK", "LIKE"]).save_pretrained(folder)


def read_regression(folder: Path) -> object:
    from signer_lib.baselines.regression import Regression

    return Regression.from_pretrained(folder)


def make_judge(folder: Path) -> None:
    from signer_lib.metrics.back_translation_training import back_translation_config, new_back_translation
    from signer_lib.pose.formats.folder import PoseFolder

    torch.manual_seed(0)
    data = PoseFolder(["a", "b"], [moving(12, k).xyz for k in range(2)], TEXTS[:2], [["LIKE", "HOUSE"], ["BOOK", "READ"]], 25.0, "signer70")
    new_back_translation(back_translation_config("nano", ["vocabulary=60", "max_pieces=5"]), data).save_pretrained(folder)


def read_judge(folder: Path) -> object:
    from signer_lib.metrics.back_translation import BackTranslation

    return BackTranslation.from_pretrained(folder)


def make_detector(folder: Path) -> None:
    from signer_lib.metrics.keypoints import KeypointDetector

    torch.manual_seed(0)
    KeypointDetector.new({"size": 64, "crop": 32, "patch": 2, "widths": [8, 8], "hand_widths": [8, 8], "styles": ["day"],
                          "signers": ["one"]}).save_pretrained(folder)


def read_detector(folder: Path) -> object:
    from signer_lib.metrics.keypoints import KeypointDetector

    return KeypointDetector.from_pretrained(folder)


def make_renderer(folder: Path) -> None:
    from clips import tiny_renderer

    tiny_renderer(folder, 6)


def read_renderer(folder: Path) -> object:
    from signer_lib.render.backends import Diffusion

    diffusion = Diffusion(folder)
    diffusion.settle()
    return diffusion.pipeline


def make_state(folder: Path) -> None:
    from signer_lib.resume import save_state

    save_state(folder / "state.safetensors", {"model": {"w": torch.ones(3, 3)}, "optimizer": {"0/step": torch.ones(1)}},
               {"step": 3, "numbers": {"a": 1.5}})


def read_state(folder: Path) -> object:
    from signer_lib.resume import load_state

    return load_state(folder / "state.safetensors")


def read_embeddings(folder: Path) -> object:
    from signer_lib.prior.neighbours import nearest_by_slul

    return nearest_by_slul({"BOOK", "HOUSE"}, folder)("tome")


def make_pipeline(folder: Path) -> None:
    make_prior(folder)
    for name, make in (("slul", make_slul), ("experts", make_moe)):
        (folder / name).mkdir()
        make(folder / name)
    (folder / "pipeline.json").write_text(json.dumps({"models": {"slul": "small", "experts": "small", "prior": "own"}, "renderer": "drawn",
                                                      "prior": "own"}))


def read_pipeline(folder: Path) -> object:
    from signer_lib.pipeline import StableSignerPipeline

    return StableSignerPipeline.from_pretrained(folder)


# --- pictures and videos ---------------------------------------------------------------------------------------------
def frames(count: int = 5, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def make_video(folder: Path) -> None:
    from signer_lib.render.video import write_video

    write_video(frames(), folder / "video.mp4", 25.0)


def read_video_file(folder: Path) -> object:
    from signer_lib.render.video import frame_rate, read_video

    return frame_rate(folder / "video.mp4"), len(read_video(folder / "video.mp4"))


def make_clips(folder: Path) -> None:
    from safetensors.torch import save_file

    from clips import write_clips

    write_clips(folder / "all", clips=2, frames=4)
    (folder / "all" / "train").rename(folder / "train")
    shutil.rmtree(folder / "all")
    rows = [json.loads(line) for line in (folder / "train" / "metadata.jsonl").read_text().splitlines()]
    states = {"states": torch.ones(2, 6), "context": torch.ones(6), "spans": torch.tensor([[0, 2], [2, 4]])}
    save_file(states, folder / "train" / "states.safetensors")
    rows[0] |= {"states_file_name": "states.safetensors", "framing": [0.0, -0.2, 3.0]}
    (folder / "train" / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def read_clips_folder(folder: Path) -> int:
    from signer_lib.render.renderer.data import read_clips

    return sum(len(clip.frames) for clip in read_clips(folder / "train", 32))


def make_bundle(folder: Path) -> None:
    from signer_lib.render.renderer.bundle import write_bundle

    make_clips(folder)
    write_bundle(folder, folder / "bundle")
    shutil.rmtree(folder / "train")


def read_bundle_folder(folder: Path) -> int:
    from signer_lib.render.renderer.bundle import read_bundle

    return sum(len(clip.frames) for clip in read_bundle(folder / "bundle", "train"))


def read_studio_signer(folder: Path) -> object:
    from signer_lib.render.studio import asset

    kept, asset.DATA = asset.DATA, folder
    try:
        return asset.load_signer.__wrapped__("default")
    finally:
        asset.DATA = kept


def make_studio_signer(folder: Path) -> None:
    (folder / "signers").mkdir()
    shutil.copyfile(DATA / "signers" / "default.safetensors", folder / "signers" / "default.safetensors")


# --- ratings ---------------------------------------------------------------------------------------------------------
def make_ratings(folder: Path) -> None:
    from ratings import hand_in, plain, write_kit

    kit = write_kit(folder, raters=2)
    shutil.rmtree(folder / "clips")
    hand_in(kit, folder / "handed", plain)


def read_rated(folder: Path) -> object:
    from signer_lib.rating.summary import summarise

    return summarise(folder / "kit", [folder / "handed"], samples=20)


def make_kit_sources(folder: Path) -> None:
    from ratings import write_clips

    write_clips(folder / "one", frames=1)
    (folder / "sentences.tsv").write_text("hello\tHello, my name is Sam.\nlibrary\tWhere is the library?\nthanks\tThank you!\nrain\tIt rains.\n")


def read_kit_sources(folder: Path) -> object:
    from signer_lib.rating.clips import find_clips, has_captions, texts_of

    clips = find_clips(folder / "one")
    return [texts_of(list(clips), [clips], table) for table in (None, folder / "sentences.tsv")], [has_captions(path) for path in clips.values()]


# --- results ---------------------------------------------------------------------------------------------------------
def make_results(folder: Path) -> None:
    for path in RESULTS.rglob("*.json"):
        if "recordings_dev" not in path.parts and "judge_of_recordings" not in path.parts:
            to = folder / "results" / path.relative_to(RESULTS)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
    from signer_lib.rating.summary import summarise

    (folder / "rated").mkdir()
    make_ratings(folder / "rated")
    (folder / "results" / "rating").mkdir()
    summary = summarise(folder / "rated" / "kit", [folder / "rated" / "handed"], samples=20)
    (folder / "results" / "rating" / "summary.json").write_text(json.dumps(summary))
    shutil.rmtree(folder / "rated")


def read_tables(folder: Path) -> object:
    from signer_lib.tables.__main__ import NAMES, build
    from signer_lib.tables.latex import document as latex
    from signer_lib.tables.markdown import document as markdown

    return [write(*build(name, folder / "results")) for name in NAMES for write in (markdown, latex)]


def read_figures(folder: Path) -> object:
    import matplotlib.pyplot as plt

    from signer_lib.paper.making import make
    from signer_lib.paper.sources import Sources

    made = [make(name, Sources(folder / "results")) for name in ("fig4", "fig7", "fig8")]
    plt.close("all")
    return [one.caption for one in made]


READERS = {
    ".pose": Reader(make_pose, partial(read_named, name="clip.pose"), 30),
    ".pose of MediaPipe": Reader(make_holistic, partial(read_named, name="clip.pose"), 20),
    "MediaPipe JSON": Reader(make_mediapipe, partial(read_named, name="clip.json"), 20),
    "npz of ASL-App": Reader(make_npz, partial(read_named, name="clips.npz"), 20),
    "npz of 170 numbers": Reader(partial(make_npz, width=(170,)), partial(read_named, name="clips.npz"), 15),
    "OpenPose, folder": Reader(make_openpose, partial(read_named, name="."), 20),
    "OpenPose, zip": Reader(make_openpose_zip, partial(read_named, name="clips.zip"), 15),
    ".skels": Reader(make_skels, partial(read_named, name="dev.skels"), 20),
    "SLRTP": Reader(make_slrtp, partial(read_named, name="dev.pt"), 15),
    "tables of words": Reader(make_words, read_words, 15),
    "lexicon with index.csv": Reader(make_lexicon_of_poses, partial(read_named, name="."), 25),
    "sentences, safetensors": Reader(make_sentences, read_sentences, 20),
    "sentences, pose files": Reader(make_sentences_of_files, read_sentences, 10),
    "performances": Reader(make_performances, read_performances, 20),
    "signs.yaml": Reader(make_signs, read_signs, 30),
    "handshapes.yaml": Reader(make_handshapes, read_handshapes, 15),
    "durations.yaml": Reader(copied(DATA / "lexicon" / "durations.yaml"), read_durations, 15),
    "signer's YAML": Reader(copied(DATA / "signers" / "default.yaml"), lambda folder: load_body(folder / "default.yaml"), 20),
    "prior": Reader(make_prior, read_prior, 25),
    "ASL-LEX": Reader(make_asl_lex, read_asl_lex_file, 15),
    "prototypes": Reader(make_prototypes, read_prototype_file, 15),
    "text and gloss": Reader(make_pairs, read_corpus, 20),
    "PHOENIX-2014T": Reader(make_phoenix, read_corpus, 15),
    "ASLG-PC12, csv": Reader(make_aslg, read_train, 8),
    "ASLG-PC12, saved": Reader(make_aslg_saved, read_train, 10),
    "study of own data": Reader(make_study, read_study_file, 20),
    "manifest": Reader(make_manifest, read_manifest_file, 15),
    "synonyms": Reader(make_synonyms, read_synonyms, 15),
    "presets": Reader(copied(*sorted(path for path in PRESETS.glob("*.yaml"))), read_presets, 10),
    "SLUL": Reader(make_slul, read_slul, 10),
    "SLP-MoE": Reader(make_moe, read_moe, 10),
    "pose regression": Reader(make_regression, read_regression, 10),
    "back-translation": Reader(make_judge, read_judge, 10),
    "keypoint detector": Reader(make_detector, read_detector, 10),
    "renderer": Reader(make_renderer, read_renderer, 6),
    "state of a training": Reader(make_state, read_state, 15),
    "SLUL's embeddings": Reader(make_slul, read_embeddings, 8),
    "pipeline": Reader(make_pipeline, read_pipeline, 6),
    "video": Reader(make_video, read_video_file, 20),
    "clips": Reader(make_clips, read_clips_folder, 20),
    "clip bundle": Reader(make_bundle, read_bundle_folder, 15),
    "studio signer": Reader(make_studio_signer, read_studio_signer, 6),
    "ratings": Reader(make_ratings, read_rated, 20),
    "clips to rate": Reader(make_kit_sources, read_kit_sources, 8),
    "results, tables": Reader(make_results, read_tables, 8),
    "results, figures": Reader(make_results, read_figures, 3),
}
