"""Cards: what they lead with, what they say of a run, and that they need nothing but themselves."""

import re
from html.parser import HTMLParser
from importlib import metadata

import pytest
import records

from trainlab import claims, record
from trainlab.book import assemble, contents
from trainlab.cards import addresses, numbers, sorts, wording
from trainlab.cards.claim import COLOURS, MARKS, as_html

SIDES = ("He", "Glorot")


@pytest.fixture(autouse=True)
def own_records(shelf, monkeypatch):
    """No record but those that a test puts there, and a reader's own environment."""
    monkeypatch.delenv(claims.DISAGREEMENTS, raising=False)


def contrast(values=(2.0, 2.1, 1.9), *, id="03.a-beats-b", unit="nats", at_least=0.5, **options):
    by_seed = dict(enumerate(values))
    b = dict.fromkeys(by_seed, 0)
    options = {"at_least": at_least, "sides": SIDES, "unit": unit} | options
    return claims.contrast(id, "A exceeds B.", by_seed, b, **options)


def share(inside, n, **options):
    values = dict(enumerate([1.0] * inside + [3.0] * (n - inside)))
    return claims.bound("03.mostly-small", "It stays small.", values, high=2, share=0.9, **options)


def put(shelf, claim, editions=("full", "quick"), **more):
    """Put a claim, as it was measured, on record."""
    for edition in editions:
        records.put(shelf, edition, {claim.id: records.entry(claim, **more)})


@pytest.fixture
def recorded(shelf):
    """A contrast of 10 seeds in the full edition, of another size and 16 seeds in the quick one."""
    put(shelf, contrast(records.normal(10, 1.8, 0.01)), ["full"])
    put(shelf, contrast(records.normal(16, 1.2, 0.1)), ["quick"])


class _Folded(HTMLParser):
    """Collects a card's text, what is folded apart from what is not."""

    def __init__(self):
        super().__init__()
        self.shown, self.folded, self._inside, self.tags = "", "", False, []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._inside |= tag == "details"

    def handle_endtag(self, tag):
        self._inside &= tag != "details"

    def handle_data(self, data):
        if self._inside:
            self.folded += data + " "
        else:
            self.shown += data + " "


def read(claim):
    """Return a card as it is read, with its white space as single spaces."""
    page = _Folded()
    page.feed(as_html(claim.as_json()))
    page.shown, page.folded = (" ".join(text.split()) for text in (page.shown, page.folded))
    return page


def test_card_leads_with_the_records_effect_and_puts_the_run_beneath(recorded):
    claim = contrast([1.2, 1.25, 1.15])
    page = read(claim)
    assert "supported He − Glorot: 1.800 nats [1.793, 1.807] · 10 seeds A exceeds B." in page.shown
    told = "this run: 1.2 nats over 3 seeds of the quick edition · ✓ repeats that edition’s record"
    assert told in page.shown and "(1.2)" in page.shown
    text = str(claim)
    assert "record:    He − Glorot: 1.800 nats [1.793, 1.807] · 10 seeds" in text
    assert "this run:  1.2 nats over 3 seeds of the quick edition · ✓ repeats" in text


def test_everything_else_is_folded(recorded):
    page = read(contrast([1.2, 1.25, 1.15]))
    for part in (
        "03.a-beats-b", "95 % interval of the mean difference “He − Glorot” ≥ 0.5 nats",
        "supported: 1.800 nats [1.793, 1.807], over 10 seeds of the full edition",
        "He 1.2, Glorot 0; difference 1.20 nats", "seeds 0, 1, 2", "a mean from",
        "the record of the quick edition has 1.2 nats over 16 seeds", "Fashion-MNIST",
    ):  # fmt: skip
        assert part in page.folded and part not in page.shown, part


def test_run_that_does_not_repeat_is_told_plainly(recorded):
    page = read(contrast([3.0, 3.1, 2.9]))
    assert "this run: 3 nats over 3 seeds of the quick edition · ✗ does not repeat" in page.shown
    assert re.search(
        r"does not repeat the record: a mean from 0\.\d+ to 1\.\d+ nats would", page.shown
    )
    assert "Error" not in page.shown and "supported" in page.shown


def test_run_that_could_not_tell_says_so_instead(shelf):
    put(shelf, contrast(records.normal(16, 1.2, 0.5)))
    page = read(contrast([1.2, 1.25, 1.15]))
    assert "too few seeds here to tell" in page.shown and "repeats" not in page.shown
    assert "so few seeds cannot exclude the opposite" in page.folded


def test_full_edition_names_no_other_record(shelf, full_edition):
    put(shelf, contrast(records.normal(10, 1.8, 0.01)))
    page = read(contrast(records.normal(10, 1.8, 0.01, seed=1)))
    assert "over 10 seeds of the full edition · ✓ repeats the record" in page.shown


def test_without_a_record_the_card_is_this_runs_and_says_how_to_measure_one():
    page = read(contrast([2.0, 2.1, 1.9]))
    assert "He − Glorot: 2.00 nats [1.75, 2.25] · 3 seeds of this run" in page.shown
    assert (
        "not on record as it stands: make record EDITION=full ONLY=03_… measures it" in page.shown
    )


def test_without_the_editions_record_the_verdict_is_there_and_the_run_is_not_asked(shelf):
    put(shelf, contrast(records.normal(10, 1.8, 0.01)), ["full"])
    page = read(contrast([1.2, 1.25, 1.15]))
    assert "this run: 1.2 nats over 3 seeds · no record of this edition yet" in page.shown


@pytest.mark.parametrize(
    ("mean", "needed"),
    [
        # The interval is ± 0.7154 for a spread of 1: 10 × (0.7154 / 0.3)² and (0.7154 / 0.5)².
        (0.8, "about 57 seeds would settle it"),
        (1.0, "about 21 seeds would settle it"),
        (0.55, "more than 1,000 seeds would be needed"),
        (0.5, "more than 1,000 seeds would be needed"),
    ],
)
def test_what_is_left_open_says_how_many_seeds_would_settle_it(shelf, mean, needed):
    put(shelf, contrast(records.normal(10, mean, 1.0)))
    page = read(contrast([1.2, 1.25, 1.15]))
    assert f"the record leaves this open: a run is not asked; {needed}" in page.shown
    assert "To repeat" not in page.folded


def test_ten_of_ten_runs_need_about_as_many_as_the_exact_interval_says(shelf):
    put(shelf, share(10, 10))
    said = wording.agreement(share(3, 3).as_json())
    # 0.025 ** (1 / n) reaches 0.9 at n = 36.
    assert 30 <= int(re.search(r"about (\d+) seeds", said)[1]) <= 40


def test_share_is_told_in_per_cent(shelf):
    claim = share(9, 10)
    assert numbers.interval(claim.as_json()) == "90\xa0% of the runs [55\xa0%, 100\xa0%]"
    assert "≥ 90\xa0%" in as_html(claim.as_json())


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.7, "of all units", "70\xa0% of all units"),
        (13.6, "of 15 pairs", "13.6 of 15 pairs"),
        (1, "of the twelve verdicts are right", "100\xa0% of the twelve verdicts are right"),
        (8.25, "%", "8.25 %"),
        (-1.1e-16, "nats", "0 nats"),
        (1234.5, "", "1,234"),
    ],
)
def test_units_read_as_they_are_meant(value, unit, text):
    claim = claims.bound("03.x", "X.", {0: value}, high=1e9, unit=unit)
    assert numbers.interval(claim.as_json()) == text


@pytest.mark.parametrize(
    ("estimate", "low", "high", "text"),
    [
        (1.8357, 1.8299, 1.8414, "1.836 [1.830, 1.841]"),
        (1.26, 0.66, 1.86, "1.3 [0.7, 1.9]"),
        (0.3573, 0.3015, 0.4132, "0.36 [0.30, 0.41]"),
        (764.06, 705.39, 822.74, "764 [705, 823]"),
        (31.92, 8.07, 55.77, "32 [8, 56]"),
        (-0.00483, -0.00816, -0.0015, "−0.0048 [−0.0082, −0.0015]"),
        (2e-5, 1e-5, 3e-5, "2e−05 [1e−05, 3e−05]"),
        (0.0, -0.004, 0.004, "0.000 [−0.004, 0.004]"),
        (3.0, 3.0, 3.0, "3 [3, 3]"),
    ],
)
def test_interval_has_the_digits_that_its_width_makes_sense_of(estimate, low, high, text):
    shown = {"estimate": estimate, "ci_low": low, "ci_high": high, "unit": ""}
    assert numbers.interval(shown) == text


def test_rounding_never_moves_an_end_to_the_other_side_of_the_criterion():
    shown = {"estimate": 0.14, "ci_low": 0.0967, "ci_high": 0.183, "unit": ""}
    assert numbers.interval(shown) == "0.14 [0.10, 0.18]"
    with_edge = {**shown, "values": {"low": 0.1}}
    assert numbers.interval(with_edge) == "0.140 [0.097, 0.183]"


def test_median_is_shown_where_it_is_what_counts(shelf):
    put(shelf, contrast(records.normal(16, 1.2, 0.1)), rule="median")
    page = read(contrast([1.2, 1.3, 9.0]))
    assert "this run: median 1.3 nats over 3 seeds" in page.shown
    assert "a median from" in page.folded


@pytest.mark.parametrize("marks", [["tied learning rates (03 he)"], ["a", "b"]])
def test_fragile_is_a_mark_beside_the_verdict_and_its_reasons_are_folded(shelf, marks):
    put(shelf, contrast(records.normal(16, 1.2, 0.1)), fragile=marks)
    claim = contrast([1.2, 1.25, 1.15])
    page = read(claim)
    assert re.search(r"supported fragile He", page.shown)
    assert "; ".join(marks) in page.folded
    assert str(claim).splitlines()[0] == "✓ SUPPORTED  03.a-beats-b · fragile"


@pytest.mark.parametrize(
    ("result", "mark", "folded"),
    [
        ("replicated", False, "the same verdict"),
        ("open in replication", True, "they leave it open"),
        ("reversed", True, "the opposite verdict"),
    ],
)
def test_replication_is_told_and_marked_where_it_failed(shelf, result, mark, folded):
    put(shelf, contrast(records.normal(16, 1.2, 0.1)), replication={"result": result})
    page = read(contrast([1.2, 1.25, 1.15]))
    assert (result in page.shown) is mark and folded in page.folded


def test_an_equation_has_one_line_and_no_drawing():
    claim = claims.identity("03.same", "Both are the same.", [1.0] * 1200, [1.0 + 2e-7] * 1200)
    page = read(claim)
    told = "equation checked: largest relative difference 2e−07 over 1,200 numbers"
    assert told in page.shown and "svg" not in dict(page.tags)
    assert "this run" not in page.shown.lower() and "Fashion" not in page.folded


def test_an_equation_that_comes_out_otherwise_says_so():
    claim = claims.identity("03.same", "Both are the same.", [1.0], [1.5])
    assert "✗ the text says “supported”, but it came out otherwise" in read(claim).shown
    refuted = claims.identity("03.same", "Both are the same.", [1.0], [1.5], expected="refuted")
    assert "✗ the text" not in read(refuted).shown


def test_a_time_belongs_to_this_machine():
    options = {"low": 1, "unit": "times the time of b"}
    claim = claims.bound("02.a-time", "A is slower.", [2.0, 2.1, 2.2], **options)
    page = read(claim)
    assert "on this machine: from 2 to 2.2 times the time of b, mean 2.1" in page.shown
    assert "2.10 times the time of b [1.85, 2.35] · 3 turns" in page.shown
    assert "record" not in page.shown and "turns of one run" in page.folded


def cards(shelf):
    """Return a card of every sort."""
    plain = contrast([1.2, 1.25, 1.15])
    put(shelf, contrast(records.normal(16, 1.2, 0.1)), fragile=["<b>"])
    timed = claims.bound("03.slow", "Slow.", [2.0, 2.1], low=1, unit="seconds")
    same = claims.identity("03.same", "Both.", [1.0], [1.0])
    hostile = contrast(id="03.x", sides=("<A>", "B&C"), unit="<i>")
    repeated = [contrast([1.2, 1.25, 1.15]), contrast([9.0, 9.1, 8.9])]
    return [plain, timed, same, hostile, share(3, 3), *repeated]


def test_cards_need_no_style_sheet_or_script_and_escape_text(shelf):
    for claim in cards(shelf):
        html = as_html(claim.as_json())
        page = read(claim)
        tags = {tag for tag, _ in page.tags}
        assert not tags & {"script", "style", "link", "img", "a-", "b", "i"}, claim.id
        assert not any(name.startswith("on") for _, given in page.tags for name in given)
        assert {"details", "summary"} <= tags
        assert page.tags[0][1]["id"] == addresses.anchor(claim.id)
        assert not re.search(r"(?<!-)\bcolor:(?!inherit|#fff)", html)
        assert "<A>" not in html and "\n" not in html


@pytest.mark.parametrize(
    ("values", "verdict"),
    [((2.0, 2.1, 1.9), "supported"), ((0.2, 0.21, 0.22), "weaker"), ((-1.0, -1.1), "refuted"),
     ((0.4, 0.6, 0.5), "inconclusive")],
)  # fmt: skip
def test_edge_and_label_of_a_card_have_the_colour_of_its_verdict(values, verdict):
    html = as_html(contrast(values).as_json())
    colour = COLOURS[verdict]
    assert re.match(
        rf'<div class="claim-card" id="claim-03-a-beats-b" role="group" aria-label="Claim '
        rf'03\.a-beats-b: {verdict}" style="[^"]*border-left:5px solid {colour};[^"]*"', html
    )  # fmt: skip
    assert (
        f"background:{colour};color:#fff" in html and f"{MARKS[verdict]} {verdict}</span>" in html
    )
    assert "overflow-wrap" not in html


def test_drawing_is_hidden_from_those_who_listen(shelf):
    for claim in cards(shelf):
        for tag, given in read(claim).tags:
            assert tag != "svg" or given["aria-hidden"] == "true"


def drawing(claim):
    """Return the marks of a strip: places of filled dots, of rings and of shaded ranges."""
    svg = re.search(r"<svg.*</svg>", as_html(claim.as_json()))[0]
    rings = re.findall(r'<circle cx="([\d.]+)" [^>]*fill="none"', svg)
    dots = re.findall(r'<circle cx="([\d.]+)" [^>]*fill="currentColor"', svg)
    shaded = re.findall(r'<rect x="([\d.]+)" y="2" width="([\d.]+)"', svg)
    return [float(x) for x in dots], [float(x) for x in rings], [tuple(map(float, shaded[0]))], svg


def test_strip_shows_record_run_and_accepted_range(recorded):
    dots, rings, ((left, width),), svg = drawing(contrast([1.2, 1.25, 1.15]))
    assert len(dots) == len(rings) == 1
    # From 0 to the record's upper end of 1.807, with a margin of 6 % on both sides.

    def place(value):
        return 58 + 272 * (value + 0.06 * 1.8072) / (1.12 * 1.8072)

    assert dots[0] == pytest.approx(place(1.8), abs=0.2)
    assert rings[0] == pytest.approx(place(1.2), abs=0.2)
    assert (left, left + width) == pytest.approx((place(0.5), 330), abs=0.2)
    assert ">≥ 0.5<" in svg and ">0<" in svg and ">record<" in svg and ">this run<" in svg


def test_strip_of_a_run_without_a_record_shows_its_seeds():
    dots, rings, _, svg = drawing(contrast([2.0, 2.1, 1.9]))
    assert len(dots) == 3 and rings == [] and ">record<" not in svg


def test_strip_of_both_margins_labels_both():
    svg = drawing(contrast([0.1, 0.0, 0.05], at_least=None, within=1))[3]
    assert ">−1<" in svg and ">1<" in svg and ">0<" in svg


def test_strip_reaches_as_far_as_a_run_that_does_not_repeat(recorded):
    _, (ring,), _, svg = drawing(contrast([9.0, 9.1, 8.9]))
    band = re.search(r'<path d="M([\d.]+) 32H([\d.]+)"', svg)
    assert 58 < float(band[1]) < float(band[2]) < ring < 330


def test_link_to_the_guide_follows_the_repositorys_address(monkeypatch):
    addresses.guide_address.cache_clear()
    given = metadata.metadata("trainlab")
    monkeypatch.setattr(metadata, "metadata", lambda name: given)
    del given["Project-URL"]
    given["Project-URL"] = "Repository, https://github.com/You/a-Fork.git/"
    try:
        address = "https://you.github.io/a-Fork/pages/evidence.html"
        assert addresses.guide_address() == address
        html = as_html(contrast().as_json())
        assert f'href="{address}"' in html
        assert 'href="../pages/evidence.html"' in assemble.GUIDE.sub(r'href="../\1"', html)
    finally:
        addresses.guide_address.cache_clear()


def test_without_an_installed_package_there_is_no_link(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    addresses.guide_address.cache_clear()
    monkeypatch.setattr(metadata, "metadata", missing)
    try:
        assert "How to read" not in as_html(contrast().as_json())
    finally:
        addresses.guide_address.cache_clear()


@pytest.mark.parametrize(
    ("value", "text"), [(-1.23456, "−1.235"), (0.0, "0"), (123456.0, "1.235e+05"), (1e-7, "1e−07")]
)
def test_numbers_have_four_digits_and_a_true_minus(value, text):
    assert numbers.number(value) == text


def test_verdict_labels_have_enough_contrast_and_marks_of_their_own():
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert set(COLOURS) == set(MARKS) == set(claims.VERDICTS)
    assert len(set(MARKS.values())) == len(set(COLOURS.values())) == 4
    for colour in COLOURS.values():
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def test_equations_findings_and_timings_are_counted_apart(shelf):
    made = [claim.as_json() for claim in cards(shelf)]
    found = sorts.counts(made)
    assert (found.equations, sum(found.findings.values()), found.timings) == (1, 5, 1)
    assert contents.verdicts(made).startswith("1 equation; 5 findings: ")
    assert contents.verdicts(made).endswith("; 1 timing")


def test_headline_counts_the_record_and_the_readme_says_the_same(root, shelf, monkeypatch):
    put(shelf, contrast(records.normal(16, 1.2, 0.1)), replication={"result": "replicated"})
    assert contents.headline(record.load("full")) == (
        "0 equations checked, 1 finding measured: 1 supported; 1 of 1 replicated with other seeds"
    )
    monkeypatch.undo()
    record.load.cache_clear()
    assert f"**{contents.headline(record.load('full'))}**" in (root / "README.md").read_text()
    assert f"**{assemble.COUNTS_MARK}**" in (root / "index.md").read_text()
