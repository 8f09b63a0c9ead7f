// A small logarithmic plot of total, content and style loss over the iterations.

const curve = {
  width: 320,
  height: 96,

  /** Draw the losses of an output, with a line at an iteration. */
  draw(svg, output, epoch) {
    const known = settingOf(output).epochs.map((at) => [at, lossesAt(output, at)]).filter(([, losses]) => losses);
    const values = known.flatMap(([, losses]) => losses).filter((value) => value > 0);
    svg.toggleAttribute("hidden", known.length < 2 || !values.length);
    if (known.length < 2 || !values.length) return;
    const last = settingOf(output).epochs.at(-1);
    const [least, most] = [Math.min(...values), Math.max(...values)].map(Math.log);
    const x = (at) => 2 + ((this.width - 4) * at) / last;
    const y = (value) => 6 + ((this.height - 12) * (most - Math.log(value))) / Math.max(1e-9, most - least);
    svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    const marks = [this.line("now", `M${x(epoch)} 0V${this.height}`)];
    LOSSES.forEach((name, number) => {
      const points = known.filter(([, losses]) => losses[number] > 0);
      marks.push(this.line(name, points.map(([at, losses], place) => `${place ? "L" : "M"}${x(at).toFixed(1)} ${y(losses[number]).toFixed(1)}`).join("")));
      const here = lossesAt(output, epoch)?.[number];
      if (here > 0) marks.push(this.dot(name, x(epoch), y(here)));
    });
    svg.replaceChildren(...marks);
  },

  line(name, path) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("class", name);
    line.setAttribute("d", path);
    return line;
  },

  dot(name, x, y) {
    const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    for (const [key, value] of Object.entries({ class: name, cx: x, cy: y, r: 3 })) dot.setAttribute(key, value);
    return dot;
  },
};
