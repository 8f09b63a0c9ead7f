// What is selected and open is kept in the address, so reload, back button and links restore it.

const CHOICES = ["text", "sort", "group", "rows", "columns"];
const MOST_COMPARED = 9;

const state = { text: "", sort: "", group: "", rows: "", columns: "", descending: false, grid: false, picked: false };
// By the key of an axis, the value that is shown; by the name of a loss, the least and the greatest.
Object.assign(state, { filters: {}, ranges: {} });
// Positions in OUTPUTS: the one that is open, and those that are compared.
Object.assign(state, { open: null, snapshot: null, chosen: [], comparing: false });
// What is on the two sides of the slider, and which percentage the left one has; whether the light
// table shows two over each other; whether the open output was opened from there.
Object.assign(state, { left: "content", right: "output", slider: 0, difference: false, over: false, alone: false });

function addressOf() {
  const words = new URLSearchParams();
  for (const name of CHOICES) if (state[name]) words.set(name, state[name]);
  for (const name of ["descending", "grid", "picked"]) if (state[name]) words.set(name, "1");
  for (const [key, value] of Object.entries(state.filters)) words.set(key, value);
  for (const [name, ends] of Object.entries(state.ranges)) if (ends.some(Boolean)) words.set(`${name}_range`, ends.join(".."));
  if (state.chosen.length) words.set("chosen", state.chosen.map((at) => keyOf(OUTPUTS[at])).join(" "));
  if (!memory.stored && picks.size) words.set("picks", picks.keys().join(" "));
  if (state.comparing) words.set("compare", "1");
  if (state.open !== null) {
    const output = OUTPUTS[state.open];
    words.set("output", keyOf(output));
    if (state.snapshot !== lastOf(output)) words.set("epoch", snapshotsOf(output)[state.snapshot].epoch);
  }
  for (const name of ["over", "alone"]) if (state[name]) words.set(name, "1");
  if (state.open !== null || state.over) {
    if (state.left !== "content") words.set("left", state.left);
    if (state.right !== "output") words.set("right", state.right);
    if (state.slider) words.set("slider", state.slider.toFixed(0));
    if (state.difference) words.set("difference", "1");
  }
  return `#${words}`;
}

/** Read the state from the address; skip what does not exist. */
function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  for (const name of CHOICES) state[name] = words.get(name) ?? "";
  for (const name of ["descending", "grid", "picked"]) state[name] = words.has(name);
  state.filters = {};
  for (const { key, values } of AXES) {
    if (values.some(({ value }) => value === words.get(key))) state.filters[key] = words.get(key);
  }
  readOlderSetting(words.get("setting"));
  state.ranges = {};
  for (const name of LOSSES) {
    const word = words.get(`${name}_range`) ?? words.get(`${name}_loss`) ?? ""; // in older links, the word of a filter
    const ends = word.split("..").map((end) => (Number.isFinite(Number(end)) ? end : ""));
    if (ends.length === 2 && ends.some(Boolean)) state.ranges[name] = ends;
  }
  const found = (words.get("chosen") ?? "").split(" ").map((key) => positions.get(key));
  state.chosen = [...new Set(found)].filter((at) => at !== undefined).slice(0, MOST_COMPARED);
  state.comparing = words.has("compare") && state.chosen.length > 1;
  state.open = positions.get(words.get("output") ?? words.get("picture")) ?? null; // `picture` in older links
  if (state.comparing) state.open = null;
  state.alone = state.open !== null && words.has("alone") && state.chosen.length > 1;
  state.over = state.comparing && words.has("over");
  state.slider = Math.min(100, Math.max(0, Number(words.get("slider")) || 0));
  state.left = words.get("left") ?? "content";
  state.right = words.get("right") ?? "output";
  state.difference = words.has("difference");
  if (state.open !== null) {
    const snapshots = snapshotsOf(OUTPUTS[state.open]);
    const at = snapshots.findIndex(({ epoch }) => String(epoch) === words.get("epoch"));
    state.snapshot = at < 0 ? snapshots.length - 1 : at;
  }
  picks.add((words.get("picks") ?? "").split(" ")); // last, since this writes the address
}

/** Older links name a setting where there is now a filter for each of its values. */
function readOlderSetting(id) {
  const setting = DATA.settings.find((each) => each.id === id);
  if (!setting || axisOf("setting")) return;
  for (const { key } of AXES) if (key in setting.facts) state.filters[key] = setting.facts[key];
}

/** Write the state into the address; `step` adds an entry for the back button. */
function writeAddress(step = false) {
  clearTimeout(writeAddress.timer);
  writeAddress.timer = 0;
  const entry = { opened: opened() + Number(step), kept: Object.fromEntries(memory.kept) };
  try {
    if (step) history.pushState(entry, "", addressOf());
    else history.replaceState(entry, "", addressOf());
  } catch {
    // Some browsers forbid this to local pages, or limit the calls: the address stays as it was.
  }
}

/** Write the address when nothing has changed for a moment. */
function writeAddressSoon() {
  clearTimeout(writeAddress.timer);
  writeAddress.timer = setTimeout(() => writeAddress(), 250);
}

/** Write a pending address now, before a step adds an entry. */
function settleAddress() {
  if (writeAddress.timer) writeAddress();
}

/** How many entries for the back button what is open has added. */
function opened() {
  return Number(history.state?.opened ?? 0);
}

/** Leave what was opened: go back until only so many of the entries are left that opening added. */
function stepBack(left = 0) {
  const going = stepBack.left !== undefined;
  stepBack.left = left;
  if (!going) steppedBack();
}

/** Whether the browser went back because of `stepBack`: then the state is newer than the address. */
function steppedBack() {
  if (stepBack.left === undefined) return false;
  if (opened() > stepBack.left) history.back();
  else {
    stepBack.left = undefined;
    writeAddress();
  }
  return true;
}
