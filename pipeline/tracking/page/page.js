// Puts the page together once its parts are known.

function head() {
  document.title = `${data.name}: front`;
  byId("title").textContent = `${data.name}: ${data.title}`;
  const count = (kind) => data.trials.filter(kind).length;
  const states = ["failed", "pruned", "running"].map((name) => [count((trial) => trial.s === name), name]);
  const parts = [[count((trial) => trial.f), isSweep ? "on the front ◆" : "on the front of their method"],
    [count((trial) => trial.s === "complete" && !trial.f), isSweep ? "dominated ○" : "dominated"], ...states];
  const told = parts.filter(([many], place) => many || place === 0).map(([many, what]) => `${many} ${what}`);
  const progress = data.status === "running" ? "; still running" : data.status === "interrupted" ? "; interrupted" : "";
  byId("counts").textContent = `${data.trials.length} trials: ${told.join(", ")}${progress}.`
    + (data.beside_names ? ` Beside names: ${data.beside_names}.` : "");
  byId("reading").textContent = "A trial on the front can only be bettered in one objective by giving way in another. "
    + (isSweep ? "" : "Filled: the front of a method; open and pale: its dominated trials; large: the one that was chosen. ")
    + "Drag to move, scroll to zoom, double-click to see all; ✕ is the base model, nothing erased.";
  byId("left-out").textContent = data.left_out || "";
  for (const { label, trial, group } of data.highlights) {
    const found = data.trials.find((each) => each.n === trial && each.g === group);
    const values = data.objectives.map(({ name }) => `${name} ${number(metricOf(found, name), 3)}`).join(", ");
    const button = el("button", { type: "button", onclick: () => { point(found); if (!state.pins.includes(found)) togglePin(found); } },
      el("strong", { textContent: capital(label) }), `: trial ${trial} (${values})`);
    button.addEventListener("mouseenter", () => point(found));
    byId("highlights").append(el("li", {}, button));
  }
}

/** Pictures of what nobody should come upon unasked are covered until somebody asks. */
function cover() {
  if (!data.sensitive || data.sets.every((set) => set.blurred)) return;
  const button = byId("cover");
  const tell = (covered) => {
    document.body.classList.toggle("covered", covered);
    button.setAttribute("aria-pressed", String(!covered));
    button.textContent = covered ? "Show the pictures, which may disturb" : "Cover the pictures again";
  };
  button.hidden = false;
  button.addEventListener("click", () => tell(!document.body.classList.contains("covered")));
  tell(true);
}

function start() {
  head();
  cover();
  prepareFront();
  prepareTable();
  drawTable();
  const first = data.highlights.map(({ trial, group }) => data.trials.find((each) => each.n === trial && each.g === group));
  state.pins = [...new Set(first)].slice(0, 2);
  drawCard();
  drawPins();
  listenToFront();
  if (state.pins.length) point(state.pins[0]);
  drawImportance();
  drawVolume();
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.pins.length) togglePin(state.pins[state.pins.length - 1]);
  });
  document.body.dataset.ready = "true";
}

start();
