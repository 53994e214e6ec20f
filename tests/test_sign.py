"""`sign` in the manner of either renderer: the video, its captions, what the renderer is told, and what cannot be asked of it."""

import json
import re
import sys
from itertools import islice

import av
import numpy as np
import pytest
import torch

from clips import tiny_renderer
from signer_lib import assets, cli
from signer_lib.errors import SignerError
from signer_lib.pipeline import StableSignerPipeline
from signer_lib.render import backends
from signer_lib.render.backends import Diffusion, Drawn, backend, resized
from signer_lib.render.captions import webvtt
from signer_lib.render.drawn import draw_frame
from signer_lib.render.renderer.conditioning import Signed, meaning_of
from signer_lib.render.renderer.pipeline import RendererPipeline
from standing import pose

TWO = "Where is Sam? Thank you!"


@pytest.fixture(scope="module")
def folder(slul, tmp_path_factory):
    """A saved renderer of random weights, told of SLUL's states."""
    return tiny_renderer(tmp_path_factory.mktemp("renderer") / "mine", slul.model.config.d_model)


@pytest.fixture(scope="module")
def rendering(pipeline, folder):
    """The shipped models with that renderer."""
    who = Diffusion(folder)
    return StableSignerPipeline(pipeline.slul, pipeline.prior, pipeline.experts, pipeline.models | {"renderer": who.name}, who)


@pytest.fixture(scope="module")
def signing(rendering):
    return rendering(TWO)


@pytest.fixture
def sign(monkeypatch, capfd, pipeline):
    """``stable-signer sign ...`` in this process, with the models that are loaded already. -> exit code, stdout, stderr"""
    monkeypatch.setattr(StableSignerPipeline, "from_pretrained", classmethod(lambda cls, folder, renderer: cls(
        pipeline.slul, pipeline.prior, pipeline.experts, pipeline.models | {"renderer": renderer.name}, renderer)))

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["stable-signer", "sign", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, *capfd.readouterr()

    return call


def read_webvtt(text):
    """(gloss, first, last millisecond) of each cue; fails where a player would."""
    head, *blocks = text.rstrip("\n").split("\n\n")
    assert head == "WEBVTT"
    cues = []
    for block in blocks:
        times, words = block.split("\n")
        found = re.fullmatch(r"(\d\d):(\d\d):(\d\d)\.(\d{3}) --> (\d\d):(\d\d):(\d\d)\.(\d{3})", times)
        h, m, s, ms, H, M, S, MS = map(int, found.groups())
        cues.append((words, ((h * 60 + m) * 60 + s) * 1000 + ms, ((H * 60 + M) * 60 + S) * 1000 + MS))
    assert all(start < stop for _, start, stop in cues) and all(a[2] <= b[1] for a, b in zip(cues, cues[1:]))
    return cues


# --- the command -----------------------------------------------------------------------------------------------------
def test_the_command_writes_the_rendered_signer_beside_the_poses(sign, folder, signing, tmp_path):
    code, said, errors = sign(TWO, "--renderer", folder, "--style", "night", "--steps", 1, "--side-by-side", "--size", 128, "--out", tmp_path / "out")
    assert code == 0 and errors == "" and "diffusion renderer mine: style night, signer one, steps 1" in said
    with av.open(str(tmp_path / "out" / "video.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (256, 128, 25)
        assert sum(1 for _ in video.decode(video=0)) == len(signing.poses)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["models"]["renderer"] == "mine" and report["video"] == {
        "renderer": "diffusion", "style": "night", "signer": "one", "steps": 1, "rendered_at": 32, "side_by_side": True, "size": 128}
    cues = read_webvtt((tmp_path / "out" / "captions.vtt").read_text())
    assert [gloss for gloss, _, _ in cues] == report["glosses"] == ["fs-SAM", "WHERE", "THANK-YOU"]
    for (_, start, stop), row in zip(cues, report["signs"]):
        assert start <= 40 * row["frames"][0] and stop >= 40 * row["frames"][1], "a caption goes before its sign has ended"


@pytest.mark.parametrize("asked, told", [
    (("drawn", "--style", "night"), "this is the drawn signer, and style belongs to the diffusion renderer"),
    (("drawn", "--signer", "two", "--steps", 3), "signer, steps belongs"), (("drawn", "--side-by-side"), "side by side belongs"),
    (("diffusion",), "no trained renderer in"), (("nowhere",), "no renderer 'nowhere': use drawn, diffusion"),
    ((None, "--style", "nigth"), "no style 'nigth': did you mean 'night'"), ((None, "--signer", "Q"), "no signer 'Q': use one, two"),
    ((None, "--steps", 1001), "steps must be from 1 to 1000"),
])
def test_what_cannot_be_asked_is_told_in_one_line(sign, folder, tmp_path, monkeypatch, asked, told):
    monkeypatch.setattr(assets, "RENDERER", tmp_path / "renderer-base")
    code, said, errors = sign("Yes.", "--out", tmp_path / "out", "--renderer", asked[0] or folder, *asked[1:])
    assert (code, said) == (2, "") and told in errors and errors.count("\n") == 1 and list(tmp_path.iterdir()) == []


def test_own_glosses_are_signed_with_a_text_and_without(sign, tmp_path):
    for k, asked in enumerate((("Is Sam there?",), ())):
        code, said, errors = sign(*asked, "--glosses", "library fs-Sam", "--renderer", "drawn", "--size", 128, "--out", tmp_path / str(k))
        assert code == 0 and errors == "" and said.startswith("LIBRARY fs-SAM\n2 glosses, 1 fingerspelled")
        report = json.loads((tmp_path / str(k) / "report.json").read_text())
        assert (report["text"], report["glosses"], report["given"]) == ("".join(asked), ["LIBRARY", "fs-SAM"], ["glosses"])
    code, said, errors = sign("--glosses", "LIBARY", "--renderer", "drawn", "--out", tmp_path / "none")
    assert (code, said) == (2, "") and "no gloss 'LIBARY': did you mean LIBRARY" in errors and errors.count("\n") == 1
    assert sign("--out", tmp_path / "none")[0] == 2 and not (tmp_path / "none").exists()


def test_without_diffusers_only_the_drawn_signer_signs(sign, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    for asked in ("diffusion", folder):
        code, _, errors = sign("Yes.", "--renderer", asked, "--out", tmp_path)
        assert code == 2 and "needs diffusers: type  pip install" in errors and errors.count("\n") == 1
    assert sign("Yes.", "--renderer", "drawn", "--size", 128, "--out", tmp_path)[0] == 0


def test_the_default_is_diffusion_where_the_projects_renderer_is(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "RENDERER", tmp_path / "renderer-base")
    assert assets.default_renderer() == "drawn" and isinstance(backend(), Drawn)
    (tmp_path / "renderer-base").mkdir()
    assert assets.default_renderer() == "diffusion"
    with pytest.raises(SignerError, match="no trained renderer in"):
        backend()                                                           # damaged: told, and not passed over


# --- frames ----------------------------------------------------------------------------------------------------------
def test_the_same_seed_gives_the_same_frames(rendering):
    frames = {seed: np.stack(list(rendering("Yes.", seed=seed).frames(size=32))) for seed in (3, 4)}
    assert np.array_equal(frames[3], np.stack(list(rendering("Yes.", seed=3).frames(size=32)))) and not np.array_equal(frames[3], frames[4])


def test_a_frame_is_enlarged_before_its_caption_is_written(signing):
    at = next(k for k, caption in enumerate(signing.captions) if caption)
    plain, large, named = (next(islice(signing.frames(*how), at, None)) for how in ((32, False), (512, False), (512, True)))
    assert plain.shape == (32, 32, 3) and np.array_equal(large, resized(plain, 512))
    bar = round(0.085 * 512)
    assert np.array_equal(named[:-bar], large[:-bar])
    assert np.array_equal(named[-bar:], draw_frame(signing.poses.xyz[at], size=512, caption=signing.captions[at])[-bar:])


def test_an_enlarged_or_reduced_picture_is_what_that_size_shows():
    small, large = draw_frame(pose(), size=128), draw_frame(pose(), size=512)
    off = lambda found, truth: np.square(found.astype(int) - truth).mean()
    assert off(resized(large, 128), small) < 0.25 * off(large[::4, ::4], small)
    assert off(resized(small, 512), large) < 0.85 * off(small.repeat(4, 0).repeat(4, 1), large)
    assert resized(small, 128) is small


def test_side_by_side_is_both_under_one_caption(signing):
    alone, both = (next(signing.frames(64, captions=False, side_by_side=beside)) for beside in (False, True))
    assert np.array_equal(both, np.concatenate([alone, draw_frame(signing.poses.xyz[0], size=64)], 1))
    assert next(signing.frames(64, side_by_side=True)).shape == (64, 128, 3)


def test_the_drawn_signer_is_drawn_as_ever(pipeline):
    signing = pipeline("Yes.")
    for captions in (True, False):
        wanted = (draw_frame(xyz, size=64, caption=text if captions else None) for xyz, text in zip(signing.poses.xyz, signing.captions))
        assert all(np.array_equal(a, b) for a, b in islice(zip(wanted, signing.frames(64, captions)), 10, 20))


@pytest.mark.parametrize("size", [31, 33])
def test_sizes_that_cannot_be_are_told_by_both(signing, pipeline, size):
    for each in (signing, pipeline("Yes.")):
        with pytest.raises(SignerError, match="even number of pixels"):
            each.frames(size)


def test_the_renderer_is_loaded_once_and_when_it_is_needed_and_frames_come_one_by_one(pipeline, folder, monkeypatch):
    loaded, windows = [], []
    from_folder, control = RendererPipeline.from_folder, RendererPipeline.control
    monkeypatch.setattr(RendererPipeline, "from_folder", classmethod(lambda cls, *a: loaded.append(a) or from_folder(*a)))
    monkeypatch.setattr(RendererPipeline, "control", lambda self, source, body: windows.append(len(source)) or control(self, source, body))
    rendering = StableSignerPipeline(pipeline.slul, pipeline.prior, pipeline.experts, pipeline.models, Diffusion(folder))
    signings = [rendering("Where is the library? " * 20), rendering("Yes."), rendering("No.")]
    assert not loaded and len(signings[0].poses) > 1000
    for each in signings:
        next(each.frames(size=32))
    assert len(loaded) == 1 and windows == [16] * 3, "no window is rendered before its frames are asked for"


def test_a_style_that_is_asked_for_at_the_start_is_checked_then_and_shown_later(pipeline, folder, monkeypatch):
    loaded, from_folder = [], RendererPipeline.from_folder
    monkeypatch.setattr(RendererPipeline, "from_folder", classmethod(lambda cls, *a: loaded.append(a) or from_folder(*a)))
    rendering = StableSignerPipeline(pipeline.slul, pipeline.prior, pipeline.experts, pipeline.models, Diffusion(folder))
    for wrong in ({"style": "nigth"}, {"signer": "Q"}):
        with pytest.raises(SignerError, match="there is no (style 'nigth': did you mean 'night'|signer 'Q': use one, two)"):
            rendering("Yes.", **wrong)
    signing = rendering("Yes.", style="night", signer="two")
    assert not loaded
    night = next(signing.frames(size=32, captions=False))
    assert (signing.video["style"], signing.video["signer"]) == ("night", "two")
    day = next(signing.frames(size=32, captions=False, style="day"))
    assert (signing.video["style"], signing.video["signer"]) == ("day", "two") and not np.array_equal(night, day)
    assert np.array_equal(night, next(rendering.frames(signing.poses, 32, signing.meaning, style="night", signer="two")))
    with pytest.raises(SignerError, match="this is the drawn signer, and style belongs to the diffusion renderer"):
        pipeline("Yes.", style="night")


def test_own_poses_are_rendered_with_the_meaning_that_is_known(rendering, signing, monkeypatch):
    told, stream = [], RendererPipeline.stream
    spy = lambda self, poses, signed, **more: told.append(signed) or stream(self, poses, signed=signed, **more)
    monkeypatch.setattr(RendererPipeline, "stream", spy)
    for text in ("", TWO):
        assert next(rendering(text, poses=signing.poses).frames(size=32)).shape == (32, 32, 3)
    first, second = signing.sentences
    assert told[0] is None and torch.allclose(told[1].states, signing.states, atol=1e-5) and told[1].spans is None
    assert torch.allclose(told[1].context, (first.context + second.context) / 2, atol=1e-5)


# --- a folder with everything ----------------------------------------------------------------------------------------
def test_a_pipeline_with_its_renderer_is_saved_and_signs_again(rendering, signing, tmp_path, monkeypatch, capfd):
    rendering.save_pretrained(tmp_path / "all")
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["experts", "pipeline.json", "renderer", "slul"]
    again = StableSignerPipeline.from_pretrained(tmp_path / "all")
    assert again.models == rendering.models and isinstance(again.renderer, Diffusion) and again.prior.name == rendering.prior.name
    other = again(TWO, style="night")
    assert other.glosses == signing.glosses and np.array_equal(other.poses.xyz, signing.poses.xyz)
    assert np.abs(next(other.frames(32)).astype(int) - next(signing.frames(32, style="night"))).max() <= 1
    assert isinstance(StableSignerPipeline.from_pretrained(tmp_path / "all", renderer="drawn").renderer, Drawn)
    command = ["stable-signer", "sign", "Yes.", "--pipeline", tmp_path / "all", "--style", "night", "--size", 128, "--out", tmp_path / "out"]
    monkeypatch.setattr(sys, "argv", [str(word) for word in command])
    with pytest.raises(SystemExit):
        cli.main()
    assert "by the diffusion renderer mine: style night, signer one" in capfd.readouterr().out
    assert json.loads((tmp_path / "out" / "report.json").read_text())["models"] == rendering.models


# --- what the renderer is told ---------------------------------------------------------------------------------------
def test_sluls_states_reach_the_renderer_with_their_frames(signing, monkeypatch):
    told = []
    stream = RendererPipeline.stream
    spy = lambda self, poses, signed, **more: told.append(signed) or stream(self, poses, signed=signed, **more)
    monkeypatch.setattr(RendererPipeline, "stream", spy)
    before = next(signing.frames(size=32, captions=False))
    (signed,), (first, second) = told, signing.sentences
    assert torch.equal(signed.states, torch.cat([first.states, second.states])) and signed.states.std() > 0
    assert torch.equal(signed.context, torch.stack([first.context, first.context, second.context]))
    assert signed.spans.tolist() == [row["frames"] for row in signing.gloss_spans]
    plain = next(signing.renderer.frames(signing.poses, 32))
    assert told[1] is None and not np.array_equal(before, plain), "what is signed makes no difference"


def test_a_window_is_told_of_one_sentence_and_of_its_own_glosses():
    signed = Signed(torch.arange(3.0)[:, None], torch.tensor([[10.0], [10.0], [20.0]]), torch.tensor([[5, 10], [12, 20], [30, 60]]))
    windows = [(signed, 0, 4), (signed, 8, 16), (signed, 16, 32), (signed, 18, 40), (signed, 70, 90)]
    meaning = meaning_of(windows, [0] * 5, [0] * 5, 1, 4)
    assert meaning.context[:, 0].tolist() == [10, 10, 10, 20, 20] and meaning.known.all()
    assert meaning.there.sum(1).tolist() == [0, 2, 2, 2, 0]


# --- captions --------------------------------------------------------------------------------------------------------
def test_the_track_says_what_the_picture_says(pipeline):
    signing = pipeline("My teacher Priya has 3 cats. Thank you, thank you!")
    lines = [""] * len(signing.poses)
    for gloss, start, stop in signing.cues:
        lines[start:stop] = [gloss] * (stop - start)
    assert [line.split(":")[0] for line in signing.captions] == lines
    assert [gloss for gloss, _, _ in signing.cues] == [row["gloss"] for row in signing.gloss_spans]


def test_webvtt_is_written_as_the_standard_says():
    text = webvtt([("A<B>&C", 0.04, 1.5), ("fs-SAM", 3599.96, 3661.0)])
    assert text == "WEBVTT\n\n00:00:00.040 --> 00:00:01.500\nA&lt;B&gt;&amp;C\n\n00:59:59.960 --> 01:01:01.000\nfs-SAM\n"
    assert [cue[0] for cue in read_webvtt(text)] == ["A&lt;B&gt;&amp;C", "fs-SAM"]
