// Two sides over each other, such as an output and its content image. A slider, a difference or a
// key shows one over the other. The view of one output has this, and so has the light table.

class Slider {
  /** The ids of its elements begin with the name; the owner has the stage, and `refresh` for when
   *  another side is chosen. */
  constructor(name, owner) {
    Object.assign(this, { name, owner, stage: owner.stage, choices: new Map(), listed: "" });
    this.stage.drawn = () => this.draw();
    this.listen(this.part("slider"));
    for (const [each, percent] of [["only-left", 100], ["both", 50], ["only-right", 0]]) {
      this.part(each).addEventListener("click", () => this.to(percent));
    }
    this.part("difference").addEventListener("click", () => {
      state.difference = !state.difference;
      this.draw();
      writeAddressSoon();
    });
    for (const side of ["left", "right"]) {
      this.part(side).addEventListener("change", () => {
        state[side] = this.part(side).value;
        if (side === "left" && state.slider === 0) state.slider = 50;
        owner.refresh();
        writeAddressSoon();
      });
    }
  }

  part(name) {
    return byId(`${this.name}-${name}`);
  }

  /** Let the handle follow the pointer and the keys. */
  listen(handle) {
    handle.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      handle.setPointerCapture(event.pointerId);
      handle.focus();
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const [from, to] = this.visible();
      const x = event.clientX - this.stage.element.getBoundingClientRect().left;
      this.to((100 * (x - from)) / Math.max(1, to - from));
    });
    const steps = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 };
    handle.addEventListener("keydown", (event) => {
      if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.to(state.slider + steps[event.key]);
    });
  }

  /** Show what is on the two sides.
   *  `choices`: what can be on a side, value → { name, address, group }; `usual`: what is on a side
   *  if the state names none of them. Of a missing output, an input can be seen alone. */
  show(choices, usual, missing = false) {
    this.choices = choices;
    const [left, right] = ["left", "right"].map((side) => (choices.has(state[side]) ? state[side] : usual[side]));
    const there = choices.has(left);
    const pair = there && choices.has(right) && !missing;
    this.list([left, right]);
    this.part("slider").hidden = this.part("sides").hidden = !pair;
    this.part("before").hidden = !pair && !(there && missing && state.slider === 100);
    this.part("result").hidden = missing;
    const held = choices.has(this.held) ? this.held : left;
    if (there) swapImage(this.part("original"), choices.get(held).address);
    if (!missing && choices.has(right)) swapImage(this.part("result"), choices.get(right).address);
    for (const [image, tag, value] of [["original", "tag-left", held], ["result", "tag-right", right]]) {
      const { name = "", said = name } = choices.get(value) ?? {};
      this.part(image).alt = said;
      this.part(tag).textContent = name;
    }
  }

  /** Offer the choices on both sides; an open list stays if nothing has changed. */
  list(values) {
    const listed = JSON.stringify([...this.choices].map(([value, { name, group }]) => [value, name, group]));
    ["left", "right"].forEach((side, number) => {
      if (listed !== this.listed) this.part(side).replaceChildren(...this.options());
      this.part(side).value = values[number] ?? "";
    });
    this.listed = listed;
  }

  options() {
    const groups = new Map();
    for (const [value, { name, group }] of this.choices) groups.set(group, [...(groups.get(group) ?? []), new Option(name, value)]);
    return [...groups].flatMap(([label, options]) => {
      if (!label) return options;
      const group = element("optgroup");
      group.label = label;
      group.append(...options);
      return [group];
    });
  }

  /** Step from the right side to half and half, to the left side, and back. */
  on() {
    if (!this.part("slider").hidden) this.to(state.slider < 50 ? 50 : state.slider < 100 ? 100 : 0);
  }

  /** Show the left side in this percentage of the visible part. */
  to(percent) {
    state.slider = Math.min(100, Math.max(0, percent));
    state.difference = false;
    this.draw();
    writeAddressSoon();
  }

  /** While a key is held, show one choice alone: the left side unless its value is given. */
  flicker(held) {
    this.held = held;
    this.owner.refresh();
    this.draw();
  }

  /** The left and right edge of the visible part of the image, in pixels of the stage. */
  visible() {
    const { left, width } = this.stage.box;
    return [Math.max(0, left), Math.min(this.stage.element.clientWidth, left + width)];
  }

  draw() {
    const [from, to] = this.visible();
    const percent = this.held ? 100 : state.slider;
    const at = from + ((to - from) * percent) / 100;
    const { top, height } = this.stage.box;
    const { clientWidth: wide, clientHeight: high } = this.stage.element;
    const handle = this.part("slider");
    const difference = state.difference && !this.held;
    this.part("layers").classList.toggle("difference", difference && !handle.hidden);
    this.part("before").style.clipPath = `inset(0 ${wide - (percent === 100 ? wide : at)}px 0 0)`;
    this.part("before").style.visibility = percent === 0 && !difference ? "hidden" : "visible";
    handle.style.visibility = difference ? "hidden" : "visible";
    handle.style.left = `${at}px`;
    handle.style.top = `${Math.max(0, top)}px`;
    handle.style.height = `${Math.min(high, top + height) - Math.max(0, top)}px`;
    handle.style.setProperty("--inside", `${Math.min(wide - 22, Math.max(22, at)) - at}px`);
    handle.ariaValueNow = state.slider.toFixed(0);
    handle.ariaValueText = `${state.slider.toFixed(0)} % ${this.part("tag-left").textContent}`;
    for (const [name, share] of [["only-left", 100], ["both", 50], ["only-right", 0]]) {
      this.part(name).ariaPressed = String(!state.difference && state.slider === share);
    }
    this.part("difference").ariaPressed = String(state.difference);
    const between = !handle.hidden && percent > 0 && !difference;
    this.part("tag-left").hidden = !between || at - from < 90;
    this.part("tag-right").hidden = !between || to - at < 70;
    for (const [name, edge, space] of [["tag-left", from, at - from], ["tag-right", wide - to, to - at]]) {
      this.part(name).style.setProperty("--edge", `${edge}px`);
      this.part(name).style.setProperty("--space", `${space}px`);
      this.part(name).style.top = `${Math.max(0, top)}px`;
    }
  }
}
