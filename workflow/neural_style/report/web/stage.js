// View an image: zoom, and the point in the center. Stages that share a view move together.

/** Zoom 1 shows the whole image; x and y are the point of the image in the center, 0 to 1. */
class View {
  constructor(changed) {
    this.changed = changed;
    this.stages = [];
    this.zoom = 1;
    this.x = this.y = 0.5;
  }

  /** Show the whole image as soon as there is one. */
  start() {
    this.zoom = 1;
    this.x = this.y = 0.5;
  }

  reset() {
    this.start();
    this.draw();
  }

  /** Show a pixel of the image as a pixel of the page: 100 %. */
  actual() {
    const [stage] = this.stages;
    if (stage) this.zoom = 1 / stage.fit;
    stage?.settle();
  }

  draw() {
    for (const stage of this.stages) stage.draw();
    this.changed(this);
  }

  /** Zoom by a factor about the center of the first stage. */
  magnify(factor) {
    this.stages[0]?.magnify(factor, 0, 0);
  }

  /** Move by shares of the stage. */
  move(across, down) {
    const [stage] = this.stages;
    if (stage) stage.drag(-across * stage.element.clientWidth, -down * stage.element.clientHeight);
  }

  /** The zoom in percent: screen pixels per image pixel. */
  get percent() {
    return this.stages.length ? Math.round(this.stages[0].scale * 100) : 100;
  }
}

/** An element that shows layers of the same size at a view. */
class Stage {
  constructor(host, layers, view) {
    Object.assign(this, { element: host, layers, view, width: 1, height: 1, drawn: () => {}, swiped: () => {} });
    this.pointers = new Map();
    view.stages.push(this);
    host.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    host.addEventListener("pointerdown", (event) => this.onDown(event));
    host.addEventListener("pointermove", (event) => this.onMove(event));
    for (const end of ["pointerup", "pointercancel"]) host.addEventListener(end, (event) => this.onUp(event));
    host.addEventListener("click", (event) => this.onClick(event));
    new ResizeObserver(() => this.view.draw()).observe(host);
  }

  setSize(width, height) {
    Object.assign(this, { width, height });
    this.draw();
  }

  /** Screen pixels per image pixel when the whole image is shown. */
  get fit() {
    const { clientWidth, clientHeight } = this.element;
    return Math.max(1e-6, Math.min(clientWidth / this.width, clientHeight / this.height));
  }

  get scale() {
    return this.fit * this.view.zoom;
  }

  /** The place of the image in the stage: left, top, width and height in screen pixels. */
  get box() {
    const [width, height] = [this.width * this.scale, this.height * this.scale];
    const { clientWidth, clientHeight } = this.element;
    const place = (room, size, at) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, room / 2 - at * size)));
    return { left: place(clientWidth, width, this.view.x), top: place(clientHeight, height, this.view.y), width, height };
  }

  draw() {
    const { left, top } = this.box;
    for (const layer of this.layers) {
      layer.style.width = `${this.width}px`;
      layer.style.height = `${this.height}px`;
      layer.style.transform = `translate(${left}px, ${top}px) scale(${this.scale})`;
      layer.style.imageRendering = this.scale * devicePixelRatio >= 4 ? "pixelated" : "auto";
    }
    this.element.classList.toggle("movable", this.view.zoom > 1);
    this.drawn();
  }

  /** Zoom about a point, given from the center of the stage; that point of the image stays. */
  magnify(factor, across, down) {
    const { view } = this;
    const before = this.box;
    const middle = [this.element.clientWidth / 2 + across, this.element.clientHeight / 2 + down];
    const point = [(middle[0] - before.left) / before.width, (middle[1] - before.top) / before.height];
    const most = Math.max(8, 16 / this.fit);
    view.zoom = Math.min(most, Math.max(Math.min(1, view.zoom), view.zoom * factor));
    view.x = point[0] - across / (this.width * this.scale);
    view.y = point[1] - down / (this.height * this.scale);
    this.settle();
  }

  drag(across, down) {
    this.dragged = true;
    this.view.x -= across / (this.width * this.scale);
    this.view.y -= down / (this.height * this.scale);
    this.settle();
  }

  /** Keep the view inside the image. */
  settle() {
    const { left, top, width, height } = this.box;
    this.view.x = (this.element.clientWidth / 2 - left) / width;
    this.view.y = (this.element.clientHeight / 2 - top) / height;
    this.view.draw();
  }

  fromMiddle(x, y) {
    const box = this.element.getBoundingClientRect();
    return [x - box.left - box.width / 2, y - box.top - box.height / 2];
  }

  onWheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 20 : event.deltaMode === 2 ? 400 : 1);
    const speed = event.ctrlKey ? 0.01 : 0.002; // a pinch on a touchpad sends small wheel events
    this.magnify(Math.exp(-pixels * speed), ...this.fromMiddle(event.clientX, event.clientY));
  }

  onDown(event) {
    if (event.button || event.target.closest("[role=slider]")) return;
    this.element.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.start = this.pointers.size === 1 ? { x: event.clientX, y: event.clientY } : null;
    this.dragged = false;
  }

  onMove(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const before = this.spread();
    const moved = [event.clientX - last.x, event.clientY - last.y];
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.pointers.size === 1) return this.drag(...moved);
    const now = this.spread();
    this.drag(moved[0] / this.pointers.size, moved[1] / this.pointers.size);
    this.magnify(now.distance / Math.max(1, before.distance), ...this.fromMiddle(now.x, now.y));
  }

  onUp(event) {
    if (!this.pointers.delete(event.pointerId) || this.pointers.size) return;
    const { start } = this;
    if (event.type !== "pointerup" || event.pointerType !== "touch" || !start || this.view.zoom > 1) return;
    const [across, down] = [event.clientX - start.x, event.clientY - start.y];
    const [wide, high] = [Math.abs(across), Math.abs(down)];
    if (Math.max(wide, high) < 60) return;
    if (wide > 2 * high) this.swiped(across < 0 ? 1 : -1, 0);
    else if (high > 2 * wide) this.swiped(0, down < 0 ? 1 : -1);
  }

  /** One click moves the point to the center, so that nobody has to drag; two zoom. */
  onClick(event) {
    if (event.target.closest("[role=slider]") || this.dragged) return;
    clearTimeout(this.clicked);
    const point = this.fromMiddle(event.clientX, event.clientY);
    if (event.detail > 1) return this.onDouble(point);
    this.clicked = setTimeout(() => {
      if (this.view.zoom > 1) this.drag(-point[0], -point[1]);
    }, 250);
  }

  /** Zoom to 100 % about the point, also from an image that is larger than that; and back. */
  onDouble(point) {
    if (this.view.zoom !== 1) return this.view.reset();
    if (this.fit < 1) this.magnify(1 / this.fit, ...point);
    else this.view.actual();
  }

  /** The center of the pointers and the distance of the first two. */
  spread() {
    const [one, two = one] = [...this.pointers.values()];
    return { x: (one.x + two.x) / 2, y: (one.y + two.y) / 2, distance: Math.hypot(one.x - two.x, one.y - two.y) };
  }
}

/** Show an image once it is decoded, unless another is requested meanwhile. */
function swapImage(image, address) {
  if (image.dataset.wanted === address) return;
  image.dataset.wanted = address;
  const next = new Image();
  next.src = address;
  const show = () => {
    if (image.dataset.wanted === address) image.src = address;
  };
  next.decode().then(show, show);
}
