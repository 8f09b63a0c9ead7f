// The view of one output: two sides, zoom, iterations, losses and settings.

const part = (name) => byId(`viewer-${name}`);

const viewer = {
  dialog: byId("viewer"),

  prepare() {
    this.view = new View((view) => (part("zoom").textContent = `${view.percent} %`));
    this.stage = new Stage(part("stage"), [part("result"), part("original")], this.view);
    this.slider = new Slider("viewer", this);
    this.stage.swiped = (across, down) => this.step(across, down);
    for (const image of ["result", "original"]) part(image).addEventListener("load", () => this.measure());
    part("result").addEventListener("load", () => (part("placeholder").hidden = true));
    part("result").addEventListener("error", () => this.showPlaceholder("the file is missing"));
    const actions = {
      previous: () => this.step(-1),
      next: () => this.step(1),
      close: () => this.leave(),
      star: () => picks.toggle(state.open),
      choose: () => table.toggle(state.open),
      full: () => this.fullScreen(),
      slides: () => slides.toggle(),
      play: () => play.toggle(),
      in: () => this.view.magnify(1.5),
      out: () => this.view.magnify(1 / 1.5),
      fit: () => this.view.reset(),
      actual: () => this.view.actual(),
      copy: () => copyText(commandOf(OUTPUTS[state.open]), part("command")),
    };
    for (const [name, action] of Object.entries(actions)) part(name).addEventListener("click", action);
    part("snapshot").addEventListener("input", () => this.scrubTo(Number(part("snapshot").value)));
    for (const name of ["content", "style"]) {
      const svg = part(`curve-${name}`);
      for (const kind of ["pointermove", "pointerdown"]) svg.addEventListener(kind, (event) => curve.hover(svg, event));
      svg.addEventListener("pointerleave", () => curve.leave(svg));
    }
    part("full").hidden = !document.fullscreenEnabled;
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      if (document.fullscreenElement) this.fullScreen();
      else this.leave();
    });
  },

  /** Open an output, at an iteration, with an input alone on the stage if it is named. */
  open(at, snapshot = lastOf(OUTPUTS[at]), input = null) {
    settleAddress();
    Object.assign(state, { open: at, snapshot, left: input ?? "content", right: "output", slider: input ? 100 : 0, difference: false, alone: false });
    this.view.start();
    writeAddress(true);
    this.show();
  },

  leave() {
    if (state.alone && state.chosen.length > 1) return table.comeBack();
    const at = state.open;
    this.hide(at);
    Object.assign(state, { open: null, alone: false });
    stepBack();
  },

  /** Close, and focus the output that was open. */
  hide(at) {
    if (!this.dialog.open) return;
    this.close();
    if (state.picked) filters.apply();
    layout().focusOutput(at ?? Number(this.dialog.dataset.at));
  },

  close() {
    slides.stop();
    play.stop();
    if (document.fullscreenElement) document.exitFullscreen();
    this.dialog.close();
  },

  /** Open the neighbor of the output; zoom and position stay. */
  step(across, down = 0) {
    const next = layout().neighbor(state.open, state.snapshot, across, down);
    if (next) this.go(next);
    return Boolean(next);
  },

  go({ at, snapshot }) {
    play.stop();
    Object.assign(state, { open: at, snapshot });
    writeAddressSoon();
    this.show();
    announce(describeOutput(OUTPUTS[at]), false);
  },

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else part("stage").requestFullscreen?.();
  },

  /** Update the dialog from the state. */
  show() {
    const output = OUTPUTS[state.open];
    this.dialog.dataset.at = state.open;
    part("title").replaceChildren(element("bdi", "", contentOf(output).name), " × ", element("bdi", "", styleOf(output).name));
    part("subtitle").textContent = settingOf(output).name;
    part("place").textContent = layout().where(state.open);
    part("previous").disabled = !layout().neighbor(state.open, state.snapshot, -1, 0);
    part("next").disabled = !layout().neighbor(state.open, state.snapshot, 1, 0);
    this.showPanel(output);
    this.mark();
    if (!this.dialog.open) {
      this.dialog.showModal();
      part("title").focus();
      part("panel").scrollTop = this.dialog.scrollTop = 0;
    }
    this.showOutput(output);
  },

  showOutput(output) {
    part("scrubber").hidden = Boolean(output.missing) || snapshotsOf(output).length < 2;
    part("placeholder").hidden = true;
    this.setSize(...(output.size ?? [1, 1]));
    part("snapshot").max = lastOf(output);
    this.scrub(output);
    const nothing = Boolean(output.missing) && part("before").hidden;
    part("zoom").parentElement.hidden = nothing;
    if (nothing) this.showPlaceholder(output.missing);
    this.measure();
    this.view.draw();
  },

  /** Show the sides again, after another one is chosen. */
  refresh() {
    if (state.open !== null) this.showOutput(OUTPUTS[state.open]);
  },

  /** What can be on a side. */
  choices(output) {
    const choices = new Map();
    const add = (value, name, address, said) => address && choices.set(value, { name, address, said });
    const { epoch } = snapshotsOf(output)[state.snapshot];
    if (!output.missing) add("output", "Output", shownOf(output, state.snapshot), `${describeOutput(output)}, iteration ${epoch}`);
    add("content", "Content image", originalOf(output));
    add("style", "Style image", paintingOf(output));
    if (!output.missing) snapshotsOf(output).forEach((each, number) => add(`epoch ${each.epoch}`, `Iteration ${each.epoch}`, shownOf(output, number)));
    for (const at of state.chosen) {
      const other = OUTPUTS[at];
      if (at === state.open || other.missing) continue;
      const snapshot = state.snapshot === lastOf(output) ? lastOf(other) : snapshotAt(other, epoch);
      add(keyOf(other), `${titleOf(other)}, ${settingOf(other).label}`, shownOf(other, snapshot));
    }
    this.usual = { left: [...choices.keys()].find((value) => value !== "output"), right: "output" };
    return choices;
  },

  /** Use the size of the image that is shown if the record of the run has none. */
  measure() {
    const output = OUTPUTS[state.open];
    if (!output || output.size) return;
    const image = part(output.missing ? "original" : "result");
    if (image.naturalWidth) this.setSize(image.naturalWidth, image.naturalHeight);
  },

  setSize(width, height) {
    part("stage").style.setProperty("--shape", width / height);
    this.stage.setSize(width, height);
  },

  showPlaceholder(reason) {
    if (state.open === null) return;
    part("placeholder").hidden = false;
    part("placeholder").replaceChildren(element("strong", "", "missing"), " ", element("bdi", "", reason));
  },

  /** The place of the iteration that is shown, and of the last one, for `play`. */
  get place() {
    return state.snapshot;
  },

  get last() {
    return state.open === null || OUTPUTS[state.open].missing ? 0 : lastOf(OUTPUTS[state.open]);
  },

  scrubTo(snapshot) {
    const output = OUTPUTS[state.open];
    state.snapshot = Math.min(lastOf(output), Math.max(0, snapshot));
    this.scrub(output);
    writeAddressSoon();
  },

  /** Show the output and the losses of the selected iteration. */
  scrub(output) {
    const { epoch } = snapshotsOf(output)[state.snapshot];
    const last = settingOf(output).epochs.at(-1);
    part("snapshot").value = state.snapshot;
    part("snapshot").ariaValueText = `iteration ${epoch} of ${last}`;
    part("epoch").textContent = `${epoch} of ${last}`;
    this.slider.show(this.choices(output), this.usual, Boolean(output.missing));
    const file = output.missing ? null : fileOf(output, state.snapshot);
    part("file").hidden = !file;
    if (file) part("file").href = file;
    part("film").hidden = !output.time_lapse;
    if (output.time_lapse) part("film").href = output.time_lapse;
    if (!output.missing) {
      for (const near of [state.snapshot - 1, state.snapshot + 1]) {
        if (snapshotsOf(output)[near]) new Image().src = shownOf(output, near);
      }
    }
    this.showLosses(output, epoch);
    this.view.draw();
  },

  showLosses(output, epoch) {
    const here = lossesAt(output, epoch);
    part("at").textContent = `iteration ${epoch}`;
    part("losses-title").parentElement.hidden = !here && !output.losses;
    LOSSES.forEach((name, number) => {
      const [at, saved] = this.dialog.querySelectorAll(`.losses .${name} td`);
      at.textContent = digits(here?.[number]);
      saved.textContent = digits(lossOf(output, name));
    });
    const others = state.chosen.filter((at) => at !== state.open).map((at) => OUTPUTS[at]);
    for (const name of ["content", "style"]) {
      curve.draw(part(`curve-${name}`), name, output, epoch, others);
      part(`curve-${name}`).parentElement.hidden = part(`curve-${name}`).hasAttribute("hidden");
    }
    part("others").hidden = !others.some((other) => other.curve);
  },

  /** The numbers of the curves, for those who do not see them. */
  showNumbers(output) {
    const rows = settingOf(output).epochs.map((epoch) => [epoch, lossesAt(output, epoch)]).filter(([, losses]) => losses);
    part("numbers").closest("details").hidden = !rows.length;
    part("numbers").replaceChildren(
      ...rows.map(([epoch, [total, content, style]]) => {
        const row = element("tr");
        const head = element("th", "", String(epoch));
        head.scope = "row";
        row.append(head, ...[content, style, total].map((value) => element("td", "", digits(value))));
        return row;
      }),
    );
  },

  showPanel(output) {
    const open = (side) => {
      Object.assign(state, { left: side, slider: 100, difference: false });
      this.show();
      writeAddressSoon();
      part("stage").scrollIntoView({ block: "nearest" });
    };
    part("inputs").replaceChildren(
      inputFigure("content", contentOf(output), () => open("content")),
      inputFigure("style", styleOf(output), () => open("style")),
    );
    const words = argumentsOf(output).flatMap((word) => [element("span", "", word), " "]);
    part("command").replaceChildren(...words.slice(0, -1));
    const run = [];
    if (output.seconds !== undefined) run.push(["time", duration(output.seconds)]);
    if (output.device !== undefined) run.push(["device", DATA.devices[output.device]]);
    if (output.finished) run.push(["finished", output.finished.replace("T", " ").replace("+00:00", " UTC")]);
    if (output.size) run.push(["pixels", output.size.join(" × ")]);
    const facts = Object.entries(settingOf(output).facts).map(([name, value]) => [inWords(name), value.replaceAll(",", ", ")]);
    this.listFacts("facts", [...facts, ...run]);
    this.listFacts("measures", MEASURES.filter((name) => name in (output.measures ?? {})).map((name) => [NUMBERS[name], digits(output.measures[name])]));
    part("look").hidden = !output.measures;
    this.showNumbers(output);
  },

  listFacts(place, facts) {
    part(place).replaceChildren(...facts.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
  },

  /** Show whether the output is selected for comparison, and picked. */
  mark() {
    if (state.open === null) return;
    const close = state.alone && state.chosen.length > 1 ? "Back to the outputs side by side" : "Close";
    Object.assign(part("close"), { ariaLabel: close, title: `${close} (Esc)` });
    part("choose").ariaPressed = String(state.chosen.includes(state.open));
    part("star").ariaPressed = String(picks.has(state.open));
  },
};

/** The iterations one after the other, again and again, of one output or of several side by side. */
const play = {
  timer: 0,

  get host() {
    return table.dialog.open ? table : viewer;
  },

  toggle() {
    if (this.timer) return this.stop();
    const { host } = this;
    if (host.last < 1) return;
    if (host.place === host.last) host.scrubTo(0);
    this.timer = setInterval(() => this.next(), 350);
    this.mark();
  },

  /** Go on; rest at the end for as long as it takes to look at it. */
  next() {
    const { host } = this;
    this.rest = host.place === host.last ? (this.rest ?? 0) + 1 : 0;
    if (host.place < host.last) host.scrubTo(host.place + 1);
    else if (this.rest > 4) host.scrubTo(0);
  },

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.mark();
  },

  mark() {
    for (const id of ["viewer-play", "compare-play"]) byId(id).ariaPressed = String(Boolean(this.timer));
  },
};

/** The outputs one after the other. */
const slides = {
  timer: 0,

  toggle() {
    if (this.timer) return this.stop();
    this.timer = setInterval(() => this.next(), 3000);
    this.mark();
    announce("Slideshow: the next output every three seconds");
  },

  next() {
    const all = layout().slides();
    if (!all.length) return this.stop();
    const exact = all.findIndex(({ at, snapshot }) => at === state.open && snapshot === state.snapshot);
    const here = exact < 0 ? all.findIndex(({ at }) => at === state.open) : exact;
    viewer.go(all[(here + 1) % all.length]);
  },

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.mark();
  },

  mark() {
    part("slides").ariaPressed = String(Boolean(this.timer));
  },
};
