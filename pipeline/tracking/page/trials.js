// The trial that is pointed at, and the table of all of them.

let sorting = { place: null, falling: true };

/** Show a trial in the card beside the front. */
function point(trial) {
  if (!trial || trial === state.pointed) return;
  state.pointed = trial;
  markPointed();
  drawCard();
}

function drawCard() {
  const trial = state.pointed;
  if (!trial) {
    fill(byId("card"), el("p", { className: "hint", textContent: "Point at a trial, or walk through the table below: its pictures and numbers are shown here. A click pins it." }));
    return;
  }
  const list = el("dl");
  data.metrics.forEach((name, place) => trial.m[place] !== null && list.append(el("dt", { textContent: name }), el("dd", { textContent: measured(trial.m[place]) })));
  data.params.forEach(({ name }, place) => list.append(el("dt", { textContent: name }), el("dd", { textContent: number(trial.p[place]) })));
  fill(byId("card"), el("h3", { textContent: `${capital(nameOf(trial))}: ${standing(trial)}` }), ...pairs(trial),
    ...(trial.r ? [el("p", { className: "hint", textContent: trial.r })] : []), list, ...nextStep(trial));
}

/** How a member of the front is judged anew and registered. */
function nextStep(trial) {
  if (!isSweep || !trial.f) return [];
  return [el("p", { className: "hint" }, "To judge it anew and register it: ", el("code", { textContent: `unlearn promote ${data.name} --trial ${trial.n}` }))];
}

/** As a title begins, but for names of methods, which are as they are. */
function capital(text) {
  return isSweep ? text[0].toUpperCase() + text.slice(1) : text;
}

/** Before and after on the first prompt of either kind. */
function pairs(trial) {
  if (trial.set === undefined) return [];
  const set = data.sets[trial.set];
  const places = standingPlaces(set);
  return places.map((place, order) => {
    const [text, , names] = set.questions[place];
    return el("div", { className: "pair" }, picture(set.before, place, set.questions.length, set, `base: ${text}`),
      el("span", { textContent: "→", "aria-hidden": "true" }),
      picture(trial.small, order, places.length, set, `${nameOf(trial)}: ${text}`),
      el("span", { className: "what", textContent: `${names ? "forget" : "retain"}: ${text}` }));
  });
}

function columns() {
  const found = [{ title: "pin" }, { title: "trial", of: (trial) => trial.n }, { title: "standing", of: standing, text: true }];
  if (!isSweep) found.push({ title: "method", of: (trial) => data.groups[trial.g].name, text: true });
  data.metrics.forEach((name, place) => found.push({ title: name, of: (trial) => trial.m[place], measured: true }));
  data.params.forEach(({ name, label }, place) => found.push({ title: label, hint: name, of: (trial) => trial.p[place] }));
  if (data.trials.some((trial) => trial.r)) found.push({ title: "reason", of: (trial) => trial.r || "", text: true, reason: true });
  return found;
}

function shownTrials() {
  const wanted = byId("shown").value;
  const trials = data.trials.filter((trial) => wanted === "all" || (wanted === "front" ? trial.f : trial.s !== "complete"));
  const all = columns();
  const { place, falling } = sorting;
  const first = data.objectives[0];
  const of = place === null ? (trial) => metricOf(trial, first.name) : all[place].of;
  const down = place === null ? first.direction === "maximize" : falling;
  const key = (trial) => of(trial) ?? null;
  return trials.sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return (x === null) - (y === null) || a.n - b.n;
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
    return (down ? -order : order) || a.n - b.n;
  });
}

function drawTable() {
  const all = columns();
  const head = el("tr", {}, ...all.map((column, place) => {
    const way = sorting.place === place ? (sorting.falling ? "descending" : "ascending") : "none";
    const arrow = { descending: " ▼", ascending: " ▲", none: "" }[way];
    const title = column.of ? el("button", { type: "button", textContent: column.title + arrow, title: column.hint || "", onclick: () => sortBy(place) }) : column.title;
    return el("th", { className: column.text ? "text" : "", scope: "col", "aria-sort": way }, title);
  }));
  const body = el("tbody");
  shownTrials().forEach((trial, order) => body.append(rowOf(trial, all, order === 0)));
  fill(byId("table"), el("thead", {}, head), body);
}

function rowOf(trial, all, isFirst) {
  const pinned = state.pins.includes(trial);
  const box = el("input", { type: "checkbox", checked: pinned, tabIndex: isFirst ? 0 : -1,
    "aria-label": `pin ${nameOf(trial)}, ${standing(trial)}` });
  // Not `disabled`, which would keep the keyboard from the trial's card.
  if (trial.s !== "complete") box.setAttribute("aria-disabled", "true");
  box.addEventListener("click", (event) => {
    if (trial.s === "complete") togglePin(trial);
    else event.preventDefault();
  });
  box.addEventListener("focus", () => point(trial));
  const row = el("tr", { className: `${trial.f ? "front" : ""} ${pinned ? "pinned" : ""}` }, el("td", {}, box),
    ...all.slice(1).map((column) => el("td", { className: column.reason ? "reason" : column.text ? "text" : "" }, cell(trial, column))));
  row.dataset.trial = data.trials.indexOf(trial);
  row.addEventListener("mouseenter", () => point(trial));
  return row;
}

function cell(trial, column) {
  if (column.title !== "standing") return (column.measured ? measured : number)(column.of(trial));
  const sign = trial.s !== "complete" ? "·" : trial.f ? SIGNS[data.groups[trial.g].symbol] : "○";
  return `${sign} ${standing(trial)}`;
}

function sortBy(place) {
  sorting = { place, falling: sorting.place === place ? !sorting.falling : true };
  drawTable();
  byId("table").querySelectorAll("thead th")[place].querySelector("button").focus();
}

/** One stop of the Tab key for the whole table; arrows walk through it. */
function walk(event) {
  const boxes = [...byId("table").querySelectorAll("tbody input")];
  const now = boxes.indexOf(event.target);
  if (now < 0) return;
  if (event.key === "Enter") {
    event.preventDefault();
    event.target.click();
    return;
  }
  const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: boxes.length - 1 }[event.key];
  if (next === undefined || !boxes[next]) return;
  event.preventDefault();
  boxes[now].tabIndex = -1;
  boxes[next].tabIndex = 0;
  boxes[next].focus();
}

function prepareTable() {
  const count = (kind) => data.trials.filter(kind).length;
  const options = [["front", `the front (${count((trial) => trial.f)})`], ["all", `all trials (${data.trials.length})`]];
  const unfinished = count((trial) => trial.s !== "complete");
  if (unfinished) options.push(["other", `those without a result (${unfinished})`]);
  fill(byId("shown"), ...options.map(([value, textContent]) => el("option", { value, textContent })));
  byId("shown").addEventListener("change", drawTable);
  byId("table").addEventListener("keydown", walk);
}

/** Pins have changed: boxes and marks follow, the order stays. */
function markRows() {
  for (const row of byId("table").querySelectorAll("tbody tr")) {
    const pinned = state.pins.includes(data.trials[row.dataset.trial]);
    row.classList.toggle("pinned", pinned);
    row.querySelector("input").checked = pinned;
  }
}
