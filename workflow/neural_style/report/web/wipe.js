// The photograph under the picture, and the handle that wipes to it.

const part = (name) => byId(`viewer-${name}`);

const wipe = {
  prepare(stage) {
    this.stage = stage;
    stage.drawn = () => this.draw();
    const handle = part("wipe");
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
      this.to(state.wipe + steps[event.key]);
    });
  },

  /** From the picture to half and half, to the photograph, and back. */
  on() {
    if (!part("wipe").hidden) this.to(state.wipe < 50 ? 50 : state.wipe < 100 ? 100 : 0);
  },

  /** Show the photograph in this much of what is seen, in percent from the left. */
  to(percent) {
    state.wipe = Math.min(100, Math.max(0, percent));
    this.draw();
    writeAddressSoon();
  },

  /** What of the stage the picture takes: from left to right, in pixels. */
  visible() {
    const { left, width } = this.stage.box;
    return [Math.max(0, left), Math.min(part("stage").clientWidth, left + width)];
  },

  draw() {
    const [from, to] = this.visible();
    const at = from + ((to - from) * state.wipe) / 100;
    const { top, height } = this.stage.box;
    const room = part("stage").clientHeight;
    part("veil").style.clipPath = `inset(0 ${part("stage").clientWidth - at}px 0 0)`;
    part("wipe").style.left = `${at}px`;
    part("wipe").style.top = `${Math.max(0, top)}px`;
    part("wipe").style.height = `${Math.min(room, top + height) - Math.max(0, top)}px`;
    const inside = Math.min(part("stage").clientWidth - 22, Math.max(22, at)) - at;
    part("wipe").style.setProperty("--inside", `${inside}px`);
    part("wipe").ariaValueNow = state.wipe.toFixed(0);
    part("wipe").ariaValueText = `${state.wipe.toFixed(0)} % photograph`;
    const between = !part("wipe").hidden && state.wipe > 0;
    part("tag-left").hidden = !between || at - from < 90;
    part("tag-right").hidden = !between || to - at < 70;
    for (const [name, edge] of [["tag-left", from], ["tag-right", part("stage").clientWidth - to]]) {
      part(name).style.setProperty("--edge", `${edge}px`);
      part(name).style.top = `${Math.max(0, top)}px`;
    }
  },
};
