// Charts by plotly, which is read when the first one is shown. Each says in words and as a table what it shows.

import { el, fill, newId } from "./dom.js";
import { moment, plotMoment } from "./format.js";
import { Table } from "./table.js";

const SCRIPT = "/console/assets/plotly.min.js";
// Plotly adds the styles of its maps unless something with this id is there: they would be inline, and are not used.
const MAP_STYLES = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";
const CONFIG = { displayModeBar: false, responsive: true, showTips: false };

const TWO_DAYS_MS = 2 * 86_400_000;

let reading = null;

/**
 * A chart in a panel. `series`: {name, field, color (a custom property), format, trace (plotly's own members)};
 * `layout` is added to plotly's, `sentence(points)` is what a screen reader hears instead of the picture.
 */
export class Chart {
  constructor({ title, series, layout = {}, sentence, signal }) {
    this._series = series;
    this._layout = layout;
    this._sentence = sentence;
    this._points = null;
    this._range = null;
    this._signal = signal;
    const id = newId("chart");
    this._plot = el("div", { class: "plot", role: "img" });
    this._said = el("span", { class: "soft" });
    this._table = new Table({ caption: title, columns: columnsOf(series), key: (point) => point.at });
    this.node = el(
      "section",
      { class: "panel chart-panel", "aria-labelledby": id },
      el("header", {}, el("h2", { id }, title), this._said),
      el("div", { class: "chart" }, this._plot),
      el("details", {}, el("summary", {}, "As a table"), this._table.node),
    );
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this._draw(), { signal });
    signal.addEventListener("abort", () => globalThis.Plotly?.purge(this._plot));
  }

  show(points, range) {
    this._points = points;
    this._range = range.map(plotMoment);
    const sentence = points.length ? this._sentence(points) : "Nothing in this time.";
    fill(this._said, sentence);
    this._plot.setAttribute("aria-label", sentence);
    this._table.show([...points].reverse());
    return this._draw();
  }

  async _draw() {
    if (!this._points) return;
    try {
      const plotly = await plotlyScript();
      if (this._signal.aborted || !this._plot.isConnected) return;
      await plotly.react(this._plot, this._traces(), this._wholeLayout(), CONFIG);
    } catch (error) {
      fill(this._plot, el("p", { class: "state" }, `The chart cannot be drawn (${error.message}). Its table says the same.`));
    }
  }

  _wholeLayout() {
    const all = base();
    const { xaxis, yaxis, ...rest } = this._layout;
    const [from, to] = this._range.map((at) => new Date(at));
    const tickformat = to - from > TWO_DAYS_MS ? "%d %b" : "%H:%M";
    return { ...all, ...rest, xaxis: { ...all.xaxis, range: this._range, tickformat, ...xaxis }, yaxis: { ...all.yaxis, ...yaxis } };
  }

  _traces() {
    const at = this._points.map((point) => plotMoment(point.at));
    return this._series.map(({ name, field, color, trace }) => {
      const hue = style(color);
      const made = { type: "scatter", mode: "lines", connectgaps: true, ...trace, name, x: at, y: this._points.map((point) => point[field]) };
      if (made.type === "bar") return { ...made, marker: { color: hue } };
      return { ...made, line: { width: 1.75, color: hue, ...trace?.line }, ...patternOf(trace, hue) };
    });
  }
}

function patternOf(trace, hue) {
  if (!trace?.fillpattern) return {};
  return { fillcolor: `${hue}55`, fillpattern: { ...trace.fillpattern, fgcolor: hue, bgcolor: "rgba(0,0,0,0)" } };
}

function columnsOf(series) {
  return [
    { label: "At", isHead: true, cell: (point) => moment(point.at) },
    ...series.map(({ name, field, format }) => ({ label: name, class: "number", cell: (point) => format(point[field]) })),
  ];
}

function style(property) {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}

function base() {
  const axis = { gridcolor: style("--line"), zeroline: false, fixedrange: true, automargin: true, tickfont: { size: 11 } };
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: style("--font"), size: 12, color: style("--text-soft") },
    margin: { l: 36, r: 12, t: 8, b: 24 },
    hovermode: "x unified",
    hoverlabel: { bgcolor: style("--surface"), bordercolor: style("--edge"), font: { color: style("--text") } },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    dragmode: false,
    xaxis: { ...axis, showgrid: false, ticks: "outside", ticklen: 4, tickcolor: "rgba(0,0,0,0)", type: "date", nticks: 6, tickangle: 0, hoverformat: "%d %b %H:%M" },
    yaxis: { ...axis, rangemode: "tozero", nticks: 5 },
  };
}

function plotlyScript() {
  reading ??= new Promise((resolve, reject) => {
    const script = el("script", { src: SCRIPT });
    script.addEventListener("load", () => resolve(globalThis.Plotly));
    script.addEventListener("error", () => {
      reading = null;
      script.remove();
      reject(new Error("plotly was not read"));
    });
    document.head.append(el("meta", { id: MAP_STYLES }), script);
  });
  return reading;
}
