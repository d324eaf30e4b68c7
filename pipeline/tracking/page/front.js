// The front: every complete trial as a point, with shapes and filling as well as colours.

const SPECK = 0.02; // of the area that all points span
const FEW = 9; // values that are told apart by colour and shape; more are a scale

/** What may stand on an axis or give points their colour: name, title, value of a trial. */
function measures() {
  const found = data.objectives.map(({ name, direction }) => ({
    key: `m:${name}`, title: `${name} (${direction === "maximize" ? "more" : "less"} is better)`,
    of: (trial) => metricOf(trial, name), base: () => data.base[data.metrics.indexOf(name)], name,
  }));
  const objectives = new Set(data.objectives.map((each) => each.name));
  for (const name of data.metrics.filter((each) => !objectives.has(each))) {
    found.push({ key: `m:${name}`, title: name, of: (trial) => metricOf(trial, name),
      base: () => data.base[data.metrics.indexOf(name)], name });
  }
  found.push({ key: "trial", title: "trial", of: (trial) => trial.n, base: () => null, name: "trial" });
  for (const { name, log } of data.params) {
    found.push({ key: `p:${name}`, title: name, of: (trial) => paramOf(trial, name), base: () => null, name, log });
  }
  return found;
}

const MEASURES = measures();
const measureOf = (select) => MEASURES.find((each) => each.key === byId(select).value);

function prepareFront() {
  const option = (value, text) => el("option", { value, textContent: text });
  const numbers = MEASURES.filter((each) => !each.key.startsWith("p:"));
  for (const id of ["across", "up"]) fill(byId(id), ...numbers.map((each) => option(each.key, each.title)));
  const [first, second] = data.objectives.map((each) => `m:${each.name}`);
  byId("across").value = second ? first : "trial";
  byId("up").value = second || first;
  fill(byId("colour"), option("", isSweep ? "front or dominated" : "method"),
    ...MEASURES.filter((each) => each.key.startsWith("p:")).map((each) => option(each.key, each.title)),
    ...numbers.map((each) => option(each.key, each.title)));
  for (const id of ["across", "up", "colour"]) byId(id).addEventListener("change", drawFront);
  byId("near").setAttribute("aria-pressed", String(isSpeck()));
  byId("near").addEventListener("click", () => {
    const pressed = byId("near").getAttribute("aria-pressed") !== "true";
    byId("near").setAttribute("aria-pressed", String(pressed));
    drawFront();
  });
}

/** Series of trials that look alike, by front and method or by the values of a parameter. */
function series() {
  const colour = measureOf("colour");
  if (!colour) {
    const found = [];
    data.groups.forEach((group, place) => {
      const own = complete.filter((trial) => trial.g === place);
      const others = own.filter((trial) => !trial.f);
      const front = own.filter((trial) => trial.f);
      if (others.length) {
        found.push({ name: isSweep ? "dominated" : `${group.name}, dominated`, trials: others, size: 9,
          symbol: `${isSweep ? "circle" : group.symbol}-open`, colour: isSweep ? OTHERS : group.colour, faint: !isSweep,
          // Of many methods two entries each would leave the front no room; the hint tells which is which.
          unnamed: !isSweep && front.length > 0, group: place });
      }
      if (front.length) {
        found.push({ name: isSweep ? "front" : group.label || group.name, trials: front, symbol: group.symbol,
          colour: group.colour, size: 13, line: true, group: place });
      }
    });
    return found;
  }
  const values = [...new Set(complete.map(colour.of).filter((value) => value !== null && value !== undefined))];
  const isScale = values.every((value) => typeof value === "number") && values.length > FEW;
  if (isScale) return [scaled(false, colour), scaled(true, colour)].filter((each) => each.trials.length);
  // Numbers by size: as texts, 10 would stand before 9.
  values.sort((a, b) => a - b || (String(a) < String(b) ? -1 : 1));
  return values.map((value, place) => ({
    name: `${colour.name}: ${number(value)}`, trials: complete.filter((trial) => colour.of(trial) === value),
    symbol: SYMBOLS[place % SYMBOLS.length], colour: COLOURS[place % COLOURS.length], size: 10,
  }));
}

function scaled(isFront, colour) {
  const log = colour.log;
  const value = (trial) => (log ? Math.log10(colour.of(trial)) : colour.of(trial));
  const all = complete.map(value).filter(Number.isFinite);
  const bar = { title: { text: plain(colour.name) + (log ? " (log₁₀)" : ""), side: "right" }, thickness: 14 };
  return { name: isFront ? "front" : "dominated", trials: complete.filter((trial) => trial.f === isFront),
    symbol: isFront ? "diamond" : "circle", size: isFront ? 13 : 9, values: value,
    scale: { colorscale: "Cividis", cmin: Math.min(...all), cmax: Math.max(...all), showscale: isFront, colorbar: bar } };
}

/** A method's front and its dominated trials are hidden and shown as one. */
function together(each) {
  return isSweep || each.group === undefined ? {} : { legendgroup: `method ${each.group}` };
}

function markers(each, x, y) {
  const frontLine = each.trials.map((trial) => (trial.f ? 2 : 1));
  const marker = each.scale
    ? { ...each.scale, color: each.trials.map(each.values), line: { width: frontLine, color: "#1a1a1a" } }
    : { color: each.colour, line: { width: each.line || each.symbol.endsWith("-open") ? 2 : frontLine,
        color: each.symbol.endsWith("-open") ? each.colour : "#1a1a1a" } };
  return { type: "scatter", mode: "markers", name: plain(each.name), ...together(each), showlegend: !each.unnamed,
    x: each.trials.map(x), y: each.trials.map(y),
    customdata: each.trials.map((trial) => data.trials.indexOf(trial)), hoverinfo: "none", opacity: each.faint ? 0.45 : 1,
    marker: { symbol: each.symbol, size: each.trials.map((trial) => each.size + (trial.c ? 6 : 0)), ...marker } };
}

/** The line that bounds what a front of two objectives dominates. */
function staircase(each, x, y) {
  const points = each.trials.map((trial) => [x(trial), y(trial)]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const rightwards = data.objectives[0].direction === "maximize";
  return { type: "scatter", mode: "lines", x: points.map((p) => p[0]), y: points.map((p) => p[1]),
    ...together(each), showlegend: false, hoverinfo: "skip", line: { shape: rightwards ? "vh" : "hv", color: each.colour, width: 1,
      dash: isSweep ? "solid" : DASHES[each.group % DASHES.length] } };
}

function rings(trials, x, y, name, size, dash) {
  return { type: "scatter", mode: trials.length && dash ? "markers+text" : "markers", name, x: trials.map(x), y: trials.map(y),
    text: trials.map((trial) => `<b>${trial.n}</b>`), textposition: "top center", hoverinfo: "skip",
    showlegend: Boolean(dash) && trials.length > 0,
    marker: { symbol: "circle-open", size, color: "#1a1a1a", line: { width: 2 } } };
}

function drawFront() {
  const across = measureOf("across"), up = measureOf("up");
  const x = across.of, y = up.of;
  const drawn = series();
  const traces = [];
  const onObjectives = data.objectives.length === 2 && across.key === `m:${data.objectives[0].name}` &&
    up.key === `m:${data.objectives[1].name}`;
  for (const each of drawn) if (each.line && onObjectives) traces.push(staircase(each, x, y));
  for (const each of drawn) traces.push(markers(each, x, y));
  const base = [across.base(), up.base()];
  if (base.every((value) => typeof value === "number")) {
    traces.push({ type: "scatter", mode: "markers+text", name: "base model", x: [base[0]], y: [base[1]], text: ["base"],
      textposition: "bottom center", hoverinfo: "skip", marker: { symbol: "x-thin", size: 12, line: { width: 3, color: "#000" } } });
  }
  traces.push(rings(state.pins, x, y, "pinned", 24, true));
  traces.push(rings(state.pointed && state.pointed.s === "complete" ? [state.pointed] : [], x, y, "", 30, false));
  const layout = { margin: { l: 60, r: 40, t: 45, b: 45 }, hovermode: "closest", dragmode: "pan",
    modebar: { orientation: "v" }, // in the margin: above the chart it would lie on the legend
    legend: { ...LEGEND, traceorder: "normal" }, xaxis: { title: { text: plain(across.title) }, gridcolor: "#e8e8e8" },
    yaxis: { title: { text: plain(up.title) }, gridcolor: "#e8e8e8", automargin: true }, font: { size: 13, color: "#1a1a1a" } };
  if (byId("near").getAttribute("aria-pressed") === "true") {
    const front = corner(complete, [across, up]);
    layout.xaxis.range = around(front.map(x));
    layout.yaxis.range = around(front.map(y));
  }
  Plotly.react("front", traces, layout, { displaylogo: false, responsive: true, scrollZoom: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] });
}

/** Of the front those in the better half of what the axes show: a failed erasure would hide the others. */
function corner(complete, both) {
  const front = complete.filter((trial) => trial.f);
  const isGood = both.map((each) => {
    const objective = data.objectives.find(({ name }) => each.key === `m:${name}`);
    if (!objective) return () => true;
    const values = complete.map(each.of).filter(Number.isFinite);
    const middle = (Math.min(...values) + Math.max(...values)) / 2;
    return (trial) => (objective.direction === "maximize" ? each.of(trial) >= middle : each.of(trial) <= middle);
  });
  const kept = front.filter((trial) => isGood.every((good) => good(trial)));
  return kept.length > 1 ? kept : front;
}

/** Whether the front would be a speck among all the points: then the page begins with its close-up. */
function isSpeck() {
  if (data.objectives.length < 2) return false;
  const both = [measureOf("across"), measureOf("up")];
  const near = corner(complete, both);
  const width = (values) => Math.max(...values) - Math.min(...values);
  const shares = both.map((each) => {
    const all = [...complete.map(each.of), each.base()].filter(Number.isFinite);
    return width(near.map(each.of)) / width(all);
  });
  return near.length > 1 && shares[0] * shares[1] < SPECK;
}

function around(values) {
  const known = values.filter(Number.isFinite);
  if (!known.length) return undefined;
  const low = Math.min(...known), high = Math.max(...known);
  const margin = 0.15 * (high - low) || 0.01;
  return [low - margin, high + margin];
}

function listenToFront() {
  const chart = byId("front");
  const trialOf = (event) => {
    const point = event.points.find((each) => each.customdata !== undefined);
    return point && data.trials[point.customdata];
  };
  chart.on("plotly_hover", (event) => point(trialOf(event)));
  chart.on("plotly_click", (event) => togglePin(trialOf(event)));
}

/** The rings alone: all else stays as it is, whatever the number of trials. */
function markPointed() {
  const across = measureOf("across"), up = measureOf("up");
  const last = byId("front").data.length - 1;
  const trials = state.pointed && state.pointed.s === "complete" ? [state.pointed] : [];
  Plotly.restyle("front", { x: [trials.map(across.of)], y: [trials.map(up.of)] }, [last]);
}
