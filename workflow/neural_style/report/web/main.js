// The theme, the help, and the start of the page.

const theme = {
  prepare() {
    try {
      document.documentElement.dataset.theme = localStorage.getItem("gallery-theme") ?? "";
    } catch {
      // Local pages may have no storage: then the choice lasts until the page is closed.
    }
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
    try {
      localStorage.setItem("gallery-theme", next);
    } catch {
      // See above.
    }
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
  filters.apply();
  compare.mark();
  if (state.open === null) viewer.hide(before);
  else viewer.show();
  if (state.comparing) compare.show();
  else compare.hide();
}

function follow(action) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      action();
    });
  };
}

for (const each of [theme, help, viewer, compare, keyboard]) each.prepare();
filters.fill();
overview.list.addEventListener("click", (event) => {
  const card = event.target.closest(".card");
  if (!card) return;
  if (event.target.closest(".choose")) compare.toggle(Number(card.dataset.at));
  else viewer.open(Number(card.dataset.at));
});
byId("skip").addEventListener("click", () => overview.focus(0));
addEventListener("scroll", follow(() => overview.draw()), { passive: true });
addEventListener("resize", follow(() => overview.measure()));
addEventListener("popstate", () => steppedBack() || restore());
restore();
