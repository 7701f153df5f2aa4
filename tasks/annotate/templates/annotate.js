"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const LABELS = { 1: "negative", 2: "neutral", 3: "positive" };
  const sound = $("sound");
  let listener = "";
  let segment = null;
  let played = false;
  let waiting = false;

  // the first answer has put the token into a cookie: remove it from the address and the history
  if (location.search) history.replaceState(null, "", location.pathname);

  const post = async (path, body) => {
    const answer = await fetch(`api/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Undertone": "annotate" },
      body: JSON.stringify(body),
    });
    const content = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(typeof content.detail === "string" ? content.detail : `The server answered with error ${answer.status}.`);
    return content;
  };

  const change = async (path, body, message) => {
    if (waiting) return;
    waiting = true;
    message.textContent = "";
    try {
      show(await post(path, { listener, ...body }));
    } catch (error) {
      // fetch reports every network failure as a TypeError
      message.textContent = error instanceof TypeError ? "Not saved: the server does not answer. Is it still running?" : error.message;
    } finally {
      waiting = false;
    }
  };

  const show = (state) => {
    listener = state.listener;
    segment = state.segment;
    played = false;
    sessionStorage.setItem("listener", listener);
    $("enter").hidden = true;
    $("listening").hidden = $("who").hidden = false;
    $("name").textContent = listener;
    $("progress").max = Math.max(state.total, 1);
    $("progress").value = state.done;
    $("progress-text").textContent = `${state.done} of ${state.total}`;
    $("segment").hidden = $("skip").hidden = segment === null;
    $("end").hidden = segment !== null;
    $("undo").disabled = state.done === 0;
    sound.pause();
    if (segment === null) {
      sound.removeAttribute("src");
      $("thanks").textContent = state.total ? `${state.done} of ${state.total} segments rated, all saved. Thank you.` : "There are no segments for you in this session.";
      return;
    }
    $("text").hidden = segment.text === null;
    $("text").textContent = segment.text ?? "";
    $("length").textContent = `${segment.length_s.toFixed(1)} s`;
    sound.src = `audio/${segment.key}.flac`;
    $("segment").dataset.key = segment.key;
    play();
  };

  const play = () => {
    if (segment === null) return;
    sound.currentTime = 0;
    // browsers may refuse sound before the first click: the listener then presses the play button
    sound.play().catch(() => {});
  };

  const rate = (label) => {
    if (segment === null) return;
    if (!played && label !== null) {
      $("rating-error").textContent = "Listen first: press space to play, or 0 to skip.";
      return;
    }
    change("rate", { key: segment.key, label }, $("rating-error"));
  };

  const undo = () => { if (!$("undo").disabled) change("undo", {}, $("rating-error")); };

  const playing = (is) => {
    $("play").classList.toggle("playing", is);
    $("play-words").textContent = is ? "Playing" : played ? "Play again" : "Play";
  };
  sound.addEventListener("playing", () => { played = true; $("rating-error").textContent = ""; playing(true); });
  for (const name of ["pause", "ended", "emptied"]) sound.addEventListener(name, () => playing(false));
  sound.addEventListener("error", () => {
    if (segment !== null) $("rating-error").textContent = "The sound cannot be played. Press 0 to skip.";
  });

  $("enter").addEventListener("submit", (event) => {
    event.preventDefault();
    listener = $("listener").value;
    change("state", {}, $("enter-error"));
  });
  $("leave").addEventListener("click", () => {
    sessionStorage.removeItem("listener");
    location.reload();
  });
  $("play").addEventListener("click", play);
  $("skip").addEventListener("click", () => rate(null));
  $("undo").addEventListener("click", undo);
  for (const button of document.querySelectorAll("[data-label]")) button.addEventListener("click", () => rate(button.dataset.label));

  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || $("listening").hidden) return;
    const key = event.key.toLowerCase();
    if (key in LABELS) rate(LABELS[key]);
    else if (key === "0" || key === "s") rate(null);
    else if (key === "u") undo();
    else if (key === " ") play();
    else return;
    // otherwise space would also press the focused button
    event.preventDefault();
  });

  const earlier = sessionStorage.getItem("listener");
  if (earlier) {
    listener = earlier;
    change("state", {}, $("enter-error"));
  }
})();
