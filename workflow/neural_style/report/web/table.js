// The light table: two to nine outputs at the same zoom and position, side by side or two of them
// over each other, and the tray of those that are selected.

const table = {
  dialog: byId("compare"),

  prepare() {
    this.view = new View((view) => (byId("compare-zoom").textContent = `${view.percent} %`));
    this.stage = new Stage(byId("over-stage"), [byId("over-result"), byId("over-original")], this.view);
    this.slider = new Slider("over", this);
    byId("over-result").addEventListener("load", () => {
      if (!this.size) this.stage.setSize(byId("over-result").naturalWidth, byId("over-result").naturalHeight);
    });
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
      "compare-slider": () => this.toggleSlider(),
    };
    for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
    byId("compare-snapshot").addEventListener("input", () => this.scrubTo(Number(byId("compare-snapshot").value)));
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      if (state.over) this.toggleSlider();
      else this.leave();
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
    if (state.alone) return this.comeBack();
    settleAddress();
    const within = viewer.dialog.open; // then going back leaves both
    if (within) viewer.hide();
    Object.assign(state, { comparing: true, open: null, over: false, alone: false });
    this.view.start();
    writeAddress(!within);
    this.show();
  },

  leave() {
    state.comparing = state.over = false;
    this.hide();
    stepBack();
  },

  hide() {
    if (!this.dialog.open) return;
    play.stop();
    this.dialog.close();
    byId("tray-compare").focus();
  },

  /** Look at one of the outputs alone; closing it leads back. */
  openViewer(at) {
    settleAddress();
    Object.assign(state, { comparing: false, alone: true });
    play.stop();
    this.dialog.close();
    Object.assign(state, { open: at, snapshot: snapshotAt(OUTPUTS[at], this.epoch) });
    Object.assign(state, { left: "content", right: "output", slider: 0, difference: false });
    viewer.view.zoom = this.view.zoom;
    [viewer.view.x, viewer.view.y] = [this.view.x, this.view.y];
    writeAddress(true);
    viewer.show();
  },

  /** Show all again, as the output that was open alone: same iteration, zoom, and position. */
  comeBack() {
    const { epoch } = snapshotsOf(OUTPUTS[state.open])[state.snapshot];
    const place = state.chosen.indexOf(state.open);
    const last = state.snapshot === lastOf(OUTPUTS[state.open]);
    viewer.close();
    Object.assign(state, { comparing: true, open: null, alone: false });
    this.view.zoom = viewer.view.zoom;
    [this.view.x, this.view.y] = [viewer.view.x, viewer.view.y];
    stepBack(1);
    this.show();
    if (!last) this.scrubTo(this.epochs.findLastIndex((each) => each <= epoch));
    this.panes[place]?.figure.querySelector(".look").focus();
  },

  /** Show two of the outputs over each other, or all side by side again. */
  toggleSlider() {
    if (!state.over && this.made.length < 2) return announce("Two of the outputs must be there");
    state.over = !state.over;
    if (state.over) Object.assign(state, { slider: 50, difference: false });
    this.arrange();
    const place = document.activeElement;
    if (!place.checkVisibility() || !place.matches("button, input, select")) byId(state.over ? "over-slider" : "compare-slider").focus();
    writeAddress();
  },

  /** Show all side by side, or two over each other; zoom and position stay. */
  arrange() {
    this.settle();
    this.dialog.classList.toggle("over", state.over);
    byId("compare-title").textContent = `${state.chosen.length} outputs ${state.over ? "with a slider" : "side by side"}`;
    byId("compare-slider").ariaPressed = String(state.over);
    byId("compare-difference").hidden = state.over;
    this.view.stages = state.over ? [this.stage] : this.panes.map(({ stage }) => stage);
    this.draw();
    this.view.draw();
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
    this.facts = this.differing();
    this.panes.forEach((pane, place) => this.fill(pane, state.chosen[place], place + 1));
    byId("compare-note").textContent = whyNotCompared(["content", "style"], state.chosen.map((at) => OUTPUTS[at]));
    byId("compare-slider").hidden = this.made.length < 2;
    if (!this.dialog.open) {
      this.dialog.showModal();
      byId("compare-title").focus();
    }
    this.settle();
    this.scrubTo(this.last);
    this.arrange();
    this.mark();
  },

  /** Make as many panes as there are outputs. */
  layOut() {
    const count = state.chosen.length;
    this.dialog.dataset.count = count;
    while (this.panes.length > count) this.panes.pop().figure.remove();
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

  /** The facts in which the settings of the outputs differ; null if they have names. */
  differing() {
    const settings = state.chosen.map((at) => settingOf(OUTPUTS[at]));
    if (settings.some(({ named }) => named)) return null;
    return Object.keys(settings[0].facts).filter((key) => new Set(settings.map(({ facts }) => facts[key])).size > 1);
  },

  /** What an output's setting has that the others have not. */
  whatOf(output) {
    const { facts, label } = settingOf(output);
    return this.facts?.map((key) => `${inWords(key)} ${facts[key].replaceAll(",", ", ")}`).join(" · ") || label;
  },

  /** What tells an output from the others. */
  shortName(output) {
    const others = state.chosen.map((at) => OUTPUTS[at]);
    const images = ["content", "style"].filter((kind) => others.some((other) => other[kind] !== output[kind]));
    const names = images.map((kind) => isolate(shorten((kind === "content" ? contentOf : styleOf)(output).name)));
    const alike = others.every((other) => other.setting === output.setting);
    return [names.join(" × "), alike ? "" : this.whatOf(output)].filter(Boolean).join(", ");
  },

  fill(pane, at, number) {
    const output = OUTPUTS[at];
    const find = (selector) => pane.figure.querySelector(selector);
    pane.at = at;
    const alike = state.chosen.every((each) => OUTPUTS[each].content === output.content);
    const [title, content, style] = [element("span", "title"), element("span", alike ? "alike" : ""), element("bdi")];
    content.append(element("bdi", "", contentOf(output).name), element("span", "", " × "));
    style.append(...piecesOf(styleOf(output).name));
    title.append(content, style);
    find(".look").replaceChildren(element("span", "number", String(number)), " ", title);
    find(".what").textContent = this.whatOf(output);
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

  /** The outputs that are there, with their numbers. */
  get made() {
    return [...state.chosen.entries()].map(([place, at]) => [place + 1, OUTPUTS[at]]).filter(([, output]) => !output.missing);
  },

  /** What can be on a side of the slider: the outputs at the iteration that is shown, their inputs,
   *  and every iteration of the outputs that are on a side. */
  choices() {
    const choices = new Map();
    const add = (value, group, name, address, size) => address && !choices.has(value) && choices.set(value, { name, group, address, size });
    const { made } = this;
    for (const [number, output] of made) add(keyOf(output), "Outputs", `${number}: ${this.shortName(output)}`, shownOf(output, snapshotAt(output, this.epoch)), output.size);
    for (const [, output] of made) add(`content ${contentOf(output).id}`, "Inputs", `Content image ${isolate(contentOf(output).name)}`, originalOf(output));
    for (const [, output] of made) add(`style ${styleOf(output).id}`, "Inputs", `Style image ${isolate(styleOf(output).name)}`, paintingOf(output));
    for (const [number, output] of made) {
      const key = keyOf(output);
      if (![state.left, state.right].some((side) => ` ${side}`.endsWith(` ${key}`))) continue;
      snapshotsOf(output).forEach(({ epoch }, snapshot) => add(`epoch ${epoch} ${key}`, `Iterations of ${number}`, `${number}: iteration ${epoch}`, shownOf(output, snapshot), output.size));
    }
    return choices;
  },

  /** Show a slider only between two outputs that are there. A side whose image is not there gets one of them. */
  settle() {
    state.over &&= this.made.length > 1;
    if (!state.over) return;
    const choices = this.choices();
    const [one, two] = this.made.map(([, output]) => keyOf(output));
    if (!choices.has(state.left)) state.left = state.right === one ? two : one;
    if (!choices.has(state.right)) state.right = state.left === one ? two : one;
  },

  /** Show the two sides again, after another one is chosen. */
  refresh() {
    if (!state.over) return;
    const choices = this.choices();
    this.slider.show(choices, {});
    this.size = choices.get(state.right).size ?? choices.get(state.left).size;
    if (this.size) this.stage.setSize(...this.size);
  },

  /** Show the iteration in each pane, and over it what is compared with it. */
  draw() {
    if (state.over) return this.refresh();
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
    if (state.over && this.held === undefined) return this.slider.flicker(number === null ? null : keyOf(OUTPUTS[state.chosen[number]]));
    this.held = number === null ? undefined : state.chosen[number];
    this.draw();
  },
};
