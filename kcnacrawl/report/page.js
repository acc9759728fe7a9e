"use strict";

const { config, charts, figures } = JSON.parse(document.getElementById("drawings").textContent);
const options = {
  mode: "vega-lite",
  config,
  renderer: "svg",
  actions: false,
  // The page's policy forbids code made from strings, and styles that are not its own.
  ast: true,
  defaultStyle: false,
  tooltip: { disableDefaultStyle: true },
};

async function draw() {
  for (const { id, chart, columns, rows } of figures) {
    const named = rows.map((row) => Object.fromEntries(row.map((cell, place) => [columns[place], cell])));
    await vegaEmbed(document.getElementById(id), { ...charts[chart], datasets: { rows: named } }, options);
    // One by one, so that the page can be read meanwhile.
    await new Promise((next) => setTimeout(next));
  }
  document.body.dataset.drawn = figures.length;
}

draw();
