// The dimensions of the sweep: content, style, and what differs between the settings. Each is a
// filter, and can be an axis of the grid; the grid can also have the iterations as an axis.

const AXIS_NAMES = { content_loss: "Kind of content loss", style_loss: "Kind of style loss" }; // there are also the numbers
const AXES = []; // { key, name, values: [{ value, label, thumbnail }], of(output) → place in values }

const SETTING_AXIS = { key: "setting", name: "Setting", values: DATA.settings.map(({ id, label }) => ({ value: id, label })), of: (output) => output.setting };

function addAxis(key, name, values, of) {
  AXES.push({ key, name, values, of });
}

{
  const images = (entries) => entries.map(({ id, name, thumbnail }) => ({ value: id, label: name, thumbnail, image: true }));
  addAxis("content", "Content", images(DATA.contents), (output) => output.content);
  addAxis("style", "Style", images(DATA.styles), (output) => output.style);
  if (DATA.settings.some(({ named }) => named)) AXES.push(SETTING_AXIS);
  for (const key of Object.keys(DATA.settings[0]?.facts ?? {})) {
    const texts = [...new Set(DATA.settings.map(({ facts }) => facts[key]))];
    if (texts.length < 2) continue;
    if (texts.every((text) => Number.isFinite(Number(text)))) texts.sort((one, two) => one - two);
    const at = DATA.settings.map(({ facts }) => texts.indexOf(facts[key]));
    const values = texts.map((text) => ({ value: text, label: text.replaceAll(",", ", ") }));
    addAxis(key, AXIS_NAMES[key] ?? inWords(key).replace(/^./, (letter) => letter.toUpperCase()), values, (output) => at[output.setting]);
  }
}

const axisOf = (key) => AXES.find((axis) => axis.key === key);

/** What outputs can be grouped by: the axes, and the setting, also where several keys make one. */
const GROUPS = [...new Set(AXES.length > 3 ? [...AXES, SETTING_AXIS] : AXES)].filter(({ values }) => values.length > 1);

const groupOf = (key) => GROUPS.find((axis) => axis.key === key);

/** Filters that are always offered; what else differs between named settings is behind "More". */
const MAIN_AXES = AXES.filter(({ key }) => ["content", "style", "setting"].includes(key) || !axisOf("setting"));

const EPOCHS = [...new Set(DATA.settings.flatMap(({ snapshots }) => snapshots.map(({ epoch }) => epoch)))].sort((one, two) => one - two);
const EPOCH_AXIS = { key: "epoch", name: "Iteration", values: EPOCHS.map((epoch) => ({ value: epoch, label: `iteration ${epoch}` })) };
