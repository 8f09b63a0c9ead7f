// The outputs in a grid with two axes, such as styles down and betas across. What is not an axis is
// chosen by the filters. Only cells near the window are in the document.

const matrix = {
  host: byId("matrix"),
  body: byId("matrix-body"),
  head: byId("matrix-head"),
  cells: new Map(), // "row column" → cell
  lines: new Map(), // row → its element
  rows: [],
  columns: [],

  prepare() {
    this.host.addEventListener("scroll", follow(() => this.draw()), { passive: true });
    this.body.addEventListener("click", (event) => {
      const cell = event.target.closest(".cell");
      if (cell) viewer.open(Number(cell.dataset.at), Number(cell.dataset.snapshot));
    });
    this.body.addEventListener("focusin", (event) => {
      const cell = event.target.closest(".cell");
      if (cell) this.current = [Number(cell.dataset.row), Number(cell.dataset.column)];
    });
  },

  /** Axes that can be chosen. */
  get choices() {
    return [...AXES.filter(({ values }) => values.length > 1), ...(EPOCHS.length > 1 ? [EPOCH_AXIS] : [])];
  },

  /** The two axes: those of the state, or else what varies most usefully. */
  get axes() {
    const all = this.choices.length > 1 ? this.choices : [...this.choices, ...AXES.filter((axis) => !this.choices.includes(axis))];
    const usual = [all.find(({ key }) => key === "style"), ...all.filter(({ key }) => !["content", "style"].includes(key)), ...all].filter(Boolean);
    const rows = all.find(({ key }) => key === state.rows) ?? usual.find(({ key }) => key !== state.columns);
    const columns = all.find(({ key }) => key === state.columns && key !== rows.key) ?? usual.find((axis) => axis !== rows);
    return [rows, columns];
  },

  /** The axes that may need one value each, since they are not in the grid; not the setting if one
   *  of its keys is in it. */
  get others() {
    const keys = this.axes.some(({ key }) => !["content", "style", "setting", "epoch"].includes(key));
    return AXES.filter((axis) => axis.values.length > 1 && !this.axes.includes(axis) && !(keys && axis.key === "setting"));
  },

  /** Whether each of these outputs has a cell of its own. */
  holds(shown) {
    const axes = this.axes.filter((axis) => axis !== EPOCH_AXIS);
    return new Set(shown.map((at) => axes.map((axis) => axis.of(OUTPUTS[at])).join(" "))).size === shown.length;
  },

  /** Show these outputs: the first of each cell. */
  show(shown) {
    this.shown = shown;
    const [rows, columns] = this.axes;
    const found = new Map();
    const place = (axis, output, snapshot) => (axis === EPOCH_AXIS ? EPOCHS.indexOf(snapshotsOf(output)[snapshot].epoch) : axis.of(output));
    for (const at of shown) {
      const output = OUTPUTS[at];
      const snapshots = this.axes.includes(EPOCH_AXIS) ? snapshotsOf(output).keys() : [lastOf(output)];
      for (const snapshot of snapshots) {
        const key = `${place(rows, output, snapshot)} ${place(columns, output, snapshot)}`;
        if (found.has(key)) found.get(key).more += 1;
        else found.set(key, { at, snapshot, more: 0 });
      }
    }
    this.found = found;
    const keys = [...found.keys()].map((key) => key.split(" ").map(Number));
    [this.rows, this.columns] = [0, 1].map((side) => [...new Set(keys.map((key) => key[side]))].sort((one, two) => one - two));
    this.current = this.first;
    this.measure();
  },

  measure() {
    for (const line of this.lines.values()) line.remove();
    this.lines.clear();
    this.cells.clear();
    const [rows, columns] = this.axes;
    const phone = innerWidth < 704;
    this.side = phone ? 104 : 168;
    const size = Number(byId("card-size").value) * (phone ? 0.5 : 1);
    const room = (this.host.clientWidth - this.side) / Math.max(1, this.columns.length) - 8;
    this.width = Math.round(Math.min(size, Math.max(size * 0.7, room)));
    this.frame = Math.round(this.width / overview.aspect.call(this));
    [this.across, this.down] = [this.width + 8, this.frame + 8];
    this.host.style.setProperty("--side-width", `${this.side}px`);
    this.host.style.setProperty("--cell-width", `${this.width}px`);
    this.host.style.setProperty("--head", columns.values[0]?.image ? "5.5rem" : "3rem");
    this.host.style.setProperty("--frame", `${this.frame}px`);
    const total = `${this.side + this.columns.length * this.across}px`;
    this.body.style.width = this.head.style.width = total;
    this.body.style.height = `${this.rows.length * this.down}px`;
    this.host.ariaRowCount = this.rows.length + 1;
    this.host.ariaColCount = this.columns.length + 1;
    byId("matrix-corner").textContent = `${rows.name}\u00a0↓  ${columns.name}\u00a0→`;
    this.heads = new Map();
    this.head.replaceChildren(byId("matrix-corner"));
    this.draw();
  },

  /** Add the cells near the window to the document, and remove the others. */
  draw() {
    if (!state.grid || !this.found) return;
    const near = (from, room, step, count) => [
      Math.max(0, Math.floor((from - room) / step)),
      Math.min(count, Math.ceil((from + 2 * room) / step)),
    ];
    const [top, bottom] = near(this.host.scrollTop, this.host.clientHeight, this.down, this.rows.length);
    const [left, right] = near(this.host.scrollLeft, this.host.clientWidth, this.across, this.columns.length);
    this.drawHead(left, right);
    for (const [row, line] of this.lines) {
      if ((row >= top && row < bottom) || line.contains(document.activeElement)) continue;
      for (const cell of line.querySelectorAll(".cell")) this.cells.delete(`${row} ${cell.dataset.column}`);
      line.remove();
      this.lines.delete(row);
    }
    for (let row = top; row < bottom; row += 1) {
      const line = this.lines.get(row) ?? this.addLine(row);
      for (let column = left; column < right; column += 1) {
        const key = `${row} ${column}`;
        if (!this.cells.has(key)) this.cells.set(key, line.appendChild(this.cell(row, column)));
      }
    }
  },

  drawHead(left, right) {
    const [, axis] = this.axes;
    for (let column = left; column < right; column += 1) {
      if (this.heads.has(column)) continue;
      const head = this.headerOf(axis, this.columns[column], "columnheader");
      head.ariaColIndex = column + 2;
      head.style.left = `${this.side + column * this.across}px`;
      this.heads.set(column, this.head.appendChild(head));
    }
  },

  headerOf(axis, at, role) {
    const entry = axis.values[at];
    const head = element("div", "heading");
    head.setAttribute("role", role);
    if (entry.image) head.append(smallPicture(entry.thumbnail));
    const name = element("bdi");
    const said = ["content", "style", "setting", "epoch"].includes(axis.key) ? entry.label : `${axis.name} ${entry.label}`;
    name.append(...piecesOf(said));
    head.append(name);
    head.title = entry.label;
    return head;
  },

  addLine(row) {
    const line = element("div", "matrix-row");
    line.setAttribute("role", "row");
    line.ariaRowIndex = row + 2;
    line.style.transform = `translateY(${row * this.down}px)`;
    const [axis] = this.axes;
    const head = this.headerOf(axis, this.rows[row], "rowheader");
    head.ariaColIndex = 1;
    line.append(head);
    this.lines.set(row, line);
    // In the order of the rows, for those who read without seeing.
    const after = [...this.lines.keys()].filter((other) => other > row).sort((one, two) => one - two)[0];
    this.body.insertBefore(line, after === undefined ? null : this.lines.get(after));
    return line;
  },

  cell(row, column) {
    const host = element("div", "matrix-cell");
    host.setAttribute("role", "gridcell");
    host.ariaColIndex = column + 2;
    host.style.left = `${this.side + column * this.across}px`;
    const entry = this.entry(row, column);
    if (!entry) return host;
    const output = OUTPUTS[entry.at];
    const cell = byId("cell").content.firstElementChild.cloneNode(true);
    Object.assign(cell.dataset, { at: entry.at, snapshot: entry.snapshot, row, column });
    cell.tabIndex = row === this.current[0] && column === this.current[1] ? 0 : -1;
    const { epoch } = snapshotsOf(output)[entry.snapshot];
    const last = entry.snapshot === lastOf(output);
    cell.ariaLabel = `${describeOutput(output)}${last ? "" : `, iteration ${epoch}`}${entry.more ? `, and ${entry.more} more` : ""}`;
    cell.title = `${titleOf(output)}\n${settingOf(output).name}`;
    if (entry.more) cell.querySelector(".more").textContent = `+${entry.more}`;
    showPicture(cell, output, last ? output.thumbnail : shownOf(output, entry.snapshot));
    markOutput(cell, entry.at);
    host.append(cell);
    return host;
  },

  entry(row, column) {
    return this.found.get(`${this.rows[row]} ${this.columns[column]}`);
  },

  markAll() {
    for (const cell of this.body.querySelectorAll(".cell")) markOutput(cell, Number(cell.dataset.at));
  },

  /** Scroll to a cell and focus it. */
  focusCell(row, column) {
    const head = this.head.offsetHeight;
    const scroll = { top: this.host.scrollTop, left: this.host.scrollLeft };
    scroll.top = Math.min(row * this.down, Math.max(scroll.top, (row + 1) * this.down + head - this.host.clientHeight));
    scroll.left = Math.min(column * this.across, Math.max(scroll.left, this.side + (column + 1) * this.across - this.host.clientWidth));
    this.host.scrollTo({ ...scroll, behavior: "instant" });
    this.draw();
    const cell = this.cells.get(`${row} ${column}`)?.querySelector(".cell");
    if (!cell) return;
    for (const other of this.body.querySelectorAll(".cell[tabindex='0']")) other.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
  },

  /** The first cell that has an output: the first row has one, if there is a row. */
  get first() {
    return [0, Math.max(0, this.columns.findIndex((_, column) => this.entry(0, column)))];
  },

  focus() {
    this.focusCell(...this.first);
  },

  focusOutput(at) {
    const [row, column] = this.locate(at, state.snapshot ?? lastOf(OUTPUTS[at])) ?? this.current;
    this.focusCell(row, column);
  },

  focused() {
    const cell = document.activeElement?.closest?.(".cell");
    return cell ? Number(cell.dataset.at) : null;
  },

  walk(key) {
    const cell = document.activeElement?.closest?.(".cell");
    if (!cell) return false;
    const here = [Number(cell.dataset.row), Number(cell.dataset.column)];
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (steps[key]) {
      const next = this.next(...here, steps[key]);
      if (next) this.focusCell(...next);
    } else {
      const columns = [...this.columns.keys()].filter((column) => this.entry(here[0], column));
      this.focusCell(here[0], key === "Home" ? columns[0] : columns.at(-1));
    }
    return true;
  },

  /** The next cell in a direction that has an output; null if there is none. */
  next(row, column, [down, across]) {
    do [row, column] = [row + down, column + across];
    while (this.columns[column] !== undefined && this.rows[row] !== undefined && !this.entry(row, column));
    return this.columns[column] === undefined || this.rows[row] === undefined ? null : [row, column];
  },

  locate(at, snapshot) {
    const epochs = this.axes.includes(EPOCH_AXIS);
    for (const [key, entry] of this.found) {
      if (entry.at !== at || (epochs && entry.snapshot !== snapshot)) continue;
      const [row, column] = key.split(" ").map(Number);
      return [this.rows.indexOf(row), this.columns.indexOf(column)];
    }
    return null;
  },

  /** The outputs of all cells, row by row, for the slideshow. */
  slides() {
    return this.rows.flatMap((_, row) => this.columns.map((__, column) => this.entry(row, column))).filter(Boolean);
  },

  /** The neighbor of an output along an axis. */
  neighbor(at, snapshot, across, down) {
    const here = this.locate(at, snapshot);
    const next = here && this.next(...here, [down, across]);
    return next && this.entry(...next);
  },

  where(at) {
    const here = this.locate(at, state.snapshot);
    return here ? `row ${here[0] + 1} of ${this.rows.length}, column ${here[1] + 1} of ${this.columns.length}` : "";
  },
};

/** The layout in which the outputs are shown now. */
const layout = () => (state.grid ? matrix : overview);

/** A function that acts once before the next frame, however often it is called. */
function follow(action) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      action();
    });
  };
}
