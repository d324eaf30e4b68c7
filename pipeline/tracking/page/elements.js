// The page's data and state, and small ways to make elements. Names are text, never markup.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

// Okabe and Ito's colours, which people with any of the usual colour blindnesses tell apart.
const COLOURS = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666"];
const SYMBOLS = ["diamond", "circle", "square", "triangle-up", "triangle-down", "cross", "x", "star", "triangle-left"];
const SIGNS = { "diamond": "◆", "circle": "●", "square": "■", "triangle-up": "▲", "triangle-down": "▼",
  "cross": "✚", "x": "✖", "star": "★", "triangle-left": "◀" };
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];
const LEGEND = { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" };
const OTHERS = "#56779B";

const isSweep = data.kind === "sweep";
const complete = data.trials.filter((trial) => trial.s === "complete");
const state = { pins: [], pointed: null };

/** An element with properties, attributes (those with a dash, or `role`) and children. */
function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "colspan" || name === "scope") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

function fill(parent, ...children) {
  parent.replaceChildren(...children);
}

/** Text for Plotly, which reads some markup in what it draws. */
function plain(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e5 ? value.toFixed(size < 10 ? digits : 2) : value.toExponential(2);
}

/** A measured value: as many digits for a round one as for its neighbours. */
function measured(value) {
  return typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 10 ? value.toFixed(4) : number(value);
}

/** How a trial is called, with its method where there are several. */
function nameOf(trial) {
  return isSweep ? `trial ${trial.n}` : `${data.groups[trial.g].name}, trial ${trial.n}`;
}

/** What a trial is, in words: the page is read without its colours as well. */
function standing(trial) {
  if (trial.s !== "complete") return trial.s;
  if (trial.c) return "front, chosen";
  return trial.f ? "front" : "dominated";
}

function metricOf(trial, name) {
  return trial.m[data.metrics.indexOf(name)];
}

function paramOf(trial, name) {
  return trial.p[data.params.findIndex((each) => each.name === name)];
}

/** One picture out of a strip of `count`. */
function picture(strip, place, count, set, label) {
  const [width, height] = set.size;
  const made = el("div", { className: width < 100 ? "picture small" : "picture", role: "img", "aria-label": label });
  made.style.aspectRatio = `${width} / ${height}`;
  made.style.backgroundImage = `url(data:image/webp;base64,${strip})`;
  made.style.backgroundSize = `${100 * count}% 100%`;
  made.style.backgroundPosition = count > 1 ? `${(100 * place) / (count - 1)}% 0` : "0 0";
  return el("div", { className: "frame" }, made);
}

/** Places of the first prompt that names the concept, and of the first that doesn't. */
function standingPlaces(set) {
  return [true, false]
    .map((kind) => set.questions.findIndex((question) => question[2] === kind))
    .filter((place) => place >= 0);
}
