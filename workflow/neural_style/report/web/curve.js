// Small logarithmic plots of the content and the style loss over the iterations, with numbers, and
// those of the other outputs that are selected for comparison.

const curve = {
  width: 328,
  height: 104,
  left: 52,
  bottom: 18,

  /** Draw a loss of an output, with a mark at an iteration; `others` are drawn behind it. */
  draw(svg, name, output, epoch, others) {
    const number = LOSSES.indexOf(name);
    const lines = [output, ...others].map((each) => this.points(each, number));
    const values = lines.flat().map(([, value]) => value);
    svg.toggleAttribute("hidden", lines[0].length < 2);
    if (lines[0].length < 2) return;
    const last = Math.max(...lines.flat().map(([at]) => at));
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const span = Math.max(1e-9, Math.log(most / least));
    const plot = {
      points: lines[0],
      x: (at) => this.left + ((this.width - this.left - 8) * at) / last,
      y: (value) => 8 + ((this.height - this.bottom - 14) * Math.log(most / value)) / span,
    };
    svg.plot = plot;
    svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    svg.ariaLabel = `${LOSS_NAMES[name]} over the iterations: ${digits(lines[0][0][1])} at ${lines[0][0][0]}, ${digits(lines[0].at(-1)[1])} at ${lines[0].at(-1)[0]}`;
    const path = (points) => points.map(([at, value], place) => `${place ? "L" : "M"}${plot.x(at).toFixed(1)} ${plot.y(value).toFixed(1)}`).join("");
    const marks = [
      this.shape("path", { class: "axis", d: `M${this.left} 4V${this.height - this.bottom}H${this.width}` }),
      ...(most > least ? [most, least] : [most]).map((value) => this.text(this.left - 5, plot.y(value) + 3.5, digits(value), "end")),
      this.text(this.left, this.height - 4, "0", "middle"),
      this.text(this.width - 8, this.height - 4, String(last), "end"),
      ...lines.slice(1).map((points) => this.shape("path", { class: "other", d: path(points) })),
      this.shape("path", { class: name, d: path(lines[0]) }),
      this.shape("path", { class: "now", d: `M${plot.x(epoch)} 4V${this.height - this.bottom}` }),
    ];
    const here = lossesAt(output, epoch)?.[number];
    if (here > 0) marks.push(this.shape("circle", { class: name, cx: plot.x(epoch), cy: plot.y(here), r: 3 }));
    svg.replaceChildren(...marks);
  },

  points(output, number) {
    return settingOf(output).epochs.map((at) => [at, lossesAt(output, at)?.[number]]).filter(([, value]) => value > 0);
  },

  /** Show the value nearest to the pointer. */
  hover(svg, event) {
    const { plot } = svg;
    if (!plot) return;
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.width;
    const near = plot.points.reduce((best, point) => (Math.abs(plot.x(point[0]) - x) < Math.abs(plot.x(best[0]) - x) ? point : best));
    this.leave(svg);
    const right = plot.x(near[0]) > this.width * 0.6;
    svg.append(
      this.shape("circle", { class: "hover", cx: plot.x(near[0]), cy: plot.y(near[1]), r: 3.5 }),
      this.text(plot.x(near[0]) + (right ? -8 : 8), 14, `${digits(near[1])} at ${near[0]}`, right ? "end" : "start", "hover"),
    );
  },

  leave(svg) {
    for (const mark of svg.querySelectorAll(".hover")) mark.remove();
  },

  text(x, y, said, anchor, name = "") {
    const text = this.shape("text", { x, y, "text-anchor": anchor, class: name });
    text.textContent = said;
    return text;
  },

  shape(tag, attributes) {
    const shape = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
    return shape;
  },
};
