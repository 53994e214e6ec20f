"""The joint fine-tuning: gradients through a frozen renderer, checked; what moves and what stays; resumed; clips found again; refused input."""

import json
import shutil
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from clips import STYLES, tiny
from signer_lib.assets import CHECKPOINTS
from signer_lib.checkpoint import save_trained
from signer_lib.cli import app
from signer_lib.errors import SignerError
from signer_lib.experts import model
from signer_lib.experts.batching import collate
from signer_lib.experts.model import SLPMoE
from signer_lib.experts.training import Objective, moe_config
from signer_lib.joint import training
from signer_lib.joint.coupling import ARMS, Coupling, dressed, moments
from signer_lib.joint.evaluate import MEASURES, Bench, differences, main, told
from signer_lib.joint.sentences import open_clips, with_clips
from signer_lib.joint.settings import PARTS, joint_config
from signer_lib.joint.training import Training, weights_of
from signer_lib.language.slul import load_slul
from signer_lib.loop import STATE
from signer_lib.metrics.video import video_scores
from signer_lib.performances.filmed import read_right
from signer_lib.performances.folder import read_split
from signer_lib.performances.small import make_small
from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import write_pose
from signer_lib.prior.database import Prior
from signer_lib.render.drawn import draw
from signer_lib.render.renderer.building import few_steps, new_autoencoder, new_renderer
from signer_lib.render.renderer.bundle import write_bundle
from signer_lib.render.renderer.pipeline import RendererPipeline
from signer_lib.render.video import write_video
from test_moe_training import awake, in_double
from trainings import log_of

TINY = ["weight_renderer=1.0", "learning_rate=0.0003", "frames=4", "crop=16", "scales=[1, 2]", "steps=4", "batch_size=3", "warmup_steps=1",
        "dev_frames=3", "score_steps=2", "log_steps=1"]
FIRST, SHOWN = 12, 9                        # of the clips


def settings(*changes):
    return joint_config("nano", [*TINY, *changes])


@pytest.fixture(scope="module", autouse=True)
def one_slul():
    """What every training would load and warp anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "load_slul", lru_cache(load_slul))
        patch.setattr(Prior, "load", lru_cache(Prior.load))
        patch.setattr(model, "Offers", lru_cache(model.Offers))
        yield training.load_slul(None)


@pytest.fixture(scope="module")
def performances(tmp_path_factory):
    folder = tmp_path_factory.mktemp("joint") / "small"
    make_small(folder, sentences=12, glosses=30, seed=1)
    return folder


@pytest.fixture(scope="module")
def experts(performances, tmp_path_factory):
    """Untrained, but every part of them does something."""
    torch.manual_seed(0)
    few = awake(SLPMoE(192, moe_config("nano", ["d_query=12", "hidden=8", "channels=8", "experts=3"])))
    save_trained(few, folder := tmp_path_factory.mktemp("experts"), [], {"seed": 0})
    return folder


@pytest.fixture(scope="module")
def renderer(tmp_path_factory):
    """Untrained, but its pictures hang on the control images."""
    config = tiny(d_state=192, crop=0)
    torch.manual_seed(0)
    vae = new_autoencoder(config)
    vae.register_to_config(latents_mean=[0.1] * 4, latents_std=[0.7] * 4)
    made = new_renderer(config, vae, list(STYLES), ["signer-0", "signer-1"], 192)
    made.register_modules(scheduler=few_steps(config, made.scheduler))
    made.register_to_config(steps=1)
    with torch.no_grad():
        for part in made.networks:
            for weight in part.parameters():
                if not weight.any():
                    weight.normal_(0, 0.1)
    made.save_pretrained(folder := tmp_path_factory.mktemp("renderer"))
    return folder


@pytest.fixture(scope="module")
def clips(performances, tmp_path_factory):
    """Two clips of train and one of dev, each a part of a performed sentence."""
    folder = tmp_path_factory.mktemp("clips")
    for split, count in (("train", 2), ("dev", 1)):
        (folder / split).mkdir()
        lines = []
        for k, row in enumerate(read_split(performances, split)[:count]):
            poses = PoseSequence(row.poses.xyz[FIRST:FIRST + SHOWN], 25.0)
            write_pose(poses, folder / split / f"{k}.pose")
            write_video(draw(poses, size=32, style=STYLES["night"]), folder / split / f"{k}.mp4", 25.0)
            lines.append({"file_name": f"{k}.mp4", "poses_file_name": f"{k}.pose", "style": "night", "signer": "signer-1", "text": row.text})
        (folder / split / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def start(experts, renderer, performances, clips):
    """``start(out, *changes)``: a training that has not begun."""
    return lambda out, *changes, seed=7, data=clips: Training(settings(*changes), experts, renderer, performances, out, seed, data)


@pytest.fixture(scope="module")
def ready(start, tmp_path_factory):
    return start(tmp_path_factory.mktemp("ready"))


@pytest.fixture(scope="module")
def whole(start, tmp_path_factory):
    run = start(tmp_path_factory.mktemp("whole"))
    run.run()
    return run


@pytest.fixture(scope="module")
def control(start, tmp_path_factory):
    run = start(tmp_path_factory.mktemp("control"), "weight_renderer=0")
    run.run()
    return run


# --- gradients -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("part", PARTS)
def test_the_renderers_loss_reaches_every_part_and_is_right(ready, experts, renderer, part):
    """Against central differences in float64, to a ten-thousandth; the picture is compared with another pose's, whole and made smaller."""
    moe = SLPMoE.from_pretrained(experts).double()
    pipeline = RendererPipeline.from_folder(renderer, device="cpu")
    for network in pipeline.networks:
        torch.nn.Module.to(network, torch.float64)
    coupling, rows = Coupling(pipeline, settings("crop=0")), ready.train[:2]
    found = moments(rows, 2, coupling.styles, coupling.signers, np.random.default_rng(0))
    chosen = [m._replace(frame=sum(s.signing) // 2, picture=None) for m, s in zip(found, rows)]
    look = coupling.look(rows, chosen, "test")
    look = look._replace(xyz=look.xyz.double(), pixels=look.pixels.double())
    batch = in_double(collate(ready.rows[:2], ready.offers))

    def value():
        P = Objective(moe).lay(batch).P[[m.row for m in chosen], [m.frame for m in chosen]][:, None]
        return coupling.loss(look, dressed(P, look.xyz), 0, edge=0.05)["render"]

    weights = weights_of(moe, part)
    gradient = torch.autograd.grad(value(), weights, allow_unused=True, materialize_grads=True)
    way = [g / max(g.norm().item(), 1e-12) for g in gradient]                            # the steepest, so that rounding is no matter
    slope, ends, h = sum((g * v).sum() for g, v in zip(gradient, way)).item(), [], 1e-5
    with torch.no_grad():
        for step in (h, -2 * h):
            for weight, v in zip(weights, way):
                weight += step * v
            ends.append(value().item())
    assert slope > 1e-7, f"no gradient reaches {part}"
    assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(slope, rel=1e-4)
    assert all(weight.grad is None for network in pipeline.networks for weight in network.parameters())


def test_the_true_poses_look_as_the_renderer_shows_them_and_others_do_not(ready):
    rows, coupling = ready.train, ready.coupling
    chosen = [m for m in moments(rows, len(rows), coupling.styles, coupling.signers, np.random.default_rng(0)) if m.picture is None]
    look = coupling.look(rows, chosen, "test", 5, 0.04)
    assert coupling.loss(look, look.xyz, 5, 0.04)["render"] < 1e-5
    moved = look.xyz.clone()
    moved[..., ARMS, :] += torch.tensor([0.1, 0.1, 0.0])
    assert coupling.loss(look, moved, 5, 0.04)["render"] > 1e-3


def test_head_and_face_are_the_truths():
    P, truth = torch.zeros(2, 1, 70, 3), torch.ones(2, 1, 70, 3)
    shown = dressed(P, truth)
    assert not shown[:, :, ARMS].any() and shown.sum() == 2 * 3 * (70 - len(ARMS)) and len(ARMS) == 48


# --- clips and their sentences -------------------------------------------------------------------------------------------
def test_a_clip_finds_its_sentence_and_its_frames(ready, clips, performances, tmp_path):
    assert [s.clip is not None for s in ready.train[:3]] == [True, True, False] and ready.settings["sentences_with_clips"] == 2
    for s in ready.train[:2]:
        assert (s.clip.start, s.clip.stop, s.clip.style, s.clip.body) == (FIRST, FIRST + SHOWN, "night", "signer-1")
    write_bundle(clips, tmp_path / "bundle")
    bundle = open_clips(tmp_path / "bundle", "train", 32)
    again = with_clips([(s.performed, s.read) for s in ready.train], bundle)
    assert [s.clip and s.clip.start for s in again] == [s.clip and s.clip.start for s in ready.train], "poses to a thousandth are enough"
    other = [(replace(s.performed, poses=replace(s.performed.poses, xyz=s.performed.poses.xyz + np.float32(0.01))), s.read) for s in ready.train]
    with pytest.raises(SignerError, match="none of the 2 clips shows any of the .* performed sentences"):
        with_clips(other, bundle)
    with pytest.raises(SignerError, match="32 pixels a side, and the renderer draws 64"):
        open_clips(tmp_path / "bundle", "train", 64)


def test_moments_of_a_clip_show_its_frames_and_others_lie_in_the_signing(ready):
    found = moments(ready.train, 3 * len(ready.train), ["day"], ["signer-0"], np.random.default_rng(0))
    assert [m.row for m in found] == 3 * list(range(len(ready.train)))
    for m in found:
        sentence = ready.train[m.row]
        if sentence.clip:
            assert np.array_equal(m.picture, sentence.clip.frames[m.frame - FIRST]) and m.style == "night"
        else:
            first, stop = sentence.signing
            assert first <= m.frame < stop and m.picture is None and (m.style, m.signer, m.body) == ("day", "signer-0", "signer-0")
    look = ready.coupling.look(ready.train, found[:4], "test")
    assert look.pixels.shape == (4, 1, 3, 16, 16) and look.meaning.known.all() and look.meaning.there.any()


# --- training ------------------------------------------------------------------------------------------------------------
def test_the_renderers_loss_falls(start, tmp_path):
    """On a small set, with the renderer's loss alone to speak of."""
    run = start(tmp_path, "weight_renderer=100", "learning_rate=0.005", "steps=8", "edge_first=0.02", data=None)
    before = run.evaluate()
    for _ in range(8):
        terms = run.step()
    after = run.evaluate()
    assert after["dev_render"] < 0.95 * before["dev_render"] and terms["render"] > 0


def test_what_moves_is_what_is_named_and_the_renderer_stays(start, experts, renderer, tmp_path):
    run = start(tmp_path, "moves=[gate, refinement]", "steps=1")
    looks = [value.clone() for part in run.coupling.renderer.networks for value in part.state_dict().values()]
    old = {name: value.clone() for name, value in run.model.state_dict().items()}
    terms = run.step()
    moved = {name.split(".")[0] for name, value in run.model.state_dict().items() if not torch.equal(value, old[name])}
    assert moved == {"G", "R"} and {"render_gate", "render_refinement", "pose_gate"} <= set(terms) and "render_chooser" not in terms
    assert terms["render_gate"] > 0 and terms["render_refinement"] > 0
    assert all(map(torch.equal, looks, (value for part in run.coupling.renderer.networks for value in part.state_dict().values())))


def test_the_log_says_what_came_before_and_every_parts_gradient(whole, experts):
    lines = [json.loads(line) for line in (whole.out / "log.jsonl").read_text().splitlines()]
    dev = [line for line in lines if "dev_total" in line]
    assert [line["step"] for line in dev] == [0, 2, 4] and dev[0]["dev_render"] > 0
    steps = [line for line in lines if "total" in line]
    assert len(steps) == 4 and all(line[f"{loss}_{part}"] > 0 for line in steps for loss in ("pose", "render") for part in PARTS)
    for line in steps:
        assert line["total"] == pytest.approx(line["pose"] + line["render"], abs=2e-6)
        assert line["render"] == pytest.approx(line["pixels"] + 0.5 * line["structure"], abs=2e-6)
    told = json.loads((whole.out / "training.json").read_text())
    assert told["weight_renderer"] == 1.0 and told["size"] == "nano" and told["steps"] == 4
    assert SLPMoE.from_pretrained(whole.out).config == SLPMoE.from_pretrained(experts).config
    with pytest.raises(SignerError, match="holds a finished training"):
        Training(settings(), experts, whole.out, whole.out, whole.out, 7)


def test_the_control_is_as_long_and_ends_elsewhere(whole, control):
    lines, others = log_of(control.out), log_of(whole.out)
    assert [line["step"] for line in lines] == [line["step"] for line in others] and lines[0]["dev_render"] == others[0]["dev_render"]
    assert not any("render" in line or "render_gate" in line for line in lines)
    assert any(not torch.equal(a, b) for a, b in zip(control.model.state_dict().values(), whole.model.state_dict().values()))


def test_a_stopped_fine_tuning_goes_on_exactly(start, whole, tmp_path):
    out = tmp_path / "stopped"
    run = start(out)
    step = run.step

    def stop():
        if run.state["step"] == 3:
            raise KeyboardInterrupt
        return step()

    run.step = stop
    with pytest.raises(KeyboardInterrupt):
        run.run()
    with pytest.raises(SignerError, match="another weight_renderer"):
        start(shutil.copytree(out, tmp_path / "other"), "weight_renderer=2")
    assert (out / STATE).is_file()
    start(out).run()
    assert log_of(out) == log_of(whole.out) and (out / "model.safetensors").read_bytes() == (whole.out / "model.safetensors").read_bytes()


# --- before and after ----------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def bench(performances, renderer):
    return Bench(performances, renderer, CHECKPOINTS / "keypoints", CHECKPOINTS / "back-translation-nano", clips=1, frames=3)


def test_a_row_measures_the_pictures_on_the_truths_timeline(bench, experts):
    (shot,) = bench.shots
    moe = SLPMoE.from_pretrained(experts)
    made = bench.shown(moe, shot)
    assert made.shape == shot.truth.frames.shape == (3, 32, 32, 3) and not np.array_equal(made, shot.truth.frames)
    first, stop = shot.sentence.signing
    assert first <= shot.clip.start and shot.clip.stop <= stop
    assert np.array_equal(bench._render(shot.sentence, shot.clip, shot.sentence.performed.poses.xyz), shot.truth.frames)
    row, own = bench.row(moe), video_scores(made, shot.truth.frames, shot.truth.xyz)
    assert {name: row[name] for name in ("ssim", "psnr", "hand_ssim")} == pytest.approx({name: own[name] for name in ("ssim", "psnr", "hand_ssim")})
    assert row["count"] == len(bench.asked.truth) and set(MEASURES) < set(row)


def test_the_reference_is_the_studios_clip_where_there_is_one(performances, renderer, clips, tmp_path):
    shutil.copytree(clips / "dev", tmp_path / "test")
    row = read_split(performances, "test")[0]
    poses = PoseSequence(row.poses.xyz[FIRST:FIRST + SHOWN], 25.0)
    write_pose(poses, tmp_path / "test" / "0.pose")
    lines = json.loads((tmp_path / "test" / "metadata.jsonl").read_text())
    (tmp_path / "test" / "metadata.jsonl").write_text(json.dumps(lines | {"text": row.text}) + "\n")
    bench = Bench(performances, renderer, CHECKPOINTS / "keypoints", CHECKPOINTS / "back-translation-nano", tmp_path)
    (shot,) = bench.shots
    assert (shot.clip.start, shot.clip.stop, shot.clip.style) == (FIRST, FIRST + SHOWN, "night")
    assert np.array_equal(shot.truth.xyz, poses.xyz) and np.array_equal(shot.truth.frames, shot.clip.frames)


def test_the_comparison_is_written_as_agreed(bench, whole, control, experts, performances, renderer, tmp_path):
    main(["--frozen", str(experts), "--joint", str(whole.out), "--control", str(control.out), "--performances", str(performances),
          "--renderer", str(renderer), "--clips", "1", "--frames", "3", "--out", str(tmp_path / "joint.json")])
    result = json.loads((tmp_path / "joint.json").read_text())
    rows = {row["system"]: row for row in result["rows"]}
    assert list(rows) == ["frozen", "control", "joint"] and {row["size"] for row in result["rows"]} == {"nano"}
    assert (rows["joint"]["seed"], rows["joint"]["weight_renderer"], rows["control"]["weight_renderer"], rows["frozen"]["steps"]) == (7, 1.0, 0, 0)
    assert rows["frozen"]["ssim"] == pytest.approx(bench.row(SLPMoE.from_pretrained(experts))["ssim"]) and rows["joint"]["clips"] == 1
    for line in result["difference"]:
        assert line["mean"] == pytest.approx(rows["joint"][line["measure"]] - rows[line["against"]][line["measure"]]) and line["seeds"] == [7]
    assert set(result["gates"]) == {"frozen", "control nano 7", "joint nano 7"} and result["settings"]["seeds"] == [7]
    assert all(share > 0 for share in result["gates"]["joint nano 7"]["moved"].values()) and result["commit"]


def test_differences_are_taken_seed_by_seed():
    row = lambda system, seed, ssim: {"size": "base", "system": system, "seed": seed} | dict.fromkeys(MEASURES) | {"ssim": ssim}
    rows = [row("frozen", 1, 0.5), row("control", 1, 0.6), row("control", 2, 0.5), row("joint", 1, 0.7), row("joint", 2, 0.9), row("joint", 3, 0.8)]
    frozen, control = differences(rows)
    assert (frozen["against"], frozen["seeds"], control["against"], control["seeds"]) == ("frozen", [1, 2, 3], "control", [1, 2])
    assert frozen["mean"] == pytest.approx(0.3) and frozen["std"] == pytest.approx(0.1) and control["values"] == pytest.approx([0.1, 0.4])
    assert {line["measure"] for line in (frozen, control)} == {"ssim"}, "what was not measured has no difference"


def test_what_cannot_be_compared_is_told(whole, experts, tmp_path):
    with pytest.raises(SignerError, match="so it is no control"):
        told(whole.out, "control", experts)
    with pytest.raises(SignerError, match="was not fine-tuned from"):
        told(whole.out, "joint", whole.out)
    with pytest.raises(SignerError, match="is no joint fine-tuning"):
        told(CHECKPOINTS / "slp-moe-nano", "joint", experts)
    for folder, begun in ((tmp_path, experts), (whole.out, tmp_path)):
        with pytest.raises(SignerError, match="is not a checkpoint"):
            told(folder, "joint", begun)


# --- what is refused -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("changes, words", [
    (["moves=[gate, face]"], "moves names one or more of query, .*, not 'face'"), (["moves=[]"], "moves names one or more"),
    (["scales=[0]"], "scales are whole numbers"), (["frames=0"], "frames must be more than 0"), (["weight_renderer=-1"], "must be 0 or more"),
    (["edge_first=0.01"], "edge_first no narrower than edge_last"),
])
def test_settings_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(SignerError, match=words):
        settings(*changes)


def test_the_edge_narrows():
    config = settings("edge_first=0.08", "edge_last=0.02")
    edges = [config.edge(k, 30) for k in range(30)]
    assert edges[0] == 0.08 and edges == sorted(edges, reverse=True) and edges[20:] == pytest.approx([0.02] * 10)


def test_what_does_not_fit_is_told(start, experts, renderer, performances, tmp_path):
    for changes, words in ((["crop=20"], "crop must be a multiple of 8 up to 32"), (["crop=16", "scales=[8]"], "four times the largest of scales"),
                           (["batch_size=99"], "fewer than a batch of 99")):
        with pytest.raises(SignerError, match=words):
            start(tmp_path / "out", *changes)
    with pytest.raises(SignerError, match="no performances of the split 'train'"):
        Training(settings(), experts, renderer, tmp_path, tmp_path / "out", 7)
    with pytest.raises(SignerError, match="is not a checkpoint"):
        Training(settings(), experts, tmp_path, performances, tmp_path / "out", 7)
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_the_command_names_what_is_missing(tmp_path):
    done = CliRunner().invoke(app, ["train", "joint", "--out", str(tmp_path / "out"), "--performances", str(tmp_path), "--experts", str(tmp_path)])
    assert done.exit_code and isinstance(done.exception, SignerError) and "is not a checkpoint" in str(done.exception)


def test_sentences_are_those_that_slul_reads_right(ready, performances, one_slul):
    assert [s.performed.name for s in ready.train] == [row.name for row, _ in read_right(performances, "train", one_slul)]
