"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const BUTTONS = [...document.querySelectorAll("[data-label]")];
  const SHARE = Number(document.body.dataset.share);
  const sound = $("sound");
  let listener = "";
  let segment = null;
  let practising = false;
  // of the current clip: enough was played; seconds of all starts; since when it plays; a start that is not reported yet
  let playedEnough = false;
  let playedS = 0;
  let since = null;
  let starting = false;
  let reported = Promise.resolve();
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
      await reported;
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
    playedEnough = starting = false;
    playedS = 0;
    since = null;
    reported = Promise.resolve();
    const begins = practising && !state.practice;
    practising = state.practice;
    $("practice").hidden = !practising;
    $("counts").hidden = !begins;
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
    lock();
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
    if (!begins) play();
  };

  const play = () => {
    if (segment === null) return;
    $("counts").hidden = true;
    starting = true;
    sound.currentTime = 0;
    // browsers may refuse sound before the first click: the listener then presses the play button
    sound.play().catch(() => {});
  };

  const rate = (label) => {
    if (segment === null) return;
    if (!playedEnough && label !== null) {
      $("rating-error").textContent = since === null ? "Listen first: press space to play, or 0 to skip." : "Listen first: the clip is still playing.";
      return;
    }
    stopClock();
    change("rate", { key: segment.key, label, played_s: playedS }, $("rating-error"));
  };

  const undo = () => { if (!$("undo").disabled) change("undo", {}, $("rating-error")); };

  const stopClock = () => {
    if (since === null) return;
    playedS += (performance.now() - since) / 1000;
    since = sound.paused || sound.ended ? null : performance.now();
  };

  // the server has the same rule, with the same tolerance (tasks/labelling/people/listener_checks.py)
  const lock = () => {
    let covered = 0;
    for (let k = 0; k < sound.played.length; k += 1) covered += sound.played.end(k) - sound.played.start(k);
    const length = segment === null ? 0 : Number.isFinite(sound.duration) ? sound.duration : segment.length_s;
    if (playedS > 0 || since !== null) playedEnough = playedEnough || covered >= SHARE * length - Math.max(0.3, 0.05 * length);
    $("segment").classList.toggle("played", playedEnough);
    for (const button of BUTTONS) button.setAttribute("aria-disabled", String(!playedEnough));
    $("hint").textContent = playedEnough ? "" : SHARE >= 1 ? "You can rate the clip at its end." : "You can rate the clip when enough of it was played.";
  };

  const playing = (is) => {
    $("play").classList.toggle("playing", is);
    $("play-words").textContent = is ? "Playing" : playedS > 0 ? "Play again" : "Play";
    lock();
  };
  sound.addEventListener("playing", () => {
    $("rating-error").textContent = "";
    since = since ?? performance.now();
    if (starting && segment !== null) {
      starting = false;
      reported = post("play", { listener, key: segment.key });
      // a failure is shown when the clip is rated
      reported.catch(() => {});
    }
    playing(true);
  });
  for (const name of ["pause", "ended", "emptied", "waiting"]) {
    sound.addEventListener(name, () => {
      stopClock();
      since = null;
      playing(false);
    });
  }
  sound.addEventListener("timeupdate", lock);
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
  for (const button of BUTTONS) button.addEventListener("click", () => rate(button.dataset.label));
  $("explain").addEventListener("click", () => $("help").showModal());

  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || $("listening").hidden) return;
    if ($("help").open) {
      if (event.key !== "?") return;
      $("help").close();
      event.preventDefault();
      return;
    }
    const key = event.key.toLowerCase();
    if (/^[1-9]$/.test(key) && BUTTONS[key - 1]) rate(BUTTONS[key - 1].dataset.label);
    else if (key === "?") $("help").showModal();
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
