// Keys. Controls keep the keys that they use themselves. Keys that are a character can be turned
// off, for those who speak to their computer.

const keyboard = {
  prepare() {
    document.addEventListener("keydown", (event) => this.press(event));
    document.addEventListener("keyup", (event) => this.release(event));
    addEventListener("blur", () => this.letGo());
    this.characters = memory.read("keys") !== "off";
    byId("help-keys").checked = this.characters;
    byId("help-keys").addEventListener("change", () => {
      this.characters = byId("help-keys").checked;
      memory.write("keys", this.characters ? "on" : "off");
    });
  },

  press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const { target, key } = event;
    if (target.matches("input[type=search]")) return this.inSearch(event);
    const steers = key.startsWith("Arrow") || key === "Home" || key === "End";
    if (target.matches("select, textarea, input[type=text]") || (target.matches("input, .command") && steers)) return;
    if (key.length === 1 && !this.characters) return;
    if (key === " " && target.matches("button, input, summary, a")) return;
    const act = this.action(key, event.shiftKey, event.repeat);
    if (!act) return;
    event.preventDefault();
    act();
  },

  release(event) {
    if (event.key === "x" || /^[1-9]$/.test(event.key)) this.letGo();
  },

  letGo() {
    for (const each of [viewer.slider, table.slider]) if (each.held) each.flicker(null);
    if (table.held !== undefined) table.flicker(null);
  },

  /** Esc clears the search, then leaves it; arrow down goes to the outputs. */
  inSearch(event) {
    if (event.key === "ArrowDown") layout().focus(0);
    else if (event.key !== "Escape") return;
    else if (event.target.value) filters.choose("text", "");
    else event.target.blur();
    event.preventDefault();
  },

  action(key, shift, repeat) {
    if (key === "?") return () => help.toggle();
    if (help.dialog.open || picks.dialog.open) return null;
    if (key === "d") return () => theme.toggle();
    if (viewer.dialog.open) return this.inStage(viewer.view, key, shift) ?? this.inViewer(key, repeat);
    if (table.dialog.open) return this.inStage(table.view, key, shift) ?? this.onTable(key, repeat);
    return this.onOverview(key);
  },

  inStage(view, key, shift) {
    const moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
    if (moves[key] && (shift || table.dialog.open)) return () => view.move(...moves[key]);
    const zooms = {
      "+": () => view.magnify(1.5),
      "=": () => view.magnify(1.5),
      "-": () => view.magnify(1 / 1.5),
      0: () => view.reset(),
    };
    if (viewer.dialog.open) zooms[1] = () => view.actual();
    return zooms[key];
  },

  inViewer(key, repeat) {
    const rows = state.grid;
    return {
      ArrowLeft: () => viewer.step(-1),
      ArrowRight: () => viewer.step(1),
      ArrowUp: () => (rows ? viewer.step(0, -1) : viewer.scrubTo(state.snapshot + 1)),
      ArrowDown: () => (rows ? viewer.step(0, 1) : viewer.scrubTo(state.snapshot - 1)),
      ".": () => viewer.scrubTo(state.snapshot + 1),
      ",": () => viewer.scrubTo(state.snapshot - 1),
      " ": () => play.toggle(),
      s: () => slides.toggle(),
      f: () => viewer.fullScreen(),
      w: () => viewer.slider.on(),
      x: () => repeat || viewer.slider.flicker("left"),
      p: () => picks.toggle(state.open),
      c: () => table.toggle(state.open),
      v: () => table.open(),
      y: () => part("copy").click(),
    }[key];
  },

  onTable(key, repeat) {
    if (/^[1-9]$/.test(key)) return () => repeat || table.flicker(Number(key) - 1);
    return {
      ".": () => table.scrubTo(table.place + 1),
      ",": () => table.scrubTo(table.place - 1),
      " ": () => play.toggle(),
      x: () => repeat || (state.over ? table.slider.flicker("left") : table.flicker(0)),
      w: () => table.toggleSlider(),
    }[key];
  },

  onOverview(key) {
    const at = layout().focused();
    if (key.startsWith("Arrow") || key === "Home" || key === "End") return at === null ? null : () => layout().walk(key);
    if (key === "c" && at !== null) return () => table.toggle(at);
    if (key === "p" && at !== null) return () => picks.toggle(at);
    if (key === "v") return () => table.open();
    if (key === "g") return () => filters.arrange(!state.grid);
    if (key === "/") return () => byId("text").focus();
    return null;
  },
};
