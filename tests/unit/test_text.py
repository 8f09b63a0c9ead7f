"""Text in images: what is drawn, how wide it is, where it breaks."""

import unicodedata

import pytest
from PIL import Image, ImageChops

from neural_style.report.text import (
    ELLIPSIS,
    draw_lines,
    draw_rotated,
    load_font,
    plain,
    shorten_middle,
    wrap,
)

FONT = load_font(16)
HOSTILE = {
    "long": "x" * 400,
    "narrow and wide": "iiiiWWWW" * 40,
    "newlines": "a\nb\r\nc\td",
    "controls": "bell\x07 escape\x1b[31m nul\x00",
    "bidi": "safe\u202egpj.exe",
    "undecodable": "caf\udce9",
    "chinese": "神奈川沖浪裏" * 10,
    "emoji": "🌊👩‍🎨🏽" * 10,
    "separate accents": unicodedata.normalize("NFD", "éàü" * 30),
    "noncharacter": "\uffff",
    "only spaces": " " * 50,
    "empty": "",
}
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


def ink(lines: tuple[str, ...], size: tuple[int, int] = (400, 60)) -> Image.Image:
    image = Image.new("L", size)
    draw_lines(image, (20, 10), lines, FONT, "white")
    return image


def box(image: Image.Image) -> tuple[int, int, int, int]:
    found = image.getbbox()
    assert found is not None, "nothing was drawn"
    return found


@pytest.mark.parametrize("letter", "aαβ×éŁЖ–…·ế")
def test_european_letters_and_signs_are_drawn(letter):
    assert FONT.draws(letter)
    missing = ink(("\uffff",))
    assert ImageChops.difference(ink((letter,)), missing).getbbox() is not None


@pytest.mark.usefixtures("no_further_fonts")
@pytest.mark.parametrize("letter", ["漢", "🌊", "\n", "\u202e", "\udce9", "\uffff"])
def test_what_cannot_be_drawn_is_known_and_still_visible(letter):
    assert not FONT.draws(letter)
    assert box(ink((letter,)))


def test_a_font_of_the_machine_draws_squares_where_it_has_them(use_fonts, font_of_waves):
    use_fonts(font_of_waves)
    left, top, right, bottom = box(ink(("神",)))
    assert right - left == pytest.approx(bottom - top, abs=1)
    use_fonts(font_of_waves.with_name("lost.ttf"))
    assert not FONT.draws("神"), "a font that cannot be read has no letters"


def test_words_from_right_to_left_keep_two_names_apart():
    """Within a name the last word is the leftmost; the names themselves do not change places."""
    for text, expected in {
        "قطة المدينة × بحر هادئ": ["المدينة", "قطة", "×", "هادئ", "بحر"],
        "שלום 12 עולם × sea": ["עולם", "12", "שלום", "×", "sea"],
        "sea × שלום": ["sea", "×", "שלום"],
        "plain words": ["plain", "words"],
    }.items():
        words = "".join(run for run, _ in FONT.runs(text)).split()
        assert words == expected
        assert FONT.draws(text)


def test_control_characters_are_spelt_out():
    assert plain("a\nb\tc\x1b\u202e\udce9\u2028") == r"a\nb\tc\x1b\u202e\udce9\u2028"


def test_separate_accents_are_joined():
    assert plain("Cafe\u0301") == "Café"


@hostile
def test_plain_text_stays_as_it_is(text):
    assert plain(plain(text)) == plain(text)


@hostile
def test_shortened_and_wrapped_text_fits(text):
    for width in (0, 3, 15, 40, 150, 1000):
        assert FONT.width(shorten_middle(text, FONT.width, width)) <= width
        for most in (1, 2, 3):
            lines = wrap(text, FONT.width, width, most)
            assert len(lines) <= most, width
            assert all(FONT.width(line) <= width for line in lines)


def test_shortening_keeps_both_ends_and_as_much_as_fits():
    text = "the_great_wave_off_kanagawa_by_hokusai"
    short = shorten_middle(text, FONT.width, 150)
    head, tail = short.split(ELLIPSIS)
    assert text.startswith(head)
    assert text.endswith(tail)
    assert abs(len(head) - len(tail)) <= 1
    assert FONT.width(short) > 150 - 2 * FONT.size


def test_text_that_fits_is_not_shortened():
    assert shorten_middle("wave", FONT.width, FONT.width("wave")) == "wave"


def test_lines_break_after_spaces_and_underscores_but_not_at_no_break_spaces():
    width = FONT.width("β\u00a01e6") + 2
    assert wrap("α\u00a01   β\u00a01e6   lr\u00a01", FONT.width, width, 3) == (
        "α\u00a01",
        "β\u00a01e6",
        "lr\u00a01",
    )
    assert wrap("great_wave", FONT.width, FONT.width("great_") + 1, 2) == ("great_", "wave")


def test_nothing_is_lost_while_there_are_lines():
    text = "one two three four five six seven"
    assert " ".join(wrap(text, FONT.width, 80, 20)) == text


def test_drawn_text_is_as_wide_as_measured():
    left, _, right, _ = box(ink(("Hamburgefonts αβ",)))
    assert left == pytest.approx(20, abs=2)
    assert right - left == pytest.approx(FONT.width("Hamburgefonts αβ"), abs=3)


def test_lines_are_drawn_one_below_the_other_within_their_height():
    text = "Ágjpqy"
    _, top, _, bottom = box(ink((text,)))
    assert 10 <= top < bottom <= 10 + FONT.line_height
    assert box(ink((text, text)))[3] == bottom + FONT.line_height


def test_centered_text_has_its_center_there():
    image = Image.new("L", (400, 60))
    draw_lines(image, (200, 10), ("HHHHHH", "HHH"), FONT, "white", "center")
    left, _, right, _ = box(image)
    assert (left + right) / 2 == pytest.approx(200, abs=1.5)


def test_rotated_text_reads_upwards_around_its_center():
    upright = Image.new("L", (200, 200))
    draw_rotated(upright, (120, 80), ("HHHHL",), FONT, "white")
    left, top, right, bottom = box(upright)
    assert (top + bottom) / 2 == pytest.approx(80, abs=1.5)
    assert (left + right) / 2 == pytest.approx(120, abs=4)
    assert bottom - top == pytest.approx(FONT.width("HHHHL"), abs=3)
    # The last letter, L, is at the top; its stem is at its start and its foot at the right.
    assert box(upright.crop((0, top, 200, top + 4)))[0] > (left + right) / 2


@hostile
def test_hostile_text_is_drawn_without_harm(text):
    image = Image.new("RGB", (64, 64))
    draw_lines(image, (30, 50), (text,), FONT, "red", "center")
    draw_rotated(image, (30, 50), (text, text), FONT, "red")
    assert image.size == (64, 64)


def test_every_kind_of_space_is_drawn_and_nothing_invisible():
    font = load_font(12)
    assert font.draws("Screenshot at 3.04.05\u202fPM\u00a0a\u3000b")
    assert not font.draws("right\u202eleft") and not font.draws("What\u200eApp")
