"""The exercises of notebook 04: the noise schedule, the three answers of a network, DDIM, a limb in a picture, windows, hands, distillation."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from diffusers import DDIMScheduler
from diffusers.configuration_utils import FrozenDict
from torch import Tensor

from signer_lib.exercises.checking import Exercise, Mistake
from signer_lib.metrics.video import hand_ssim, psnr
from signer_lib.render.framing import Framing
from signer_lib.render.renderer.building import ddim
from signer_lib.render.renderer.sampling import ramp, to_x0
from signer_lib.render.renderer.settings import renderer_config

CAMERA = Framing()


def _numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@lru_cache(maxsize=1)
def _settings() -> FrozenDict:
    return ddim(renderer_config("nano")).config


def scheduler(answer: str = "sample") -> DDIMScheduler:
    """A new one like the library's, of the nano size; ``answer``: what its network says, "sample", "v_prediction" or "epsilon"."""
    return DDIMScheduler.from_config(_settings(), prediction_type=answer)


# --- 4.1: the schedule ----------------------------------------------------------------------------------------------------------
def _betas(count: int, first: float, last: float) -> Tensor:
    return torch.linspace(first ** 0.5, last ** 0.5, count) ** 2


def _schedule(betas: Tensor) -> Tensor:
    """The library's scheduler with other betas."""
    shares: Tensor = DDIMScheduler(trained_betas=betas.numpy(), num_train_timesteps=len(betas), rescale_betas_zero_snr=True).alphas_cumprod
    return shares


def _stretched(x: Tensor) -> Tensor:
    return (x - x[-1]) * x[0] / (x[0] - x[-1])


def _kept(betas: Tensor) -> Tensor:
    return (1 - betas).cumprod(0)


check_schedule = Exercise(
    number="4.1", title="How much is left of a picture", difficulty="easy", minutes=10,
    right=_schedule,
    cases=lambda: {"the library's": (_betas(1000, 0.00085, 0.012),), "a short one": (_betas(10, 0.02, 0.3),),
                   "an even one": (torch.full((50,), 0.05),)},
    proven="the shares are alphas_cumprod of the library's scheduler",
    hint="multiply up 1 - beta, take the root, move it so that the last is 0, stretch it so that the first is as before, and square it",
    mistakes=(
        Mistake("the last share is not 0: there is still a little of the picture in it; move and stretch the root", _kept),
        Mistake("you move and stretch the share itself; do it to its root, which is what multiplies the picture", lambda b: _stretched(_kept(b))),
        Mistake("that is the root of the share: square it again", lambda b: _stretched(_kept(b).sqrt())),
        Mistake("shares are multiplied up: each time keeps 1 - beta of what was left",
                lambda b: _stretched((1 - b.cumsum(0)).clamp(min=0).sqrt()) ** 2),
        Mistake("you moved the root, but the first share is no longer what it was: stretch it",
                lambda b: (_kept(b).sqrt() - _kept(b)[-1].sqrt()) ** 2),
        Mistake("that is how much noise there is; asked is how much is left of the picture", lambda b: 1 - _stretched(_kept(b).sqrt()) ** 2),
    ),
    tolerance=1e-5)


# --- 4.2: three answers -----------------------------------------------------------------------------------------------------------
TIMES = (5, 400, 998)


def _library_x0(answer: str, prediction: Tensor, noisy: Tensor, share: Tensor) -> Tensor:
    known = scheduler(answer)
    known.alphas_cumprod = share[None]
    return to_x0(known, prediction[None], noisy[None], torch.zeros(1, dtype=torch.long))[0]


def _answers() -> dict[str, tuple[str, Tensor, Tensor, Tensor]]:
    shares = scheduler().alphas_cumprod
    return {f"{answer}, time {t}": (answer, _numbers(3, 4, seed=t), _numbers(3, 4, seed=t + 1), shares[t])
            for t in TIMES for answer in ("sample", "epsilon", "v_prediction")}


def _answered(**own: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[[str, Tensor, Tensor, Tensor], Tensor]:
    """The right function but for some answers: name -> f(prediction, noisy, share)."""
    return lambda answer, *given: own[answer](*given) if answer in own else _library_x0(answer, *given)


check_answers = Exercise(
    number="4.2", title="Three answers that mean one picture", difficulty="medium", minutes=15,
    right=_library_x0, cases=_answers,
    proven="the latents are those of signer_lib.render.renderer.sampling.to_x0",
    hint="of x = root(a) x0 + root(1 - a) noise, and v = root(a) noise - root(1 - a) x0, find x0; the roots' squares sum to 1",
    mistakes=(
        Mistake("v_prediction: the other way round; root(a) goes with x, root(1 - a) with v, which is taken away",
                _answered(v_prediction=lambda v, x, a: a.sqrt() * v - (1 - a).sqrt() * x)),
        Mistake("v_prediction: a sign; put v's definition into root(a) x - root(1 - a) v and see what is left",
                _answered(v_prediction=lambda v, x, a: a.sqrt() * x + (1 - a).sqrt() * v)),
        Mistake("v_prediction: that is the noise, not the clean latents", _answered(v_prediction=lambda v, x, a: (1 - a).sqrt() * x + a.sqrt() * v)),
        Mistake("epsilon: the division by root(a) is missing: what is left after the noise is root(a) x0",
                _answered(epsilon=lambda e, x, a: x - (1 - a).sqrt() * e)),
        Mistake("epsilon: the noise came with root(1 - a), so take as much away", _answered(epsilon=lambda e, x, a: (x - e) / a.sqrt())),
        Mistake("epsilon: the roots are missing: a and 1 - a are shares of variance", _answered(epsilon=lambda e, x, a: (x - (1 - a) * e) / a)),
        Mistake("sample: the network says the clean latents themselves; nothing is left to do",
                _answered(sample=lambda p, x, a: (x - (1 - a).sqrt() * p) / a.sqrt())),
        Mistake("you treat every answer alike: look at what the network was asked for", lambda answer, p, x, a: p),
    ))


# --- 4.3: DDIM --------------------------------------------------------------------------------------------------------------------
def _steps() -> dict[str, tuple[Tensor, Tensor, Tensor, Tensor]]:
    shares = scheduler().alphas_cumprod

    def at(seed: int, here: Tensor, earlier: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return _numbers(2, 6, seed=seed), _numbers(2, 6, seed=seed + 1), here, earlier

    return {"from 999 to 799": at(0, shares[999], shares[799]), "from 599 to 399": at(2, shares[599], shares[399]),
            "from 199 to the end": at(4, shares[199], torch.tensor(1.0))}


def _library_step(x: Tensor, x0: Tensor, here: Tensor, earlier: Tensor) -> Tensor:
    """One step of diffusers' DDIM between two times of which these are the shares."""
    known = scheduler()
    known.set_timesteps(500)
    known.alphas_cumprod = torch.stack([earlier, earlier, here])
    before: Tensor = known.step(x0, 2, x).prev_sample
    return before


def _noise(x: Tensor, x0: Tensor, share: Tensor) -> Tensor:
    return (x - share.sqrt() * x0) / (1 - share).sqrt()


check_ddim = Exercise(
    number="4.3", title="One step of DDIM", difficulty="medium", minutes=10,
    right=_library_step, cases=_steps,
    proven="the step is that of diffusers' DDIMScheduler, which the library uses",
    hint="find the noise that explains x together with x0, then mix x0 and that noise with the earlier time's shares",
    mistakes=(
        Mistake("you jump to the end: x0 is what the network believes now; mix the noise in again, for the earlier time",
                lambda x, x0, a, b: x0 + 0 * x),
        Mistake("you mix with the shares of the time that you come from: that gives x again; take the earlier time's",
                lambda x, x0, a, b: x + 0 * x0),
        Mistake("the roots are missing: shares are shares of variance", lambda x, x0, a, b: b * x0 + (1 - b) * (x - a * x0) / (1 - a)),
        Mistake("x is not the noise: take root(a) x0 away from it and divide by root(1 - a)", lambda x, x0, a, b: b.sqrt() * x0 + (1 - b).sqrt() * x),
        Mistake("the noise still has to be divided by root(1 - a)", lambda x, x0, a, b: b.sqrt() * x0 + (1 - b).sqrt() * (x - a.sqrt() * x0)),
        Mistake("the two times are swapped: the noise is found with the time of x, and mixed with the earlier one's shares",
                lambda x, x0, a, b: a.sqrt() * x0 + (1 - a).sqrt() * _noise(x, x0, b.clamp(max=1 - 1e-6))),
        Mistake("the noise is found with the earlier time's share; x is of the time before the step",
                lambda x, x0, a, b: b.sqrt() * x0 + (1 - b).sqrt() * _noise(x, x0, b.clamp(max=1 - 1e-6))),
    ))


# --- 4.4: a limb --------------------------------------------------------------------------------------------------------------------
def away(a: Tensor, b: Tensor, size: int, middle: float = 0.5, upwards: bool = True, ends: tuple[float, float] = (0.0, 1.0),
         whole: bool = True) -> Tensor:
    """(size, size) how far the middle of each pixel is from the bone from a (2,) to b (2,), all in shoulder widths."""
    spots = np.stack(np.meshgrid(np.arange(size) + middle, np.arange(size) + middle), -1)                          # (row, column, x and y)
    place = torch.from_numpy(CAMERA.to_world(spots, size)).float()
    place = place if upwards else place * torch.tensor([1.0, -1.0]) + torch.tensor([0.0, 2 * CAMERA.centre[1]])
    place = place if whole else (place - torch.tensor(CAMERA.centre)) * 2 + torch.tensor(CAMERA.centre)
    part = ((place - a) @ (b - a) / (b - a).square().sum()).clamp(*ends)
    far: Tensor = (place - a - part[..., None] * (b - a)).norm(dim=-1)
    return far


def _limbs() -> dict[str, tuple[Tensor, Tensor, int]]:
    def point(x: float, y: float) -> Tensor:
        return torch.tensor([x, y])

    return {"an upper arm": (point(-0.5, 0.0), point(-0.7, -0.55), 32), "a level one": (point(-0.2, 0.3), point(0.8, 0.3), 20),
            "an upright one": (point(0.4, 0.9), point(0.4, -0.6), 24)}


check_limb = Exercise(
    number="4.4", title="How far is a pixel from a bone?", difficulty="medium", minutes=20,
    right=away, cases=_limbs,
    proven="the distances are those of limbs as signer_lib.render.control draws them, in the camera of render.framing",
    hint="the middles of the pixels to shoulder widths (y up), the nearest point of the *segment* (its part between 0 and 1), the distance from it",
    mistakes=(
        Mistake("row 0 is the top of a picture and y points up: your picture is upside down", lambda a, b, s: away(a, b, s, upwards=False)),
        Mistake("half a pixel off: the first pixel's middle is at 0.5", lambda a, b, s: away(a, b, s, middle=0.0)),
        Mistake("half a pixel off the other way: the first pixel's middle is at 0.5, not at 1", lambda a, b, s: away(a, b, s, middle=1.0)),
        Mistake("that is the distance from an endless line: a bone ends, so keep the part between 0 and 1",
                lambda a, b, s: away(a, b, s, ends=(-1e9, 1e9))),
        Mistake("that is the distance from the bone's beginning alone", lambda a, b, s: away(a, b, s, ends=(0.0, 0.0))),
        Mistake("that is the distance from the bone's middle alone", lambda a, b, s: away(a, b, s, ends=(0.5, 0.5))),
        Mistake("rows and columns are swapped: x goes with the column, y with the row", lambda a, b, s: away(a, b, s).T.contiguous()),
        Mistake("your picture is twice as wide as the camera's: its width is of the whole picture, not of half of it",
                lambda a, b, s: away(a, b, s, whole=False)),
        Mistake("these are pixels: tell it in shoulder widths", lambda a, b, s: away(a, b, s) * s / CAMERA.width),
        Mistake("that is the square of the distance", lambda a, b, s: away(a, b, s).square()),
    ))


# --- 4.5: windows ---------------------------------------------------------------------------------------------------------------------
def _found(spans: list[tuple[int, int]], seed: int) -> tuple[list[Tensor], list[tuple[int, int]], int]:
    """What was found in each window, (T, 2) each, the windows, and how many frames the next one takes over at least."""
    return [_numbers(stop - start, 2, seed=seed + k) for k, (start, stop) in enumerate(spans)], spans, 3


def _mixed(found: list[Tensor], spans: list[tuple[int, int]], shares: Callable[[int], Tensor]) -> Tensor:
    """All frames; ``shares(known)`` (known,): how much of each frame that the window before has found is kept."""
    video = found[0]
    for each, (start, _) in zip(found[1:], spans[1:]):
        known = len(video) - start
        kept = shares(known)[:, None]
        video = torch.cat([video[:start], kept * video[start:] + (1 - kept) * each[:known], each[known:]])
    return video


def _ramp(known: int, overlap: int) -> Tensor:
    return ramp(known, overlap, torch.device("cpu"))[:, 0, 0]


check_windows = Exercise(
    number="4.5", title="Windows without a seam", difficulty="medium", minutes=20,
    right=lambda found, spans, overlap: _mixed(found, spans, lambda known: _ramp(known, overlap)),
    cases=lambda: {"two windows": _found([(0, 8), (5, 13)], 0), "four windows": _found([(0, 8), (5, 13), (10, 18), (15, 23)], 2),
                   "a last one that begins early": _found([(0, 8), (5, 13), (6, 14)], 6), "one window": _found([(0, 8)], 9)},
    proven="the shares are those of signer_lib.render.renderer.sampling.ramp",
    hint="frames of both windows: 1 of the earlier one, over its last `overlap` frames (known - k) / (overlap + 1), the rest of the later one",
    mistakes=(
        Mistake("there are too many frames: those that two windows share come once", lambda f, s, o: torch.cat(f)),
        Mistake("the later window replaces the earlier one: a hard seam where it begins",
                lambda f, s, o: _mixed(f, s, lambda known: torch.zeros(known))),
        Mistake("the earlier window is kept whole: a hard seam where it ends", lambda f, s, o: _mixed(f, s, torch.ones)),
        Mistake("half and half: two seams instead of one; the earlier one's share has to fall",
                lambda f, s, o: _mixed(f, s, lambda known: torch.full((known,), 0.5))),
        Mistake("the shares run the wrong way: begin with all of the earlier window",
                lambda f, s, o: _mixed(f, s, lambda known: 1 - _ramp(known, o))),
        Mistake("your shares end at 0 and begin at 1, so one frame of the overlap is wasted at either end: divide by overlap + 1",
                lambda f, s, o: _mixed(f, s, lambda known: ((known - 1 - torch.arange(known)) / (o - 1)).clamp(max=1.0))),
        Mistake("the share of the first frame is 1 before it falls: divide by overlap + 1, not by overlap",
                lambda f, s, o: _mixed(f, s, lambda known: ((known - torch.arange(known)) / o).clamp(max=1.0))),
        Mistake("where the last window begins early, more frames than `overlap` are known; only over the last `overlap` of them does the share fall",
                lambda f, s, o: _mixed(f, s, lambda known: (known - torch.arange(known)) / (known + 1))),
    ))


# --- 4.6: hands -------------------------------------------------------------------------------------------------------------------------
def _frames(seed: int, count: int, off: int, size: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Bytes (T, S, S, 3) of two videos that differ by ``off`` levels at most."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    return np.clip(truth + rng.integers(-off, off + 1, truth.shape) * rng.random((count, 1, 1, 1)), 0, 255).astype(np.uint8), truth


def _pictures() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(7)
    maps = rng.random((4, 24, 24))
    boxes = np.array([[[0, 0, 5, 6], [10, 4, 24, 20]], [[0, 0, 0, 0], [3, 3, 9, 21]], [[2, 8, 20, 12], [0, 0, 0, 0]], [[1, 1, 3, 4], [6, 6, 22, 23]]])
    return {"four frames": (*_frames(0, 4, 30), maps, boxes), "bright and dark": (*_frames(1, 4, 200), maps[::-1].copy(), boxes[::-1].copy())}


def _of_hands(whole: Callable[[np.ndarray, np.ndarray], float] = psnr,
              hands: Callable[[np.ndarray, np.ndarray], float | None] = hand_ssim) -> Callable[..., tuple[float, float | None]]:
    return lambda produced, truth, maps, boxes: (whole(produced, truth), hands(maps, boxes))


def _errors(produced: np.ndarray, truth: np.ndarray) -> np.ndarray:
    means: np.ndarray = np.square(produced.astype(float) - truth).mean((1, 2, 3))
    return means


def _inside(maps: np.ndarray, boxes: np.ndarray) -> list[np.ndarray]:
    return [maps[t, top:bottom, left:right] for t in range(len(maps)) for left, top, right, bottom in boxes[t]]


def _empty_as_zero(maps: np.ndarray, boxes: np.ndarray) -> float:
    return float(np.mean([part.mean() if part.size else 0.0 for part in _inside(maps, boxes)]))


check_hands = Exercise(
    number="4.6", title="A picture, and its hands", difficulty="easy", minutes=15,
    right=_of_hands(), cases=_pictures,
    proven="both are those of signer_lib.metrics.video, psnr and hand_ssim",
    hint="PSNR: 10 log10(255^2 / mean squared error) of each frame, then the mean; hands: the mean in each box, then over those that are not empty",
    mistakes=(
        Mistake("PSNR: bytes wrap round: 3 - 5 is 254 in uint8; make them float first",
                _of_hands(lambda x, y: float(np.mean(10 * np.log10(255 ** 2 / np.square(x - y).mean((1, 2, 3))))))),
        Mistake("PSNR: that is one error for all frames; here it is the mean of each frame's dB, so that one bad frame does not decide",
                _of_hands(lambda x, y: float(10 * np.log10(255 ** 2 / _errors(x, y).mean())))),
        Mistake("PSNR: the largest value is 255, not 1", _of_hands(lambda x, y: float(np.mean(10 * np.log10(1 / _errors(x, y)))))),
        Mistake("PSNR: 10 log10, not the natural logarithm", _of_hands(lambda x, y: float(np.mean(10 * np.log(255 ** 2 / _errors(x, y)))))),
        Mistake("PSNR: the square of 255 is missing (or the root of the error: 20 log10)",
                _of_hands(lambda x, y: float(np.mean(10 * np.log10(255 / _errors(x, y)))))),
        Mistake("PSNR: of squared errors it is 10 log10; 20 goes with their root",
                _of_hands(lambda x, y: float(np.mean(20 * np.log10(255 ** 2 / _errors(x, y)))))),
        Mistake("hands: an empty box has no mean (NaN): leave boxes without a pixel out",
                _of_hands(hands=lambda m, b: float(np.mean([part.mean() for part in _inside(m, b)])))),
        Mistake("hands: a hand that is out of the picture is no bad hand; leave empty boxes out instead of counting them as 0",
                _of_hands(hands=_empty_as_zero)),
        Mistake("hands: large boxes count more in it; the mean in each box first, then the mean over the boxes",
                _of_hands(hands=lambda m, b: float(np.concatenate([part.ravel() for part in _inside(m, b)]).mean()))),
        Mistake("hands: rows and columns are swapped; maps are (frame, row, column), boxes left, top, right, bottom",
                _of_hands(hands=lambda m, b: hand_ssim(m.transpose(0, 2, 1), b))),
        Mistake("hands: that is the mean of whole pictures", _of_hands(hands=lambda m, b: float(m.mean()))),
    ))


# --- 4.7: distillation --------------------------------------------------------------------------------------------------------------------
def teacher_of_two(x: Tensor, share: Tensor) -> Tensor:
    """What a network believes at best in a world where x0 is -1 or 1, each half of the time: x0's mean, given x = root(a) x0 + root(1 - a) noise.

    x (...), share the a of its time -> (...)
    """
    return torch.tanh(share.sqrt() * x / (1 - share).clamp(min=1e-6))


Network = Callable[[Tensor, Tensor], Tensor]


def _steered(name: str) -> Network:
    """A network (x, share) -> x0 with a weight that a gradient could reach."""
    weight = torch.tensor(0.7, requires_grad=True)
    return {"teacher": lambda x, share: weight * torch.tanh(2 * x - share), "student": lambda x, share: weight * torch.sin(x + 3 * share)}[name]


def _lessons() -> dict[str, tuple[Network, Network, Tensor, Tensor, Tensor, Tensor]]:
    shares = scheduler().alphas_cumprod

    def at(seed: int, t: Tensor, s: Tensor) -> tuple[Network, Network, Tensor, Tensor, Tensor, Tensor]:
        return _steered("teacher"), _steered("student"), _numbers(5, seed=seed).sign(), _numbers(5, seed=seed + 1), t, s

    return {"from 999 to 949": at(0, shares[999], shares[949]), "from 499 to 449": at(2, shares[499], shares[449]),
            "from 49 to the end": at(4, shares[49], torch.tensor(1.0))}


def target(teacher: Network, student: Network, x0: Tensor, noise: Tensor, here: Tensor, earlier: Tensor,
            step: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] = _library_step) -> Tensor:
    """What the student at ``here`` shall say: x0 at the end, else what it says itself one step of the teacher earlier."""
    with torch.no_grad():
        if earlier >= 1:
            return x0
        x = here.sqrt() * x0 + (1 - here).sqrt() * noise
        return student(step(x, teacher(x, here), here, earlier), earlier)


def _told(target: Callable[..., Tensor], *arguments: object) -> tuple[Tensor, bool]:
    """What is compared: the target, and whether a gradient would go through it."""
    said = target(*arguments)
    return said, bool(getattr(said, "requires_grad", False))


def _without_end(teacher: Network, student: Network, x0: Tensor, noise: Tensor, here: Tensor, earlier: Tensor) -> Tensor:
    x = here.sqrt() * x0 + (1 - here).sqrt() * noise
    return student(_library_step(x, teacher(x, here), here, earlier), earlier).detach()


def _with_gradient(teacher: Network, student: Network, x0: Tensor, noise: Tensor, here: Tensor, earlier: Tensor) -> Tensor:
    x = here.sqrt() * x0 + (1 - here).sqrt() * noise
    return x0 if earlier >= 1 else student(_library_step(x, teacher(x, here), here, earlier), earlier)


def _at(other: Callable[[Network, Network, Tensor, Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A target that is right at the end and ``other`` elsewhere."""
    return lambda teacher, student, x0, noise, here, earlier: x0 if earlier >= 1 else other(teacher, student, x0, noise, here, earlier).detach()


def _mix(x0: Tensor, noise: Tensor, share: Tensor) -> Tensor:
    return share.sqrt() * x0 + (1 - share).sqrt() * noise


check_target = Exercise(
    number="4.7", title="What a student is told", difficulty="hard", minutes=30,
    right=target, cases=_lessons, observe=_told,
    proven="the target is the one of the library's DistillationStage, its step DDIM's",
    hint="x at `here`, the teacher's x0 there, one DDIM step to `earlier`, what the student says there, no gradient; where `earlier` is 1, x0 itself",
    mistakes=(
        Mistake("a gradient goes through your target: the student would move the target to itself; compute it under torch.no_grad()", _with_gradient),
        Mistake("one step before the end is the end: where `earlier` is 1 the target is x0 itself, what keeps the student true", _without_end),
        Mistake("that is the teacher's own belief at `here`: it is a mean of all that could be; let the teacher take one step, then ask the student",
                _at(lambda t, s, x0, n, a, b: t(_mix(x0, n, a), a))),
        Mistake("you ask the teacher again at the earlier time: it is the student that is asked there",
                _at(lambda t, s, x0, n, a, b: t(_library_step(_mix(x0, n, a), t(_mix(x0, n, a), a), a, b), b))),
        Mistake("the target is the student's answer at `here`, the same that is compared with it: ask it one step earlier",
                _at(lambda t, s, x0, n, a, b: s(_mix(x0, n, a), a))),
        Mistake("the student is told the wrong time: at the earlier point it is `earlier`",
                _at(lambda t, s, x0, n, a, b: s(_library_step(_mix(x0, n, a), t(_mix(x0, n, a), a), a, b), a))),
        Mistake("your earlier point is x0 with less of the same noise; it has to lie on the *teacher's* way, so step with its belief, not with x0",
                _at(lambda t, s, x0, n, a, b: s(_library_step(_mix(x0, n, a), x0, a, b), b))),
        Mistake("everything is x0 in it: far from the end that teaches the mean of all pictures, not the teacher's way",
                _at(lambda t, s, x0, n, a, b: x0)),
    ))


