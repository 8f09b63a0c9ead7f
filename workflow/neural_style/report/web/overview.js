// The overview of all outputs as cards. Only rows near the window are in the document, so ten
// thousand outputs scroll like a hundred; the scrollbar still has the full height.

const overview = {
  list: byId("overview"),
  cards: new Map(), // place in the overview → card
  shown: [], // positions in OUTPUTS, in the order of the overview
  columns: 1,

  /** Show these outputs. */
  show(shown) {
    const alike = state.sort === this.sort && shown.length === this.shown.length;
    if (alike && this.cards.size && shown.every((at, place) => at === this.shown[place])) return;
    Object.assign(this, { shown, sort: state.sort });
    for (const card of this.cards.values()) card.remove();
    this.cards.clear();
    this.measure();
  },

  /** Fit as many columns as there is room for. All cards have the same size. */
  measure() {
    const style = getComputedStyle(this.list);
    const [least, gap, caption] = ["--card", "--gap", "--caption"].map((name) => this.pixels(style, name));
    const room = this.list.clientWidth;
    this.columns = Math.max(1, Math.floor((room + gap) / (least + gap)));
    this.width = (room - gap * (this.columns - 1)) / this.columns;
    this.frame = Math.round(this.width / this.aspect());
    [this.across, this.down] = [this.width + gap, this.frame + caption + gap];
    const rows = Math.ceil(this.shown.length / this.columns);
    this.list.style.height = `${Math.max(0, rows * this.down - gap)}px`;
    this.list.style.setProperty("--frame", `${this.frame}px`);
    for (const [place, card] of this.cards) this.put(card, place);
    this.draw();
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

  /** Add the cards near the window to the document, in order, and remove the others. */
  draw() {
    const top = this.list.getBoundingClientRect().top;
    const ahead = window.innerHeight;
    const first = Math.max(0, Math.floor((-top - ahead) / this.down)) * this.columns;
    const last = Math.min(this.shown.length, Math.ceil((ahead * 2 - top) / this.down) * this.columns);
    const places = new Set();
    for (let place = first; place < last; place += 1) places.add(place);
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
      if (!card.isConnected || card.nextElementSibling !== next) this.list.insertBefore(card, next);
      next = card;
    }
  },

  put(card, place) {
    card.style.width = `${this.width}px`;
    card.style.transform = `translate(${(place % this.columns) * this.across}px, ${Math.floor(place / this.columns) * this.down}px)`;
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
    find(".open").ariaLabel = describeOutput(output);
    find(".choose").ariaLabel = `Select for comparison: ${describeOutput(output)}`;
    find(".name").textContent = styleOf(output).name;
    find(".of").textContent = contentOf(output).name;
    find(".setting").textContent = settingOf(output).name;
    card.title = `${titleOf(output)}\n${settingOf(output).name}`;
    const image = find("img");
    if (output.missing) {
      this.showPlaceholder(card, output.missing);
    } else {
      const loss = LOSSES.includes(state.sort) ? state.sort : "total";
      find(".loss").textContent = output.losses ? `${loss} ${digits(lossOf(output, loss))}` : "";
      image.addEventListener("load", () => image.classList.add("loaded"), { once: true });
      image.addEventListener("error", () => this.withoutThumbnail(card, image, output));
      image.src = output.thumbnail;
    }
    this.mark(card);
    this.put(card, place);
    return card;
  },

  /** Show the output itself if its thumbnail is missing. */
  withoutThumbnail(card, image, output) {
    if (image.getAttribute("src") === output.thumbnail) image.src = shownOf(output);
    else this.showPlaceholder(card, "the file is missing");
  },

  showPlaceholder(card, reason) {
    card.classList.add("missing");
    card.querySelector("img").hidden = true;
    const placeholder = card.querySelector(".placeholder");
    placeholder.hidden = false;
    placeholder.replaceChildren(element("strong", "", "missing"), element("bdi", "", reason));
  },

  mark(card) {
    const chosen = state.chosen.includes(Number(card.dataset.at));
    card.classList.toggle("chosen", chosen);
    card.querySelector(".choose").ariaPressed = String(chosen);
  },

  /** Show which cards are selected. */
  markAll() {
    for (const card of this.cards.values()) this.mark(card);
  },

  /** Scroll to a place and focus its card. */
  focus(place) {
    if (!this.shown.length) return;
    const wanted = Math.min(this.shown.length - 1, Math.max(0, place));
    const top = window.scrollY + this.list.getBoundingClientRect().top + Math.floor(wanted / this.columns) * this.down;
    const head = byId("filters").getBoundingClientRect().bottom;
    const above = top - Math.max(0, head) - 16;
    const below = top + this.down - window.innerHeight;
    if (window.scrollY > above) window.scrollTo({ top: above, behavior: "instant" });
    else if (window.scrollY < below) window.scrollTo({ top: below, behavior: "instant" });
    this.draw();
    this.cards.get(wanted)?.querySelector(".open").focus({ preventScroll: true });
  },

  /** The place that has the focus; -1 if none. */
  focused() {
    const card = document.activeElement?.closest?.(".card");
    return card ? Number(card.dataset.place) : -1;
  },
};
