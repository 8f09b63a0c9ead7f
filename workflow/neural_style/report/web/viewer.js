// The view of one output: before/after slider, zoom, iterations, losses and settings.

const viewer = {
  dialog: byId("viewer"),

  prepare() {
    this.view = new View((view) => (part("zoom").textContent = `${view.percent} %`));
    this.stage = new Stage(part("stage"), [part("result"), part("original")], this.view);
    slider.prepare(this.stage);
    this.stage.swiped = (step) => this.step(step);
    part("result").addEventListener("load", () => this.measure());
    part("result").addEventListener("error", () => this.showPlaceholder("the file is missing"));
    const actions = {
      previous: () => this.step(-1),
      next: () => this.step(1),
      close: () => this.leave(),
      choose: () => compare.toggle(state.open),
      in: () => this.view.magnify(1.5),
      out: () => this.view.magnify(1 / 1.5),
      fit: () => this.view.reset(),
      copy: () => this.copy(),
    };
    for (const [name, action] of Object.entries(actions)) part(name).addEventListener("click", action);
    part("snapshot").addEventListener("input", () => this.scrubTo(Number(part("snapshot").value)));
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.leave();
    });
  },

  /** Open an output; `step` adds an entry for the back button. */
  open(at, step = true) {
    settleAddress();
    Object.assign(state, { open: at, snapshot: snapshotsOf(OUTPUTS[at]).length - 1 });
    writeAddress(step);
    this.show();
  },

  leave() {
    const at = state.open;
    state.open = null;
    this.hide(at);
    stepBack();
  },

  /** Close, and focus the card of the output that was open. */
  hide(at) {
    if (!this.dialog.open) return;
    this.dialog.close();
    const place = overview.shown.indexOf(at ?? Number(this.dialog.dataset.at));
    if (place >= 0) overview.focus(place);
  },

  /** Open the previous or next output of the overview. */
  step(by) {
    const place = overview.shown.indexOf(state.open) + by;
    if (place < 0 || place >= overview.shown.length) return;
    state.open = overview.shown[place];
    state.snapshot = snapshotsOf(OUTPUTS[state.open]).length - 1;
    writeAddressSoon();
    this.show();
    announce(describeOutput(OUTPUTS[state.open]), false);
  },

  /** Update the dialog from the state. */
  show() {
    const output = OUTPUTS[state.open];
    this.dialog.dataset.at = state.open;
    part("title").replaceChildren(element("bdi", "", contentOf(output).name), " × ", element("bdi", "", styleOf(output).name));
    part("subtitle").textContent = settingOf(output).name;
    const place = overview.shown.indexOf(state.open);
    part("place").textContent = place < 0 ? "" : `${(place + 1).toLocaleString("en")} of ${overview.shown.length.toLocaleString("en")}`;
    part("previous").disabled = place <= 0;
    part("next").disabled = place < 0 || place === overview.shown.length - 1;
    this.showPanel(output);
    this.markChosen();
    if (!this.dialog.open) {
      this.dialog.showModal();
      part("title").focus();
      part("panel").scrollTop = this.dialog.scrollTop = 0;
    }
    this.showOutput(output);
  },

  showOutput(output) {
    const original = originalOf(output);
    for (const name of ["result", "before", "scrubber"]) part(name).hidden = Boolean(output.missing);
    part("before").hidden ||= !original;
    part("slider").hidden = part("before").hidden;
    part("placeholder").hidden = true;
    this.view.zoom = 1;
    this.view.x = this.view.y = 0.5;
    this.setSize(...(output.size ?? [1, 1]));
    if (original) part("original").src = original;
    const snapshots = snapshotsOf(output);
    part("snapshot").max = snapshots.length - 1;
    part("scrubber").hidden ||= snapshots.length < 2;
    this.scrub(output);
    if (output.missing) this.showPlaceholder(output.missing);
    else part("result").alt = `${describeOutput(output)}; the file ${fileOf(output)}`;
    this.view.draw();
  },

  /** Use the size of the image if the record of the run has none. */
  measure() {
    const image = part("result");
    part("placeholder").hidden = true;
    if (!OUTPUTS[state.open]?.size) this.setSize(image.naturalWidth, image.naturalHeight);
  },

  setSize(width, height) {
    part("stage").style.setProperty("--shape", width / height);
    this.stage.setSize(width, height);
  },

  showPlaceholder(reason) {
    if (state.open === null) return;
    part("placeholder").hidden = false;
    part("placeholder").replaceChildren(element("strong", "", "missing"), element("bdi", "", reason));
  },

  scrubTo(snapshot) {
    const output = OUTPUTS[state.open];
    state.snapshot = Math.min(snapshotsOf(output).length - 1, Math.max(0, snapshot));
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
    if (!output.missing) {
      swapImage(part("result"), shownOf(output, state.snapshot));
      part("file").href = fileOf(output, state.snapshot);
      for (const near of [state.snapshot - 1, state.snapshot + 1]) {
        if (snapshotsOf(output)[near]) new Image().src = shownOf(output, near);
      }
    }
    part("file").hidden = Boolean(output.missing);
    this.showLosses(output, epoch);
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
    curve.draw(part("curve"), output, epoch);
  },

  showPanel(output) {
    part("inputs").replaceChildren(inputFigure("Content", contentOf(output)), inputFigure("Style", styleOf(output)));
    const words = argumentsOf(output).flatMap((word) => [element("span", "", word), " "]);
    part("command").replaceChildren(...words.slice(0, -1));
    const run = [];
    if (output.seconds !== undefined) run.push(["time", duration(output.seconds)]);
    if (output.device !== undefined) run.push(["device", DATA.devices[output.device]]);
    if (output.finished) run.push(["finished", output.finished.replace("T", " ").replace("+00:00", " UTC")]);
    if (output.size) run.push(["pixels", output.size.join(" × ")]);
    const facts = Object.entries(settingOf(output).facts).map(([name, value]) => [name.replaceAll("_", " "), value.replaceAll(",", ", ")]);
    part("facts").replaceChildren(...[...facts, ...run].flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
  },

  markChosen() {
    part("choose").ariaPressed = String(state.chosen.includes(state.open));
  },

  async copy() {
    const text = commandOf(OUTPUTS[state.open]);
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      if (!this.copySelection()) return announce("Copying is not allowed here; the command is selected");
    }
    announce("Copied");
  },

  /** Copy where the page may not use the clipboard; leaves the command selected. */
  copySelection() {
    getSelection().selectAllChildren(part("command"));
    return document.execCommand("copy");
  },
};
