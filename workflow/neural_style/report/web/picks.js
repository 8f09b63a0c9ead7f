// The outputs that the user likes best. They are kept with the address of the page, and in the
// address itself where the browser keeps nothing for local pages.

const picks = {
  name: `picks ${location.pathname}`,
  set: new Set(), // keys of outputs

  prepare() {
    const kept = memory.read(this.name) ?? "";
    for (const key of kept.split(" ")) if (positions.has(key)) this.set.add(key);
    this.dialog = byId("export");
    byId("export-open").addEventListener("click", () => this.open());
    byId("export-close").addEventListener("click", () => this.dialog.close());
    byId("export-what").addEventListener("change", () => this.write());
    byId("export-copy").addEventListener("click", () => copyText(byId("export-text").value, byId("export-text")));
    byId("export-save").addEventListener("click", () => this.save());
    byId("export-download").addEventListener("click", () => this.download());
    // A page from the disk may neither read nor save the files beside it: the user chooses them.
    byId("export-download").hidden = location.protocol === "file:";
    byId("export-zip").hidden = location.protocol !== "file:";
    byId("export-zip").addEventListener("click", () => byId("export-folder").click());
    byId("export-folder").addEventListener("change", () => this.saveZip([...byId("export-folder").files]));
    byId("export-sheet").addEventListener("click", () => print.sheet(this.outputs()));
  },

  get size() {
    return this.set.size;
  },

  keys() {
    return [...this.set];
  },

  has(at) {
    return this.set.has(keyOf(OUTPUTS[at]));
  },

  /** Their positions, in the order of the sweep. */
  outputs() {
    return this.keys().map((key) => positions.get(key)).sort((one, two) => one - two);
  },

  add(keys) {
    const found = keys.filter((key) => positions.has(key) && !this.set.has(key));
    for (const key of found) this.set.add(key);
    if (found.length) this.keep();
  },

  toggle(at) {
    const key = keyOf(OUTPUTS[at]);
    const added = !this.set.delete(key);
    if (added) this.set.add(key);
    this.keep();
    this.mark();
    if (state.picked && !viewer.dialog.open && !table.dialog.open) filters.apply();
    announce(added ? "Added to my picks" : "Removed from my picks", viewer.dialog.open);
  },

  keep() {
    memory.write(this.name, this.keys().join(" "));
  },

  /** Show which outputs are picked. */
  mark() {
    byId("picked-count").textContent = this.size ? ` ${this.size.toLocaleString("en")}` : "";
    byId("export-open").hidden = !this.size;
    layout().markAll();
    viewer.mark();
    table.mark();
  },

  open() {
    byId("export-title").textContent = `My picks: ${several(this.size, "output")}`;
    byId("export-where").textContent = `Asks for the folder of the results, ${DATA.root.path}: a page from the disk may not read files unasked.`;
    byId("export-where").hidden = byId("export-zip").hidden;
    this.write();
    this.dialog.showModal();
    byId("export-title").focus();
  },

  /** Write what was asked for into the text field. */
  write() {
    const texts = {
      files: (output) => pathOf(output),
      commands: commandOf,
      copies: (output) => `cp ${quotedPathOf(output)} picks/${downloadName(output)}`,
    };
    const what = byId("export-what").value;
    const link = () => `${location.href.split("#")[0]}#picked=1&picks=${this.keys().map(encodeURIComponent).join("+")}`;
    const made = this.outputs().map((at) => OUTPUTS[at]).filter(({ missing }) => !missing || what === "commands");
    const lines = what === "link" ? [link()] : made.map(texts[what]);
    byId("export-text").value = [...(what === "copies" ? ["mkdir -p picks"] : []), ...lines].join("\n") + "\n";
  },

  /** Save the text as a file. */
  save() {
    const address = URL.createObjectURL(new Blob([byId("export-text").value], { type: "text/plain" }));
    this.saveAs(address, { copies: "copy_picks.sh", commands: "make_picks.sh" }[byId("export-what").value] ?? "picks.txt");
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  },

  /** Save the files of the picks, out of those of a folder that the user has chosen, as one ZIP. */
  async saveZip(files) {
    byId("export-folder").value = ""; // so that the same folder can be chosen again
    const tail = (path) => path.split("/").slice(-4).join("/");
    const found = new Map(files.map((file) => [tail(file.webkitRelativePath), file]));
    const made = this.outputs().map((at) => OUTPUTS[at]).filter(({ missing }) => !missing);
    const entries = made.map((output) => [downloadName(output), found.get(tail(pathOf(output)))]).filter(([, file]) => file);
    if (!entries.length) return announce(`None of them is in that folder; choose ${DATA.root.path}`);
    if (entries.reduce((sum, [name, file]) => sum + file.size + 100 + 2 * name.length, 0) > LARGEST_ZIP) return announce("More than 4 GB do not fit into a ZIP; pick fewer");
    const address = URL.createObjectURL(await zip.of(entries));
    this.saveAs(address, "picks.zip");
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    announce(entries.length < made.length ? `${several(made.length - entries.length, "image")} not found in that folder` : `${several(entries.length, "image")} saved`);
  },

  saveAs(address, name) {
    const link = element("a");
    link.href = address;
    link.download = name;
    link.click();
  },

  /** Save each file under a name that says what it is, one after the other: browsers drop a burst. */
  async download() {
    const made = this.outputs().map((at) => OUTPUTS[at]).filter(({ missing }) => !missing);
    for (const output of made) {
      this.saveAs(fileOf(output), downloadName(output));
      await new Promise((done) => setTimeout(done, 200));
    }
    announce(`${several(made.length, "download")} started`);
  },
};

/** The path of an output's file from the folder where the sweep was run; its ids are plain. */
function pathOf(output) {
  return `${DATA.root.path}/${keyOf(output)}/${decodeURIComponent(snapshotsOf(output)[lastOf(output)].file)}`;
}

/** The same for a shell. */
function quotedPathOf(output) {
  return `${DATA.root.argument}/${keyOf(output)}/${decodeURIComponent(snapshotsOf(output)[lastOf(output)].file)}`;
}

/** A name that says what a file is: `cat+wave+beta1e6+500.jpg`. Ids of images have no plus and no slash. */
function downloadName(output) {
  const { file, epoch } = snapshotsOf(output)[lastOf(output)];
  const words = [contentOf(output).id, styleOf(output).id, settingOf(output).slug, epoch].filter((word) => word !== "");
  return `${words.join("+")}${file.match(/[.][^.]*$/)?.[0] ?? ""}`;
}
