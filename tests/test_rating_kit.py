"""The kit: blind pages that need no network, the same for the same seed, and one line for what is wrong."""

import hashlib
import json
import re
import shutil

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from ratings import GLOSSES, TEXTS, write_clips, write_kit
from signer_lib.cli import app
from signer_lib.errors import SignerError
from signer_lib.rating.exported import read_key
from signer_lib.rating.kit import as_html, make_kit
from signer_lib.rating.scales import SCALES
from signer_lib.render.captions import captioned
from signer_lib.render.drawn import draw
from signer_lib.render.video import frame_rate, read_video, write_video


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    return write_kit(tmp_path_factory.mktemp("kit"))


def page(kit, rater="rater-01"):
    """What the page of a rater holds: its text, and what its script is told."""
    text = (kit / "raters" / rater / "index.html").read_text(encoding="utf-8")
    return text, json.loads(re.search(r'<script type="application/json" id="kit">(.*?)</script>', text, re.S)[1])


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_rater_gets_a_page_and_its_clips_and_nothing_else(kit):
    key = read_key(kit)
    assert set(files(kit)) >= {"GUIDE.md", "CONSENT.md", "organiser/key.json"} and len(key["raters"]) == 6
    for rater, told in key["raters"].items():
        assert set(files(kit / "raters" / rater)) == {"index.html"} | {item["clip"] for item in told["items"]}
        assert [item["clip"] for item in page(kit, rater)[1]["items"]] == [item["clip"] for item in told["items"]]


def test_nothing_that_a_rater_is_given_names_a_system_a_gloss_or_the_seed(kit):
    hidden = [word.encode() for word in ("zorblax", "quuxnet", "truth", "reference", "organiser/", "report.json", '"wrong"', '"repeat"', '"rated"',
                                         *GLOSSES)]
    for name, content in files(kit / "raters").items():
        assert not [word for word in hidden if word in content or word in name.encode()], name
    assert set(page(kit)[1]["items"][0]) == {"clip", "sentence"}


def test_names_need_the_seed_and_no_two_pages_share_one(kit, tmp_path):
    key = read_key(kit)
    names = [item["clip"] for told in key["raters"].values() for item in told["items"]]
    assert len(set(names)) == len(names)
    other = read_key(write_kit(tmp_path, seed=12))
    assert not set(names) & {item["clip"] for told in other["raters"].values() for item in told["items"]}
    guesses = {hashlib.sha256(str(word).encode()).hexdigest()[:16] for told in key["raters"].values() for item in told["items"] for word in (
        item["system"], item["sentence"], item["system"] + item["sentence"], item["sha256"], key["seed"])} | {item["sha256"][:16] for item in
        key["raters"]["rater-01"]["items"]}
    assert not guesses & {name.removeprefix("clips/").removesuffix(".mp4") for name in names}


def test_clips_are_equal_in_all_but_the_picture(tmp_path):
    ours, theirs = write_clips(tmp_path / "ours"), tmp_path / "theirs"
    for k, name in enumerate(TEXTS):
        theirs.mkdir(exist_ok=True)
        with av.open(str(theirs / f"{name}.mp4"), "w") as container:                  # another size, encoder, sound track and a title that tells
            container.metadata["title"] = "zorblax"
            stream, sound = container.add_stream("mpeg4", rate=25), container.add_stream("aac", rate=8000)
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
            for _ in range(4):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((96, 128, 3), 40 * k, np.uint8), format="rgb24")))
            container.mux(stream.encode())
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 8000
            container.mux(sound.encode(frame))
            container.mux(sound.encode())
    told = make_kit(tmp_path / "kit", {"ours": ours, "theirs": theirs}, 2, 1, size=64)
    found = set()
    for path in (tmp_path / "kit" / "raters").rglob("*.mp4"):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            found.add((len(container.streams), str(container.metadata), str(stream.metadata), stream.codec.name, stream.width, stream.height,
                       stream.average_rate, stream.frames))
        assert b"zorblax" not in path.read_bytes()
    assert len(found) == 1 and not any("frames a second" in line for line in told)


def test_the_page_needs_no_network(kit):
    text, _ = page(kit)
    assert not re.search(r"""https?:|//|\bfetch\b|XMLHttpRequest|WebSocket|sendBeacon|@import|<link|<iframe|<form|src="(?!instructions\.mp4)""", text)
    assert "default-src 'none'" in text and "connect-src" not in text


def test_the_page_asks_every_scale_in_words_and_takes_cannot_tell(kit):
    text, told = page(kit)
    assert [scale["name"] for scale in told["scales"]] == list(SCALES) == ["clarity", "naturalness", "meaning"]
    assert all(len(scale["words"]) == 5 for scale in told["scales"]) and told["cannot"] == "cannot tell"
    assert "no Deaf signer" in text and "not Deaf signers" in text and "instructions.mp4" in text
    assert not re.search(r"@[A-Z]+@", text)


def test_the_same_seed_gives_the_same_kit(kit, tmp_path):
    again, other = write_kit(tmp_path / "a"), write_kit(tmp_path / "b", seed=12)
    assert files(again) == files(kit) and files(other) != files(kit)


def test_the_texts_of_others_cannot_break_the_page(tmp_path):
    texts = {"a": 'He said "</script><b>hi</b>" & left.', "b": "@KIT@ @CONSENT@"}
    write_clips(tmp_path / "ours", texts=texts)
    (tmp_path / "consent.md").write_text("# We & you\n\n- one <i>\n- two\n  lines - here\n\nText.")
    make_kit(tmp_path / "kit", {"ours": tmp_path / "ours"}, 1, 1, size=64, consent=tmp_path / "consent.md")
    text, told = page(tmp_path / "kit")
    assert {item["sentence"] for item in told["items"]} == set(texts.values()) and "<b>" not in text and "<i>" not in text
    assert "<h2>We &amp; you</h2>" in text and "<li>two\n  lines - here</li>" in text and "<p>Text.</p>" in text
    assert as_html("## A\n\nb") == "<h3>A</h3>\n<p>b</p>"


def test_burnt_in_glosses_are_found_and_the_plain_signer_is_not_taken_for_them(tmp_path, body):
    poses = np.asarray(body.rest())[None].repeat(3, 0)
    from signer_lib.pose import PoseSequence

    for captions in (False, True):
        for name, text in list(TEXTS.items())[:2]:
            folder = tmp_path / str(captions) / name
            folder.mkdir(parents=True)
            frames = draw(PoseSequence(poses, 25.0), size=128)
            write_video((captioned(frame, "LIBRARY") if captions else frame for frame in frames), folder / "video.mp4", 25.0)
            (folder / "report.json").write_text(json.dumps({"text": text}))
    make_kit(tmp_path / "kit", {"ours": tmp_path / "False"}, 1, 1, size=64)
    with pytest.raises(SignerError, match="glosses written into the picture"):
        make_kit(tmp_path / "kit2", {"ours": tmp_path / "True"}, 1, 1, size=64)
    assert not (tmp_path / "kit2").exists()


def test_frames_and_their_rate_are_kept(tmp_path, kit):
    item = read_key(kit)["raters"]["rater-01"]["items"][0]
    path = kit / "raters" / "rater-01" / item["clip"]
    assert frame_rate(path) == 25 and np.shape(read_video(path)) == (4, 64, 64, 3)
    told = make_kit(tmp_path / "kit", {"a": write_clips(tmp_path / "a"), "b": write_clips(tmp_path / "b", 1, fps=30.0)}, 1, 1, size=64)
    assert any("25.0 and 30.0 frames a second" in line for line in told)


def test_the_command_makes_a_kit_and_says_what_is_missing(tmp_path):
    for k, name in enumerate("ab"):
        write_clips(tmp_path / name, k)
    write_video(np.zeros((2, 64, 64, 3), np.uint8), tmp_path / "signed.mp4", 25.0)
    words = ["rating", "kit", "--systems", f"a={tmp_path / 'a'}", "--systems", f"b={tmp_path / 'b'}", "--raters", "2", "--size", "64"]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "kit")])
    assert done.exit_code == 0 and "2 systems, 4 sentences, 2 raters with 6 clips each" in done.output
    assert "[brackets]" in done.output and "no signed instructions" in done.output
    assert read_key(tmp_path / "kit")["seed"] > 10**6, "without --seed it is drawn, too large to guess"
    (tmp_path / "consent.md").write_text("We agreed on this.")
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "kit2"), "--seed", "1", "--instructions", str(tmp_path / "signed.mp4"),
                                    "--consent", str(tmp_path / "consent.md")])
    assert "[brackets]" not in done.output and "no signed instructions" not in done.output
    assert (tmp_path / "kit2" / "raters" / "rater-02" / "instructions.mp4").read_bytes() == (tmp_path / "signed.mp4").read_bytes()
    assert "We agreed on this." in page(tmp_path / "kit2")[0]


def test_what_is_wrong_with_the_clips_is_told_and_nothing_is_left(tmp_path):
    a, b = write_clips(tmp_path / "a"), write_clips(tmp_path / "b", 1)
    (tmp_path / "table").write_text("hello\tHello.\nlibrary\n")
    (tmp_path / "short").write_text("hello\tHello.\n")
    (tmp_path / "empty").mkdir()
    shutil.copytree(a, tmp_path / "bare")
    for path in (tmp_path / "bare").rglob("report.json"):
        path.unlink()
    shutil.copytree(a, tmp_path / "fewer")
    shutil.rmtree(tmp_path / "fewer" / "rain")
    shutil.copytree(a, tmp_path / "broken")
    (tmp_path / "broken" / "rain" / "video.mp4").write_bytes(b"no video")
    shutil.copytree(a, tmp_path / "other")
    (tmp_path / "other" / "rain" / "report.json").write_text(json.dumps({"text": "It snows."}))
    for systems, more, told in [
        ({"a": a, "b": tmp_path / "fewer"}, {}, "b has no clip of rain"), ({"a": tmp_path / "empty"}, {}, "holds no clips"),
        ({"a": tmp_path / "nowhere"}, {}, "no folder"), ({"a": tmp_path / "bare"}, {}, "no report.json says what hello means"),
        ({"a": a}, {"sentences": tmp_path / "table"}, "line 2"), ({"a": a}, {"sentences": tmp_path / "short"}, "no line for library"),
        ({"a": a, "b": tmp_path / "other"}, {}, "says 'It snows.', another system's rain"),
        ({"a": tmp_path / "broken"}, {}, "rain/video.mp4 as a video"), ({"a": a, "reference": b}, {"references": a}, "no system can be called"),
        ({"a": a}, {"consent": tmp_path / "nowhere.md"}, "nowhere.md"), ({"a": a}, {"instructions": tmp_path / "nowhere.mp4"}, "nowhere.mp4"),
    ]:
        with pytest.raises(SignerError, match=told) as error:
            make_kit(tmp_path / "kit", systems, 2, 1, size=64, **more)
        assert "\n" not in str(error.value) and not (tmp_path / "kit").exists()
    make_kit(tmp_path / "kit", {"a": a, "b": b}, 1, 1, size=64)
    with pytest.raises(SignerError, match="a kit in"):
        make_kit(tmp_path / "kit", {"a": a, "b": b}, 1, 1, size=64)
    done = CliRunner().invoke(app, ["rating", "kit", "--systems", str(a), "--raters", "2", "--out", str(tmp_path / "c")])
    assert isinstance(done.exception, SignerError) and "NAME=FOLDER" in str(done.exception)
