"use strict";
(() => {
  const charts = [...document.querySelectorAll(".chart")];
  const options = { displayModeBar: false, responsive: true };
  for (const chart of charts) {
    const figure = JSON.parse(document.getElementById(chart.dataset.figure).textContent);
    Plotly.newPlot(chart, figure.data, figure.layout, options);
  }
  addEventListener("beforeprint", () => charts.forEach((chart) => Plotly.relayout(chart, { width: 640 })));
  addEventListener("afterprint", () => charts.forEach((chart) => Plotly.relayout(chart, { width: null, autosize: true })));
  document.addEventListener("play", (event) => {
    for (const player of document.querySelectorAll("audio")) if (player !== event.target) player.pause();
  }, true);
})();
