// Two outputs side by side at the same zoom, and the tray of those that are selected.

const compare = {
  dialog: byId("compare"),

  prepare() {
    this.view = new View((view) => (byId("compare-zoom").textContent = `${view.percent} %`));
    const actions = {
      "tray-compare": () => this.open(),
      "tray-clear": () => this.clear(),
      "compare-close": () => this.leave(),
      "compare-in": () => this.view.magnify(1.5),
      "compare-out": () => this.view.magnify(1 / 1.5),
      "compare-fit": () => this.view.reset(),
    };
    for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.leave();
    });
    this.panes = [0, 1].map(() => {
      const figure = byId("pane").content.firstElementChild.cloneNode(true);
      byId("compare-pair").append(figure);
      const image = figure.querySelector("img");
      const stage = new Stage(figure.querySelector(".stage"), [image], this.view);
      image.addEventListener("load", () => stage.setSize(image.naturalWidth, image.naturalHeight));
      return { figure, image, stage };
    });
  },

  /** Select or deselect an output; a third replaces the first. */
  toggle(at) {
    const rest = state.chosen.filter((each) => each !== at);
    const added = rest.length === state.chosen.length;
    state.chosen = added ? [...rest, at].slice(-2) : rest;
    this.mark();
    writeAddress();
    announce(added ? `Selected: ${state.chosen.length} of 2` : "Deselected", viewer.dialog.open);
  },

  clear() {
    state.chosen = [];
    this.mark();
    writeAddress();
    overview.focus(0);
  },

  /** Show what is selected. */
  mark() {
    overview.markAll();
    viewer.markChosen();
    const { chosen } = state;
    byId("tray").hidden = !chosen.length;
    document.body.classList.toggle("with-tray", chosen.length > 0);
    byId("tray-compare").disabled = chosen.length < 2;
    byId("tray-hint").textContent = chosen.length < 2 ? "Select one more to compare" : "";
    byId("tray-outputs").replaceChildren(...chosen.map((at) => this.chip(at)));
  },

  chip(at) {
    const output = OUTPUTS[at];
    const item = element("li");
    const drop = element("button", "chip");
    drop.type = "button";
    drop.ariaLabel = `Deselect: ${describeOutput(output)}`;
    drop.title = `${titleOf(output)}\n${settingOf(output).name}`;
    if (output.missing) drop.append(element("span", "placeholder", "missing"));
    else {
      const image = element("img");
      image.src = output.thumbnail;
      image.alt = "";
      drop.append(image);
    }
    drop.addEventListener("click", () => {
      this.toggle(at);
      (byId("tray").querySelector(".chip") ?? overview.list.querySelector(".open"))?.focus();
    });
    item.append(drop);
    return item;
  },

  open() {
    if (state.chosen.length < 2) return announce("Select two outputs first");
    settleAddress();
    const within = viewer.dialog.open; // then going back leaves both
    if (within) viewer.hide();
    Object.assign(state, { comparing: true, open: null });
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
    this.dialog.close();
    byId("tray-compare").focus();
  },

  /** Update the dialog from the state. */
  show() {
    const names = state.chosen.map((at) => Object.entries(settingOf(OUTPUTS[at]).facts));
    const differ = names[0].map(([name, value], number) => value !== names[1][number][1]);
    state.chosen.forEach((at, side) => {
      const output = OUTPUTS[at];
      const { figure, image, stage } = this.panes[side];
      const find = (selector) => figure.querySelector(selector);
      find("bdi").textContent = titleOf(output);
      const facts = names[side].filter((_, number) => differ[number]);
      const what = facts.map(([name, value]) => `${name.replaceAll("_", " ")} ${value.replaceAll(",", ", ")}`).join(" · ");
      find(".what").textContent = what || settingOf(output).name;
      const losses = LOSSES.map((name) => `${name} ${digits(lossOf(output, name))}`).join(" · ");
      find(".loss").textContent = output.losses ? losses : "";
      find(".placeholder").hidden = !output.missing;
      find(".placeholder").replaceChildren(element("strong", "", "missing"), element("bdi", "", output.missing ?? ""));
      image.hidden = Boolean(output.missing);
      image.alt = describeOutput(output);
      if (!output.missing) image.src = shownOf(output);
      if (output.size) stage.setSize(...output.size);
    });
    if (!this.dialog.open) {
      this.dialog.showModal();
      byId("compare-title").focus();
    }
    this.view.reset();
  },
};
