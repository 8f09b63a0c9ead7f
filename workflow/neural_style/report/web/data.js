// The data of the page, and their text. Everything that comes from a file is inserted into the
// document as text (textContent, option.text), never as markup.

const byId = (id) => document.getElementById(id);
const DATA = JSON.parse(byId("data").textContent);
const OUTPUTS = DATA.outputs;
const LOSSES = ["total", "content", "style"]; // in this order in the data
const LOSS_NAMES = { total: "minimized", content: "content loss", style: "style loss" };
const MEASURES = ["palette", "speckle", "grain", "edges", "unseen_style"]; // how an output looks
const NUMBERS = {
  ...LOSS_NAMES,
  palette: "palette distance",
  speckle: "color speckle",
  grain: "grain",
  edges: "shared edges",
  unseen_style: "unseen style",
};
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

const contentOf = (output) => DATA.contents[output.content];
const styleOf = (output) => DATA.styles[output.style];
const settingOf = (output) => DATA.settings[output.setting];
const snapshotsOf = (output) => settingOf(output).snapshots;
const lastOf = (output) => snapshotsOf(output).length - 1;

for (const setting of DATA.settings) {
  // The content image stands for the start, also where the start was recolored.
  if (setting.starts_from_content) setting.snapshots.unshift({ epoch: 0 });
}

/** A key of an output that stays the same when the sweep grows. */
function keyOf(output) {
  return [contentOf(output).id, styleOf(output).id, settingOf(output).id].join("/");
}

const positions = new Map(OUTPUTS.map((output, position) => [keyOf(output), position]));

/** A name whose direction of writing does not change the order of what is around it. */
function isolate(name) {
  return `\u2068${name}\u2069`;
}

function titleOf(output) {
  return `${isolate(contentOf(output).name)} × ${isolate(styleOf(output).name)}`;
}

/** A sentence for screen readers. */
function describeOutput(output) {
  const said = `${isolate(contentOf(output).name)} in the style of ${isolate(styleOf(output).name)}, ${settingOf(output).label}`;
  return output.missing ? `${said}, missing: ${output.missing}` : said;
}

/** The file of an iteration; null for the start, which is the content image. */
function fileOf(output, snapshot = lastOf(output)) {
  const { file } = snapshotsOf(output)[snapshot];
  return file ? `${output.folder}/${file}` : null;
}

/** The file that a browser can show: a JPEG copy if it does not know the format. */
function shownOf(output, snapshot = lastOf(output)) {
  const { file } = snapshotsOf(output)[snapshot];
  if (!file) return originalOf(output);
  return output.shown ? `${output.shown}/${file.replace(/[.][^.]*$/, ".jpg")}` : fileOf(output, snapshot);
}

/** The position of the last snapshot up to an iteration. */
function snapshotAt(output, epoch) {
  return Math.max(0, snapshotsOf(output).findLastIndex((each) => each.epoch <= epoch));
}

/** The content image with the fit of the job: it covers the output exactly. */
function originalOf(output) {
  return contentOf(output).copies[settingOf(output).fit] ?? null;
}

function paintingOf(output) {
  return Object.values(styleOf(output).copies)[0] ?? null;
}

/** The three losses after an iteration; null if they are not recorded. */
function lossesAt(output, epoch) {
  return output.curve?.[settingOf(output).epochs.indexOf(epoch)] ?? null;
}

function lossOf(output, name) {
  return output.losses?.[LOSSES.indexOf(name)] ?? null;
}

/** A loss or a measure of an output as saved; null if it is not recorded. */
function numberOf(output, name) {
  return MEASURES.includes(name) ? (output.measures?.[name] ?? null) : lossOf(output, name);
}

/** The arguments of the command that makes an output again, already quoted. */
function argumentsOf(output) {
  const files = [contentOf(output).option, styleOf(output).option, output.option];
  return ["neural-style", ...files, ...settingOf(output).options];
}

function commandOf(output) {
  return argumentsOf(output).join(" ");
}

/** A number in four digits: 0.1235, 1234, 1.23e7. */
function digits(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size && (size < 1e-3 || size >= 1e6)) return value.toExponential(2).replace("e+", "e");
  return size >= 1000 ? value.toFixed(0) : value.toPrecision(4);
}

function duration(seconds) {
  if (seconds < 100) return `${seconds.toPrecision(2).includes("e") ? Math.round(seconds) : Number(seconds.toPrecision(2))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

function several(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** The name of a key of a setting in words. */
function inWords(key) {
  return key.replaceAll("_", " ");
}

/** Make an element with a class and a text. */
function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/** A name of at most 24 letters: its beginning and its end. */
function shorten(name) {
  const letters = [...name];
  return letters.length > 24 ? `${letters.slice(0, 15).join("")}…${letters.slice(-8).join("")}` : name;
}

/** The pieces of a name, with places where a line may break. */
function piecesOf(name) {
  return name.split(/(?<=[_-])/u).flatMap((piece, place) => (place ? [element("wbr"), piece] : [piece]));
}

/** Why losses of outputs cannot be compared although they are without alpha and beta; else nothing. */
function whyNotCompared(names, outputs) {
  const settings = [...new Set(outputs.map(settingOf))];
  const differ = (key) => settings.some(({ facts }) => facts[key] !== settings[0].facts[key]);
  const keys = { content: ["content_layers", "content_loss", "content_focus"], style: ["style_layers", "style_loss"], total: [] };
  const kinds = names.filter((name) => keys[name].some(differ));
  return [
    kinds.length ? `The ${kinds.length > 1 ? "" : `${kinds[0]} `}losses of these settings differ in kind: compare them only within a setting.` : "",
    names.includes("total") && settings.length > 1 ? "Compare the minimized loss only within a setting." : "",
  ].filter(Boolean).join(" ");
}

/** Make a small picture without a text of its own, or a mark where there is none. */
function smallPicture(address) {
  if (!address) return element("span", "placeholder", "?");
  const image = element("img");
  image.src = address;
  image.alt = "";
  return image;
}

/** Make a button. */
function buttonOf(className, action, ...inside) {
  const made = element("button", className);
  made.type = "button";
  made.append(...inside);
  made.addEventListener("click", action);
  return made;
}

/** Announce a text to screen readers and, if `shown`, show it for a moment. */
function announce(text, shown = true) {
  const place = byId("status");
  const host = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  if (place.parentElement !== host) host.append(place); // screen readers ignore what is behind an open dialog
  place.textContent = text;
  place.classList.toggle("shown", shown);
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => place.classList.remove("shown"), 1800);
}

/** What is kept from visit to visit. The history entry of the page has it, too: local pages may have no
 * storage, and Chromium now and then drops without an error what a page writes while the machine is busy. */
const memory = {
  kept: new Map(Object.entries(history.state?.kept ?? {})),
  stored: true,

  read(name) {
    try {
      return localStorage.getItem(`gallery-${name}`) ?? this.kept.get(name) ?? null;
    } catch {
      return this.kept.get(name) ?? null;
    }
  },

  write(name, text) {
    this.kept.set(name, text);
    try {
      localStorage.setItem(`gallery-${name}`, text);
      this.stored = true;
    } catch {
      this.stored = false;
    }
    writeAddress();
  },
};

/** Copy a text, where the page may not use the clipboard by way of a selected element. */
async function copyText(text, host) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (host.select) host.select();
    else getSelection().selectAllChildren(host);
    if (!document.execCommand("copy")) return announce("Copying is not allowed here; the text is selected");
  }
  announce("Copied");
}
