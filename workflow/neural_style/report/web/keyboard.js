// Keys. Controls keep the keys that they use themselves.

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

  /** Esc clears the search, then leaves it; arrow down goes to the outputs. */
  inSearch(event) {
    if (event.key === "ArrowDown") overview.focus(0);
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
    return this.onOverview(key);
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
      w: () => slider.on(),
      c: () => compare.toggle(state.open),
      v: () => compare.open(),
      y: () => viewer.copy(),
    }[key];
  },

  onOverview(key) {
    const place = overview.focused();
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -overview.columns, ArrowDown: overview.columns };
    if (key in steps && place >= 0) return () => this.walk(place, steps[key]);
    if (key === "Home" && place >= 0) return () => overview.focus(0);
    if (key === "End" && place >= 0) return () => overview.focus(overview.shown.length - 1);
    if (key === "c" && place >= 0) return () => compare.toggle(overview.shown[place]);
    if (key === "v") return () => compare.open();
    if (key === "/") return () => byId("text").focus();
    return null;
  },

  /** Go to a neighbor, if there is one. */
  walk(place, step) {
    const next = place + step;
    if (next >= 0 && (next < overview.shown.length || step > 1)) overview.focus(next);
  },
};
