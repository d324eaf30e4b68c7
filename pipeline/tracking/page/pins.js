// Pinned trials side by side: numbers, parameters, and pictures on the same prompts and noises.

const MOST_PINS = 5;

function togglePin(trial) {
  if (!trial || trial.s !== "complete") return;
  if (state.pins.includes(trial)) state.pins = state.pins.filter((each) => each !== trial);
  else state.pins = [...state.pins, trial].slice(-MOST_PINS);
  drawPins();
}

function drawPins() {
  drawFront();
  drawParallel();
  markRows();
  const pins = state.pins;
  byId("pins-hint").textContent = pins.length
    ? "The same prompts and the same noise in each column. Below, bold is the best of the pinned, and a bar at the left says that they differ."
    : "Pin two trials or more: click them in the front, or press Enter on them in the table.";
  fill(byId("pictures"), ...(pins.length ? [galleries(pins)] : []));
  fill(byId("numbers"), ...(pins.length ? [el("table", {}, headOf(pins), bodyOf(pins))] : []));
  drawTelemetry(); // last: the table beside it says how wide it may be
}

function signed(trial) {
  return `${trial.f ? SIGNS[data.groups[trial.g].symbol] : "○"} ${capital(nameOf(trial))} `;
}

function unpin(trial) {
  return el("button", { type: "button", textContent: "✕", title: "unpin", "aria-label": `unpin ${nameOf(trial)}`, onclick: () => togglePin(trial) });
}

/** A row the base and each trial, a column a prompt. */
function galleries(pins) {
  const first = pins.find((trial) => trial.set !== undefined);
  if (!first) return el("p", { className: "missing", textContent: "Small pictures were not kept of these trials; gallery.png in a trial's folder has them." });
  const set = data.sets[first.set];
  const count = set.questions.length;
  const heads = set.questions.map(([text, , names]) => el("th", { className: "prompt", scope: "col" },
    el("span", { className: "kind", textContent: names ? "forget " : "retain " }), text));
  const base = set.questions.map(([text], place) => el("td", {}, picture(set.before, place, count, set, `base model: ${text}`)));
  const rows = pins.map((trial) => el("tr", {}, el("th", { className: "text", scope: "row" }, signed(trial), unpin(trial),
    el("div", { className: "hint", textContent: data.objectives.map(({ name }) => `${name} ${number(metricOf(trial, name), 3)}`).join(", ") })),
    ...set.questions.map(([text, seed]) => el("td", {}, shownOf(trial, text, seed)))));
  return el("table", { className: "galleries" }, el("thead", {}, el("tr", {}, el("td"), ...heads)),
    el("tbody", {}, el("tr", {}, el("th", { className: "text", scope: "row", textContent: "✕ Base model" }), ...base), ...rows));
}

function headOf(pins) {
  return el("thead", {}, el("tr", {}, el("td"), el("th", { textContent: "Base model", scope: "col" }),
    ...pins.map((trial) => el("th", { scope: "col", textContent: signed(trial) }))));
}

function bodyOf(pins) {
  const body = el("tbody");
  const part = (title) => body.append(el("tr", { className: "part" }, el("th", { colspan: pins.length + 2, textContent: title, scope: "colgroup" })));
  const ways = new Map(data.objectives.map(({ name, direction }) => [name, direction]));
  part("Objectives and metrics");
  data.metrics.forEach((name, place) => {
    const values = pins.map((trial) => trial.m[place]);
    const known = values.filter((value) => value !== null);
    if (!known.length) return;
    const way = ways.get(name);
    const best = way && pins.length > 1 ? (way === "maximize" ? Math.max(...known) : Math.min(...known)) : null;
    body.append(numbersRow(name + (way ? ` ${way === "maximize" ? "↑" : "↓"}` : ""), data.base[place], values, best, measured));
  });
  part("Parameters");
  data.params.forEach(({ name }, place) => {
    const values = pins.map((trial) => trial.p[place]);
    if (values.some((value) => value !== null)) body.append(numbersRow(name, undefined, values, null));
  });
  if (pins.some((trial) => trial.t)) {
    part("What the update met");
    for (const [name, title] of Object.entries(CURVES)) {
      const means = pins.map((trial) => (trial.t && trial.t[name] ? trial.t[name].mean : null));
      if (means.some((value) => value !== null)) body.append(numbersRow(`${title}, mean`, undefined, means, null, measured));
    }
  }
  return body;
}

function numbersRow(title, base, values, best, told = number) {
  return el("tr", { className: new Set(values.map(String)).size > 1 ? "differs" : "" },
    el("th", { className: "text", textContent: title, scope: "row" }), el("td", { textContent: base === undefined ? "" : told(base) }),
    ...values.map((value) => el("td", { className: best !== null && value === best ? "best" : "", textContent: told(value) })));
}

/** A trial's picture of a prompt and seed, or why there is none. */
function shownOf(trial, text, seed) {
  const none = (textContent) => el("div", { className: "missing", textContent });
  if (trial.set === undefined) return none("no small pictures were kept");
  const set = data.sets[trial.set];
  const place = set.questions.findIndex((question) => question[0] === text && question[1] === seed);
  if (place < 0) return none("not asked this");
  const label = `${nameOf(trial)}: ${text}`;
  if (trial.after) return picture(trial.after, place, set.questions.length, set, label);
  const standingAt = standingPlaces(set).indexOf(place);
  if (standingAt >= 0) return picture(trial.small, standingAt, standingPlaces(set).length, set, label);
  return none("left out here: gallery.png of its run");
}
