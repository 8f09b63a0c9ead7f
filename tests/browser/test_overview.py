"""The overview of the gallery in a real browser: which outputs it shows, in which order."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import Page, expect
from tests.browser.sweep import BETAS, CONTENTS, HOSTILE, REASON, STYLES, copy_with, until

from neural_style.report.runs import MEASURES

ALL = len(CONTENTS) * len(STYLES) * len(BETAS)
FINISHED = ALL - 1


def titles(page: Page) -> list[str]:
    """`content × style × setting` of each card that is in the document."""
    texts = page.locator(".card").evaluate_all(
        """cards => cards.map(card => ['of', 'name', 'setting']
            .map(part => card.querySelector('.' + part).textContent).join(' × '))"""
    )
    return [text.replace("\u00a0", " ") for text in texts]


def losses(page: Page) -> list[float]:
    texts = page.locator(".card .loss").all_text_contents()
    return [float(text.split()[-1]) for text in texts if text]


def count(page: Page) -> int:
    """How many outputs the overview shows, in the document or not."""
    return page.evaluate(
        "Number(document.querySelector('.card')?.getAttribute('aria-setsize') ?? 0)"
    )


def loaded(page: Page) -> None:
    """Wait until every image near the window is loaded, and fail if one is not."""
    until(page, "[...document.querySelectorAll('.card:not(.missing) img')].every(i => i.complete)")
    widths = page.locator(".card:not(.missing) img").evaluate_all(
        "images => images.map(image => image.naturalWidth)"
    )
    assert widths and all(widths)


def test_shows_every_output_of_the_sweep(page):
    expect(page.locator("#summary")).to_have_text(
        f"{ALL} outputs  ·  5 content images × 2 style images × 3 settings  ·  α 1   lr 1",
        use_inner_text=True,
    )
    assert count(page) == ALL
    loaded(page)


def test_a_hostile_name_shows_as_its_name(page):
    page.select_option("#content", label=HOSTILE)
    expect(page.locator(".card .of").first).to_have_text(HOSTILE)
    expect(page.locator("#originals bdi")).to_have_text(HOSTILE)
    assert page.locator("img[src=x]").count() == 0
    page.locator(".open").first.click()
    expect(page.locator("#viewer-title")).to_have_text(f"{HOSTILE} × sea")
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("document.querySelector('#viewer-result').naturalWidth") == 48


@pytest.mark.parametrize("name", ['100% "it\'s" #1 ? שלום', "two lines", "caf\ufffd"])
def test_other_awkward_names_show_as_they_are(page, name):
    names = page.locator("#content option").all_text_contents()
    assert name in [" ".join(each.split()) for each in names]


def test_filters_by_content_style_and_each_value_of_the_settings(page):
    page.select_option("#content", label="cat")
    assert count(page) == 6
    page.select_option("#style", label="sun & moon")
    assert titles(page) == [f"cat × sun & moon × β {beta}" for beta in ("1e5", "1e6", "1e7")]
    expect(page.locator("#originals figure")).to_have_count(2)
    page.select_option("#beta", "1e6")
    assert titles(page) == ["cat × sun & moon × β 1e6"]
    expect(page.locator("#count")).to_have_text(f"1 of {ALL} outputs")
    page.get_by_role("button", name="Show all").click()
    assert count(page) == ALL
    expect(page.locator("#originals")).to_be_hidden()


SEARCHES = {
    "CAT moon beta=1e6": 1,
    "onerror": 6,
    "at": 0,  # only inside a word
    "4": 0,  # only in the names of layers
    "1": 12,  # of the names with #1 and alert(1)
    "שלום": 6,
    "sea": 15,
    '"sun & moon"': 15,
    "caf": 6,
    "β 1e5": 10,
    "β 1e4": 0,
    "1e6": 10,
    "lr 1": 30,
    "lr 10": 0,
    "beta=100000": 10,
    "β=1e5": 10,
    "beta=10": 0,
    "beta>1e5": 20,
    "beta>=1e6": 20,
    "beta<1e6 cat": 2,
    "beta!=1e5": 20,
    "beta=": 30,
    "palette>39 cat": 1,
    "shared_edges=0.25": 29,
    "unseen_style<0.2 cat": 6,
    "size>=512": 0,
    "size=48": 30,
    "content:ca": 12,
    "content=ca": 0,
    "content=cat style:sea": 3,
    "pooling:m": 30,
    "style_loss<75 content=cat": 6,
    "content_loss<=1": 1,
    "missing": 1,
    "torn": 1,
    "no such thing": 0,
}


def test_searches_words_of_names_and_values_of_fields(page):
    search = page.get_by_role("searchbox")
    found = {}
    for words in SEARCHES:
        search.fill(words)
        found[words] = count(page)
    assert found == SEARCHES
    expect(page.get_by_text("No output matches.")).to_be_visible()
    search.fill("betta=1e5")
    expect(page.locator("#nothing")).to_contain_text("There is no field “betta”")
    page.locator("#nothing-reset").click()
    assert count(page) == ALL


def test_searches_inside_names_in_scripts_without_spaces(open_page, gallery):
    page = open_page(copy_with(gallery, lambda data: data["contents"][0].update(name="神奈川の波")))
    for words, found in {"神": 6, "波": 6, "川の": 6, "content:波": 6, "波川": 0}.items():
        page.get_by_role("searchbox").fill(words)
        assert count(page) == found, words


def test_cards_can_be_sorted_by_each_measure(page):
    options = page.locator("#sort-measures option")
    assert options.evaluate_all("all => all.map((each) => each.value)") == list(MEASURES)


def test_what_a_card_prints_finds_that_card(page):
    for sort in ("style", "total", "palette"):
        page.get_by_role("searchbox").fill("")
        page.select_option("#sort", sort)
        first = page.locator(".card").first
        place = first.get_attribute("data-at")
        parts = (".name", ".of", ".setting", ".loss")
        printed = [first.locator(part).inner_text() for part in parts]
        page.get_by_role("searchbox").fill(" ".join(printed))
        found = page.locator(".card").evaluate_all("cards => cards.map(card => card.dataset.at)")
        assert place in found and len(found) < 3, sort


def test_shows_only_losses_in_a_range_and_groups(page):
    page.get_by_role("button", name="More").click()
    page.select_option("#content", label="cat")
    page.get_by_label("Least content loss").fill("2")
    page.get_by_label("Greatest content loss").fill("4.5")
    assert count(page) == 3
    until(page, "location.hash.includes('content_range=2..4.5')")
    page.reload()
    assert count(page) == 3
    page.locator("#reset").click()
    page.locator("#more-open").click()
    page.select_option("#group", "beta")
    expect(page.locator(".group").first).to_have_text("1e5 10 outputs")
    page.select_option("#sort", "content")
    assert all(title.endswith("β 1e5") for title in titles(page)[:10])
    before = page.locator(".card").first.bounding_box()["width"]
    page.locator("#card-size").focus()
    page.keyboard.press("End")
    assert page.locator(".card").first.bounding_box()["width"] > before
    page.locator(".open").first.focus()
    page.keyboard.press("End")
    expect(page.locator(".card").last).to_have_attribute("aria-posinset", str(ALL))
    expect(page.locator(".card").last.locator(".open")).to_be_focused()


def test_groups_by_settings_where_two_keys_make_one(open_page, gallery):
    """Where only one key differs, its values are the settings."""
    page = open_page(gallery.page)
    options = page.locator("#group option")
    assert options.all_text_contents() == ["Nothing", "Content", "Style", "Beta"]

    def vary(data):
        for setting, rate in zip(data["settings"], ("1", "1", "0.5"), strict=True):
            setting["facts"]["learning_rate"] = rate

    page = open_page(copy_with(gallery, vary))
    page.locator("#more-open").click()
    options = page.locator("#group option")
    assert options.all_text_contents()[3:] == ["Beta", "Learning rate", "Setting"]
    page.select_option("#group", "setting")
    heading = page.locator(".group").first
    assert heading.inner_text().replace("\u00a0", " ").startswith("β 1e5")
    expect(heading).to_contain_text("10 outputs")
    until(page, "location.hash.includes('group=setting')")
    page.reload()
    expect(page.locator("#group")).to_have_value("setting")
    expect(page.locator("select#setting")).to_have_count(0)


@pytest.mark.parametrize("loss", ["total", "content", "style", "palette"])
def test_sorts_by_each_loss_and_measure_both_ways(page, loss):
    page.select_option("#content", label="cat")
    page.select_option("#sort", loss)
    rising = losses(page)
    assert rising == sorted(rising)
    assert len(set(rising)) == 6
    page.get_by_role("button", name="Reverse the order").click()
    assert losses(page) == rising[::-1]
    said = {"total": "minimized", "palette": "palette distance"}.get(loss, f"{loss} loss")
    assert page.locator(".card .loss").first.text_content().startswith(f"{said} ")


def test_the_order_of_losses_differs(page):
    """Without weights, content loss grows where style loss falls, whatever beta is."""
    page.select_option("#content", label="cat")
    page.select_option("#sort", "content")
    by_content = titles(page)
    page.select_option("#sort", "style")
    assert titles(page) == by_content[::-1]


def test_says_where_losses_of_settings_cannot_be_compared(open_page, mixed):
    page = open_page(mixed)
    note = page.locator("#loss-note")
    expect(note).to_be_empty()
    for kind in ("content", "style"):
        page.select_option("#sort", kind)
        expect(note).to_have_text(
            f"The {kind} losses of these settings differ in kind: "
            "compare them only within a setting."
        )
    page.get_by_role("searchbox").fill("style_loss=gram")
    assert count(page) == 4
    expect(note).to_be_empty()
    page.select_option("#sort", "total")
    expect(note).to_have_text("Compare the minimized loss only within a setting.")
    page.get_by_role("searchbox").fill("beta=1e6")
    expect(note).to_be_empty()


def test_sorts_by_name(page):
    page.select_option("#sort", "name")
    assert titles(page)[0].startswith("<img")
    page.get_by_role("button", name="Reverse the order").click()
    assert titles(page)[0].startswith("two\nlines × sun & moon")


def test_a_missing_output_says_why_and_sorts_last(page):
    page.select_option("#content", label="caf\ufffd")
    for _ in range(2):
        page.select_option("#sort", "total")
        page.get_by_role("button", name="Reverse the order").click()
        last = page.locator(".card").last
        expect(last.locator(".placeholder")).to_have_text(f"missing {REASON}")
        expect(last.locator("img")).to_be_hidden()
    last.locator(".open").click()
    expect(page.locator("#viewer-placeholder")).to_contain_text(REASON)
    expect(page.locator("#viewer-command")).to_contain_text("neural-style ")
    expect(page.locator("#viewer-slider")).to_be_hidden()


def test_a_lost_thumbnail_is_replaced_by_its_output(open_page, gallery, tmp_path):
    copy = shutil.copytree(gallery.root, tmp_path / "copy")
    shutil.rmtree(copy / "results" / "gallery" / "thumbnails")
    page = open_page(copy / "results" / "gallery" / "index.html", lacks_files=True)
    expect(page.locator(".card img").first).to_have_attribute(
        "src", "../cat/sea/1_1e5_1/generated_6.png"
    )
    loaded(page)


def test_the_results_can_be_sent_and_opened_elsewhere(open_page, gallery, tmp_path):
    sent = tmp_path / "by mail #1 100%?" / "results"
    shutil.copytree(gallery.root / "results", sent)
    page = open_page(sent / "gallery" / "index.html")
    loaded(page)
    page.locator(".open").first.click()
    for name in ("result", "original"):
        until(page, f"document.querySelector('#viewer-{name}').naturalWidth === 48")


def test_arrows_move_over_the_overview_and_keys_act_on_it(page):
    page.locator(".open").first.focus()
    columns = page.evaluate(
        """() => {
            const cards = [...document.querySelectorAll('.card')];
            const tops = cards.map(card => card.getBoundingClientRect().top);
            return tops.filter(top => top === tops[0]).length;
        }"""
    )
    assert columns > 1

    def place() -> int:
        return page.evaluate("Number(document.activeElement.closest('.card').dataset.place)")

    places = []
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp", "End", "Home"):
        page.keyboard.press(key)
        places.append(place())
    assert places == [1, 1 + columns, columns, 0, 0, ALL - 1, 0]
    page.keyboard.press("c")
    expect(page.locator(".card.chosen")).to_have_count(1)
    page.keyboard.press("/")
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.type("cat?d")
    expect(page.locator("#help")).to_be_hidden()
    expect(page.locator("#text")).to_have_value("cat?d")
    page.keyboard.press("Escape")
    expect(page.locator("#text")).to_have_value("")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_tab_goes_through_the_cards_in_their_order(page):
    seen = []
    page.locator("#more-open").focus()
    while not page.evaluate("document.activeElement.closest('.card')"):
        page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    for _ in range(6):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                """[document.activeElement.closest('.card').dataset.place,
                    document.activeElement.className].join(' ')"""
            )
        )
    assert seen == [f"{place} {kind}" for place in range(2) for kind in ("open", "star", "choose")]
    assert page.evaluate("document.activeElement.matches(':focus-visible')")


def test_follows_the_systems_colors_until_one_is_chosen(open_page, gallery):
    def ground(page: Page) -> int:
        color = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        return int(color.split("(")[1].split(",")[0])

    assert ground(open_page(gallery.page, color_scheme="light")) > 200
    page = open_page(gallery.page, color_scheme="dark")
    assert ground(page) < 60
    page.get_by_role("button", name="Switch to light").click()
    assert ground(page) > 200
    page.reload()
    assert ground(page) > 200, "the choice was forgotten"
    page.keyboard.press("d")
    assert ground(page) < 60


def test_only_cards_near_the_window_are_in_the_document(open_page, gallery):
    """Otherwise neither opening nor scrolling could be fast with thousands of outputs."""
    page = open_page(
        copy_with(gallery, lambda data: data.update(outputs=[data["outputs"][-1]] * 3000))
    )
    for where in ("0", "document.documentElement.scrollHeight / 2", "1e9"):
        page.evaluate(f"scrollTo(0, {where})")
        page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        inside = page.locator(".card").evaluate_all(
            """cards => cards.filter(card => {
                const box = card.getBoundingClientRect();
                return box.bottom > 0 && box.top < innerHeight;
            }).length"""
        )
        assert inside >= 4, "the window is empty"
        assert page.locator(".card").count() < 100
    expect(page.locator(".card").last).to_have_attribute("aria-posinset", "3000")


def test_motion_is_reduced_where_the_system_asks_for_it(open_page, gallery):
    def seconds(motion: str) -> str:
        page = open_page(gallery.page, reduced_motion=motion)
        return page.locator(".choose").first.evaluate(
            "button => getComputedStyle(button).transitionDuration"
        )

    assert seconds("no-preference") != "0s"
    assert seconds("reduce") == "0s"
