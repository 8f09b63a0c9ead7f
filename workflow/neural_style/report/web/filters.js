// Which outputs are shown, and in which order.

const filters = {
  fill() {
    const lists = { content: ["contents", "All"], style: ["styles", "All"], setting: ["settings", "All"] };
    for (const [name, [list, all]] of Object.entries(lists)) {
      const options = DATA[list].map((entry) => new Option(entry.name, entry.id));
      byId(name).replaceChildren(new Option(`${all} (${DATA[list].length.toLocaleString("en")})`, ""), ...options);
    }
    const parts = [
      several(OUTPUTS.length, "output"),
      `${several(DATA.contents.length, "content image")} × ${several(DATA.styles.length, "style image")} × ${several(DATA.settings.length, "setting")}`,
    ];
    byId("summary").textContent = parts.join("  ·  ");
    for (const name of CHOICES) {
      byId(name).addEventListener(name === "text" ? "input" : "change", () => this.choose(name, byId(name).value));
    }
    byId("descending").addEventListener("click", () => this.choose("descending", !state.descending));
    for (const id of ["reset", "nothing-reset"]) byId(id).addEventListener("click", () => this.reset());
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
  },

  choose(name, value) {
    state[name] = value;
    this.apply();
    window.scrollTo({ top: Math.min(window.scrollY, this.top()), behavior: "instant" });
    writeAddressSoon();
  },

  /** The scroll position at which the overview begins below the filters. */
  top() {
    return byId("filters").offsetTop;
  },

  reset() {
    for (const name of ["text", "content", "style", "setting"]) state[name] = "";
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
    byId("descending").ariaPressed = String(state.descending);
    const shown = this.order(this.chosen());
    const narrowed = ["text", "content", "style", "setting"].some((name) => state[name]);
    byId("count").textContent = narrowed ? `${shown.length.toLocaleString("en")} of ${several(OUTPUTS.length, "output")}` : "";
    byId("reset").hidden = !narrowed;
    byId("nothing").hidden = shown.length > 0;
    this.showOriginals();
    overview.show(shown);
  },

  chosen() {
    const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    const all = [...OUTPUTS.keys()];
    return all.filter((at) => {
      const parts = [contentOf(OUTPUTS[at]), styleOf(OUTPUTS[at]), settingOf(OUTPUTS[at])];
      const wanted = [state.content, state.style, state.setting];
      return (
        parts.every((part, number) => !wanted[number] || part.id === wanted[number]) &&
        words.every((word) => parts.some((part) => part.text.includes(word)))
      );
    });
  },

  /** Sort; outputs without a loss are last in either direction. */
  order(shown) {
    const turn = state.descending ? -1 : 1;
    if (LOSSES.includes(state.sort)) {
      const loss = (at) => lossOf(OUTPUTS[at], state.sort);
      const known = shown.filter((at) => loss(at) !== null).sort((one, two) => turn * (loss(one) - loss(two)) || one - two);
      return [...known, ...shown.filter((at) => loss(at) === null)];
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

  /** Show the selected content and style image above the outputs. */
  showOriginals() {
    const chosen = [
      ["Content", DATA.contents.find(({ id }) => id === state.content)],
      ["Style", DATA.styles.find(({ id }) => id === state.style)],
    ].filter(([, image]) => image);
    byId("originals").replaceChildren(...chosen.map(([kind, image]) => inputFigure(kind, image)));
    byId("originals").hidden = !chosen.length;
  },
};

/** A figure of a content or style image with its kind and name. */
function inputFigure(kind, image) {
  const figure = element("figure", "original");
  if (image.thumbnail) {
    const small = element("img");
    small.src = image.thumbnail;
    small.alt = "";
    figure.append(small);
  } else figure.append(element("span", "placeholder", "?"));
  const caption = element("figcaption");
  caption.append(element("span", "kind", kind), element("bdi", "", image.name));
  figure.append(caption);
  figure.title = image.file;
  return figure;
}
