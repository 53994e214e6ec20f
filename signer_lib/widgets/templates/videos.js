// Videos that follow one clock. told.videos: name, fps, frames, data (the file). Each plays by itself and is set right when it drifts.
for (const one of told.videos) {
  one.video = document.createElement("video");
  Object.assign(one.video, { muted: true, playsInline: true, preload: "auto", tabIndex: 0 });
  one.video.setAttribute("role", "img");
  one.video.src = URL.createObjectURL(new Blob([bytesOf(one.data)], { type: "video/mp4" }));
  figureOf(one.name, one.video);
}
const finest = Math.max(...told.videos.map(one => one.fps)), longest = Math.max(...told.videos.map(one => one.frames / one.fps));
function show(frame, playing, speed) {
  for (const one of told.videos) {
    const video = one.video, seconds = (playing ? frame : Math.floor(frame) + 0.5) / finest, end = (one.frames - 0.5) / one.fps;
    const over = seconds >= end, aim = Math.min(seconds, end), off = Math.abs(video.currentTime - aim);
    video.playbackRate = speed;
    if (playing && !over) {
      if (off > 0.12 && !video.seeking) video.currentTime = aim;
      if (video.paused) video.play().catch(() => {});
    } else {
      if (!video.paused) video.pause();
      if (off > 0.2 / one.fps) video.currentTime = aim;
    }
    video.setAttribute("aria-label", `${one.name}: video, frame ${Math.min(one.frames, Math.floor(aim * one.fps) + 1)} of ${one.frames}`);
  }
}
const clock = player(finest, longest, show, {});
for (const one of told.videos) one.video.addEventListener("loadeddata", () => clock.redraw());
