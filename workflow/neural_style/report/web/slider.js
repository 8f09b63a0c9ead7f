// The two sides of the viewer: any two of the output, its inputs, its iterations, and the outputs
// that are selected for comparison. A slider, a difference or a key shows one over the other.

const part = (name) => byId(`viewer-${name}`);

const slider = {
  prepare(stage) {
    this.stage = stage;
    stage.drawn = () => this.draw();
    const handle = part("slider");
    const move = (event) => {
      const [from, to] = this.visible();
      const x = event.clientX - part("stage").getBoundingClientRect().left;
      this.to((100 * (x - from)) / Math.max(1, to - from));
    };
    handle.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      handle.setPointerCapture(event.pointerId);
      handle.focus();
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (handle.hasPointerCapture(event.pointerId)) move(event);
    });
    const steps = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 };
    handle.addEventListener("keydown", (event) => {
      if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.to(state.slider + steps[event.key]);
    });
    for (const [name, percent] of [["only-left", 100], ["both", 50], ["only-right", 0]]) {
      part(name).addEventListener("click", () => this.to(percent));
    }
    part("difference").addEventListener("click", () => {
      state.difference = !state.difference;
      this.draw();
      writeAddressSoon();
    });
    for (const side of ["left", "right"]) {
      part(side).addEventListener("change", () => {
        state[side] = part(side).value;
        if (side === "left" && state.slider === 0) state.slider = 50;
        viewer.show();
        writeAddressSoon();
      });
    }
  },

  /** What can be on a side: value → [name, address]. */
  choices(output) {
    const choices = new Map();
    if (!output.missing) choices.set("output", ["Output", shownOf(output, state.snapshot)]);
    if (originalOf(output)) choices.set("content", ["Content image", originalOf(output)]);
    if (paintingOf(output)) choices.set("style", ["Style image", paintingOf(output)]);
    if (!output.missing) {
      snapshotsOf(output).forEach(({ epoch }, number) => choices.set(`epoch ${epoch}`, [`Iteration ${epoch}`, shownOf(output, number)]));
    }
    for (const at of state.chosen) {
      const other = OUTPUTS[at];
      if (at === state.open || other.missing) continue;
      choices.set(keyOf(other), [`${titleOf(other)}, ${settingOf(other).label}`, shownOf(other)]);
    }
    return choices;
  },

  /** Show what is on the two sides. */
  show(output) {
    const choices = this.choices(output);
    const input = [...choices.keys()].find((key) => key !== "output");
    const sides = { left: choices.has(state.left) ? state.left : input, right: choices.has(state.right) ? state.right : "output" };
    for (const [side, value] of Object.entries(sides)) {
      part(side).replaceChildren(...[...choices].map(([key, [name]]) => new Option(name, key)));
      part(side).value = value ?? "";
    }
    const there = choices.has(sides.left);
    const pair = there && !output.missing;
    // Of a missing output, an input can be seen alone.
    const alone = there && Boolean(output.missing) && state.slider === 100;
    part("slider").hidden = part("sides").hidden = !pair;
    part("before").hidden = !pair && !alone;
    part("result").hidden = Boolean(output.missing);
    if (there) swapImage(part("original"), choices.get(sides.left)[1]);
    if (!output.missing) swapImage(part("result"), choices.get(sides.right)[1]);
    for (const [side, tag] of [["left", "tag-left"], ["right", "tag-right"]]) {
      part(tag).textContent = choices.get(sides[side])?.[0] ?? "";
    }
    part("original").alt = choices.get(sides.left)?.[0] ?? "";
  },

  /** Step from the right side to half and half, to the left side, and back. */
  on() {
    if (!part("slider").hidden) this.to(state.slider < 50 ? 50 : state.slider < 100 ? 100 : 0);
  },

  /** Show the left side in this percentage of the visible part. */
  to(percent) {
    state.slider = Math.min(100, Math.max(0, percent));
    state.difference = false;
    this.draw();
    writeAddressSoon();
  },

  /** Show the left side alone while a key is held. */
  flicker(held) {
    this.held = held;
    this.draw();
  },

  /** The left and right edge of the visible part of the image, in pixels of the stage. */
  visible() {
    const { left, width } = this.stage.box;
    return [Math.max(0, left), Math.min(part("stage").clientWidth, left + width)];
  },

  draw() {
    const [from, to] = this.visible();
    const percent = this.held ? 100 : state.slider;
    const at = from + ((to - from) * percent) / 100;
    const { top, height } = this.stage.box;
    const room = part("stage").clientHeight;
    part("layers").classList.toggle("difference", state.difference && !part("slider").hidden);
    part("before").style.clipPath = `inset(0 ${part("stage").clientWidth - (percent === 100 ? 0 : percent === 0 ? from : at)}px 0 0)`;
    part("before").style.visibility = percent === 0 && !state.difference ? "hidden" : "visible";
    part("slider").style.visibility = state.difference ? "hidden" : "visible";
    part("slider").style.left = `${at}px`;
    part("slider").style.top = `${Math.max(0, top)}px`;
    part("slider").style.height = `${Math.min(room, top + height) - Math.max(0, top)}px`;
    const inside = Math.min(part("stage").clientWidth - 22, Math.max(22, at)) - at;
    part("slider").style.setProperty("--inside", `${inside}px`);
    part("slider").ariaValueNow = state.slider.toFixed(0);
    part("slider").ariaValueText = `${state.slider.toFixed(0)} % ${part("tag-left").textContent}`;
    for (const [name, share] of [["only-left", 100], ["both", 50], ["only-right", 0]]) {
      part(name).ariaPressed = String(!state.difference && state.slider === share);
    }
    part("difference").ariaPressed = String(state.difference);
    const between = !part("slider").hidden && percent > 0 && !state.difference;
    part("tag-left").hidden = !between || at - from < 90;
    part("tag-right").hidden = !between || to - at < 70;
    for (const [name, edge] of [["tag-left", from], ["tag-right", part("stage").clientWidth - to]]) {
      part(name).style.setProperty("--edge", `${edge}px`);
      part(name).style.top = `${Math.max(0, top)}px`;
    }
  },
};
