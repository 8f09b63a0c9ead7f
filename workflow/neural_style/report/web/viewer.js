// One picture: wiped with its photograph, zoomed, over its epochs, with its losses and settings.

const viewer = {
  dialog: byId("viewer"),

  prepare() {
    this.view = new View((view) => (part("zoom").textContent = `${view.percent} %`));
    this.stage = new Stage(part("stage"), [part("result"), part("original")], this.view);
    wipe.prepare(this.stage);
    this.stage.swiped = (step) => this.step(step);
    part("result").addEventListener("load", () => this.measure());
    part("result").addEventListener("error", () => this.hole("the file is not where it was"));
    const actions = {
      back: () => this.step(-1),
      forth: () => this.step(1),
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

  /** Open a picture; `step` makes a step for the back button. */
  open(at, step = true) {
    settleAddress();
    Object.assign(state, { open: at, snapshot: snapshotsOf(PICTURES[at]).length - 1 });
    writeAddress(step);
    this.show();
  },

  leave() {
    const at = state.open;
    state.open = null;
    this.hide(at);
    stepBack();
  },

  /** Close, and put the focus onto the card of the picture that was open. */
  hide(at) {
    if (!this.dialog.open) return;
    this.dialog.close();
    const place = wall.shown.indexOf(at ?? Number(this.dialog.dataset.at));
    if (place >= 0) wall.focus(place);
  },

  /** The previous or next picture of the wall. */
  step(by) {
    const place = wall.shown.indexOf(state.open) + by;
    if (place < 0 || place >= wall.shown.length) return;
    state.open = wall.shown[place];
    state.snapshot = snapshotsOf(PICTURES[state.open]).length - 1;
    writeAddressSoon();
    this.show();
    say(sayPicture(PICTURES[state.open]), false);
  },

  /** Bring the dialog to what the state says. */
  show() {
    const picture = PICTURES[state.open];
    this.dialog.dataset.at = state.open;
    part("title").replaceChildren(element("bdi", "", contentOf(picture).name), " × ", element("bdi", "", styleOf(picture).name));
    part("subtitle").textContent = settingOf(picture).name;
    const place = wall.shown.indexOf(state.open);
    part("place").textContent = place < 0 ? "" : `${(place + 1).toLocaleString("en")} of ${wall.shown.length.toLocaleString("en")}`;
    part("back").disabled = place <= 0;
    part("forth").disabled = place < 0 || place === wall.shown.length - 1;
    this.showPanel(picture);
    this.markChosen();
    if (!this.dialog.open) {
      this.dialog.showModal();
      part("title").focus();
      part("panel").scrollTop = this.dialog.scrollTop = 0;
    }
    this.showPicture(picture);
  },

  showPicture(picture) {
    const original = originalOf(picture);
    for (const name of ["result", "veil", "scrubber"]) part(name).hidden = Boolean(picture.missing);
    part("veil").hidden ||= !original;
    part("wipe").hidden = part("veil").hidden;
    part("hole").hidden = true;
    this.view.zoom = 1;
    this.view.x = this.view.y = 0.5;
    this.setSize(...(picture.size ?? [1, 1]));
    if (original) part("original").src = original;
    const snapshots = snapshotsOf(picture);
    part("snapshot").max = snapshots.length - 1;
    part("scrubber").hidden ||= snapshots.length < 2;
    this.scrub(picture);
    if (picture.missing) this.hole(picture.missing);
    else part("result").alt = `${sayPicture(picture)}; the file ${fileOf(picture)}`;
    this.view.draw();
  },

  /** The size of pictures whose run says none. */
  measure() {
    const image = part("result");
    part("hole").hidden = true;
    if (!PICTURES[state.open]?.size) this.setSize(image.naturalWidth, image.naturalHeight);
  },

  setSize(width, height) {
    part("stage").style.setProperty("--shape", width / height);
    this.stage.setSize(width, height);
  },

  hole(reason) {
    if (state.open === null) return;
    part("hole").hidden = false;
    part("hole").replaceChildren(element("strong", "", "missing"), element("bdi", "", reason));
  },

  scrubTo(snapshot) {
    const picture = PICTURES[state.open];
    state.snapshot = Math.min(snapshotsOf(picture).length - 1, Math.max(0, snapshot));
    this.scrub(picture);
    writeAddressSoon();
  },

  /** Show the picture and the losses of the chosen epoch. */
  scrub(picture) {
    const { epoch } = snapshotsOf(picture)[state.snapshot];
    const last = settingOf(picture).epochs.at(-1);
    part("snapshot").value = state.snapshot;
    part("snapshot").ariaValueText = `epoch ${epoch} of ${last}`;
    part("epoch").textContent = `${epoch} of ${last}`;
    if (!picture.missing) {
      swapImage(part("result"), shownOf(picture, state.snapshot));
      part("file").href = fileOf(picture, state.snapshot);
      for (const near of [state.snapshot - 1, state.snapshot + 1]) {
        if (snapshotsOf(picture)[near]) new Image().src = shownOf(picture, near);
      }
    }
    part("file").hidden = Boolean(picture.missing);
    this.showLosses(picture, epoch);
  },

  showLosses(picture, epoch) {
    const here = lossesAt(picture, epoch);
    part("at").textContent = `epoch ${epoch}`;
    part("losses-title").parentElement.hidden = !here && !picture.losses;
    LOSSES.forEach((name, number) => {
      const [at, saved] = this.dialog.querySelectorAll(`.losses .${name} td`);
      at.textContent = digits(here?.[number]);
      saved.textContent = digits(lossOf(picture, name));
    });
    curve.draw(part("curve"), picture, epoch);
  },

  showPanel(picture) {
    part("parents").replaceChildren(figureOf("Photograph", contentOf(picture)), figureOf("Style", styleOf(picture)));
    const words = wordsOf(picture).flatMap((word) => [element("span", "", word), " "]);
    part("command").replaceChildren(...words.slice(0, -1));
    const run = [];
    if (picture.seconds !== undefined) run.push(["time", duration(picture.seconds)]);
    if (picture.device !== undefined) run.push(["made on", DATA.devices[picture.device]]);
    if (picture.finished) run.push(["finished", picture.finished.replace("T", " ").replace("+00:00", " UTC")]);
    if (picture.size) run.push(["pixels", picture.size.join(" × ")]);
    const facts = Object.entries(settingOf(picture).facts).map(([name, value]) => [name.replaceAll("_", " "), value.replaceAll(",", ", ")]);
    part("facts").replaceChildren(...[...facts, ...run].flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
  },

  markChosen() {
    part("choose").ariaPressed = String(state.chosen.includes(state.open));
  },

  async copy() {
    const text = commandOf(PICTURES[state.open]);
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      if (!this.copySelection()) return say("Copying is not allowed here: the command is selected");
    }
    say("Copied");
  },

  /** The old way, for pages that may not use the clipboard; leaves the command selected. */
  copySelection() {
    getSelection().selectAllChildren(part("command"));
    return document.execCommand("copy");
  },
};
