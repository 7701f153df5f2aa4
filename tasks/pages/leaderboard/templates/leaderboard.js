"use strict";
(() => {
  const controls = document.getElementById("controls");
  const words = document.getElementById("words");
  const sound = document.getElementById("sound");
  const shown = document.getElementById("shown");
  const rows = [...document.querySelectorAll("tr[data-text]")];

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      row.hidden = !wanted.every((word) => row.dataset.text.includes(word)) || (sound.checked && "leaky" in row.dataset);
    }
    for (const group of document.querySelectorAll("tbody[data-group]")) {
      group.hidden = [...group.querySelectorAll("tr[data-text]")].every((row) => row.hidden);
    }
    for (const board of document.querySelectorAll("section[id^='group-']")) {
      board.hidden = [...board.querySelectorAll("tbody[data-group]")].every((group) => group.hidden);
    }
    const n = rows.filter((row) => !row.hidden).length;
    shown.textContent = `${n} of ${rows.length} shown`;
  };

  const compare = (a, b) => {
    const numbers = [Number(a), Number(b)];
    return numbers.some(Number.isNaN) ? a.localeCompare(b) : numbers[0] - numbers[1];
  };

  // rows stay within their protocol: other scores do not compare
  const sort = (head) => {
    const table = head.closest("table");
    // the better ones first, then the other way round
    const first = head.dataset.sort === "low" ? "ascending" : "descending";
    const descending = head.ariaSort === first ? first === "ascending" : first === "descending";
    for (const other of table.querySelectorAll("th[data-sort]")) other.ariaSort = null;
    head.ariaSort = descending ? "descending" : "ascending";
    for (const group of table.querySelectorAll("tbody[data-group]")) {
      const value = (row) => row.children[head.cellIndex].dataset.value ?? "";
      const members = [...group.querySelectorAll("tr[data-text]")];
      members.sort((a, b) => (descending ? -1 : 1) * compare(value(a), value(b)));
      group.append(...members);
    }
  };

  for (const head of document.querySelectorAll("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort within each protocol";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head));
    head.append(button);
  }
  words.addEventListener("input", filter);
  sound.addEventListener("change", filter);
  controls.hidden = false;
  filter();
})();
