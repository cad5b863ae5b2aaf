"""Does a run repeat the record? Limits by hand, alarms by brute force, rates by simulation."""

import itertools
import math

import numpy as np
import pytest
import records
from scipy import stats

from trainlab.record import agreement


def bound(values, *, rule="mean", **more):
    """Return the entry of a bound over seeds 0, 1, …"""
    seeds = list(range(len(values)))
    kept = {"kind": "bound", "verdict": "supported", "low": -1e9, "rule": rule}
    return kept | {"seeds": seeds, "values": {"by_seed": [float(v) for v in values]}} | more


def contrast(differences, **more):
    return bound(differences) | {
        "kind": "contrast",
        "values": {"a": list(differences), "b": [0.0] * len(differences)},
        **more,
    }


def run(values, first=100):
    return {str(first + number): value for number, value in enumerate(values)}


@pytest.fixture(autouse=True)
def no_floor(monkeypatch):
    """These claims lie far from their criteria; what is too small to matter has its own tests."""
    monkeypatch.setattr(agreement, "FLOOR", 0)


@pytest.fixture
def alpha(monkeypatch):
    """Set the share of false alarms."""

    def set_to(value):
        monkeypatch.setattr(agreement, "ALPHA", value)
        agreement._critical.cache_clear()

    yield set_to
    agreement._critical.cache_clear()


# What is compared


def test_values_are_differences_values_or_whether_a_run_is_inside():
    entry = {"kind": "contrast", "seeds": [4, "7"], "values": {"a": [3.0, 5.0], "b": [1.0, 1.5]}}
    assert agreement.by_seed(entry) == {"4": 2.0, "7": 3.5}
    other = {"seeds": [9], "values": {"a": [1.0], "b": [2.0]}}
    assert agreement.by_seed(entry, other) == {"9": -1.0}
    assert agreement.by_seed(bound([1.0, 2.0])) == {"0": 1.0, "1": 2.0}
    share = bound([1.0, 2.0, 3.0, 0.9], low=1, high=2, share=0.5)
    assert agreement.by_seed(share) == {"0": 1.0, "1": 1.0, "2": 0.0, "3": 0.0}
    assert agreement.by_seed(bound([1.0, 3.0], low=2, share=0.5)) == {"0": 0.0, "1": 1.0}


# Limits


def test_limits_are_students_prediction_interval_by_hand():
    values = [1.1, 2.3, 3.2, 4.6]
    found = agreement.repeat(bound(values), run([2.0, 3.0]))
    # t(3) is 60.397 at 1 − α / 2; the error is that of a mean of two against one of four.
    half = 60.397 * np.std(values, ddof=1) * math.sqrt(1 / 2 + 1 / 4) + 1e-5 * 4.6
    assert (found.low, found.high) == pytest.approx((2.8 - half, 2.8 + half), rel=1e-4)
    assert found.agrees and found.rule == "mean"


def test_limits_belong_to_the_run_that_repeats():
    entry = bound(records.normal(16, 5.3, 0.37))
    found = agreement.repeat(entry, run([5.0] * 3))
    inside, outside = np.nextafter(found.high, 0), np.nextafter(found.high, 9)
    assert agreement.repeat(entry, run([inside] * 3)).agrees
    assert not agreement.repeat(entry, run([outside + 1e-12] * 3)).agrees
    assert not agreement.repeat(entry, run([found.low - 1e-12] * 3)).agrees


def test_two_seeds_are_enough_for_students_interval():
    students = stats.t.ppf(1 - 0.5e-5, 1)
    found = agreement.repeat(bound([1.0, 2.5]), run([1.5] * 3))
    half = students * 1.5 / math.sqrt(2) * math.sqrt(1 / 3 + 1 / 2) + 2.5e-5
    assert found.high - 1.75 == pytest.approx(half)
    assert agreement.noticeable(bound([1.0, 2.5]), 3) > half


def test_one_negative_value_may_move_by_rounding_too():
    entry = bound([-4.0])
    for value, agrees in ((-4.0 + 3e-5, True), (-4.0 - 3e-5, True), (-4.0 - 5e-5, False)):
        assert agreement.repeat(entry, {"0": value}).agrees is agrees
    assert agreement.noticeable(entry, 3) == pytest.approx(4e-5)


def test_more_seeds_of_a_run_narrow_its_limits():
    entry = bound(records.normal(16, 5.3, 0.37))
    widths = []
    for n in (1, 3, 10):
        found = agreement.repeat(entry, run([5.0] * n))
        widths.append(found.high - found.low)
    assert widths[0] > widths[1] > widths[2]


def test_limits_are_widened_by_what_other_arithmetic_moves_the_mean():
    values = records.normal(16, 5.3, 0.37)
    plain = bound(values)
    moved = {"seeds": [0, 1, 2], "values": {"by_seed": [values[0] + 0.3, values[1], values[2]]}}
    back = {"seeds": [2, 1], "values": {"by_seed": [values[2] - 0.25, values[1] - 0.25]}}
    entry = plain | {"arithmetic": {"avx2": moved, "no-onednn": back}}
    assert agreement.arithmetic_shift(plain) == 0
    assert agreement.arithmetic_shift(plain | {"arithmetic": {"avx2": moved}}) == pytest.approx(0.1)
    assert agreement.arithmetic_shift(entry) == pytest.approx(0.25)
    without, found = (agreement.repeat(each, run([5.0] * 3)) for each in (plain, entry))
    assert found.high - without.high == pytest.approx(0.25)
    assert without.low - found.low == pytest.approx(0.25)


def test_spread_of_equal_values_is_half_a_grain():
    critical = stats.t.ppf(1 - 0.5e-5, 15)
    error = math.sqrt(1 / 3 + 1 / 16)
    found = agreement.repeat(bound([7.0] * 16), run([7.0] * 3))
    assert found.high - 7 == pytest.approx(critical * 0.5 * error + 7e-5)
    found = agreement.repeat(bound([0.35] * 16, grain=0.05), run([0.35] * 3))
    assert found.high - 0.35 == pytest.approx(critical * 0.025 * error + 0.35e-5)


@pytest.mark.parametrize(("n", "limits"), [(1, {"low": 3.1}), (16, {"low": -9.0, "high": 5.1})])
def test_constant_may_move_a_part_of_the_way_to_its_edge(n, limits, monkeypatch):
    monkeypatch.setattr(agreement, "FLOOR", 0.1)
    entry = bound([4.1] * n) | limits
    for value, agrees in ((4.1999, True), (4.0001, True), (4.2001, False), (3.9999, False)):
        found = agreement.repeat(entry, {"0": value})
        assert found.agrees is agrees and found.tells
    assert agreement.noticeable(entry, 3) == pytest.approx(0.1, abs=1e-4)


def test_what_seeds_hardly_move_may_move_a_part_of_the_way_too(monkeypatch):
    """The size of a file hangs on how many digits the names in it have."""
    entry = bound([0.3220 + 1e-6 * (seed % 3) for seed in range(16)], high=0.35)
    assert not agreement.repeat(entry, run([0.3222] * 3)).agrees
    monkeypatch.setattr(agreement, "FLOOR", 0.02)
    assert agreement.repeat(entry, run([0.3222] * 3)).agrees
    assert not agreement.repeat(entry, run([0.3232] * 3)).agrees


def test_constant_on_its_edge_is_repeated_up_to_rounding():
    entry = bound([4.0], low=4.0)
    assert agreement.repeat(entry, {"0": 4.0 + 3e-5}).agrees
    assert not agreement.repeat(entry, {"0": 4.0 + 5e-5}).agrees
    assert agreement.noticeable(entry, 3) == pytest.approx(4e-5)


def test_median_is_compared_with_the_median():
    values = [*records.normal(15), 1000.0]
    entry = bound(values, rule="median")
    found = agreement.repeat(entry, run([0.1, 0.2, 1e6]))
    assert found.agrees and found.rule == "median"
    assert (found.low + found.high) / 2 == pytest.approx(np.median(values))


def test_range_reaches_as_far_again_as_the_record():
    values = [0.0] * 13 + [0.01, 0.02, 1.0]
    plain, wide = (bound(values, rule=rule) for rule in ("mean", "range"))
    narrow, found = (agreement.repeat(each, run([0.0] * 3)) for each in (plain, wide))
    assert narrow.high < found.high == pytest.approx(2.0)
    assert found.low == pytest.approx(min(narrow.low, -1.0))


def test_one_run_is_enough_where_single_runs_lie_far_out():
    values = records.normal(16, 5, 1)
    found = agreement.repeat(bound(values, rule="one"), run([1e6, -1e6, 5.0]))
    half = stats.t.ppf(1 - 0.5e-5, 15) * math.sqrt(1 + 1 / 16) + 1e-5 * max(values)
    assert found.agrees and (found.low, found.high) == pytest.approx((5 - half, 5 + half))
    assert not agreement.repeat(bound(values, rule="one"), run([1e6, -1e6, found.high + 1])).agrees


# Which rule


def test_rule_is_the_mean_for_normal_values():
    assert agreement.rule_for(bound(records.normal(16, 3, 0.5)), 3) == "mean"


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ([*records.normal(15), 1000.0], "median"),
        ([*records.normal(15, 50, 0.1), -1000.0], "median"),
        ([0.0] * 12 + [1.0, 1.0, 2.4, 2.4], "range"),
        ([0.01 * n for n in range(12)] + [5.0, 5.01, 5.02, 5.03], "mean"),
        ([0.001 * n for n in range(14)] + [9.0, 9.1], "one"),
        ([3.3] * 16, "mean"),
        ([7] * 16, "mean"),
        ([7] * 15 + [8], "mean"),
        ([0, 1] * 8, "mean"),
        ([2, 2, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 5, 3, 3, 2], "mean"),
    ],
    ids=[
        "one far above", "one far below", "three levels", "two clusters", "two far above", "equal",
        "equal whole", "one other whole", "halves", "whole numbers",
    ],
)  # fmt: skip
def test_rule_raises_no_false_alarm_where_that_is_possible(values, rule):
    entry = bound(values)
    assert agreement.rule_for(entry, 3) == rule
    share, which = agreement.false_alarms({"03.a": entry | {"rule": rule}}, 3)
    assert share == 0 and which == {}


def test_rule_is_the_one_with_the_fewest_alarms_where_none_is_silent():
    entry = bound([0.001 * n for n in range(13)] + [9.0, 9.1, 9.2])
    chosen = agreement.rule_for(entry, 3)
    counts = {
        rule: agreement.false_alarms({"03.a": entry | {"rule": rule}}, 3)[0]
        for rule in agreement.RULES
    }
    assert min(counts.values()) > 0 and counts[chosen] == min(counts.values())


def is_alarmed(entry, drawn):
    """Return whether the runs at some positions would not repeat the others, step by step."""
    values = list(agreement.by_seed(entry).values())
    run = [values[position] for position in drawn]
    rest = [value for position, value in enumerate(values) if position not in drawn]
    middle = np.median if entry["rule"] == "median" else np.mean
    n = 1 if entry["rule"] == "one" else len(run)
    # What other arithmetic moves is handed on as it is: the draw has no arithmetic of its own.
    half = agreement.allowance(rest, n, grain=0.0, shift=agreement.arithmetic_shift(entry))
    low, high = middle(rest) - half, middle(rest) + half
    if entry["rule"] == "range":
        reach = max(rest) - min(rest)
        low, high = min(low, min(rest) - reach), max(high, max(rest) + reach)
    compared = run if entry["rule"] == "one" else [middle(run)]
    return not any(low <= value <= high for value in compared)


def test_false_alarms_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    other = {"avx2": {"seeds": [9], "values": {"by_seed": [0.8]}}}
    entries = {
        "03.outlier": bound([*rng.normal(size=9), 60.0]),
        "03.normal": contrast(list(rng.normal(size=10)), low=0.0),
        "03.clusters": bound([*rng.normal(0, 0.01, 8), 9.0, 9.1], rule="median"),
        "03.levels": bound([0.0] * 7 + [1.1, 1.1, 6.5], rule="range"),
        "03.far": bound([*rng.normal(0, 0.01, 7), 9.0, 9.1, 9.3], rule="one"),
        "03.arithmetic": bound([*rng.normal(0, 0.01, 9), 1.0], arithmetic=other),
    }
    builds = list(itertools.combinations(range(10), 3))
    alarms = {id: [is_alarmed(entry, drawn) for drawn in builds] for id, entry in entries.items()}
    share, which = agreement.false_alarms(entries, 3)
    assert which == {id: sum(each) for id, each in alarms.items() if any(each)}
    assert share == np.mean(np.any(list(alarms.values()), axis=0)) and 0 < share < 1
    assert set(which) == {"03.outlier", "03.clusters", "03.levels", "03.far", "03.arithmetic"}


def test_false_alarms_need_claims_that_share_their_seeds():
    with pytest.raises(ValueError, match="have 2 different lists of seeds"):
        agreement.false_alarms({"03.a": bound([1.0] * 5), "03.b": bound([1.0] * 6)}, 3)


# How often a run is wrong, and what it notices


@pytest.mark.parametrize(("n", "share"), [(3, 0.05), (3, 0.01), (10, 0.05)])
def test_alarms_of_normal_values_are_as_rare_as_alpha_says(alpha, n, share):
    alpha(share)
    rng = np.random.default_rng(0)
    times = 4000
    alarms = 0
    for _ in range(times):
        entry = bound(rng.normal(3, 0.7, size=16))
        alarms += not agreement.repeat(entry, run(rng.normal(3, 0.7, size=n))).agrees
    assert alarms / times == pytest.approx(share, abs=3 * math.sqrt(share / times))


@pytest.mark.parametrize("n", [3, 10])
def test_change_that_is_noticeable_is_noticed_nine_times_in_ten(n):
    rng = np.random.default_rng(0)
    times, noticed, unnoticed = 1000, 0, 0
    for _ in range(times):
        entry = bound(rng.normal(3, 0.7, size=16))
        change = agreement.noticeable(entry, n) * rng.choice([-1, 1])
        fresh = rng.normal(3, 0.7, size=n)
        noticed += not agreement.repeat(entry, run(fresh + change)).agrees
        unnoticed += agreement.repeat(entry, run(fresh + change / 4)).agrees
    assert noticed / times == pytest.approx(0.9, abs=0.05)
    assert unnoticed / times > 0.99


def test_what_three_seeds_notice_is_some_four_standard_deviations():
    assert 4 < agreement.noticeable(bound(records.normal(16, 9, 1)), 3) < 6
    assert 2.5 < agreement.noticeable(bound(records.normal(16, 9, 1)), 10) < 3.5


def test_what_is_noticeable_grows_with_arithmetic_and_range():
    values = [0.0] * 13 + [0.01, 0.02, 1.0]
    plain = agreement.noticeable(bound(values), 3)
    other = {"avx2": {"seeds": [0], "values": {"by_seed": [0.5]}}}
    assert agreement.noticeable(bound(values, arithmetic=other), 3) == pytest.approx(plain + 0.5)
    assert agreement.noticeable(bound(values, rule="range"), 3) > plain


@pytest.mark.parametrize(
    ("mean", "more", "tells"),
    [
        (9.0, {"low": 1.0}, True),
        (4.0, {"low": 1.0}, False),  # the limits are 4 ± 4.4
        (9.0, {"low": 6.0}, True),  # a run of no effect at all would be noticed
        (4.0, {"low": 0.5}, False),
        (9.0, {"low": 6.0, "verdict": "weaker"}, True),
        (9.0, {"low": 12.0, "verdict": "refuted"}, False),
        (9.0, {"low": 14.0, "verdict": "refuted"}, True),
        (9.0, {"low": 6.0, "verdict": "inconclusive"}, False),
        (0.0, {"low": -9.0, "high": 9.0}, True),
        (0.0, {"low": -9.0, "high": 4.0}, False),
        (9.0, {"low": 0.0}, True),
        (4.0, {"low": 0.0}, False),
    ],
)
def test_run_tells_a_contrast_from_its_opposite(mean, more, tells):
    entry = contrast(records.normal(16, mean, 1)) | more
    found = agreement.repeat(entry, run(records.normal(3, mean, 0.1)))
    assert found.low == pytest.approx(mean - 4.3, abs=0.4)
    assert found.tells is tells


@pytest.mark.parametrize(
    ("mean", "limits", "tells"),
    [(9.0, {"low": 1.0}, True), (9.0, {"low": 6.0}, False), (9.0, {"low": 1, "high": 12}, False)],
)
def test_run_tells_a_bound_from_its_opposite(mean, limits, tells):
    entry = bound(records.normal(16, mean, 1))
    del entry["low"]
    assert agreement.repeat(entry | limits, run([9.0] * 3)).tells is tells


def test_run_of_few_seeds_cannot_tell_a_share():
    entry = bound([1.0] * 16, low=0.0, high=2.0, share=0.9)
    assert not agreement.repeat(entry, run([1.0] * 3)).tells


@pytest.mark.parametrize("inside", [0, 16])
def test_share_of_none_or_all_is_repeated_by_one_run_that_differs(inside):
    # One of three other runs is the odd one out in 3 / 19 of all cases.
    entry = bound([1.0] * inside + [3.0] * (16 - inside), low=0.0, high=2.0, share=0.9)
    assert agreement.repeat(entry, run([1.0, 0.0, 0.0] if inside == 0 else [0.0, 1.0, 1.0])).agrees


# Seed by seed


def test_moved_seeds_are_those_that_arithmetic_does_not_explain():
    other = {
        "avx2": {"seeds": [0, 1], "values": {"by_seed": [1.01, 2.0]}},
        "no-onednn": {"seeds": [1, 0], "values": {"by_seed": [2.02, 1.0]}},
    }
    entry = bound([1.0, 2.0, 3.0], arithmetic=other)
    # Four times 0.02, and the rounding of the largest value: 0.08003.
    assert agreement.moved_seeds(entry, {"0": 1.08, "1": 2.08002, "2": 2.92}) == []
    assert agreement.moved_seeds(entry, {"0": 1.0801, "1": 2.0, "2": 2.9}) == ["0", "2"]
    assert agreement.moved_seeds(entry, {"100": 9.0}) == []


def test_moved_seeds_may_move_down_and_be_negative():
    other = {"avx2": {"seeds": [0, 1], "values": {"by_seed": [-1.02, -2.0]}}}
    entry = bound([-1.0, -2.0, -3.0], arithmetic=other)
    # Four times 0.02, and 3e-5.
    assert agreement.moved_seeds(entry, {"0": -1.08, "1": -1.92, "2": -3.08002}) == []
    assert agreement.moved_seeds(entry, {"0": -1.0801, "1": -1.9199}) == ["0", "1"]


def test_moved_seeds_of_what_never_moves_are_those_that_do():
    other = {"avx2": {"seeds": [0], "values": {"by_seed": [0.0]}}}
    entry = bound([0.0, 0.0], arithmetic=other)
    assert agreement.moved_seeds(entry, {"0": 0.0, "1": 0.0}) == []
    assert agreement.moved_seeds(entry, {"0": 0.0, "1": 1e-9}) == ["1"]


def test_moved_seeds_are_unknown_without_other_arithmetic():
    assert agreement.moved_seeds(bound([1.0, 2.0]), {"0": 99.0}) == []


def test_moved_seeds_of_a_contrast_are_those_of_its_differences():
    entry = contrast(
        [1.0, 2.0], arithmetic={"avx2": {"seeds": [0], "values": {"a": [4.0], "b": [3.0]}}}
    )
    assert agreement.moved_seeds(entry, {"0": 1.0, "1": 2.1}) == ["1"]
