// The data of the page, and how they are said in words. Everything from a file is put into the
// document as text (textContent, option.text), never as markup.

const byId = (id) => document.getElementById(id);
const DATA = JSON.parse(byId("data").textContent);
const PICTURES = DATA.pictures;
const LOSSES = ["total", "content", "style"];
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

const contentOf = (picture) => DATA.contents[picture.content];
const styleOf = (picture) => DATA.styles[picture.style];
const settingOf = (picture) => DATA.settings[picture.setting];
const snapshotsOf = (picture) => settingOf(picture).snapshots;

for (const kind of ["contents", "styles"]) {
  for (const image of DATA[kind]) image.text = `${image.name} ${image.file} ${image.id}`.toLowerCase();
}
for (const setting of DATA.settings) {
  const facts = Object.entries(setting.facts).map(([name, value]) => `${name} ${value} ${name}=${value}`);
  setting.text = `${setting.id} ${setting.name} ${facts.join(" ")}`.toLowerCase();
}

/** What names a picture for good, whatever else joins the sweep. */
function keyOf(picture) {
  return [contentOf(picture).id, styleOf(picture).id, settingOf(picture).id].join("/");
}

function titleOf(picture) {
  return `${contentOf(picture).name} × ${styleOf(picture).name}`;
}

/** A whole sentence, for those who hear the page. */
function sayPicture(picture) {
  const said = `${contentOf(picture).name} in the style of ${styleOf(picture).name}, ${settingOf(picture).name}`;
  return picture.missing ? `${said}, missing: ${picture.missing}` : said;
}

function fileOf(picture, snapshot = snapshotsOf(picture).length - 1) {
  return `${picture.folder}/${snapshotsOf(picture)[snapshot].file}`;
}

/** What a browser can show of the same picture. */
function shownOf(picture, snapshot = snapshotsOf(picture).length - 1) {
  const { file } = snapshotsOf(picture)[snapshot];
  return picture.shown ? `${picture.shown}/${file.replace(/[.][^.]*$/, ".jpg")}` : fileOf(picture, snapshot);
}

/** The content image as the job saw it: it lies exactly under the picture. */
function originalOf(picture) {
  return contentOf(picture).copies[settingOf(picture).fit] ?? null;
}

/** Total, content and style loss after an epoch; null if nobody wrote them down. */
function lossesAt(picture, epoch) {
  const parts = picture.curve?.[settingOf(picture).epochs.indexOf(epoch)];
  return parts ? [parts.reduce((sum, part) => sum + part), parts[0], parts[1]] : null;
}

function lossOf(picture, name) {
  return picture.losses?.[LOSSES.indexOf(name)] ?? null;
}

/** The command that makes a picture again, in words that are quoted already. */
function wordsOf(picture) {
  const files = [contentOf(picture).option, styleOf(picture).option, picture.output];
  return [...DATA.command, ...files, ...settingOf(picture).options];
}

function commandOf(picture) {
  return wordsOf(picture).join(" ");
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

/** An element with a class and a text. */
function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/** Tell those who hear the page and, if it is to be shown, for a moment those who see it. */
function say(text, shown = true) {
  const place = byId("said");
  const host = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  if (place.parentElement !== host) host.append(place); // behind an open dialog nothing is heard
  place.textContent = text;
  place.classList.toggle("shown", shown);
  clearTimeout(say.timer);
  say.timer = setTimeout(() => place.classList.remove("shown"), 1800);
}
