// The data of the page, and their text. Everything that comes from a file is inserted into the
// document as text (textContent, option.text), never as markup.

const byId = (id) => document.getElementById(id);
const DATA = JSON.parse(byId("data").textContent);
const OUTPUTS = DATA.outputs;
const LOSSES = ["total", "content", "style"];
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

const contentOf = (output) => DATA.contents[output.content];
const styleOf = (output) => DATA.styles[output.style];
const settingOf = (output) => DATA.settings[output.setting];
const snapshotsOf = (output) => settingOf(output).snapshots;

for (const kind of ["contents", "styles"]) {
  for (const image of DATA[kind]) image.text = `${image.name} ${image.file} ${image.id}`.toLowerCase();
}
for (const setting of DATA.settings) {
  const facts = Object.entries(setting.facts).map(([name, value]) => `${name} ${value} ${name}=${value}`);
  setting.text = `${setting.id} ${setting.name} ${facts.join(" ")}`.toLowerCase();
}

/** A key of an output that stays the same when the sweep grows. */
function keyOf(output) {
  return [contentOf(output).id, styleOf(output).id, settingOf(output).id].join("/");
}

function titleOf(output) {
  return `${contentOf(output).name} × ${styleOf(output).name}`;
}

/** A sentence for screen readers. */
function describeOutput(output) {
  const said = `${contentOf(output).name} in the style of ${styleOf(output).name}, ${settingOf(output).name}`;
  return output.missing ? `${said}, missing: ${output.missing}` : said;
}

function fileOf(output, snapshot = snapshotsOf(output).length - 1) {
  return `${output.folder}/${snapshotsOf(output)[snapshot].file}`;
}

/** The file that a browser can show: a JPEG copy if it does not know the format. */
function shownOf(output, snapshot = snapshotsOf(output).length - 1) {
  const { file } = snapshotsOf(output)[snapshot];
  return output.shown ? `${output.shown}/${file.replace(/[.][^.]*$/, ".jpg")}` : fileOf(output, snapshot);
}

/** The content image with the fit of the job: it covers the output exactly. */
function originalOf(output) {
  return contentOf(output).copies[settingOf(output).fit] ?? null;
}

/** Total, content and style loss after an iteration; null if they are not recorded. */
function lossesAt(output, epoch) {
  const parts = output.curve?.[settingOf(output).epochs.indexOf(epoch)];
  return parts ? [parts.reduce((sum, part) => sum + part), parts[0], parts[1]] : null;
}

function lossOf(output, name) {
  return output.losses?.[LOSSES.indexOf(name)] ?? null;
}

/** The arguments of the command that makes an output again, already quoted. */
function argumentsOf(output) {
  const files = [contentOf(output).option, styleOf(output).option, output.option];
  return [...DATA.command, ...files, ...settingOf(output).options];
}

function commandOf(output) {
  return argumentsOf(output).join(" ");
}

/** A number in four digits: 0.1235, 1234, 1.235e+7. */
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

/** Make an element with a class and a text. */
function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
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
