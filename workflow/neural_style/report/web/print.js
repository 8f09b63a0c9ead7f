// What is printed: the outputs that are shown, or those that are picked, as a contact sheet.

const MOST_PRINTED = 240;

const print = {
  host: byId("sheet"),

  prepare() {
    addEventListener("beforeprint", () => this.host.childElementCount || this.fill(layout().shown));
    addEventListener("afterprint", () => this.host.replaceChildren());
    addEventListener("keydown", (event) => {
      if (event.key !== "p" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      event.preventDefault(); // the browser would not wait for the images
      this.sheet(layout().shown);
    });
  },

  /** Print these outputs, once their images are there. */
  async sheet(outputs) {
    this.fill(outputs);
    await Promise.allSettled([...this.host.querySelectorAll("img")].map((image) => image.decode()));
    globalThis.print();
  },

  fill(outputs) {
    const shown = outputs.slice(0, MOST_PRINTED);
    const title = [several(outputs.length, "output"), DATA.common].filter(Boolean).join("  ·  ");
    const note = shown.length < outputs.length ? [element("p", "", `The first ${MOST_PRINTED}; filter to print others.`)] : [];
    const list = element("div", "prints");
    list.append(...shown.map((at) => this.figureOf(OUTPUTS[at])));
    this.host.replaceChildren(element("h2", "", title), ...note, list);
  },

  figureOf(output) {
    const figure = element("figure");
    const caption = element("figcaption");
    caption.append(element("bdi", "", contentOf(output).name), " × ", element("bdi", "", styleOf(output).name), element("br"), settingOf(output).label);
    figure.append(output.missing ? element("span", "placeholder", "missing") : smallPicture(output.thumbnail), caption);
    return figure;
  },
};
