// The theme, the help, and the start of the page.

const theme = {
  prepare() {
    document.documentElement.dataset.theme = memory.read("theme") ?? "";
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this.name());
    byId("theme").addEventListener("click", () => this.toggle());
    this.name();
  },

  get current() {
    return document.documentElement.dataset.theme || (this.dark.matches ? "dark" : "light");
  },

  toggle() {
    const next = this.current === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    memory.write("theme", next);
    this.name();
  },

  name() {
    const other = this.current === "dark" ? "light" : "dark";
    byId("theme").ariaLabel = `Switch to ${other}`;
    byId("theme").title = `Switch to ${other} (d)`;
  },
};

const help = {
  dialog: byId("help"),

  prepare() {
    byId("help-open").addEventListener("click", () => this.toggle());
    byId("help-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  },

  toggle() {
    if (this.dialog.open) return this.dialog.close();
    this.dialog.showModal();
    byId("help-title").focus();
  },
};

/** Restore everything from the address. */
function restore() {
  const before = state.open;
  readAddress();
  filters.settled = new Set();
  filters.apply();
  picks.mark();
  table.mark();
  if (state.open === null) viewer.hide(before);
  else viewer.show();
  if (state.comparing) table.show();
  else table.hide();
}

for (const each of [theme, help, picks, overview, matrix, viewer, table, print, keyboard]) each.prepare();
filters.fill();
byId("skip").addEventListener("click", () => layout().focus(0));
addEventListener("scroll", follow(() => overview.draw()), { passive: true });
addEventListener("resize", follow(() => layout().measure()));
addEventListener("popstate", () => {
  if (steppedBack()) return;
  if (state.alone && opened() === 1) viewer.leave(); // back to the light table
  else restore();
});
restore();
