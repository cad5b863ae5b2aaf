"""Claims against a plain computation of the same, over many cases that nobody chose."""

import itertools
import math

import numpy as np
import pytest
import records
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from trainlab import claims, editions, record

CONTRAST = ("03.a-beats-b", "A exceeds B.")
BOUND = ("03.stays-small", "It stays small.")
IDENTITY = ("03.same", "Both are the same.")

# In thousandths, so that no two values differ by rounding alone.
NUMBERS = st.integers(-5000, 5000).map(lambda n: n / 1000)
LISTS = st.lists(NUMBERS, min_size=2, max_size=12)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=12)


@pytest.fixture(autouse=True)
def own_records(shelf, monkeypatch):
    """No record, and a reader's own environment."""
    for name in ("TRAINLAB_DISAGREEMENTS", record.NOTES, editions.SEEDS):
        monkeypatch.delenv(name, raising=False)


def contrast(pairs, **options):
    a, b = (dict(enumerate(side)) for side in zip(*pairs, strict=True))
    return claims.contrast(*CONTRAST, a, b, **options)


def bound(values, **options):
    return claims.bound(*BOUND, dict(enumerate(values)), **options)


def students(values):
    """Return the 95 % interval of a mean as a statistics book computes it."""
    n = len(values)
    if min(values) == max(values):
        grain = 1 if float(values[0]).is_integer() and values[0] != 0 else 0
        half = (1 - 0.025 ** (1 / n)) * grain
    else:
        half = stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / math.sqrt(n)
    return np.mean(values) - half, np.mean(values) + half


def meets(ends, low, high):
    """Return the verdict of an interval; a case on the border itself is another test's."""
    assume(all(abs(end - edge) > 1e-9 for end in ends for edge in (low, high)))
    if low < ends[0] and ends[1] < high:
        return "supported"
    return "refuted" if ends[1] < low or high < ends[0] else "inconclusive"


def assert_ends(claim, ends):
    assert (claim.ci_low, claim.ci_high) == pytest.approx(ends, rel=1e-6, abs=1e-9)


# Verdicts


@given(pairs=PAIRS, margin=NUMBERS)
def test_contrast_is_the_plain_computation(pairs, margin):
    differences = [a - b for a, b in pairs]
    claim = contrast(pairs, at_least=margin)
    # Differences of thousandths that are equal may differ by their rounding.
    assume(np.ptp(differences) == 0 or np.ptp(differences) > 1e-6)
    ends = students(differences)
    assert claim.estimate == pytest.approx(np.mean(differences), abs=1e-12)
    assert_ends(claim, ends)
    verdict = meets(ends, margin, math.inf)
    if verdict == "refuted" and ends[0] > 0 and ends[1] < margin:
        verdict = "weaker"
    assume(abs(ends[0]) > 1e-9)
    assert claim.verdict == verdict


@given(pairs=PAIRS, margin=st.integers(1, 5000).map(lambda n: n / 1000))
def test_contrast_within_is_the_plain_computation(pairs, margin):
    differences = [a - b for a, b in pairs]
    assume(np.ptp(differences) == 0 or np.ptp(differences) > 1e-6)
    ends = students(differences)
    assert contrast(pairs, within=margin).verdict == meets(ends, -margin, margin)


@given(values=LISTS, edges=st.tuples(NUMBERS, NUMBERS), sides=st.sampled_from(["lh", "l", "h"]))
def test_bound_is_the_plain_computation(values, edges, sides):
    low = min(edges) if "l" in sides else -math.inf
    high = max(edges) if "h" in sides else math.inf
    claim = bound(values, low=low, high=high)
    ends = students(values)
    assert_ends(claim, ends)
    assert claim.estimate == pytest.approx(np.mean(values), abs=1e-12)
    assert claim.verdict == meets(ends, low, high)
    assert {side: claim.values.get(side) for side in ("low", "high")} == {
        "low": low if "l" in sides else None,
        "high": high if "h" in sides else None,
    }


@given(values=LISTS, edges=st.tuples(NUMBERS, NUMBERS), share=st.integers(1, 99))
def test_share_counts_the_runs_inside_and_both_edges_are_inside(values, edges, share):
    low, high = sorted(edges)
    # On purpose, values that lie on the edges.
    values = [*values, low, high]
    n, inside = len(values), sum(low <= value <= high for value in values)
    claim = bound(values, low=low, high=high, share=share / 100)
    assert claim.estimate == inside / n and inside >= 2
    ends = (
        stats.beta.ppf(0.025, inside, n - inside + 1),
        stats.beta.ppf(0.975, inside + 1, n - inside) if inside < n else 1,
    )
    assert_ends(claim, ends)
    assert claim.verdict == meets(ends, share / 100, math.inf)


# What a verdict may not depend on


@given(values=LISTS, shift=NUMBERS)
def test_shifted_values_shift_estimate_and_interval(values, shift):
    one = bound(values, low=0, grain=0.5)
    other = bound([value + shift for value in values], low=0, grain=0.5)
    assert other.estimate == pytest.approx(one.estimate + shift, abs=1e-9)
    assert_ends(other, (one.ci_low + shift, one.ci_high + shift))


@given(pairs=PAIRS, shift=NUMBERS)
def test_a_contrast_shifts_with_its_first_side_and_not_with_both(pairs, shift):
    assume(np.ptp([a - b for a, b in pairs]) > 1e-6)
    one = contrast(pairs, at_least=0)
    first = contrast([(a + shift, b) for a, b in pairs], at_least=0)
    both = contrast([(a + shift, b + shift) for a, b in pairs], at_least=0)
    assert_ends(first, (one.ci_low + shift, one.ci_high + shift))
    assert_ends(both, (one.ci_low, one.ci_high))


@given(pairs=PAIRS)
def test_swapped_sides_negate_the_interval(pairs):
    one = contrast(pairs, at_least=0)
    other = contrast([(b, a) for a, b in pairs], at_least=0)
    assert other.estimate == pytest.approx(-one.estimate, abs=1e-12)
    assert_ends(other, (-one.ci_high, -one.ci_low))
    assert (one.values["a"], one.values["b"]) == (other.values["b"], other.values["a"])


@given(pairs=PAIRS, margin=st.integers(1, 5000).map(lambda n: n / 1000))
def test_swapped_sides_differ_as_little_or_as_much(pairs, margin):
    ends = students([a - b for a, b in pairs])
    assume(all(abs(abs(end) - margin) > 1e-9 for end in ends))
    swapped = [(b, a) for a, b in pairs]
    assert contrast(pairs, within=margin).verdict == contrast(swapped, within=margin).verdict


@given(values=LISTS, order=st.randoms(use_true_random=False))
def test_the_order_of_the_seeds_does_not_matter(values, order):
    by_seed = list(enumerate(values))
    order.shuffle(by_seed)
    one = bound(values, high=0)
    other = claims.bound(*BOUND, dict(by_seed), high=0)
    assert other.estimate == pytest.approx(one.estimate, abs=1e-12)
    assert_ends(other, (one.ci_low, one.ci_high))


# Margins

STRENGTH = {"supported": 2, "inconclusive": 1, "weaker": 0, "refuted": 0}


@given(pairs=PAIRS, margins=st.lists(NUMBERS, min_size=2, max_size=6))
def test_a_weaker_margin_is_never_met_worse(pairs, margins):
    found = [STRENGTH[contrast(pairs, at_least=each).verdict] for each in sorted(margins)]
    assert found == sorted(found, reverse=True)
    found = [
        STRENGTH[contrast(pairs, within=abs(each)).verdict] for each in sorted(margins, key=abs)
    ]
    # From "refuted" by way of "inconclusive" to "supported" as the margin grows.
    assert found == sorted(found)


@given(values=LISTS, edges=st.lists(NUMBERS, min_size=2, max_size=6))
def test_wider_bounds_are_never_met_worse(values, edges):
    edges = sorted(edges)
    for side, order in (("low", edges[::-1]), ("high", edges)):
        found = [STRENGTH[bound(values, **{side: edge}).verdict] for edge in order]
        assert found == sorted(found)


@given(values=LISTS)
def test_borders_belong_to_the_claim(values):
    known = bound(values, low=-9)
    low, high = known.ci_low, known.ci_high
    assert bound(values, low=low, high=high).verdict == "supported"
    above, below = np.nextafter(low, 99), np.nextafter(high, -99)
    if low < high:
        assert bound(values, low=above).verdict == "inconclusive"
        assert bound(values, high=below).verdict == "inconclusive"
        assert bound(values, low=high).verdict == "inconclusive"
        assert bound(values, high=low).verdict == "inconclusive"
    assert bound(values, low=np.nextafter(high, 99)).verdict == "refuted"
    assert bound(values, high=np.nextafter(low, -99)).verdict == "refuted"


# Identities


ARRAYS = st.lists(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4), min_size=1, max_size=4
)


def identity(arrays, **options):
    ours, theirs = ([np.array(each)[:, side] for each in arrays] for side in (0, 1))
    return claims.identity(*IDENTITY, ours, theirs, **options)


def relative(pairs):
    size = max(abs(b) for _, b in pairs)
    return max(abs(a - b) for a, b in pairs) / (size or 1)


@given(arrays=ARRAYS, rtol=st.integers(1, 3000).map(lambda n: n / 1000))
def test_identity_keeps_the_worst_array_wherever_it_stands(arrays, rtol):
    worst = max(map(relative, arrays))
    for order in itertools.permutations(arrays):
        claim = identity(order, rtol=rtol)
        assert claim.estimate == worst
        assert claim.verdict == ("supported" if worst <= rtol else "refuted")
        assert claim.values["numbers_compared"] == sum(map(len, arrays))


@given(arrays=ARRAYS)
def test_identity_is_supported_up_to_its_tolerance_and_not_beyond(arrays):
    worst = max(map(relative, arrays))
    assume(worst > 0)
    assert identity(arrays, rtol=worst).verdict == "supported"
    assert identity(arrays, rtol=np.nextafter(worst, 0)).verdict == "refuted"


@given(arrays=ARRAYS, power=st.integers(-20, 20))
def test_identity_does_not_depend_on_the_unit(arrays, power):
    assume(all(any(b for _, b in pairs) for pairs in arrays))
    scaled = [[(2.0**power * a, 2.0**power * b) for a, b in pairs] for pairs in arrays]
    assert identity(scaled).estimate == identity(arrays).estimate


@given(numbers=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_a_list_of_numbers_is_one_array(numbers):
    ours, theirs = zip(*numbers, strict=True)
    claim = claims.identity(*IDENTITY, list(ours), list(theirs))
    assert claim.estimate == relative(numbers)


@settings(max_examples=20)
@given(
    numbers=st.lists(NUMBERS, min_size=2, max_size=6),
    bad=st.sampled_from([math.nan, math.inf, -math.inf]),
    where=st.integers(0, 5),
    side=st.integers(0, 1),
)
def test_one_number_that_is_not_finite_is_enough_to_be_refused(numbers, bad, where, side):
    sides = [list(numbers), list(numbers)]
    sides[side][where % len(numbers)] = bad
    with pytest.raises(ValueError, match="not finite"):
        claims.identity(*IDENTITY, *sides)


# What a claim says of itself


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"low": 1.5}, "95 % interval of the mean ≥ 1.5"),
        ({"high": -2}, "95 % interval of the mean ≤ −2"),
        ({"low": -1, "high": 2, "unit": "nats"}, "95 % interval of the mean in [−1, 2] nats"),
        ({"low": 1, "share": 0.5}, "95 % interval of the share of runs ≥ 1 is ≥ 0.5"),
    ],
)
def test_criterion_of_a_bound_reads_as_it_is_meant(options, text):
    claim = bound([1.0, 2.0], **options)
    assert claim.criterion == text
    assert ("share" in claim.values) == ("share" in options)
    assert claims.bound(*BOUND, [1.0], low=1, unit="nats").criterion == "the value is ≥ 1 nats"


@pytest.mark.parametrize(
    ("options", "text"), [({"at_least": 0.5}, "≥ 0.5"), ({"within": 0.5}, "in [−0.5, 0.5]")]
)
def test_criterion_of_a_contrast_names_its_sides_in_order(options, text):
    claim = contrast([(2, 1), (3, 1)], sides=("He", "Glorot"), **options)
    assert claim.criterion == f"95 % interval of the mean difference “He − Glorot” {text}"
    assert claim.values["sides"] == ["He", "Glorot"]
    assert (claim.values["a"], claim.values["b"]) == ({"0": 2, "1": 3}, {"0": 1, "1": 1})


def test_grain_is_kept_where_it_was_given():
    assert bound([1.0, 2.0], low=0, grain=0.25).values["grain"] == 0.25
    assert contrast([(1, 0), (2, 0)], at_least=0, grain=0.25).values["grain"] == 0.25
    assert "grain" not in bound([1.0, 2.0], low=0).values
    assert "grain" not in contrast([(1, 0), (2, 0)], at_least=0).values


@pytest.mark.parametrize("other", [{"low": 1.0}, {"high": 9.0}, {"low": 1.0, "high": 8.0}])
def test_a_record_of_other_bounds_is_no_record_of_the_claim(shelf, other):
    known = {"low": 1.0, "high": 9.0}
    for measured, claimed in ((known, other), (other, known)):
        entry = records.entry(bound([2.0, 2.5, 3.0], **measured))
        for edition in ("full", "quick"):
            records.put(shelf, edition, {BOUND[0]: entry})
        assert bound([2.0, 2.5, 3.0], **claimed).record is None
        assert bound([2.0, 2.5, 3.0], **measured).record is not None


def test_a_criterion_of_one_value_can_be_met():
    assert bound([2.5, 2.5], low=2.5, high=2.5).verdict == "supported"
    assert contrast([(2.5, 2.5), (1.5, 1.5)], within=0).verdict == "supported"
