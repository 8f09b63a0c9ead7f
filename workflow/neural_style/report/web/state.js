// What is selected and open is kept in the address, so reload, back button and links restore it.

const CHOICES = ["text", "content", "style", "setting", "sort"];
const state = { text: "", content: "", style: "", setting: "", sort: "", descending: false };
// Positions in OUTPUTS: the one that is open, and those that are compared.
Object.assign(state, { open: null, snapshot: null, slider: 0, chosen: [], comparing: false });

const positions = new Map(OUTPUTS.map((output, position) => [keyOf(output), position]));

function addressOf() {
  const words = new URLSearchParams();
  for (const name of CHOICES) if (state[name]) words.set(name, state[name]);
  if (state.descending) words.set("descending", "1");
  if (state.chosen.length) words.set("chosen", state.chosen.map((at) => keyOf(OUTPUTS[at])).join(" "));
  if (state.comparing) words.set("compare", "1");
  if (state.open !== null) {
    const output = OUTPUTS[state.open];
    words.set("output", keyOf(output));
    const snapshots = snapshotsOf(output);
    if (state.snapshot !== snapshots.length - 1) words.set("epoch", snapshots[state.snapshot].epoch);
    if (state.slider) words.set("slider", state.slider.toFixed(0));
  }
  return `#${words}`;
}

/** Read the state from the address; skip what does not exist. */
function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  for (const name of CHOICES) state[name] = words.get(name) ?? "";
  state.descending = words.has("descending");
  const found = (words.get("chosen") ?? "").split(" ").map((key) => positions.get(key));
  state.chosen = found.filter((at) => at !== undefined).slice(0, 2);
  state.comparing = words.has("compare") && state.chosen.length === 2;
  state.open = positions.get(words.get("output") ?? words.get("picture")) ?? null; // `picture` in older links
  state.slider = Math.min(100, Math.max(0, Number(words.get("slider")) || 0));
  if (state.open !== null) {
    const snapshots = snapshotsOf(OUTPUTS[state.open]);
    const at = snapshots.findIndex(({ epoch }) => String(epoch) === words.get("epoch"));
    state.snapshot = at < 0 ? snapshots.length - 1 : at;
  }
}

/** Write the state into the address; `step` adds an entry for the back button. */
function writeAddress(step = false) {
  clearTimeout(writeAddress.timer);
  writeAddress.timer = 0;
  try {
    if (step) history.pushState({ opened: true }, "", addressOf());
    else history.replaceState(history.state, "", addressOf());
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

/** Leave what was opened: go back if opening it added an entry. */
function stepBack() {
  if (!history.state?.opened) return writeAddress();
  stepBack.leaving = true;
  history.back();
}

/** Whether the browser went back because of `stepBack`: then the state is newer than the address. */
function steppedBack() {
  const { leaving } = stepBack;
  stepBack.leaving = false;
  if (leaving) writeAddress();
  return leaving;
}
