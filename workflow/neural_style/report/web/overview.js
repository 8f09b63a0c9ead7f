// The overview of all outputs as cards, in groups if the user likes. Only rows near the window are
// in the document, so ten thousand outputs scroll like a hundred; the scrollbar has the full height.

const overview = {
  list: byId("overview"),
  cards: new Map(), // place in the overview → card
  headings: new Map(), // number of a group → heading
  shown: [], // positions in OUTPUTS, in the order of the overview
  columns: 1,

  prepare() {
    this.list.addEventListener("click", (event) => {
      const card = event.target.closest(".card");
      if (!card) return;
      const at = Number(card.dataset.at);
      if (event.target.closest(".choose")) table.toggle(at);
      else if (event.target.closest(".star")) picks.toggle(at);
      else viewer.open(at);
    });
    const size = byId("card-size");
    size.value = memory.read("card") ?? size.value;
    size.addEventListener("input", () => layout().measure());
    size.addEventListener("change", () => memory.write("card", size.value));
  },

  /** Show these outputs. */
  show(shown) {
    const alike = state.sort === this.sort && state.group === this.group && shown.length === this.shown.length;
    if (alike && this.cards.size && shown.every((at, place) => at === this.shown[place])) return this.measure(); // the window may have changed
    Object.assign(this, { shown, sort: state.sort, group: state.group });
    this.clear();
    this.measure();
  },

  clear() {
    for (const card of this.cards.values()) card.remove();
    this.cards.clear();
  },

  /** Fit as many columns as there is room for. All cards have the same size. */
  measure() {
    const style = getComputedStyle(this.list);
    const [gap, caption, heading] = ["--gap", "--caption", "--heading"].map((name) => this.pixels(style, name));
    const least = Number(byId("card-size").value) * (innerWidth < 704 ? 0.625 : 1);
    const room = this.list.clientWidth;
    this.columns = Math.max(1, Math.floor((room + gap) / (least + gap)));
    this.width = (room - gap * (this.columns - 1)) / this.columns;
    this.frame = Math.min(Math.round(this.width / this.aspect()), Math.round(innerHeight * 0.8));
    [this.across, this.down] = [this.width + gap, this.frame + caption + gap];
    this.arrange(heading);
    this.list.style.height = `${Math.max(0, this.height - gap)}px`;
    this.list.style.setProperty("--frame", `${this.frame}px`);
    for (const each of this.headings.values()) each.remove();
    this.headings.clear();
    for (const [place, card] of this.cards) this.put(card, place);
    this.draw();
  },

  /** Give each row its top, below the headings of the groups. */
  arrange(heading) {
    const groups = this.groups();
    this.rows = []; // { top, first, last, group }: the places of a row; the first of a group has its number
    let top = 0;
    groups.forEach(({ first, last }, number) => {
      if (groups.length > 1 || this.group) top += heading;
      for (let from = first; from < last; from += this.columns) {
        this.rows.push({ top, first: from, last: Math.min(last, from + this.columns), group: this.group && from === first ? number : null });
        top += this.down;
      }
    });
    Object.assign(this, { height: top, parts: groups, heading });
  },

  /** Runs of outputs with the same value of the axis that they are grouped by. */
  groups() {
    const axis = groupOf(this.group);
    if (!axis) return [{ first: 0, last: this.shown.length }];
    const groups = [];
    this.shown.forEach((at, place) => {
      const value = axis.of(OUTPUTS[at]);
      if (groups.at(-1)?.value !== value) groups.push({ value, first: place });
      groups.at(-1).last = place + 1;
    });
    return groups.map((group) => ({ ...group, entry: axis.values[group.value] }));
  },

  pixels(style, name) {
    const value = style.getPropertyValue(name).trim();
    const unit = value.endsWith("rem") ? parseFloat(getComputedStyle(document.documentElement).fontSize) : 1;
    return parseFloat(value) * unit;
  },

  /** The aspect ratio of the frames: that of the outputs if all have about the same, else 1. */
  aspect() {
    let [least, most] = [Infinity, 0];
    for (const at of this.shown) {
      const size = OUTPUTS[at].size;
      if (!size) continue;
      least = Math.min(least, size[0] / size[1]);
      most = Math.max(most, size[0] / size[1]);
    }
    return most && most / least < 1.05 ? Math.min(2, Math.max(0.5, most)) : 1;
  },

  /** The number of the row that has a place, or is at a height. */
  rowOf(place) {
    return this.search((row) => row.last > place);
  },

  search(right) {
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (right(this.rows[middle])) high = middle;
      else low = middle + 1;
    }
    return low;
  },

  /** Add the cards near the window to the document, in order, and remove the others. */
  draw() {
    if (state.grid) return;
    const top = this.list.getBoundingClientRect().top;
    const ahead = Math.max(innerHeight, 600);
    const from = this.search((row) => row.top + this.down > -top - ahead);
    const to = this.search((row) => row.top > ahead * 2 - top);
    const rows = this.rows.slice(from, to);
    const places = new Set();
    for (const { first, last } of rows) for (let place = first; place < last; place += 1) places.add(place);
    for (const [place, card] of this.cards) {
      if (places.has(place)) continue;
      if (card.contains(document.activeElement)) places.add(place);
      else {
        card.remove();
        this.cards.delete(place);
      }
    }
    let next = null;
    for (const place of [...places].sort((one, two) => two - one)) {
      let card = this.cards.get(place);
      if (!card) {
        card = this.make(place);
        this.cards.set(place, card);
      }
      if (!card.isConnected || this.after(card) !== next) this.list.insertBefore(card, next);
      next = card;
    }
    this.drawHeadings(rows);
  },

  /** The card after a card; what moves in the document would lose the focus. */
  after(card) {
    const next = card.nextElementSibling;
    return next?.classList.contains("group") ? next.nextElementSibling : next;
  },

  drawHeadings(rows) {
    const wanted = new Map(rows.filter(({ group }) => group !== null).map((row) => [row.group, row]));
    for (const [number, heading] of this.headings) {
      if (wanted.has(number)) continue;
      heading.remove();
      this.headings.delete(number);
    }
    for (const [number, row] of wanted) {
      let heading = this.headings.get(number);
      if (!heading) {
        heading = this.headingOf(this.parts[number]);
        this.headings.set(number, heading);
      }
      heading.style.transform = `translateY(${row.top - this.heading}px)`;
      const before = this.cards.get(row.first);
      if (before && before.previousElementSibling !== heading) this.list.insertBefore(heading, before);
    }
  },

  headingOf({ entry, first, last }) {
    const heading = element("li", "group");
    const title = element("h2");
    if (entry.image) heading.append(smallPicture(entry.thumbnail));
    title.append(element("bdi", "", entry.label), " ", element("span", "kind", several(last - first, "output")));
    heading.append(title);
    return heading;
  },

  put(card, place) {
    const number = this.rowOf(place);
    const row = this.rows[number];
    if (!row) return;
    card.style.width = `${this.width}px`;
    card.style.transform = `translate(${(place - row.first) * this.across}px, ${row.top}px)`;
  },

  make(place) {
    const at = this.shown[place];
    const output = OUTPUTS[at];
    const card = byId("card").content.firstElementChild.cloneNode(true);
    const find = (selector) => card.querySelector(selector);
    card.dataset.at = at;
    card.dataset.place = place;
    card.ariaSetSize = this.shown.length;
    card.ariaPosInSet = place + 1;
    find(".choose").ariaLabel = `Compare: ${describeOutput(output)}`;
    find(".star").ariaLabel = `Pick: ${describeOutput(output)}`;
    find(".name").textContent = styleOf(output).name;
    find(".of").textContent = contentOf(output).name;
    find(".setting").textContent = settingOf(output).label;
    card.title = `${titleOf(output)}\n${settingOf(output).name}`;
    if (!output.missing && state.sort in NUMBERS) {
      const value = numberOf(output, state.sort);
      find(".loss").textContent = value === null ? "" : `${NUMBERS[state.sort]} ${digits(value)}`;
    }
    showPicture(card, output, output.thumbnail);
    this.mark(card);
    this.put(card, place);
    return card;
  },

  mark(card) {
    markOutput(card, Number(card.dataset.at));
  },

  /** Show which cards are selected and picked. */
  markAll() {
    for (const card of this.cards.values()) this.mark(card);
  },

  /** Scroll to a place and focus its card. */
  focus(place) {
    if (!this.shown.length) return;
    const wanted = Math.min(this.shown.length - 1, Math.max(0, place));
    const top = scrollY + this.list.getBoundingClientRect().top + this.rows[this.rowOf(wanted)].top;
    const head = getComputedStyle(byId("filters")).position === "sticky" ? byId("filters").offsetHeight : 0;
    const above = top - head - 16;
    const below = top + this.down - innerHeight;
    if (scrollY > above) scrollTo({ top: above, behavior: "instant" });
    else if (scrollY < below) scrollTo({ top: below, behavior: "instant" });
    this.draw();
    this.cards.get(wanted)?.querySelector(".open").focus({ preventScroll: true });
  },

  focusOutput(at) {
    const place = this.shown.indexOf(at);
    if (place >= 0) this.focus(place);
  },

  /** The output that has the focus; null if none. */
  focused() {
    const card = document.activeElement?.closest?.(".card");
    return card ? Number(card.dataset.at) : null;
  },

  /** Move the focus by an arrow, Home or End; whether there was something to move. */
  walk(key) {
    const card = document.activeElement?.closest?.(".card");
    if (!card) return false;
    const place = Number(card.dataset.place);
    const row = this.rowOf(place);
    const vertical = (by) => {
      const other = this.rows[row + by];
      return other ? Math.min(other.last - 1, other.first + place - this.rows[row].first) : place;
    };
    const to = {
      ArrowLeft: () => Math.max(0, place - 1),
      ArrowRight: () => Math.min(this.shown.length - 1, place + 1),
      ArrowUp: () => vertical(-1),
      ArrowDown: () => vertical(1),
      Home: () => 0,
      End: () => this.shown.length - 1,
    }[key];
    this.focus(to());
    return true;
  },

  /** All outputs in their order, for the slideshow. */
  slides() {
    return this.shown.map((at) => ({ at, snapshot: lastOf(OUTPUTS[at]) }));
  },

  /** The neighbor of an output in the viewer; only left and right. */
  neighbor(at, snapshot, across, down) {
    const place = this.shown.indexOf(at);
    const next = this.shown[place + across];
    return place < 0 || down || next === undefined ? null : { at: next, snapshot: lastOf(OUTPUTS[next]) };
  },

  where(at) {
    const place = this.shown.indexOf(at);
    return place < 0 ? "" : `${(place + 1).toLocaleString("en")} of ${this.shown.length.toLocaleString("en")}`;
  },
};

/** Show an output in the frame of a card or a cell, or why there is none. */
function showPicture(host, output, address) {
  const image = host.querySelector("img");
  const placeholder = (reason) => {
    host.classList.add("missing");
    image.hidden = true;
    const place = host.querySelector(".placeholder");
    place.hidden = false;
    place.replaceChildren(element("strong", "", "missing"), " ", element("bdi", "", reason));
  };
  if (output.missing) return placeholder(output.missing);
  image.addEventListener("load", () => image.classList.add("loaded"), { once: true });
  image.addEventListener("error", () => {
    // Show the output itself if its thumbnail is missing.
    if (image.getAttribute("src") === output.thumbnail) image.src = shownOf(output);
    else placeholder("the file is missing");
  });
  image.src = address;
}

/** Show whether an output is selected for comparison, and picked. */
function markOutput(host, at) {
  const chosen = state.chosen.includes(at);
  host.classList.toggle("chosen", chosen);
  host.classList.toggle("picked", picks.has(at));
  for (const [selector, pressed] of [[".choose", chosen], [".star", picks.has(at)]]) {
    const button = host.querySelector(selector);
    if (button) button.ariaPressed = String(pressed);
  }
}
