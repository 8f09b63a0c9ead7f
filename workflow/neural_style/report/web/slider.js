// The before/after slider: the content image over the left part of the output.

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
  },

  /** Step from the output to half and half, to the content image, and back. */
  on() {
    if (!part("slider").hidden) this.to(state.slider < 50 ? 50 : state.slider < 100 ? 100 : 0);
  },

  /** Show the content image in this percentage of the visible part, from the left. */
  to(percent) {
    state.slider = Math.min(100, Math.max(0, percent));
    this.draw();
    writeAddressSoon();
  },

  /** The left and right edge of the visible part of the image, in pixels of the stage. */
  visible() {
    const { left, width } = this.stage.box;
    return [Math.max(0, left), Math.min(part("stage").clientWidth, left + width)];
  },

  draw() {
    const [from, to] = this.visible();
    const at = from + ((to - from) * state.slider) / 100;
    const { top, height } = this.stage.box;
    const room = part("stage").clientHeight;
    part("before").style.clipPath = `inset(0 ${part("stage").clientWidth - at}px 0 0)`;
    part("slider").style.left = `${at}px`;
    part("slider").style.top = `${Math.max(0, top)}px`;
    part("slider").style.height = `${Math.min(room, top + height) - Math.max(0, top)}px`;
    const inside = Math.min(part("stage").clientWidth - 22, Math.max(22, at)) - at;
    part("slider").style.setProperty("--inside", `${inside}px`);
    part("slider").ariaValueNow = state.slider.toFixed(0);
    part("slider").ariaValueText = `${state.slider.toFixed(0)} % content image`;
    const between = !part("slider").hidden && state.slider > 0;
    part("tag-left").hidden = !between || at - from < 90;
    part("tag-right").hidden = !between || to - at < 70;
    for (const [name, edge] of [["tag-left", from], ["tag-right", part("stage").clientWidth - to]]) {
      part(name).style.setProperty("--edge", `${edge}px`);
      part(name).style.top = `${Math.max(0, top)}px`;
    }
  },
};
