// Two pictures side by side at the same zoom, and the tray in which they are chosen.

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

  /** Choose a picture, or choose it no longer; of three, the first chosen goes. */
  toggle(at) {
    const rest = state.chosen.filter((each) => each !== at);
    const added = rest.length === state.chosen.length;
    state.chosen = added ? [...rest, at].slice(-2) : rest;
    this.mark();
    writeAddress();
    say(added ? `Chosen: ${state.chosen.length} of 2` : "No longer chosen", viewer.dialog.open);
  },

  clear() {
    state.chosen = [];
    this.mark();
    writeAddress();
    wall.focus(0);
  },

  /** Show everywhere what is chosen. */
  mark() {
    wall.markAll();
    viewer.markChosen();
    const { chosen } = state;
    byId("tray").hidden = !chosen.length;
    document.body.classList.toggle("with-tray", chosen.length > 0);
    byId("tray-compare").disabled = chosen.length < 2;
    byId("tray-hint").textContent = chosen.length < 2 ? "Choose one more to compare" : "";
    byId("tray-pictures").replaceChildren(...chosen.map((at) => this.chip(at)));
  },

  chip(at) {
    const picture = PICTURES[at];
    const item = element("li");
    const drop = element("button", "chip");
    drop.type = "button";
    drop.ariaLabel = `Choose no longer: ${sayPicture(picture)}`;
    drop.title = `${titleOf(picture)}\n${settingOf(picture).name}`;
    if (picture.missing) drop.append(element("span", "hole", "missing"));
    else {
      const image = element("img");
      image.src = picture.thumbnail;
      image.alt = "";
      drop.append(image);
    }
    drop.addEventListener("click", () => {
      this.toggle(at);
      (byId("tray").querySelector(".chip") ?? wall.list.querySelector(".open"))?.focus();
    });
    item.append(drop);
    return item;
  },

  open() {
    if (state.chosen.length < 2) return say("Choose two pictures first");
    settleAddress();
    const within = viewer.dialog.open; // then one step back leaves both
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

  /** Bring the dialog to what the state says. */
  show() {
    const names = state.chosen.map((at) => Object.entries(settingOf(PICTURES[at]).facts));
    const differ = names[0].map(([name, value], number) => value !== names[1][number][1]);
    state.chosen.forEach((at, side) => {
      const picture = PICTURES[at];
      const { figure, image, stage } = this.panes[side];
      const find = (selector) => figure.querySelector(selector);
      find("bdi").textContent = titleOf(picture);
      const facts = names[side].filter((_, number) => differ[number]);
      const what = facts.map(([name, value]) => `${name.replaceAll("_", " ")} ${value.replaceAll(",", ", ")}`).join(" · ");
      find(".what").textContent = what || settingOf(picture).name;
      const losses = LOSSES.map((name) => `${name} ${digits(lossOf(picture, name))}`).join(" · ");
      find(".loss").textContent = picture.losses ? losses : "";
      find(".hole").hidden = !picture.missing;
      find(".hole").replaceChildren(element("strong", "", "missing"), element("bdi", "", picture.missing ?? ""));
      image.hidden = Boolean(picture.missing);
      image.alt = sayPicture(picture);
      if (!picture.missing) image.src = shownOf(picture);
      if (picture.size) stage.setSize(...picture.size);
    });
    if (!this.dialog.open) {
      this.dialog.showModal();
      byId("compare-title").focus();
    }
    this.view.reset();
  },
};
