// The search. A word matches names and ids by their beginnings, and what a card says; a field
// matches by its value: `beta=1e5`, `size>=512`, `content:cat`, `style_loss<0.1`.

const query = {
  symbols: new Map(Object.entries({ α: "alpha", β: "beta", lr: "learning_rate", minimized: "total_loss", iterations: "epochs", palette_distance: "palette", color_speckle: "speckle", shared_edges: "edges" })),

  /** The output's fields of a name: its texts and, where it has one, its number. */
  field(name) {
    const key = this.symbols.get(name) ?? name;
    const image = key === "content" ? contentOf : key === "style" ? styleOf : null;
    if (image) return (output) => ({ texts: [image(output).name, image(output).id], number: NaN });
    if (key === "setting") return (output) => ({ texts: [settingOf(output).label, settingOf(output).name, settingOf(output).id], number: NaN });
    const loss = LOSSES.find((each) => key === `${each}_loss`);
    // `content_loss` and `style_loss` are also keys of the settings.
    if (loss) return (output) => this.number(lossOf(output, loss), settingOf(output).facts[key]);
    if (MEASURES.includes(key)) return (output) => this.number(numberOf(output, key));
    if (key === "width" || key === "height") return (output) => this.number(output.size?.[key === "width" ? 0 : 1]);
    if (key === "seconds") return (output) => this.number(output.seconds);
    if (!Object.hasOwn(DATA.settings[0]?.facts ?? {}, key)) return null;
    return (output) => {
      const text = settingOf(output).facts[key];
      return { texts: [text], number: this.toNumber(text) };
    };
  },

  number(value, ...texts) {
    return { texts: [digits(value), ...texts.filter(Boolean)], number: value ?? NaN };
  },

  toNumber(text) {
    return text.trim() === "" ? NaN : Number(text);
  },

  /** Small letters without accents. */
  fold(text) {
    return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").normalize("NFC").toLowerCase();
  },

  /** The test of a text: a function of an output. */
  parse(text) {
    const words = (this.fold(text).match(/(?:[^\s"]|"[^"]*"?)+/gu) ?? []).map((word) => word.replaceAll('"', "")).filter(Boolean);
    const tests = [];
    this.unknown = "";
    for (let place = 0; place < words.length; place += 1) {
      const pair = this.pair(words, place);
      tests.push(pair?.test ?? this.condition(words[place]) ?? this.word(words[place]));
      place += pair ? pair.length - 1 : 0;
    }
    return (output) => tests.every((test) => test(output));
  },

  /** What a card says of a number: `β 1e6`, `style loss 0.5`. The words may be a name, too. */
  pair(words, place) {
    const fieldOf = (length) => {
      const isNumber = Number.isFinite(this.toNumber(words[place + length - 1] ?? ""));
      return isNumber ? this.field(words.slice(place, place + length - 1).join("_")) : null;
    };
    const length = [3, 2].find(fieldOf);
    if (!length) return null;
    const [field, value] = [fieldOf(length), this.toNumber(words[place + length - 1])];
    const other = words.slice(place, place + length).map((word) => this.word(word));
    const test = (output) => {
      const { number, texts } = field(output);
      return number === value || (!Number.isNaN(number) && this.toNumber(texts[0]) === value) || other.every((each) => each(output));
    };
    return { length, test };
  },

  /** `field operator value`; null for other words. */
  condition(word) {
    const found = word.match(/^([^:=<>!]+)(>=|<=|!=|=|<|>|:)(.*)$/su);
    if (!found) return null;
    const [, name, operator, value] = found;
    const field = this.field(name.replaceAll("-", "_"));
    if (!field) {
      this.unknown ||= name;
      return null;
    }
    if (!value) return () => true; // it is being typed
    const wanted = this.toNumber(value);
    const tests = {
      ":": ({ texts, number }) => texts.some((text) => this.begins(this.fold(text), value)) || number === wanted,
      "=": ({ texts, number }) => texts.some((text) => this.fold(text) === value) || number === wanted,
      "!=": (entry) => !tests["="](entry),
      ">": ({ number }) => number > wanted,
      ">=": ({ number }) => number >= wanted,
      "<": ({ number }) => number < wanted,
      "<=": ({ number }) => number <= wanted,
    };
    return (output) => tests[operator](field(output));
  },

  /** A word of a name or an id, a value that a card shows, or a word of the reason why one is missing. */
  word(word) {
    return (output) => {
      const setting = settingOf(output);
      if (setting.shown.includes(word) || setting.id === word) return true;
      if (setting.named && this.begins(this.fold(setting.id), word)) return true;
      if ([contentOf(output), styleOf(output)].some((image) => this.begins(image.text, word))) return true;
      return Boolean(output.missing) && this.begins(this.fold(`missing ${output.missing}`), word);
    };
  },

  /** Whether a word of the text begins with this one; anything may where no spaces are written. */
  begins(text, word) {
    if (/^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u.test(word)) return text.includes(word);
    const inside = /^[\p{L}\p{N}]/u.test(word);
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      const before = text.slice(Math.max(0, at - 2), at);
      if (!inside || !/[\p{L}\p{M}\p{N}]$/u.test(before) || (/\p{L}$/u.test(before) && /^\p{N}/u.test(word))) return true;
    }
    return false;
  },
};

for (const image of [...DATA.contents, ...DATA.styles]) image.text = query.fold(`${image.name} ${image.id}`);
for (const setting of DATA.settings) setting.shown = query.fold(setting.label).split(/\s+/u);
