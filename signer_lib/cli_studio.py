"""``stable-signer studio``: reference frames of a studio signer as a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signer_lib.errors import SignerError


def studio(
    pose: Annotated[Path, typer.Option(help="A file with one clip: .pose, or whatever else stable-signer prior import reads.")],
    out: Annotated[Path, typer.Option(help="The video to write, ending in .mp4.")],
    signer: Annotated[str, typer.Option(help="default, small, tall, broad or slight.")] = "default",
    style: Annotated[str, typer.Option(help="studio, evening, cel or sketch.")] = "studio",
    size: Annotated[int, typer.Option(help="Width and height of the video in pixels, 64 to 1024.")] = 256,
    recording: Annotated[bool, typer.Option("--recording", help="The file is a recording: make it stable first, as prior import does.")] = False,
) -> None:
    """Draw poses as a clothed, lit signer. Needs VTK: pip install "stable-signer[studio]".

    Example: stable-signer studio --pose out/library/poses.pose --signer tall --style evening --out out/library/tall.mp4
    """
    from signer_lib.pose.formats import read_poses
    from signer_lib.render.studio import check_size, check_style, load_signer, studio_frames

    check_style(style)                                       # what can be wrong is told before anything is drawn
    check_size(size)
    if out.suffix.lower() != ".mp4":
        raise SignerError(f"the video must end in .mp4, not '{out.name}'")
    who = load_signer(signer)
    clips = read_poses(pose)
    if len(clips) != 1:
        raise SignerError(f"{pose} holds {len(clips)} clips: give a file with one")
    poses = next(iter(clips.values()))
    if recording:
        from signer_lib.prior.body import load_body
        from signer_lib.prior.recordings import stabilise

        poses = stabilise(poses, load_body())[0]
    from signer_lib.render.video import write_video

    write_video((frame.picture for frame in studio_frames(poses, who, style, size)), out, poses.fps)
    typer.echo(f"{len(poses)} frames, {poses.duration:.1f} s -> {out}")
