"""Intervals, verdicts and agreement: what holds of them whatever was measured."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from trainlab.record import agreement, verdicts

# In thousandths, so that no two values differ by rounding alone.
NUMBERS = st.integers(-5000, 5000).map(lambda n: n / 1000)
LISTS = st.lists(NUMBERS, min_size=2, max_size=12)
ENDS = st.tuples(NUMBERS, NUMBERS).map(sorted)
FACTORS = st.sampled_from([2.0**-20, 0.25, 0.5, 2.0, 64.0, 2.0**20])
RULES = st.sampled_from(agreement.RULES)


# Intervals


@given(values=LISTS, shift=NUMBERS, factor=FACTORS)
def test_interval_moves_and_grows_with_its_values(values, shift, factor):
    low, high = verdicts.interval(values, grain=0.5)
    found = verdicts.interval([factor * (value + shift) for value in values], grain=0.5 * factor)
    expected = [factor * (end + shift) for end in (low, high)]
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9 * factor)


@given(values=LISTS, order=st.randoms(use_true_random=False))
def test_interval_is_that_of_any_order_and_holds_the_mean(values, order):
    low, high = verdicts.interval(values)
    assert low <= np.mean(values) <= high
    turned = list(values)
    order.shuffle(turned)
    assert verdicts.interval(turned) == pytest.approx((low, high), rel=1e-9, abs=1e-12)
    mirrored = verdicts.interval([-value for value in values])
    assert mirrored == pytest.approx((-high, -low), rel=1e-9, abs=1e-12)


@given(value=NUMBERS, grain=st.integers(0, 8).map(lambda n: n / 8), n=st.integers(2, 30))
def test_interval_of_equal_values_is_never_wider_than_two_grains(value, grain, n):
    low, high = verdicts.interval([value] * n, grain)
    wider = verdicts.interval([value] * (n - 1), grain) if n > 2 else (value - grain, value + grain)
    close = 1e-15 * (1 + abs(value))  # the mean of equal numbers may be off by its last digit
    assert wider[0] - close <= low <= value + close
    assert value - close <= high <= wider[1] + close
    assert (high - low > close) == (grain > 0)


@given(n=st.integers(1, 40), data=st.data())
def test_share_interval_is_mirrored_and_rises_with_the_count(n, data):
    inside = data.draw(st.integers(0, n))
    low, high = verdicts.share_interval(inside, n)
    assert 0 <= low <= inside / n <= high <= 1
    assert verdicts.share_interval(n - inside, n) == pytest.approx((1 - high, 1 - low))
    if inside < n:
        more = verdicts.share_interval(inside + 1, n)
        assert low < more[0] and high < more[1] + 1e-12
    # The end is where the count would be a case of one in forty.
    assert inside == 0 or stats.binom.sf(inside - 1, n, low) == pytest.approx(0.025, rel=1e-6)
    assert inside == n or stats.binom.cdf(inside, n, high) == pytest.approx(0.025, rel=1e-6)


# Verdicts


@given(ends=ENDS, edges=ENDS, effect=st.booleans(), open_side=st.sampled_from(["", "low", "high"]))
def test_verdict_is_the_one_that_its_definition_says(ends, edges, effect, open_side):
    low = -math.inf if open_side == "low" else edges[0]
    high = math.inf if open_side == "high" else edges[1]
    inside = [low <= end <= high for end in ends]
    apart = ends[1] < low or high < ends[0]
    weaker = effect and apart and 0 < ends[0] <= ends[1] < low
    expected = (
        "supported" if all(inside) else "weaker" if weaker else "refuted" if apart else
        "inconclusive"
    )  # fmt: skip
    assert verdicts.judge(*ends, low, high, effect=effect) == expected
    if not effect:
        assert verdicts.judge(-ends[1], -ends[0], -high, -low) == expected


@given(ends=ENDS)
def test_a_side_that_is_not_given_is_open(ends):
    assert verdicts.judge(*ends, low=ends[0]) == verdicts.judge(*ends, high=ends[1]) == "supported"
    assert verdicts.judge(*ends) == "supported"


# Agreement


@pytest.fixture(autouse=True)
def no_floor(monkeypatch):
    """What is too small to matter has a test of its own."""
    monkeypatch.setattr(agreement, "FLOOR", 0)


def entry(values, *, rule="mean", low=-1e3, high=None, **more):
    """Return the entry of a bound over seeds 0, 1, …"""
    kept = {"kind": "bound", "verdict": "supported", "rule": rule, "low": low, "high": high}
    kept |= {"seeds": list(range(len(values))), "values": {"by_seed": list(values)}}
    return kept | more


def run(values, first=0):
    return {str(first + number): value for number, value in enumerate(values)}


def moved(values, by):
    """Return a series of the same seeds under another arithmetic."""
    by_seed = [value + change for value, change in zip(values, by, strict=False)]
    return {"seeds": list(range(len(by_seed))), "values": {"by_seed": by_seed}}


def limits(entry, measured):
    found = agreement.repeat(entry, measured)
    return found.low, found.high


@given(values=LISTS, rule=RULES)
def test_a_run_equal_to_the_record_repeats_it(values, rule):
    found = agreement.repeat(entry(values, rule=rule), run(values))
    assert found.agrees and found.rule == rule


@given(values=st.lists(NUMBERS, min_size=1, max_size=12), n=st.integers(1, 12), rule=RULES)
def test_a_run_at_the_limits_repeats_the_record_and_one_beyond_does_not(values, n, rule):
    known = entry(values, rule=rule)
    low, high = limits(known, run([0.0] * n))
    # What is compared is the centre of equal values, which may be off by the last digit.
    close = 1e-12 * max(abs(low), abs(high))
    for value, agrees in (
        (low + close, True), (high - close, True), (low - 2 * close - 1e-12, False),
        (high + 2 * close + 1e-12, False), (low - 1e6, False), (high + 1e6, False),
    ):  # fmt: skip
        assume(low + close <= high - close)
        found = agreement.repeat(known, run([value] * n, first=100))
        assert found.agrees is agrees
        assert (found.low, found.high) == (low, high)


@given(values=st.lists(NUMBERS, min_size=1, max_size=12), rule=RULES)
def test_a_run_of_one_seed_on_the_limit_repeats(values, rule):
    known = entry(values, rule=rule)
    for limit, beyond in zip(limits(known, run([0.0])), (-1e9, 1e9), strict=True):
        assert agreement.repeat(known, run([limit])).agrees
        assert not agreement.repeat(known, run([np.nextafter(limit, beyond)])).agrees


@given(values=LISTS, measured=LISTS, rule=RULES)
def test_mirrored_runs_have_mirrored_limits(values, measured, rule):
    one = agreement.repeat(entry(values, rule=rule, low=-20, high=30), run(measured))
    mirrored = entry([-value for value in values], rule=rule, low=-30, high=20)
    other = agreement.repeat(mirrored, run([-value for value in measured]))
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-12)
    assert (other.agrees, other.tells) == (one.agrees, one.tells)


@given(values=LISTS, measured=LISTS, rule=RULES, factor=FACTORS)
def test_agreement_does_not_depend_on_the_unit(values, measured, rule, factor):
    one = entry(values, rule=rule, low=-20, high=30, grain=0.5)
    other = entry(
        [factor * value for value in values], rule=rule, low=-20 * factor, high=30 * factor,
        grain=0.5 * factor,
    )  # fmt: skip
    found = agreement.repeat(one, run(measured))
    scaled = agreement.repeat(other, run([factor * value for value in measured]))
    assert (scaled.low, scaled.high) == pytest.approx((factor * found.low, factor * found.high))
    assert (scaled.agrees, scaled.tells) == (found.agrees, found.tells)
    assert agreement.noticeable(other, 3) == pytest.approx(factor * agreement.noticeable(one, 3))


@given(values=LISTS, measured=LISTS, rule=RULES, order=st.randoms(use_true_random=False))
def test_agreement_does_not_depend_on_the_order_of_the_seeds(values, measured, rule, order):
    one = agreement.repeat(entry(values, rule=rule), run(measured))
    turned, other_run = list(enumerate(values)), list(run(measured).items())
    order.shuffle(turned)
    order.shuffle(other_run)
    known = entry([value for _, value in turned], rule=rule)
    other = agreement.repeat(known | {"seeds": [seed for seed, _ in turned]}, dict(other_run))
    assert (other.low, other.high) == pytest.approx((one.low, one.high), rel=1e-9, abs=1e-12)
    assert other.agrees == one.agrees


@given(values=LISTS, changes=LISTS, more=LISTS, n=st.integers(1, 12), rule=RULES)
def test_what_other_arithmetic_moves_never_makes_it_stricter(values, changes, more, n, rule):
    known = entry(values, rule=rule)
    once = known | {"arithmetic": {"avx2": moved(values, changes)}}
    twice = known | {"arithmetic": {"avx2": moved(values, changes), "sse": moved(values, more)}}
    found = [limits(each, run([0.0] * n)) for each in (known, once, twice)]
    shifts = [agreement.arithmetic_shift(each) for each in (known, once, twice)]
    for wider, narrower in itertools.pairwise(reversed(range(3))):
        assert found[wider][0] <= found[narrower][0] and found[narrower][1] <= found[wider][1]
        assert shifts[wider] >= shifts[narrower]
    by_hand = [abs(np.mean(each[: len(values)])) for each in (changes, more)]
    assert shifts == pytest.approx([0, by_hand[0], max(by_hand)], abs=1e-9)


@given(values=LISTS, n=st.integers(1, 12), more=st.integers(1, 5))
def test_more_seeds_of_a_run_or_a_finer_grain_make_it_stricter(values, n, more):
    coarse, fine = (entry(values, grain=grain) for grain in (1.0, 0.25))
    few, many = (limits(coarse, run([0.0] * each)) for each in (n, n + more))
    assert few[0] <= many[0] <= many[1] <= few[1]
    finer = limits(fine, run([0.0] * n))
    assert few[0] <= finer[0] <= finer[1] <= few[1]
    assert agreement.noticeable(coarse, n + more) <= agreement.noticeable(coarse, n)


def error(values, n):
    """Return the standard error of a run's mean of n against the record's, and the rounding."""
    spread = max(np.std(values, ddof=1), verdicts.grain_of(values) / 2)
    return spread * math.sqrt(1 / n + 1 / len(values)), 1e-5 * max(map(abs, values))


@given(values=LISTS, n=st.integers(1, 10), rule=RULES)
def test_limits_are_those_of_the_formula(values, n, rule):
    students = stats.t.ppf(1 - 0.5e-5, len(values) - 1)
    se, rounding = error(values, 1 if rule == "one" else n)
    centre = np.median(values) if rule == "median" else np.mean(values)
    low, high = centre - students * se - rounding, centre + students * se + rounding
    if rule == "range":
        reach = max(values) - min(values)
        low, high = min(low, min(values) - reach), max(high, max(values) + reach)
    assert limits(entry(values, rule=rule), run([0.0] * n)) == pytest.approx((low, high))
    # Nine times in ten: of all runs at once by the rule "one".
    share = 0.9 ** (1 / n) if rule == "one" else 0.9
    beyond = max(high - np.mean(values), np.mean(values) - low) + stats.norm.ppf(share) * se
    assert agreement.noticeable(entry(values, rule=rule), n) == pytest.approx(beyond)


@given(value=NUMBERS, n=st.integers(1, 10), edge=NUMBERS)
def test_one_value_may_move_by_rounding_or_a_part_of_the_way_to_its_edge(value, n, edge):
    for part in (0, 0.25):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(agreement, "FLOOR", part)
            known = entry([value], low=edge)
            reach = max(1e-5 * abs(value), part * abs(value - edge))
            assert limits(known, run([0.0] * n)) == pytest.approx((value - reach, value + reach))
            assert agreement.noticeable(known, n) == pytest.approx(reach)


@given(values=LISTS, n=st.integers(1, 10), edges=ENDS)
def test_a_floor_widens_and_reaches_a_part_of_the_way_to_the_nearer_edge(values, n, edges):
    known = entry(values, low=edges[0], high=edges[1])
    before = limits(known, run([0.0] * n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agreement, "FLOOR", 0.5)
        after = limits(known, run([0.0] * n))
    floor = 0.5 * min(abs(np.mean(values) - edge) for edge in edges)
    expected = max(before[1] - np.mean(values), floor)
    assert after == pytest.approx((np.mean(values) - expected, np.mean(values) + expected))


@given(values=LISTS, n=st.integers(1, 10), rule=RULES)
def test_a_run_tells_what_lies_beyond_its_limits_and_not_what_lies_on_them(values, n, rule):
    low, high = limits(entry(values, rule=rule), run([0.0] * n))
    assume(low < high)
    for side, edge, beyond in (("low", low, -1e9), ("high", high, 1e9)):
        for value, tells in ((edge, False), (np.nextafter(edge, beyond), True)):
            known = entry(values, rule=rule, low=None) | {side: value}
            assert agreement.repeat(known, run([0.0] * n)).tells is tells


@given(
    values=st.lists(st.integers(-50, 50), min_size=4, max_size=7, unique=True),
    n=st.integers(1, 2),
    rule=RULES,
)
@settings(max_examples=30)
def test_false_alarms_are_those_of_one_run_after_the_other(values, n, rule):
    known = entry([value / 7 for value in values], rule=rule, grain=0.0)
    alarms = 0
    for drawn in itertools.combinations(range(len(values)), n):
        rest = [value / 7 for k, value in enumerate(values) if k not in drawn]
        measured = run([values[k] / 7 for k in drawn])
        alarms += not agreement.repeat(entry(rest, rule=rule, grain=0.0), measured).agrees
    share, which = agreement.false_alarms({"03.a": known}, n)
    builds = math.comb(len(values), n)
    assert share == pytest.approx(alarms / builds)
    assert which == ({"03.a": alarms} if alarms else {})


# Seed by seed


@given(values=LISTS, changes=LISTS)
def test_no_seed_of_the_record_or_of_its_other_arithmetic_has_moved(values, changes):
    n = min(len(values), len(changes))
    known = entry(values) | {"arithmetic": {"avx2": moved(values, changes)}}
    assert agreement.moved_seeds(known, run(values)) == []
    assert agreement.moved_seeds(known, run(moved(values, changes)["values"]["by_seed"][:n])) == []


@given(values=LISTS, changes=LISTS, where=st.integers(0, 11), sign=st.sampled_from([-1, 1]))
def test_a_seed_that_moved_by_more_is_named_in_either_direction(values, changes, where, sign):
    known = entry(values) | {"arithmetic": {"avx2": moved(values, changes)}}
    n = min(len(values), len(changes))
    allowed = 4 * max(abs(change) for change in changes[:n]) + 1e-5 * max(map(abs, values))
    where %= len(values)
    for change, named in ((0.999 * allowed, []), (1.001 * allowed + 1e-9, [str(where)])):
        other = list(values)
        other[where] += sign * change
        assert agreement.moved_seeds(known, run(other)) == named
