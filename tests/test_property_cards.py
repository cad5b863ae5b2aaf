"""Cards and counts: every number where it belongs, whatever was measured."""

import re
import statistics

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trainlab import claims, record
from trainlab.book import contents
from trainlab.cards.claim import as_html

NUMBERS = st.integers(-5000, 5000).map(lambda n: n / 1000)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=6)


@pytest.fixture(autouse=True)
def own_records(shelf, monkeypatch):
    """No record, and a reader's own environment."""
    for name in (claims.DISAGREEMENTS, record.NOTES):
        monkeypatch.delenv(name, raising=False)


def contrast(pairs, sides=("He", "Glorot"), **options):
    a, b = (dict(enumerate(side)) for side in zip(*pairs, strict=True))
    options = {"at_least": 0.5} | options
    return claims.contrast("03.a-beats-b", "A exceeds B.", a, b, sides=sides, **options).as_json()


def plain(value):
    return f"{0.0 if abs(value) < 1e-12 else value:.3g}".replace("-", "−")


def of_this_run(claim):
    """Return what a card says that this run measured."""
    return re.search(r"This run</div><div>(.*?)</div>", as_html(claim))[1]


@given(pairs=PAIRS)
def test_each_side_of_a_contrast_has_its_own_mean(pairs):
    a, b = (statistics.fmean(side) for side in zip(*pairs, strict=True))
    assume(plain(a) != plain(b))
    assert of_this_run(contrast(pairs)).startswith(f"He {plain(a)}, Glorot {plain(b)}; ")
    turned = contrast([(y, x) for x, y in pairs], ("Glorot", "He"))
    assert of_this_run(turned).startswith(f"Glorot {plain(b)}, He {plain(a)}; ")


LINE = r'<path d="M([\d.]+) 14H([\d.]+)" stroke="currentColor" stroke-width="3"/>'
DOT = r'<circle cx="([\d.]+)" cy="14"'
AREA = r'<rect x="([\d.]+)" y="2" width="([\d.]+)"'
SCALE = r'<path d="M(\d+) \d+H(\d+)" stroke="currentColor" stroke-opacity=".5"/>'


@given(pairs=PAIRS)
def test_strip_draws_the_interval_from_its_low_to_its_high_end_around_the_values(pairs):
    claim = contrast(pairs)
    differences = list(claim["values"]["difference"].values())
    assume(max(differences) - min(differences) > 0.01)
    html = as_html(claim)
    low, high = map(float, re.search(LINE, html).groups())
    dots = [float(place) for place in re.findall(DOT, html)]
    assert len(dots) == len(differences)
    # One scale for all: two dots give it, and where both ends have to be.
    first, last = min(differences), max(differences)
    unit = (max(dots) - min(dots)) / (last - first)
    for place, value in [*zip(dots, differences, strict=True), (low, claim["ci_low"]),
                         (high, claim["ci_high"])]:  # fmt: skip
        expected = min(dots) + unit * (value - first)
        # Places are rounded to tenths; that of a short line weighs more far away from it.
        slack = 0.11 + 0.1 * abs(value - first) / (last - first)
        assert abs(place - expected) <= slack + 0.1


@given(pairs=PAIRS, edges=st.tuples(NUMBERS, NUMBERS).map(sorted))
def test_strip_shades_what_the_criterion_accepts(pairs, edges):
    low, high = edges
    assume(high - low > 0.5)
    values = dict(enumerate(a for a, _ in pairs))
    for criterion in ({"low": low, "high": high}, {"low": low}, {"high": high}):
        claim = claims.bound("03.stays", "It stays.", values, **criterion).as_json()
        html = as_html(claim)
        left, width = map(float, re.search(AREA, html).groups())
        start, end = map(float, re.search(SCALE, html).groups())
        # To the very end of the scale where the criterion has no edge.
        assert (left > start) is ("low" in criterion)
        assert (left + width < end - 0.05) is ("high" in criterion)
        assert start <= left <= left + width <= end + 0.05


@given(pairs=PAIRS)
def test_the_interval_is_told_in_order_and_holds_the_estimate(pairs):
    claim = contrast(pairs)
    text = re.search("difference (.*?);", of_this_run(claim))[1]
    text = text.replace("−", "-").replace(",", "")
    numbers = [float(number) for number in re.findall(r"-?[\d.]+(?:e[+-]?\d+)?", text)]
    assume(len(numbers) == 3)
    estimate, low, high = numbers
    assert low <= estimate <= high
    # One digit of the half width, as in 1 [−5, 3]: rounding moves an end by half a unit of 7.1.
    rounding = 0.075 * (claim["ci_high"] - claim["ci_low"]) + 1e-12
    for told, value in zip(numbers, ("estimate", "ci_low", "ci_high"), strict=True):
        assert told == pytest.approx(claim[value], rel=0.006, abs=rounding)


# Counts

VERDICTS = tuple(claims.VERDICTS)
CLAIMS = st.lists(
    st.tuples(st.sampled_from(["identity", "bound", "contrast"]), st.booleans(),
              st.sampled_from(VERDICTS)).map(
        lambda drawn: {
            "kind": drawn[0], "unit": "seconds" if drawn[1] else "", "verdict": drawn[2],
        }
    ),
    max_size=30,
)  # fmt: skip


@given(entries=CLAIMS)
def test_every_claim_is_counted_once_and_every_verdict_is_told(entries):
    equations = [each for each in entries if each["kind"] == "identity"]
    timings = [each for each in entries if each["kind"] != "identity" and each["unit"]]
    findings = [each["verdict"] for each in entries if each["kind"] != "identity"
                and not each["unit"]]  # fmt: skip

    said = contents.verdicts(entries)
    by_name = {name: int(n) for n, name in re.findall(r"(\d+) ([a-z]+)", said)}
    for verdict in VERDICTS:
        assert by_name.get(verdict, 0) == findings.count(verdict)
    total = by_name.get("finding", 0) + by_name.get("findings", 0)
    assert total == len(findings) == sum(by_name.get(verdict, 0) for verdict in VERDICTS)
    assert by_name.get("equation", 0) + by_name.get("equations", 0) == len(equations)
    assert by_name.get("timing", 0) + by_name.get("timings", 0) == len(timings)
    assert (said == "no claims") is (not entries)


@given(entries=CLAIMS, results=st.lists(st.sampled_from(["replicated", "reversed"]), max_size=9))
def test_headline_tells_every_verdict_of_the_record(entries, results):
    by_id = {f"03.c{number}": dict(entry) for number, entry in enumerate(entries)}
    for entry, result in zip(by_id.values(), results, strict=False):
        entry["replication"] = {"result": result}
    said = contents.headline(record.Record("full", {}, by_id, {}))
    findings = [each["verdict"] for each in entries if each["kind"] != "identity"
                and not each["unit"]]  # fmt: skip
    assert contents.counted(len(findings), "finding") + " measured" in said
    for verdict in VERDICTS:
        n = findings.count(verdict)
        assert (f"{n} {verdict}" in said) is (n > 0)
    kept = results[: len(entries)]
    told = f"{kept.count('replicated')} of {len(kept)} replicated"
    assert (told in said) is bool(kept)
    assert contents.headline(None).startswith("not measured yet")


def test_dots_of_the_course_map_are_one_a_finding_in_the_verdicts_order():
    entries = [{"kind": "bound", "unit": "", "verdict": each} for each in reversed(VERDICTS)]
    entries += [entries[0], {"kind": "identity", "unit": "", "verdict": "refuted"}]
    drawn = re.findall(r'<i class="(\w+)">', contents._dots(entries))
    assert drawn == [*VERDICTS[:-1], VERDICTS[-1], VERDICTS[-1]]
