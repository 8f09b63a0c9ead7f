// The keys. Controls that use a key themselves keep it.

const keyboard = {
  prepare() {
    document.addEventListener("keydown", (event) => this.press(event));
  },

  press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const { target, key } = event;
    if (target.matches("input[type=search]")) return this.inSearch(event);
    const steers = key.startsWith("Arrow") || key === "Home" || key === "End";
    if (target.matches("select") || (target.matches("input, .command") && steers)) return;
    const act = this.action(key, event.shiftKey);
    if (!act) return;
    event.preventDefault();
    act();
  },

  /** Esc empties the search first, then leaves it; arrow down goes to the pictures. */
  inSearch(event) {
    if (event.key === "ArrowDown") wall.focus(0);
    else if (event.key !== "Escape") return;
    else if (event.target.value) filters.choose("text", "");
    else event.target.blur();
    event.preventDefault();
  },

  action(key, shift) {
    if (key === "?") return () => help.toggle();
    if (help.dialog.open) return null;
    if (key === "d") return () => theme.toggle();
    if (viewer.dialog.open) return this.inStage(viewer.view, key, shift) ?? this.inViewer(key);
    if (compare.dialog.open) return this.inStage(compare.view, key, shift);
    return this.onWall(key);
  },

  inStage(view, key, shift) {
    const moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
    if (moves[key] && (shift || compare.dialog.open)) return () => view.move(...moves[key]);
    const zooms = {
      "+": () => view.magnify(1.5),
      "=": () => view.magnify(1.5),
      "-": () => view.magnify(1 / 1.5),
      0: () => view.reset(),
    };
    return zooms[key];
  },

  inViewer(key) {
    return {
      ArrowLeft: () => viewer.step(-1),
      ArrowRight: () => viewer.step(1),
      ArrowUp: () => viewer.scrubTo(state.snapshot + 1),
      ArrowDown: () => viewer.scrubTo(state.snapshot - 1),
      w: () => wipe.on(),
      c: () => compare.toggle(state.open),
      v: () => compare.open(),
      y: () => viewer.copy(),
    }[key];
  },

  onWall(key) {
    const place = wall.focused();
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wall.columns, ArrowDown: wall.columns };
    if (key in steps && place >= 0) return () => this.walk(place, steps[key]);
    if (key === "Home" && place >= 0) return () => wall.focus(0);
    if (key === "End" && place >= 0) return () => wall.focus(wall.shown.length - 1);
    if (key === "c" && place >= 0) return () => compare.toggle(wall.shown[place]);
    if (key === "v") return () => compare.open();
    if (key === "/") return () => byId("text").focus();
    return null;
  },

  /** To a neighbor on the wall, if there is one. */
  walk(place, step) {
    const next = place + step;
    if (next >= 0 && (next < wall.shown.length || step > 1)) wall.focus(next);
  },
};
