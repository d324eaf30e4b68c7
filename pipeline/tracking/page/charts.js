// Parallel coordinates, importances, hypervolume, and what the update of pinned trials met.

const QUIET = { displayModeBar: false, responsive: true };
const PATTERNS = ["", "/", ".", "x"];

function frame(x, y) {
  return { margin: { l: 60, r: 15, t: 40, b: 45 }, legend: LEGEND, hovermode: "closest",
    xaxis: { title: { text: x }, gridcolor: "#e8e8e8" }, yaxis: { title: { text: y }, gridcolor: "#e8e8e8" },
    font: { size: 13, color: "#1a1a1a" } };
}

/** An axis of the parallel coordinates: where a trial crosses it, and what its ends are called. */
function axis(title, of, log, direction) {
  const values = complete.map(of).filter((value) => value !== null && value !== undefined);
  const words = values.some((value) => typeof value !== "number");
  if (words) {
    const kinds = [...new Set(values.map(String))].sort();
    const at = (value) => (kinds.length > 1 ? kinds.indexOf(String(value)) / (kinds.length - 1) : 0.5);
    return { title, of, at: (trial) => (of(trial) === undefined || of(trial) === null ? null : at(of(trial))),
      ticks: kinds.map((kind) => [at(kind), kind]) };
  }
  const put = (value) => (log ? Math.log(value) : value);
  const low = Math.min(...values.map(put)), high = Math.max(...values.map(put));
  const at = (trial) => {
    const value = of(trial);
    return typeof value !== "number" ? null : high > low ? (put(value) - low) / (high - low) : 0.5;
  };
  const ends = log ? [Math.exp(low), Math.exp(high)] : [low, high];
  return { title, of, at, direction, ticks: high > low ? [[0, number(ends[0], 3)], [1, number(ends[1], 3)]] : [[0.5, number(ends[0], 3)]] };
}

function axes() {
  const found = data.params.map(({ name, log }) => axis(name, (trial) => paramOf(trial, name), log));
  for (const { name, direction } of data.objectives) found.push(axis(name, (trial) => metricOf(trial, name), false, direction));
  return found.filter((each) => complete.some((trial) => each.at(trial) !== null));
}

function lines(all, trials, name, look) {
  const x = [], y = [];
  for (const trial of trials) {
    all.forEach((each, place) => { x.push(place); y.push(each.at(trial)); });
    x.push(null);
    y.push(null);
  }
  return { type: "scatter", mode: "lines", name, x, y, hoverinfo: "skip", connectgaps: false, ...look };
}

function drawParallel() {
  if (!complete.length || !data.params.length) {
    byId("parallel-section").hidden = true;
    return;
  }
  const all = axes();
  const traces = [lines(all, complete.filter((trial) => !trial.f), "dominated", { line: { color: OTHERS, width: 1 }, opacity: complete.length > 100 ? 0.2 : 0.6 })];
  data.groups.forEach((group, place) => traces.push(lines(all, complete.filter((trial) => trial.f && trial.g === place),
    plain(isSweep ? "front" : group.name), { line: { color: group.colour, width: 2.5, dash: isSweep ? "solid" : DASHES[place % DASHES.length] } })));
  state.pins.forEach((trial, place) => traces.push(lines(all, [trial], plain(nameOf(trial)),
    { mode: "lines+markers", marker: { symbol: SYMBOLS[(place + 1) % SYMBOLS.length], size: 9 }, line: { color: "#000", width: 2, dash: DASHES[(place + 1) % DASHES.length] } })));
  const annotations = all.flatMap((each, place) => each.ticks.map(([at, text]) => ({ x: place, y: at, text: plain(shortened(text)),
    showarrow: false, xanchor: "left", xshift: 4, bgcolor: "rgba(255,255,255,.85)", font: { size: 11 } })));
  const layout = frame("", "");
  Object.assign(layout, { annotations, margin: { l: 40, r: 70, t: 40, b: 65 },
    shapes: all.map((_, place) => ({ type: "line", x0: place, x1: place, y0: 0, y1: 1, line: { color: "#888", width: 1 } })),
    xaxis: { tickvals: all.map((_, place) => place), ticktext: all.map(axisTitle), showgrid: false, zeroline: false, fixedrange: true, tickangle: 0 },
    yaxis: { visible: false, range: [-0.06, 1.06], fixedrange: true } });
  Plotly.react("parallel", traces, layout, QUIET);
}

function axisTitle(each) {
  const parts = plain(each.title).split(".");
  const way = each.direction ? ` ${each.direction === "maximize" ? "↑" : "↓"}` : "";
  const [last] = parts.slice(-1);
  return `${parts.slice(0, -1).map((part) => `${part}.<br>`).join("")}<b>${last}</b>${way}`;
}

function shortened(text) {
  return text.length > 14 ? `${text.slice(0, 13)}…` : text;
}

function drawImportance() {
  const names = Object.keys(data.importance || {});
  if (!names.length) {
    byId("importance").hidden = true;
    byId("importance-hint").textContent = isSweep
      ? `Not told before ${data.least_for_importance} trials are complete: of fewer, the best ones have something in common by chance.`
      : "";
    byId("importance-section").hidden = !isSweep;
    return;
  }
  byId("importance-hint").textContent = "How much a forest that predicts the objective splits the trials by each parameter (mean decrease impurity). It says that a parameter matters, not which value is better.";
  const order = Object.keys(data.importance[names[0]]).reverse();
  const traces = names.map((name, place) => ({ type: "bar", orientation: "h", name: plain(name), y: order.map(plain),
    x: order.map((param) => data.importance[name][param] || 0), hovertemplate: "%{y}: %{x:.2f}<extra></extra>",
    marker: { color: COLOURS[place % COLOURS.length], pattern: { shape: PATTERNS[place % PATTERNS.length], fgcolor: "#fff", fillmode: "overlay" } } }));
  const layout = frame("share of the importance", "");
  layout.yaxis.automargin = true;
  layout.legend = { ...LEGEND, traceorder: "normal" };
  Plotly.react("importance", traces, layout, QUIET);
}

function drawVolume() {
  const known = data.volumes.filter((each) => each.trials.length);
  byId("volume-section").hidden = !known.length;
  const traces = known.map((each) => {
    const group = each.group === null ? null : data.groups[each.group];
    return { type: "scatter", mode: "lines", name: plain(each.name), x: each.trials, y: each.values,
      line: { shape: "hv", width: group ? 2.5 : 2, color: group ? group.colour : "#000",
        dash: group ? (isSweep ? "solid" : DASHES[each.group % DASHES.length]) : "dot" },
      hovertemplate: "own trial %{x}: %{y:.4f}<extra></extra>" };
  });
  byId("volume-hint").textContent = "What the front covers after each trial; more is better." + (isSweep && known.length < 2
    ? " A sweep of the same space with `sampler: random` in the same home would be drawn beside it." : "");
  if (known.length) Plotly.react("volume", traces, { ...frame("own trials", "hypervolume"), showlegend: true }, QUIET);
}

const CURVES = { cosine: "cosine of both gradients", conflict: "share of steps in conflict" };

function drawTelemetry() {
  const drawn = [];
  for (const [name, title] of Object.entries(CURVES)) {
    const traces = state.pins.flatMap((trial, place) => (trial.t && trial.t[name] && trial.t[name].points
      ? [{ type: "scatter", mode: "lines+markers", name: plain(nameOf(trial)), x: trial.t[name].points.map((p) => p[0]),
          y: trial.t[name].points.map((p) => p[1]), line: { color: COLOURS[place % COLOURS.length], dash: DASHES[place % DASHES.length] },
          marker: { symbol: SYMBOLS[place % SYMBOLS.length], size: 6 }, hovertemplate: "step %{x}: %{y:.3f}" }] : []));
    if (traces.length) drawn.push([name, title, traces]);
  }
  fill(byId("telemetry"), ...drawn.map(([name, title]) => el("div", { className: "curve", id: `curve-${name}`, role: "img",
    "aria-label": `${title}, of the pinned trials; means are in the table beside it` })));
  for (const [name, title, traces] of drawn) Plotly.newPlot(`curve-${name}`, traces, { ...frame("step", title), showlegend: true }, QUIET);
}
