// What is chosen and open, kept in the address: a reload, the back button and a link bring it back.

const CHOICES = ["text", "content", "style", "setting", "sort"];
const state = { text: "", content: "", style: "", setting: "", sort: "", descending: false };
// Positions in PICTURES: what is open, and what is put side by side.
Object.assign(state, { open: null, snapshot: null, wipe: 0, chosen: [], comparing: false });

const positions = new Map(PICTURES.map((picture, position) => [keyOf(picture), position]));

function addressOf() {
  const words = new URLSearchParams();
  for (const name of CHOICES) if (state[name]) words.set(name, state[name]);
  if (state.descending) words.set("descending", "1");
  if (state.chosen.length) words.set("chosen", state.chosen.map((at) => keyOf(PICTURES[at])).join(" "));
  if (state.comparing) words.set("compare", "1");
  if (state.open !== null) {
    const picture = PICTURES[state.open];
    words.set("picture", keyOf(picture));
    const snapshots = snapshotsOf(picture);
    if (state.snapshot !== snapshots.length - 1) words.set("epoch", snapshots[state.snapshot].epoch);
    if (state.wipe) words.set("wipe", state.wipe.toFixed(0));
  }
  return `#${words}`;
}

/** Take the state from the address; what is no longer there is passed over. */
function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  for (const name of CHOICES) state[name] = words.get(name) ?? "";
  state.descending = words.has("descending");
  const found = (words.get("chosen") ?? "").split(" ").map((key) => positions.get(key));
  state.chosen = found.filter((at) => at !== undefined).slice(0, 2);
  state.comparing = words.has("compare") && state.chosen.length === 2;
  state.open = positions.get(words.get("picture")) ?? null;
  state.wipe = Math.min(100, Math.max(0, Number(words.get("wipe")) || 0));
  if (state.open !== null) {
    const snapshots = snapshotsOf(PICTURES[state.open]);
    const at = snapshots.findIndex(({ epoch }) => String(epoch) === words.get("epoch"));
    state.snapshot = at < 0 ? snapshots.length - 1 : at;
  }
}

/** Write the state into the address; `step` makes a step that the back button takes back. */
function writeAddress(step = false) {
  clearTimeout(writeAddress.timer);
  writeAddress.timer = 0;
  try {
    if (step) history.pushState({ opened: true }, "", addressOf());
    else history.replaceState(history.state, "", addressOf());
  } catch {
    // Some browsers keep local pages from it, or count the calls: then the address stays as it was.
  }
}

/** The same, once things have come to rest. */
function writeAddressSoon() {
  clearTimeout(writeAddress.timer);
  writeAddress.timer = setTimeout(() => writeAddress(), 250);
}

/** Write now what was to be written soon: a step must not leave it behind. */
function settleAddress() {
  if (writeAddress.timer) writeAddress();
}

/** Leave what was opened: by the step back, where opening it was a step. */
function stepBack() {
  if (!history.state?.opened) return writeAddress();
  stepBack.leaving = true;
  history.back();
}

/** Whether the browser went back because of `stepBack`: then the state is ahead of the address. */
function steppedBack() {
  const { leaving } = stepBack;
  stepBack.leaving = false;
  if (leaving) writeAddress();
  return leaving;
}
