// The light table: two to nine outputs at the same zoom and position, and the tray of those that
// are selected.

const table = {
  dialog: byId("compare"),

  prepare() {
    this.view = new View((view) => (byId("compare-zoom").textContent = `${view.percent} %`));
    const actions = {
      "tray-compare": () => this.open(),
      "tray-clear": () => this.clear(),
      "compare-close": () => this.leave(),
      "compare-play": () => play.toggle(),
      "compare-in": () => this.view.magnify(1.5),
      "compare-out": () => this.view.magnify(1 / 1.5),
      "compare-fit": () => this.view.reset(),
      "compare-actual": () => this.view.actual(),
      "compare-difference": () => this.toggleDifference(),
      "compare-slider": () => this.openSlider(),
    };
    for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
    byId("compare-snapshot").addEventListener("input", () => this.scrubTo(Number(byId("compare-snapshot").value)));
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.leave();
    });
    this.panes = [];
  },

  /** Select or deselect an output. */
  toggle(at) {
    const rest = state.chosen.filter((each) => each !== at);
    const added = rest.length === state.chosen.length;
    if (added && rest.length === MOST_COMPARED) return announce("Nine are selected; deselect one first");
    state.chosen = added ? [...rest, at] : rest;
    this.mark();
    if (viewer.dialog.open) viewer.show();
    writeAddress();
    announce(added ? `Selected: ${state.chosen.length} of up to ${MOST_COMPARED}` : "Deselected", viewer.dialog.open);
  },

  clear() {
    state.chosen = [];
    this.mark();
    writeAddress();
    layout().focus(0);
  },

  /** Show what is selected and picked. */
  mark() {
    layout().markAll();
    viewer.mark();
    const { chosen } = state;
    byId("tray").hidden = !chosen.length;
    document.body.classList.toggle("with-tray", chosen.length > 0);
    byId("tray-compare").disabled = chosen.length < 2;
    byId("tray-hint").textContent = chosen.length < 2 ? "Select one more to compare" : "";
    byId("tray-outputs").replaceChildren(...chosen.map((at) => this.chip(at)));
    for (const { figure, at } of this.panes) markOutput(figure, at);
  },

  chip(at) {
    const output = OUTPUTS[at];
    const item = element("li");
    const drop = buttonOf("chip", () => {
      this.toggle(at);
      (byId("tray").querySelector(".chip") ?? document.querySelector(".open"))?.focus();
    }, output.missing ? element("span", "placeholder", "missing") : smallPicture(output.thumbnail));
    drop.ariaLabel = `Deselect: ${describeOutput(output)}`;
    drop.title = `${titleOf(output)}\n${settingOf(output).name}`;
    item.append(drop);
    return item;
  },

  open() {
    if (state.chosen.length < 2) return announce("Select two outputs first");
    settleAddress();
    const within = viewer.dialog.open; // then going back leaves both
    if (within) viewer.hide();
    Object.assign(state, { comparing: true, open: null });
    this.view.start();
    writeAddress(!within);
    this.show();
  },

  leave() {
    state.comparing = false;
    this.hide();
    stepBack();
  },

  hide() {
    if (!this.dialog.open) return;
    play.stop();
    this.dialog.close();
    byId("tray-compare").focus();
  },

  /** Look at one of the outputs alone, with another one on the left side if it is named. */
  openViewer(at, other = null) {
    state.comparing = false;
    play.stop();
    this.dialog.close();
    Object.assign(state, { open: at, snapshot: snapshotAt(OUTPUTS[at], this.epoch), right: "output", difference: false });
    Object.assign(state, other === null ? { left: "content", slider: 0 } : { left: keyOf(OUTPUTS[other]), slider: 50 });
    viewer.view.zoom = this.view.zoom;
    [viewer.view.x, viewer.view.y] = [this.view.x, this.view.y];
    writeAddress();
    viewer.show();
  },

  openSlider() {
    const [one, two] = state.chosen;
    this.openViewer(two, one);
  },

  remove(at) {
    this.toggle(at);
    if (state.chosen.length < 2) this.leave();
    else this.show();
    writeAddress();
  },

  /** Update the dialog from the state. */
  show() {
    this.layOut();
    this.epochs = [...new Set(state.chosen.flatMap((at) => snapshotsOf(OUTPUTS[at]).map(({ epoch }) => epoch)))].sort((one, two) => one - two);
    byId("compare-scrubber").hidden = this.last < 1;
    byId("compare-snapshot").max = this.last;
    const facts = this.differing();
    this.panes.forEach((pane, place) => this.fill(pane, state.chosen[place], facts));
    byId("compare-slider").hidden = state.chosen.length !== 2;
    if (!this.dialog.open) {
      this.dialog.showModal();
      byId("compare-title").focus();
    }
    this.scrubTo(this.last);
    this.view.draw();
    this.mark();
  },

  /** Make as many panes as there are outputs. */
  layOut() {
    const count = state.chosen.length;
    this.dialog.dataset.count = count;
    byId("compare-title").textContent = `${count} outputs side by side`;
    while (this.panes.length > count) {
      const { figure, stage } = this.panes.pop();
      figure.remove();
      this.view.stages = this.view.stages.filter((each) => each !== stage);
    }
    while (this.panes.length < count) this.addPane(this.panes.length);
  },

  addPane(place) {
    const figure = byId("pane").content.firstElementChild.cloneNode(true);
    const find = (selector) => figure.querySelector(selector);
    byId("compare-pair").append(figure);
    const [image, before] = [find(".result"), find(".before img")];
    const stage = new Stage(find(".stage"), [image, before], this.view);
    image.addEventListener("load", () => {
      if (!OUTPUTS[state.chosen[place]]?.size) stage.setSize(image.naturalWidth, image.naturalHeight);
    });
    find(".look").addEventListener("click", () => this.openViewer(state.chosen[place]));
    find(".star").addEventListener("click", () => picks.toggle(state.chosen[place]));
    find(".drop").addEventListener("click", () => this.remove(state.chosen[place]));
    this.panes.push({ figure, image, before, stage });
  },

  /** The facts in which the settings of the outputs differ. */
  differing() {
    const settings = state.chosen.map((at) => settingOf(OUTPUTS[at]).facts);
    return Object.keys(settings[0]).filter((key) => new Set(settings.map((facts) => facts[key])).size > 1);
  },

  fill(pane, at, facts) {
    const output = OUTPUTS[at];
    const find = (selector) => pane.figure.querySelector(selector);
    pane.at = at;
    find(".look").replaceChildren(element("bdi", "", contentOf(output).name), " × ", element("bdi", "", styleOf(output).name));
    const what = facts.map((key) => `${inWords(key)} ${settingOf(output).facts[key].replaceAll(",", ", ")}`).join(" · ");
    find(".what").textContent = what || settingOf(output).label;
    find(".star").ariaLabel = `Pick: ${describeOutput(output)}`;
    find(".drop").ariaLabel = `Remove: ${describeOutput(output)}`;
    find(".placeholder").hidden = !output.missing;
    find(".placeholder").replaceChildren(element("strong", "", "missing"), " ", element("bdi", "", output.missing ?? ""));
    pane.image.hidden = Boolean(output.missing);
    pane.image.alt = describeOutput(output);
    if (output.size) pane.stage.setSize(...output.size);
  },

  get last() {
    return this.epochs.length - 1;
  },

  scrubTo(place) {
    this.place = Math.min(this.last, Math.max(0, place));
    this.epoch = this.epochs[this.place] ?? Infinity;
    const said = `${this.epoch} of ${this.epochs.at(-1)}`;
    byId("compare-snapshot").value = this.place;
    byId("compare-snapshot").ariaValueText = `iteration ${said}`;
    byId("compare-epoch").textContent = said;
    this.draw();
  },

  /** Show the iteration in each pane, and over it what is compared with it. */
  draw() {
    const address = (at) => (OUTPUTS[at].missing ? null : shownOf(OUTPUTS[at], snapshotAt(OUTPUTS[at], this.epoch)));
    this.panes.forEach(({ figure, image, before, at }) => {
      const output = OUTPUTS[at];
      if (address(at)) swapImage(image, address(at));
      const over = this.held ?? (this.difference && at !== state.chosen[0] ? state.chosen[0] : null);
      const shown = over !== null && address(over) ? address(over) : null;
      if (shown) swapImage(before, shown);
      figure.querySelector(".before").hidden = !shown;
      figure.querySelector(".layers").classList.toggle("difference", this.held === undefined && Boolean(shown));
      const { epoch } = snapshotsOf(output)[snapshotAt(output, this.epoch)];
      const [total, content, style] = (epoch === snapshotsOf(output).at(-1).epoch ? output.losses : lossesAt(output, epoch)) ?? [];
      const losses = total === undefined ? "" : `content loss ${digits(content)} · style loss ${digits(style)}`;
      figure.querySelector(".loss").textContent = losses;
    });
    byId("compare-difference").ariaPressed = String(Boolean(this.difference));
  },

  /** In all panes but the first, show how the output differs from the first. */
  toggleDifference() {
    this.difference = !this.difference;
    this.draw();
  },

  /** While a key is held, all panes show the output of this number. */
  flicker(number) {
    if (number !== null && state.chosen[number] === undefined) return;
    this.held = number === null ? undefined : state.chosen[number];
    this.draw();
  },
};
