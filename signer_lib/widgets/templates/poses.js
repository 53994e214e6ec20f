// Sequences of joints as skeletons that one can turn. told.sequences: name, fps, frames, joints, unit (shoulder widths of 1), xyz (little-endian int16,
// told.missing where a joint is not there), captions. told.lines: [joint, joint, colour, width]; told.head: joint, offset, radius.
const MIDDLE = [0, -0.15, 0.2], WIDE = 2.6, FAR = 7, TURN = 10, start = { yaw: 0, pitch: 0, zoom: 1 };
let view = { ...start };
for (const one of told.sequences) {
  const data = new DataView(bytesOf(one.xyz).buffer);
  one.value = k => data.getInt16(2 * k, true);
  one.canvas = document.createElement("canvas");
  one.canvas.tabIndex = 0;
  one.canvas.setAttribute("role", "img");
  one.canvas.setAttribute("aria-keyshortcuts", "ArrowLeft ArrowRight ArrowUp ArrowDown + - Space , . 0");
  one.caption = figureOf(one.name, one.canvas);
  if (one.captions) one.caption.append(": ", one.said = document.createElement("span"));
}

function pointOf(one, frame, joint) {
  const at = 3 * (frame * one.joints + joint), raw = [one.value(at), one.value(at + 1), one.value(at + 2)];
  return raw[0] === told.missing ? null : raw.map(value => value * one.unit);
}

// Turned about the middle of the signing space, seen from FAR shoulder widths away: [right, down, nearness, scale].
function project(point, width, height) {
  const [x, y, z] = point.map((value, k) => value - MIDDLE[k]), yaw = view.yaw * Math.PI / 180, pitch = view.pitch * Math.PI / 180;
  const right = x * Math.cos(yaw) + z * Math.sin(yaw), deep = z * Math.cos(yaw) - x * Math.sin(yaw);
  const up = y * Math.cos(pitch) - deep * Math.sin(pitch), near = y * Math.sin(pitch) + deep * Math.cos(pitch);
  const scale = view.zoom * Math.min(width, height) / WIDE * FAR / Math.max(FAR - near, 1);
  return [width / 2 + right * scale, height / 2 - up * scale, near, scale];
}

// What is farther away is paler: a colour with a share of the background's.
function paler(colour, share) {
  const full = colour.length === 4 ? colour.replace(/[0-9a-f]/gi, "$&$&") : colour;
  return "rgb(" + [243, 245, 247].map((ground, k) => Math.round(parseInt(full.slice(2 * k + 1, 2 * k + 3), 16) * (1 - share) + ground * share)) + ")";
}

function draw(one, frame) {
  const canvas = one.canvas, dots = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width || !height) return;
  if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(height * dots)) {
    canvas.width = Math.round(width * dots);
    canvas.height = Math.round(height * dots);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(dots, 0, 0, dots, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.lineCap = "round";
  const seen = Array.from({ length: one.joints }, (_, joint) => { const p = pointOf(one, frame, joint); return p && project(p, width, height); });
  const items = [];
  for (const [a, b, colour, thick] of told.lines)
    if (seen[a] && seen[b]) items.push({ near: (seen[a][2] + seen[b][2]) / 2, a: seen[a], b: seen[b], colour, thick });
  const nose = told.head && pointOf(one, frame, told.head.joint);
  if (nose) {
    const ball = project(nose.map((value, k) => value + told.head.offset[k]), width, height);
    items.push({ near: ball[2], ball });
  }
  for (const item of items.sort((p, q) => p.near - q.near)) {
    pen.beginPath();
    if (item.ball) {
      pen.arc(item.ball[0], item.ball[1], told.head.radius * item.ball[3], 0, 2 * Math.PI);
      pen.fillStyle = "#e3e6e9";
      pen.fill();
      continue;
    }
    pen.moveTo(item.a[0], item.a[1]);
    pen.lineTo(item.b[0], item.b[1]);
    pen.strokeStyle = paler(item.colour, Math.min(0.5, Math.max(0, 0.2 - 0.35 * item.near)));
    pen.lineWidth = item.thick * (item.a[3] + item.b[3]) / 2;
    pen.stroke();
  }
}

const finest = Math.max(...told.sequences.map(one => one.fps)), longest = Math.max(...told.sequences.map(one => one.frames / one.fps));
function show(frame) {
  const way = view.yaw || view.pitch ? `turned ${Math.abs(Math.round(view.yaw))} degrees ${view.yaw < 0 ? "left" : "right"}`
    + (view.pitch ? ` and ${Math.abs(Math.round(view.pitch))} ${view.pitch < 0 ? "up" : "down"}` : "") : "from the front";
  for (const one of told.sequences) {
    const own = Math.min(one.frames - 1, Math.floor(Math.floor(frame) / finest * one.fps + 1e-6));
    draw(one, own);
    if (one.said) one.said.textContent = one.captions[own];
    one.canvas.setAttribute("aria-label", `${one.name}: skeleton in 3D, ${way}, frame ${own + 1} of ${one.frames}`
      + (one.captions && one.captions[own] ? `, ${one.captions[own]}` : ""));
  }
}

function turn(yaw, pitch) {
  view.yaw = (view.yaw + yaw + 540) % 360 - 180;
  view.pitch = Math.min(90, Math.max(-90, view.pitch + pitch));
  clock.redraw();
}
function zoom(by) { view.zoom = Math.min(8, Math.max(0.4, view.zoom * by)); clock.redraw(); }
function reset(to) { view = { ...view, ...to }; clock.redraw(); }
const clock = player(finest, longest, show, {
  ArrowLeft: () => turn(-TURN, 0), ArrowRight: () => turn(TURN, 0), ArrowUp: () => turn(0, -TURN), ArrowDown: () => turn(0, TURN),
  "+": () => zoom(1.15), "=": () => zoom(1.15), "-": () => zoom(1 / 1.15), "0": () => reset(start),
});
at("front").addEventListener("click", () => reset(start));
at("side").addEventListener("click", () => reset({ yaw: 90, pitch: 0 }));
at("above").addEventListener("click", () => reset({ yaw: 0, pitch: 90 }));
at("in").addEventListener("click", () => zoom(1.25));
at("out").addEventListener("click", () => zoom(0.8));

for (const one of told.sequences) {
  const down = new Map();
  one.canvas.addEventListener("pointerdown", event => { down.set(event.pointerId, event); one.canvas.setPointerCapture(event.pointerId); });
  for (const name of ["pointerup", "pointercancel"]) one.canvas.addEventListener(name, event => down.delete(event.pointerId));
  one.canvas.addEventListener("pointermove", event => {
    const before = down.get(event.pointerId);
    if (!before) return;
    if (down.size === 1) turn((event.clientX - before.clientX) * 0.6, (event.clientY - before.clientY) * 0.6);
    else if (down.size === 2) {
      const other = [...down.values()].find(finger => finger.pointerId !== event.pointerId);
      const apart = finger => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
      if (apart(before) > 1) zoom(apart(event) / apart(before));
    }
    down.set(event.pointerId, event);
  });
  one.canvas.addEventListener("wheel", event => {            // without focus the wheel scrolls the page, as everywhere
    if (document.activeElement !== one.canvas && !event.ctrlKey) return;
    zoom(Math.exp(-event.deltaY / 500));
    event.preventDefault();
  }, { passive: false });
  new ResizeObserver(() => clock.redraw()).observe(one.canvas);
}
