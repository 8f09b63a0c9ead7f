// Which outputs are shown, in which order, and as cards or as a grid.

const filters = {
  selects: new Map(), // key of an axis → its filter

  fill() {
    for (const axis of AXES) {
      const label = element("label", "field");
      const select = element("select");
      select.id = axis.key;
      select.append(new Option(`All (${axis.values.length.toLocaleString("en")})`, ""), ...axis.values.map(({ value, label }) => new Option(label, value)));
      label.append(element("span", "", axis.name), select);
      byId(MAIN_AXES.includes(axis) ? "axes" : "more-axes").append(label);
      this.selects.set(axis.key, select);
      select.addEventListener("change", () => this.filter(axis.key, select.value));
    }
    this.summarize();
    byId("sort-measures").hidden = !OUTPUTS.some(({ measures }) => measures);
    for (const key of ["group", "rows", "columns"]) {
      const axes = key === "group" ? GROUPS : matrix.choices;
      byId(key).append(...axes.map((axis) => new Option(axis.name, axis.key)));
    }
    for (const name of CHOICES) {
      byId(name).addEventListener(name === "text" ? "input" : "change", () => this.choose(name, byId(name).value));
    }
    for (const name of LOSSES) {
      const ends = [0, 1].map((end) => byId(`${name}-${end}`));
      for (const input of ends) input.addEventListener("input", () => this.limit(name, ends.map(({ value }) => value.trim())));
    }
    byId("descending").addEventListener("click", () => this.choose("descending", !state.descending));
    byId("picked").addEventListener("click", () => this.choose("picked", !state.picked));
    byId("as-cards").addEventListener("click", () => this.arrange(false));
    byId("as-grid").addEventListener("click", () => this.arrange(true));
    byId("more-open").addEventListener("click", () => this.showMore(byId("filters").classList.toggle("expanded")));
    for (const id of ["reset", "nothing-reset"]) byId(id).addEventListener("click", () => this.reset());
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
  },

  summarize() {
    const parts = [
      several(OUTPUTS.length, "output"),
      `${several(DATA.contents.length, "content image")} × ${several(DATA.styles.length, "style image")} × ${several(DATA.settings.length, "setting")}`,
      ...(DATA.common ? [DATA.common] : []),
    ];
    byId("summary").textContent = parts.join("  ·  ");
  },

  showMore(open) {
    byId("more-open").ariaExpanded = String(open);
  },

  choose(name, value) {
    if (name === "rows" || name === "columns") this.setAxis(name, value);
    else state[name] = value;
    this.changed();
  },

  /** Change an axis of the grid; the other one stays, or takes the place of the one that it gets. */
  setAxis(name, value) {
    const [rows, columns] = matrix.axes.map(({ key }) => key);
    Object.assign(state, { rows, columns });
    const other = name === "rows" ? "columns" : "rows";
    if (state[other] === value) state[other] = state[name];
    state[name] = value;
    this.settle();
  },

  filter(key, value) {
    if (value) state.filters[key] = value;
    else delete state.filters[key];
    this.settled?.delete(key);
    this.changed();
  },

  limit(name, ends) {
    state.ranges[name] = ends;
    this.changed();
  },

  changed() {
    this.apply();
    scrollTo({ top: Math.min(scrollY, this.top()), behavior: "instant" });
    writeAddressSoon();
  },

  /** The scroll position at which the overview begins below the filters. */
  top() {
    return byId("filters").offsetTop;
  },

  /** Show cards, or a grid with two axes. */
  arrange(grid) {
    if (state.grid === grid) return;
    state.grid = grid;
    if (grid) this.settle();
    else this.release();
    this.changed();
  },

  /** Give axes that are not in the grid one value, until each cell has one output. */
  settle() {
    this.release();
    const axes = matrix.axes;
    for (const axis of axes) delete state.filters[axis.key];
    for (const axis of matrix.others) {
      if (axis.key in state.filters) continue;
      const shown = this.chosen();
      if (matrix.holds(shown)) return;
      const first = shown.map((at) => axis.of(OUTPUTS[at])).sort((one, two) => one - two)[0];
      state.filters[axis.key] = axis.values[first].value;
      this.settled.add(axis.key);
    }
  },

  /** Take back what the grid needed. */
  release() {
    for (const key of this.settled ?? []) delete state.filters[key];
    this.settled = new Set();
  },

  reset() {
    Object.assign(state, { text: "", filters: {}, ranges: {}, picked: false });
    if (state.grid) this.settle();
    this.apply();
    writeAddress();
    byId("text").focus();
  },

  /** Update the page from the state. */
  apply() {
    for (const name of CHOICES) {
      const control = byId(name);
      if (control.value !== state[name]) control.value = state[name];
      if (control.value !== state[name]) state[name] = control.value = ""; // from an old address
    }
    for (const [key, select] of this.selects) select.value = state.filters[key] ?? "";
    for (const name of LOSSES) {
      [0, 1].forEach((end) => {
        const input = byId(`${name}-${end}`);
        const wanted = state.ranges[name]?.[end] ?? "";
        if (input.value.trim() !== wanted) input.value = wanted;
      });
    }
    byId("descending").ariaPressed = String(state.descending);
    byId("picked").ariaPressed = String(state.picked);
    byId("as-cards").ariaPressed = String(!state.grid);
    byId("as-grid").ariaPressed = String(state.grid);
    document.body.classList.toggle("in-grid", state.grid);
    byId("overview").hidden = state.grid;
    byId("matrix").hidden = !state.grid;
    this.applyAxes();
    const shown = this.order(this.chosen());
    const narrowed = this.narrowed();
    byId("count").textContent = narrowed ? `${shown.length.toLocaleString("en")} of ${several(OUTPUTS.length, "output")}` : "";
    byId("reset").hidden = !narrowed;
    byId("loss-note").textContent = this.note(shown);
    byId("nothing").hidden = shown.length > 0;
    byId("nothing-why").textContent = this.reason();
    this.showOriginals();
    layout().show(shown);
  },

  /** In a grid, say which axes it has, and offer no filter for them. */
  applyAxes() {
    const axes = matrix.axes;
    for (const [place, name] of ["rows", "columns"].entries()) if (state.grid) byId(name).value = axes[place].key;
    for (const [key, select] of this.selects) {
      select.closest("label").hidden = axisOf(key).values.length < 2 || (state.grid && axes.some((axis) => axis.key === key));
    }
  },

  narrowed() {
    return Boolean(state.text || state.picked || Object.keys(state.filters).length || Object.values(state.ranges).some((ends) => ends.some(Boolean)));
  },

  /** Why what the outputs are sorted or limited by cannot be compared. */
  note(shown) {
    const used = LOSSES.filter((name) => (state.sort === name && !state.grid) || state.ranges[name]?.some(Boolean));
    return whyNotCompared(used, shown.map((at) => OUTPUTS[at]));
  },

  reason() {
    if (query.unknown) return `There is no field “${query.unknown}”. Fields are content, style, setting, ${AXES.map(({ key }) => key).slice(2).join(", ")}, content_loss, style_loss, ${MEASURES.join(", ")}, and every key of the settings.`;
    return state.picked && !picks.size ? "You have picked nothing yet: press the star of an output." : "";
  },

  chosen() {
    const matches = query.parse(state.text);
    const wanted = Object.entries(state.filters).map(([key, value]) => [axisOf(key), value]);
    const tests = wanted.map(([axis, value]) => [axis, axis.values.findIndex((entry) => entry.value === value)]);
    const ranges = Object.entries(state.ranges).map(([name, ends]) => [name, ...ends.map((end) => (end === "" ? NaN : Number(end)))]);
    return [...OUTPUTS.keys()].filter((at) => {
      const output = OUTPUTS[at];
      return (
        (!state.picked || picks.has(at)) &&
        tests.every(([axis, place]) => axis.of(output) === place) &&
        ranges.every(([name, low, high]) => this.inRange(lossOf(output, name), low, high)) &&
        matches(output)
      );
    });
  },

  inRange(value, low, high) {
    if (Number.isNaN(low) && Number.isNaN(high)) return true;
    return value !== null && !(value < low) && !(value > high);
  },

  /** Sort; outputs without the number are last in either direction. Groups come first. */
  order(shown) {
    const axis = groupOf(state.group);
    const sorted = this.sorted(shown);
    if (!axis || state.grid) return sorted;
    return sorted.sort((one, two) => axis.of(OUTPUTS[one]) - axis.of(OUTPUTS[two]));
  },

  sorted(shown) {
    const turn = state.descending ? -1 : 1;
    if (state.sort in NUMBERS) {
      const value = (at) => numberOf(OUTPUTS[at], state.sort);
      const known = shown.filter((at) => value(at) !== null).sort((one, two) => turn * (value(one) - value(two)) || one - two);
      return [...known, ...shown.filter((at) => value(at) === null)];
    }
    if (state.sort === "name") {
      const ranks = ["contents", "styles", "settings"].map((list) => this.ranks(DATA[list]));
      const name = ({ content, style, setting }) => [content, style, setting].map((at, kind) => ranks[kind][at]);
      const names = new Map(shown.map((at) => [at, name(OUTPUTS[at])]));
      const compare = (one, two) => one.findIndex((rank, kind) => rank !== two[kind]);
      return shown.sort((one, two) => {
        const [left, right] = [names.get(one), names.get(two)];
        const kind = compare(left, right);
        return kind < 0 ? one - two : turn * (left[kind] - right[kind]);
      });
    }
    return state.descending ? shown.reverse() : shown;
  },

  /** The rank of each entry by its name. */
  ranks(entries) {
    const sorted = [...entries.keys()].sort((one, two) => collator.compare(entries[one].name, entries[two].name) || one - two);
    const ranks = [];
    sorted.forEach((at, rank) => (ranks[at] = rank));
    return ranks;
  },

  /** Show the selected content and style image above the outputs; they open in the viewer. */
  showOriginals() {
    const chosen = [
      ["content", DATA.contents.find(({ id }) => id === state.filters.content)],
      ["style", DATA.styles.find(({ id }) => id === state.filters.style)],
    ].filter(([, image]) => image);
    byId("originals").replaceChildren(...chosen.map(([kind, image]) => inputFigure(kind, image, () => this.openOriginal(kind, image))));
    byId("originals").hidden = !chosen.length;
  },

  /** Open an output of an image, and show the image itself. */
  openOriginal(kind, image) {
    const at = layout().shown.find((each) => (kind === "content" ? contentOf : styleOf)(OUTPUTS[each]) === image);
    if (at !== undefined) viewer.open(at, lastOf(OUTPUTS[at]), kind);
  },
};

/** A figure of a content or style image with its kind and name; pressing it opens the image. */
function inputFigure(kind, image, open) {
  const figure = element("figure", "original");
  const name = kind === "content" ? "Content" : "Style";
  const caption = element("span", "names-of");
  caption.append(element("span", "kind", name), " ", element("bdi", "", image.name));
  const inside = [smallPicture(image.thumbnail), caption];
  if (image.thumbnail) figure.append(buttonOf("show", open, ...inside));
  else figure.append(...inside);
  figure.title = image.file;
  return figure;
}
