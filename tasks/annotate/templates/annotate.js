"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const LABELS = { 1: "negative", 2: "neutral", 3: "positive" };
  const sound = $("sound");
  let listener = "";
  let segment = null;
  let heard = false;
  let waiting = false;

  // the token of the first visit is in a cookie now, and need not stand in the history
  if (location.search) history.replaceState(null, "", location.pathname);

  const ask = async (path, body) => {
    const answer = await fetch(`api/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Undertone": "annotate" },
      body: JSON.stringify(body),
    });
    const found = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(typeof found.detail === "string" ? found.detail : `The server says ${answer.status}.`);
    return found;
  };

  const change = async (path, body, complain) => {
    if (waiting) return;
    waiting = true;
    complain.textContent = "";
    try {
      show(await ask(path, { listener, ...body }));
    } catch (error) {
      // fetch knows no more than that it failed
      complain.textContent = error instanceof TypeError ? "Not saved: the server does not answer. Is it still running?" : error.message;
    } finally {
      waiting = false;
    }
  };

  const show = (state) => {
    listener = state.listener;
    segment = state.segment;
    heard = false;
    sessionStorage.setItem("listener", listener);
    $("enter").hidden = true;
    $("hearing").hidden = $("who").hidden = false;
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
      $("thanks").textContent = state.total ? `${state.done} of ${state.total} heard, all saved. Thank you.` : "There is nothing for you to hear here.";
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
    // a browser that wants a click first says so here; the button stands there for it
    sound.play().catch(() => {});
  };

  const vote = (label) => {
    if (segment === null) return;
    if (!heard && label !== null) {
      $("wrong").textContent = "Listen first: space plays it. 0 skips what cannot be heard.";
      return;
    }
    change("vote", { key: segment.key, vote: label }, $("wrong"));
  };

  const undo = () => { if (!$("undo").disabled) change("undo", {}, $("wrong")); };

  const playing = (is) => {
    $("play").classList.toggle("playing", is);
    $("play-words").textContent = is ? "Playing" : heard ? "Play again" : "Play";
  };
  sound.addEventListener("playing", () => { heard = true; $("wrong").textContent = ""; playing(true); });
  for (const name of ["pause", "ended", "emptied"]) sound.addEventListener(name, () => playing(false));
  sound.addEventListener("error", () => {
    if (segment !== null) $("wrong").textContent = "The sound cannot be played. 0 skips it.";
  });

  $("enter").addEventListener("submit", (event) => {
    event.preventDefault();
    listener = $("listener").value;
    change("state", {}, $("refused"));
  });
  $("leave").addEventListener("click", () => {
    sessionStorage.removeItem("listener");
    location.reload();
  });
  $("play").addEventListener("click", play);
  $("skip").addEventListener("click", () => vote(null));
  $("undo").addEventListener("click", undo);
  for (const button of document.querySelectorAll("[data-vote]")) button.addEventListener("click", () => vote(button.dataset.vote));

  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || $("hearing").hidden) return;
    const key = event.key.toLowerCase();
    if (key in LABELS) vote(LABELS[key]);
    else if (key === "0" || key === "s") vote(null);
    else if (key === "u") undo();
    else if (key === " ") play();
    else return;
    // space would also press the button that has the focus
    event.preventDefault();
  });

  const known = sessionStorage.getItem("listener");
  if (known) {
    listener = known;
    change("state", {}, $("refused"));
  }
})();
