"use strict";
const told = JSON.parse(document.getElementById("told").textContent);
const at = name => document.getElementById(name);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// The clock that everything on the page follows. show(frame, playing, speed): frame is a number of the finest sequence, with its fraction.
// Nothing plays by itself; whoever asks for less motion sees it once instead of over and over.
function player(fps, seconds, show, keys) {
  const last = Math.max(0, Math.round(seconds * fps) - 1);
  let frame = 0, playing = false, before = 0;
  const speed = () => Number(at("speed").value);
  function tell() {
    const whole = Math.floor(frame);
    at("scrub").value = whole;
    at("scrub").setAttribute("aria-valuetext", `${(whole / fps).toFixed(2)} seconds, frame ${whole + 1} of ${last + 1}`);
    at("now").textContent = `${(whole / fps).toFixed(2)} s, ${whole + 1} of ${last + 1}`;
    show(frame, playing, speed());
  }
  function go(to) { frame = Math.min(last, Math.max(0, to)); tell(); }
  function play(on) {
    playing = on;
    if (on && frame >= last) frame = 0;
    at("play").textContent = on ? "Pause" : "Play";
    at("play").setAttribute("aria-pressed", on);
    before = performance.now();
    tell();
    if (on) requestAnimationFrame(tick);
  }
  function tick(now) {
    if (!playing) return;
    frame += Math.max(0, now - before) / 1000 * fps * speed();
    before = now;
    if (frame >= last + 1) {
      if (calm.matches) { frame = last; play(false); return; }
      frame = 0;
    }
    tell();
    requestAnimationFrame(tick);
  }
  function step(by) { if (playing) play(false); go(Math.floor(frame) + by); }
  at("scrub").max = last;
  at("scrub").addEventListener("input", () => { if (playing) play(false); go(Number(at("scrub").value)); });
  at("play").addEventListener("click", () => play(!playing));
  at("back").addEventListener("click", () => step(-1));
  at("next").addEventListener("click", () => step(1));
  at("speed").addEventListener("change", tell);
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    if (event.target.tagName === "BUTTON" && (event.key === " " || event.key === "Enter")) return;
    if (event.target.tagName === "INPUT" && /^(Arrow|Home|End|Page)/.test(event.key)) return;
    const own = { " ": () => play(!playing), ",": () => step(-1), ".": () => step(1), ...keys }[event.key];
    if (own) { own(event); event.preventDefault(); }
  });
  tell();
  return { redraw: tell };
}

function figureOf(name, thing) {
  const figure = document.createElement("figure"), caption = document.createElement("figcaption"), said = document.createElement("b");
  said.textContent = name;
  caption.append(said);
  figure.append(thing, caption);
  at("stage").append(figure);
  return caption;
}

function bytesOf(text) { return Uint8Array.from(atob(text), letter => letter.charCodeAt(0)); }
