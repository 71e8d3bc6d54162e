// How the figures went: protocol mix, quality, fallbacks.

import { Chart } from "../charts.js";
import { el } from "../dom.js";
import { count, percent, plural } from "../format.js";

const NEEDED = 0.99;
// Where little happens, a value may stand alone: a line would not show it.
const MARKED = { mode: "lines+markers", marker: { size: 3 } };

/** The three charts; `show(series, range)` draws a summary's series from one moment to another. */
export function trends(signal) {
  const charts = [mix(signal), quality(signal), fallbacks(signal)];
  return {
    node: el("div", { class: "columns" }, charts.map((chart) => chart.node)),
    show: (series, range) => Promise.all(charts.map((chart) => chart.show(series, range))),
  };
}

function mix(signal) {
  return new Chart({
    title: "Sessions by protocol",
    signal,
    layout: { yaxis: { tickformat: ",d", autorangeoptions: { include: [0, 4] } } },
    series: [
      { name: "ACP", field: "acp", color: "--acp", format: count, trace: { stackgroup: "all", line: { shape: "hv" }, fillpattern: { shape: "", solidity: 0.5 } } },
      { name: "HTTP", field: "http", color: "--http", format: count, trace: { stackgroup: "all", line: { shape: "hv", width: 0 }, fillpattern: { shape: "/", size: 6, solidity: 0.3 } } },
    ],
    sentence: (points) => {
      const { acp, http } = points.at(-1);
      return `Now ${count(acp)} by ACP, ${count(http)} by HTTP`;
    },
  });
}

function quality(signal) {
  return new Chart({
    title: "Stability and success",
    signal,
    series: [
      { name: "Success rate", field: "successRate", color: "--acp", format: percent, trace: MARKED },
      { name: "Stability", field: "stability", color: "--http", format: percent, trace: { ...MARKED, line: { dash: "dot" } } },
    ],
    layout: {
      yaxis: axisOfShares(),
      shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: NEEDED, y1: NEEDED, line: { width: 1, dash: "dash", color: "gray" } }],
    },
    sentence: (points) => {
      const known = points.map((point) => point.successRate).filter((rate) => rate !== null && rate !== undefined);
      return known.length ? `Lowest success rate ${percent(Math.min(...known))}` : "Nothing measured";
    },
  });
}

// Shares are near one: from zero up, what matters would not be seen.
function axisOfShares() {
  return { tickformat: ".1~%", rangemode: "normal", autorangeoptions: { maxallowed: 1.0005, include: [NEEDED - 0.002] } };
}

function fallbacks(signal) {
  return new Chart({
    title: "Fallbacks",
    signal,
    series: [{ name: "Fallbacks to HTTP", field: "fallbacks", color: "--http", format: count, trace: { type: "bar" } }],
    layout: { bargap: 0.25, yaxis: { tickformat: ",d", autorangeoptions: { include: [0, 4] } } },
    sentence: (points) => `${plural(points.reduce((sum, point) => sum + (point.fallbacks ?? 0), 0), "fallback")} in this time`,
  });
}
