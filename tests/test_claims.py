"""Claims: estimates and verdicts by hand, by property and with bad input; record and run."""

import json
import math

import numpy as np
import pytest
import records

from trainlab import claims, editions, record

IDENTITY = ("03.same", "Both are the same.")
TIMED = ("04.a-costs-more", "In every turn, a takes a fifth longer.")
CONTRAST = ("03.a-beats-b", "A exceeds B.")
BOUND = ("03.stays-small", "It stays small.")
RANDOM = range(20)


@pytest.fixture(autouse=True)
def own_records(shelf, monkeypatch):
    """No record but those that a test puts there, and a reader's own environment."""
    for name in ("TRAINLAB_DISAGREEMENTS", record.NOTES, editions.SEEDS):
        monkeypatch.delenv(name, raising=False)


def differ(values, **options):
    """Claim that these differences are what the options say; their seeds are 0, 1, …"""
    by_seed = dict(enumerate(values))
    return claims.contrast(*CONTRAST, by_seed, dict.fromkeys(by_seed, 0), **options)


# Identities


def test_identity_measures_the_largest_relative_difference():
    claim = claims.identity(*IDENTITY, [1.0, 2.0], [1.0, 2.002], rtol=1e-2)
    assert claim.verdict == "supported"
    assert claim.estimate == pytest.approx(0.002 / 2.002)


def test_identity_exactly_at_the_tolerance_is_supported():
    assert claims.identity(*IDENTITY, [1.25], [1.0], rtol=0.25).verdict == "supported"
    beyond = claims.identity(*IDENTITY, [1.25], [1.0], rtol=np.nextafter(0.25, 0))
    assert beyond.verdict == "refuted"


def test_identity_compares_each_array_by_its_own_size():
    ours = [np.array([1e6, 1.0]), np.array([1e-3])]
    reference = [np.array([1e6, 1.0]), np.array([1.1e-3])]
    assert claims.identity(*IDENTITY, ours, reference, rtol=1e-2).verdict == "refuted"


def test_identity_with_a_zero_reference_is_absolute():
    claim = claims.identity(*IDENTITY, [0.1], [0.0], rtol=1e-2)
    assert (claim.verdict, claim.estimate) == ("refuted", 0.1)


@pytest.mark.parametrize(
    ("ours", "reference", "message"),
    [
        (np.zeros(3), np.zeros(4), r"shape \(3,\).*\(4,\)"),
        ([np.zeros(3)], [np.zeros(3), np.zeros(3)], "holds 1 arrays and `reference` 2;"),
        ([np.zeros(3), np.zeros(2)], [np.zeros(3)], "holds 2 arrays and `reference` 1;"),
        # More arrays than the other side has are told before shapes that differ.
        ([np.zeros(4), np.zeros(2)], [np.zeros(3)], "both need the same number"),
        ([np.nan], [1.0], "not finite"),
        ([], [], "empty"),
    ],
)
def test_identity_refuses_what_it_cannot_compare(ours, reference, message):
    with pytest.raises(ValueError, match=message):
        claims.identity(*IDENTITY, ours, reference)


@pytest.mark.parametrize("ours", [1.0, 2.0])
@pytest.mark.parametrize("expected", ["supported", "refuted"])
def test_identity_agrees_where_it_comes_out_as_expected(ours, expected):
    claim = claims.identity(*IDENTITY, [ours], [1.0], expected=expected)
    assert claim.agrees is ((claim.verdict == "supported") == (expected == "supported"))
    assert claim.record is None and claim.repeat is None


def test_identity_is_this_runs_own_whatever_the_record_says(shelf):
    holds = claims.identity(*IDENTITY, [1.0], [1.0])
    records.put(shelf, "full", {holds.id: records.entry(holds)})
    broken = claims.identity(*IDENTITY, [2.0], [1.0])
    assert broken.record == {"verdict": "supported", "estimate": 0.0}
    assert broken.verdict == "refuted" and broken.agrees is False


def test_identity_that_breaks_stops_the_pipeline_and_says_all(monkeypatch):
    monkeypatch.setenv("TRAINLAB_DISAGREEMENTS", "stop")
    with pytest.raises(claims.ClaimFailed) as failure:
        claims.identity(*IDENTITY, [1.0], [1.1], rtol=1e-2)
    said = ("03.same", "0.09091", "expected:  supported, but it came out refuted", "version of")
    for part in said:
        assert part in str(failure.value)
    assert claims.identity(*IDENTITY, [1.0], [1.1], expected="refuted").agrees


# Estimates, intervals and verdicts of a run


def test_contrast_interval_is_students():
    claim = claims.contrast(*CONTRAST, [3.0, 5.0, 4.5, 4.0], [1.0, 2.0, 2.5, 1.5], at_least=1)
    assert claim.values["difference"] == {"0": 2.0, "1": 3.0, "2": 2.0, "3": 2.5}
    assert claim.estimate == 2.375 and claim.n_seeds == 4
    # t(3) = 3.18245; the standard deviation is √(0.6875 / 3).
    half = 3.182446 * math.sqrt(0.6875 / 3) / 2
    assert (claim.ci_low, claim.ci_high) == pytest.approx((2.375 - half, 2.375 + half))


@pytest.mark.parametrize(
    ("differences", "options", "verdict"),
    [
        ([2.0, 2.1, 2.2], {"at_least": 1}, "supported"),
        ([0.5, 0.6, 0.7], {"at_least": 1}, "weaker"),
        ([0.0, 0.1, 0.2], {"at_least": 1}, "refuted"),
        ([-2.0, -2.1, -2.2], {"at_least": 1}, "refuted"),
        ([0.5, 1.0, 1.6], {"at_least": 1}, "inconclusive"),
        ([0.1, 0.2, 0.15], {"at_least": 0}, "supported"),
        ([-0.1, -0.2, -0.15], {"at_least": 0}, "refuted"),
        ([-0.6, -0.5, -0.4], {"at_least": -1}, "supported"),
        ([-3.0, -2.9, -3.1], {"at_least": -1}, "refuted"),
        ([0.1, -0.1, 0.05], {"within": 1}, "supported"),
        ([5.0, 5.1, 5.2], {"within": 1}, "refuted"),
        ([-5.0, -5.1, -5.2], {"within": 1}, "refuted"),
        ([0.5, 1.5, 1.1], {"within": 1}, "inconclusive"),
    ],
)
def test_contrast_has_four_verdicts(differences, options, verdict):
    assert differ(differences, **options).verdict == verdict


def test_contrast_borders_belong_to_the_claim():
    values = [1.0, 1.2, 1.5, 1.1]
    low, high = (getattr(differ(values, at_least=1), end) for end in ("ci_low", "ci_high"))
    assert differ(values, at_least=low).verdict == "supported"
    assert differ(values, at_least=np.nextafter(low, 9)).verdict == "inconclusive"
    assert differ(values, at_least=high).verdict == "inconclusive"
    assert differ(values, at_least=np.nextafter(high, 9)).verdict == "weaker"
    assert differ(values, within=high).verdict == "supported"
    assert differ(values, within=low).verdict == "inconclusive"
    assert differ(values, within=np.nextafter(low, 0)).verdict == "refuted"


def test_an_effect_that_may_be_none_is_refuted_and_not_weaker():
    values = [1.0, 1.2, 1.5, 1.1]
    low = differ(values, at_least=1).ci_low
    none = [value - low for value in values]
    assert differ(none, at_least=9).ci_low == pytest.approx(0, abs=1e-12)
    assert differ([each - 1e-9 for each in none], at_least=9).verdict == "refuted"
    assert differ([each + 1e-9 for each in none], at_least=9).verdict == "weaker"


@pytest.mark.parametrize(
    ("values", "options", "verdict"),
    [
        ([1.0, 1.1, 0.9], {"high": 2}, "supported"),
        ([3.0, 3.1, 2.9], {"high": 2}, "refuted"),
        ([1.0, 3.0, 2.5], {"high": 2}, "inconclusive"),
        ([0.5, 0.6, 0.7], {"low": 1}, "refuted"),
        ([1.0, 1.1, 0.9], {"low": 0, "high": 2}, "supported"),
        ([1.5], {"high": 2}, "supported"),
        ([2.0], {"high": 2}, "supported"),
        ([2.5], {"high": 2}, "refuted"),
    ],
)
def test_bound_is_about_the_mean_and_never_weaker(values, options, verdict):
    claim = claims.bound(*BOUND, values, **options)
    assert claim.verdict == verdict
    assert (claim.ci_low is None) == (len(values) == 1)


@pytest.mark.parametrize(
    ("inside", "n", "low", "high"),
    [
        (10, 10, 0.025 ** (1 / 10), 1.0),  # 0.6915
        (0, 10, 0.0, 1 - 0.025 ** (1 / 10)),
        (9, 10, 0.55498, 0.99747),
        (3, 3, 0.025 ** (1 / 3), 1.0),  # 0.2924
    ],
)
def test_share_has_the_exact_interval(inside, n, low, high):
    values = dict(enumerate([1.0] * inside + [3.0] * (n - inside)))
    claim = claims.bound(*BOUND, values, high=2, share=0.5)
    assert claim.estimate == inside / n and claim.unit == "of the runs"
    assert (claim.ci_low, claim.ci_high) == pytest.approx((low, high), abs=1e-5)


def test_ten_of_ten_say_that_seven_in_ten_are_not_sure():
    for share, verdict in ((0.69, "supported"), (0.7, "inconclusive")):
        assert claims.bound(*BOUND, [1.0] * 10, high=2, share=share).verdict == verdict
    assert claims.bound(*BOUND, [3.0] * 10, high=2, share=0.4).verdict == "refuted"


def test_share_counts_values_on_the_bound_as_inside():
    values = {0: 2.0, 1: 1.0, 2: np.nextafter(2, 3), 3: np.nextafter(1, 0)}
    assert claims.bound(*BOUND, values, low=1, high=2, share=0.5).estimate == 0.5


@pytest.mark.parametrize(
    ("value", "grain", "half"),
    [(2, None, 0.7076), (0.5, 0.05, 0.03538), (0, 1, 0.7076), (0.5, None, 0), (0, None, 0)],
)
def test_equal_values_have_the_width_that_their_grain_allows(value, grain, half):
    claims_of_it = [
        differ([value] * 3, at_least=0, grain=grain),
        claims.bound(*BOUND, [value] * 3, high=9, grain=grain),
    ]
    for claim in claims_of_it:
        assert claim.ci_low == pytest.approx(value - half, abs=1e-4)
        assert claim.ci_high == pytest.approx(value + half, abs=1e-4)


# Properties


@pytest.mark.parametrize("seed", RANDOM)
def test_swapped_sides_negate_the_estimate(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, rng.integers(2, 20)))
    one, other = (claims.contrast(*CONTRAST, *each, at_least=0) for each in ((a, b), (b, a)))
    assert other.estimate == pytest.approx(-one.estimate)
    assert (other.ci_low, other.ci_high) == pytest.approx((-one.ci_high, -one.ci_low))


@pytest.mark.parametrize("seed", RANDOM)
def test_shifted_values_shift_the_limits_and_keep_the_verdict(seed):
    rng = np.random.default_rng(seed)
    values, shift = rng.normal(size=rng.integers(2, 20)), 10 * rng.normal()
    one = claims.bound(*BOUND, values, low=-0.3, high=0.7)
    other = claims.bound(*BOUND, values + shift, low=-0.3 + shift, high=0.7 + shift)
    assert (other.ci_low, other.ci_high) == pytest.approx((one.ci_low + shift, one.ci_high + shift))
    assert other.verdict == one.verdict


@pytest.mark.parametrize("seed", RANDOM)
def test_more_seeds_narrow_the_interval(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=rng.integers(2, 20))
    widths = []
    for times in (1, 2, 5):
        claim = differ(np.tile(values, times), at_least=0)
        widths.append(claim.ci_high - claim.ci_low)
    assert widths[0] > widths[1] > widths[2]


@pytest.mark.parametrize("edition", ["quick", "full"])
def test_sequence_in_the_order_of_the_editions_seeds_equals_the_mapping(edition, monkeypatch):
    monkeypatch.setenv(editions.SEEDS, "4, 7,100" if edition == "quick" else "")
    seeds = editions.use(edition).seeds
    a, b = np.random.default_rng(0).normal(size=(2, len(seeds)))
    by_seed = [dict(zip(seeds, each, strict=True)) for each in (a, b)]
    sequence, mapping = (
        claims.contrast(*CONTRAST, *each, at_least=0) for each in ((a, b), by_seed)
    )
    assert sequence.as_json() == mapping.as_json()
    assert list(sequence.values["difference"]) == [str(seed) for seed in seeds]
    assert claims.bound(*BOUND, a, high=0) == claims.bound(*BOUND, by_seed[0], high=0)


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"a": {0: 1, 1: 2}, "b": {0: 1, 2: 2}, "at_least": 0}, "same seeds"),
        ({"a": {0: 1, 1: 2}, "b": {1: 1, 0: 2}, "at_least": 0}, "in one order"),
        ({"a": [1], "b": [0], "at_least": 0}, "at least 2 seeds"),
        ({"a": [1, np.nan], "b": [0, 0], "at_least": 0}, "nan for seed 1"),
        ({"a": [1, 2], "b": [0, 0]}, "exactly one"),
        ({"a": [1, 2], "b": [0, 0], "at_least": 0, "within": 1}, "exactly one"),
        ({"a": [1, 2], "b": [0, 0], "at_least": 0, "expected": "true"}, "not one of"),
        ({"a": [], "b": [], "at_least": 0}, "holds no values"),
    ],
)
def test_contrast_refuses_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        claims.contrast(*CONTRAST, **arguments)


@pytest.mark.parametrize("id", ["he-keeps", "3.he", "03.He", "03_he", "03.", "03.he-"])
def test_id_must_name_its_chapter(id):
    with pytest.raises(ValueError, match="not of the form"):
        claims.bound(id, "x", [1], high=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs `low`, `high` or both"),
        ({"high": 2, "share": 1}, "share=1 is not between 0 and 1"),
        ({"high": 2, "share": 0.0}, "share=0.0 is not between 0 and 1"),
        ({"high": 2, "expected": "yes"}, "not one of"),
    ],
)
def test_bound_refuses_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        claims.bound(*BOUND, [1, 2], **options)


# The record and the run


def on_record(mean, n, **options):
    """Return the entry of a claim about differences of this mean, measured over n seeds."""
    more = {name: options.pop(name) for name in ("arithmetic", "fragile") if name in options}
    claim = differ(records.normal(n, mean, 0.1), **{"at_least": 1, **options})
    return {claim.id: records.entry(claim, **more)}


def test_verdict_is_the_full_records_and_agreement_that_of_the_runs_edition(shelf):
    records.put(shelf, "full", on_record(0.5, 10, fragile=["tied learning rates (03 a)"]))
    records.put(shelf, "quick", on_record(2.0, 16))
    claim = differ([2.0, 2.1, 1.9], at_least=1)
    assert (claim.verdict, claim.n_seeds, claim.estimate) == ("weaker", 3, pytest.approx(2.0))
    assert claim.record["n_seeds"] == 10 and claim.record["estimate"] == pytest.approx(0.5)
    assert claim.record["fragile"] == ["tied learning rates (03 a)"]
    assert claim.record["replication"] is None
    assert claim.repeat["edition"] == "quick" and claim.repeat["n_seeds"] == 16
    assert claim.repeat["low"] < 2.0 < claim.repeat["high"] and claim.agrees is True
    assert differ([0.5, 0.4, 0.6], at_least=1).agrees is False


def test_full_edition_is_held_against_its_own_record(shelf, full_edition):
    records.put(shelf, "full", on_record(0.5, 10))
    records.put(shelf, "quick", on_record(2.0, 16))
    claim = differ(records.normal(10, 0.5, 0.1, seed=1), at_least=1)
    assert claim.repeat["edition"] == "full" and claim.agrees is True
    assert differ(records.normal(10, 2.0, 0.1, seed=1), at_least=1).agrees is False


def test_edition_that_is_named_decides_whatever_the_process_chose(shelf):
    records.put(shelf, "full", on_record(0.5, 10))
    records.put(shelf, "quick", on_record(2.0, 16))
    full = editions.EDITIONS["full"]
    values = records.normal(10, 0.5, 0.1, seed=1)
    claim = claims.contrast(*CONTRAST, values, [0.0] * 10, at_least=1, edition=full)
    assert claim.repeat["edition"] == "full" and claim.agrees is True
    assert list(claim.values["difference"]) == [str(seed) for seed in full.seeds]
    assert editions.current().name == "quick" and differ(values, at_least=1).agrees is False
    renamed = editions.Edition("full", images="full", seeds=(7, 8, 9))
    bound = claims.bound(*BOUND, [1.0, 2.0, 3.0], high=9, edition=renamed)
    assert list(bound.values["by_seed"]) == ["7", "8", "9"]
    three = claims.contrast(*CONTRAST, [1.0, 2.0, 3.0], [0.0] * 3, at_least=0, edition=renamed)
    assert list(three.values["a"]) == list(three.values["difference"]) == ["7", "8", "9"]


def test_replication_travels_with_the_record(shelf):
    ((id, entry),) = on_record(2.0, 10).items()
    records.put(shelf, "full", {id: {**entry, "replication": {"result": "replicated"}}})
    assert differ([2.0, 2.1, 1.9], at_least=1).record["replication"] == "replicated"


def test_without_a_full_record_the_verdict_is_this_runs_own(shelf):
    records.put(shelf, "quick", on_record(2.0, 16))
    claim = differ([0.5, 0.6, 0.7], at_least=1)
    assert claim.verdict == "weaker"
    assert (claim.record, claim.repeat, claim.agrees) == (None, None, None)


def test_without_the_editions_record_there_is_nothing_to_repeat(shelf):
    records.put(shelf, "full", on_record(2.0, 10))
    claim = differ([0.5, 0.6, 0.7], at_least=1)
    assert claim.verdict == "supported" and claim.record["n_seeds"] == 10
    assert (claim.repeat, claim.agrees) == (None, None)


def test_a_side_may_be_named_by_the_measurement(shelf):
    records.put(shelf, "full", on_record(2.0, 10))
    assert differ([0.5, 0.6, 0.7], at_least=1, sides=("runner-up", "B")).record["n_seeds"] == 10


@pytest.mark.parametrize("other", [{"at_least": 1.5}, {"within": 1}, {"unit": "nats"}])
def test_another_criterion_has_no_record(shelf, other):
    for edition, n in (("full", 10), ("quick", 16)):
        records.put(shelf, edition, on_record(2.0, n))
    options = {"at_least": 1, **other}
    if "within" in other:
        del options["at_least"]
    claim = differ([0.5, 0.6, 0.7], **options)
    assert (claim.record, claim.repeat, claim.agrees) == (None, None, None)
    assert claim.verdict != "supported" or "within" in other


def test_another_kind_has_no_record(shelf):
    for edition, n in (("full", 10), ("quick", 16)):
        records.put(shelf, edition, on_record(2.0, n))
    assert claims.bound(*CONTRAST, [2.0, 2.1, 1.9], low=1).record is None


def test_a_corrected_sentence_keeps_its_record(shelf):
    for edition, n in (("full", 10), ("quick", 16)):
        records.put(shelf, edition, on_record(2.0, n))
    claim = claims.contrast(CONTRAST[0], "A is above B.", [2, 2.1, 1.9], [0, 0, 0], at_least=1)
    assert claim.record is not None and claim.agrees


def test_share_is_held_against_the_share_on_record(shelf):
    options = {"high": 2, "share": 0.5}
    entry = records.entry(claims.bound(*BOUND, dict.fromkeys(range(16), 1.0), **options))
    for edition in ("full", "quick"):
        records.put(shelf, edition, {BOUND[0]: entry})
    run = claims.bound(*BOUND, [1.0, 1.0, 1.5], **options)
    assert run.agrees is True and run.repeat["estimate"] == 1
    # Three runs outside are no proof at α = 1e-5 (by chance 1 in 969 times), and so it is said.
    assert claims.bound(*BOUND, [3.0] * 3, **options).repeat["tells"] is False


@pytest.fixture
def recorded(shelf):
    for edition, n in (("full", 10), ("quick", 16)):
        records.put(shelf, edition, on_record(2.0, n))


def test_disagreement_stops_the_pipeline_and_says_how_to_go_on(recorded, monkeypatch):
    monkeypatch.setenv("TRAINLAB_DISAGREEMENTS", "stop")
    with pytest.raises(claims.ClaimFailed) as failure:
        differ([0.5, 0.6, 0.7], at_least=1)
    low, high = (f"{end:.4g}" for end in limits())
    for part in (
        "03.a-beats-b", "seeds 0, 1, 2", "measured 0.6", "quick edition has 2 over 16 seeds",
        f"a mean between {low} and {high}", "make record EDITION=quick ONLY=<chapter 03>",
        "make book DISAGREEMENTS=mark",
    ):  # fmt: skip
        assert part in " ".join(str(failure.value).split())
    assert differ([2.0, 2.1, 1.9], at_least=1).agrees


def limits():
    repeat = claims.contrast(*CONTRAST, [2, 2, 2.1], [0, 0, 0], at_least=1).repeat
    return repeat["low"], repeat["high"]


@pytest.mark.parametrize("value", [None, "", "mark"])
def test_disagreement_is_only_marked_for_a_reader(recorded, monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("TRAINLAB_DISAGREEMENTS", value)
    claim = differ([0.5, 0.6, 0.7], at_least=1)
    assert claim.agrees is False and claim.verdict == "supported"


def test_the_opposite_of_the_text_is_no_reason_to_stop(recorded, monkeypatch):
    monkeypatch.setenv("TRAINLAB_DISAGREEMENTS", "stop")
    assert differ([2.0, 2.1, 1.9], at_least=1, expected="refuted").verdict == "supported"


def test_claim_about_time_is_never_compared(shelf, monkeypatch):
    monkeypatch.setenv("TRAINLAB_DISAGREEMENTS", "stop")
    options = {"low": 1.2, "unit": "times the time of b"}
    once = records.entry(claims.bound(*TIMED, [1.3, 1.4], **options))
    for edition in ("full", "quick"):
        records.put(shelf, edition, {TIMED[0]: once})
    claim = claims.bound(*TIMED, [0.1, 0.2], **options)
    assert claim.verdict == "refuted" and claim.expected == ""
    assert (claim.record, claim.repeat, claim.agrees) == (None, None, None)


@pytest.mark.parametrize("unit", ["seconds", "times the time of b"])
def test_claim_about_time_has_no_expected_verdict(unit):
    with pytest.raises(ValueError, match=r"claim about time.*leave `expected` out"):
        claims.bound(*TIMED, [1.3], low=1.2, unit=unit, expected="supported")


def test_what_the_record_leaves_open_no_run_is_asked(shelf, monkeypatch):
    monkeypatch.setenv("TRAINLAB_DISAGREEMENTS", "stop")
    records.put(shelf, "full", on_record(1.0, 10))
    records.put(shelf, "quick", on_record(2.0, 16))
    claim = differ([-5.0, -5.1, -5.2], at_least=1, expected="inconclusive")
    assert claim.verdict == "inconclusive" and claim.agrees is None
    assert claim.repeat["n_seeds"] == 16


def test_while_it_is_measured_there_is_no_record(recorded, monkeypatch, tmp_path):
    monkeypatch.setenv("TRAINLAB_DISAGREEMENTS", "stop")
    monkeypatch.setenv(record.NOTES, str(tmp_path / "notes"))
    claim = differ([0.5, 0.6, 0.7], at_least=1)
    assert claim.verdict == "weaker"
    assert (claim.record, claim.repeat, claim.agrees) == (None, None, None)


def test_damaged_record_is_not_taken_for_a_missing_one(shelf):
    path = records.put(shelf, "full", on_record(2.0, 10))
    path.write_text(path.read_text()[:-9])
    with pytest.raises(record.RecordError, match="is not whole"):
        differ([2.0, 2.1, 1.9], at_least=1)


@pytest.mark.parametrize("seed", RANDOM)
def test_record_agrees_with_its_own_first_three_seeds(shelf, seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(rng.normal(), rng.uniform(0.01, 2), 16)
    b = rng.normal(rng.normal(), rng.uniform(0.01, 2), 16)
    entry = records.entry(claims.contrast(*CONTRAST, a, b, at_least=0))
    for edition in ("full", "quick"):
        records.put(shelf, edition, {CONTRAST[0]: entry})
    claim = claims.contrast(*CONTRAST, a[:3], b[:3], at_least=0)
    assert claim.record["n_seeds"] == 16 and claim.agrees is not False
    assert claim.repeat["low"] <= claim.estimate <= claim.repeat["high"]


# Seeds of a run


def test_seeds_of_the_environment_replace_the_editions(monkeypatch):
    monkeypatch.setenv(editions.SEEDS, "100 101, 102")
    assert editions.use("full").seeds == (100, 101, 102)
    assert list(claims.bound(*BOUND, [1, 2, 3], high=9).values["by_seed"]) == ["100", "101", "102"]


@pytest.mark.parametrize("given", ["100", "1 1", "-1 2", "1.5 2", "a b"])
def test_seeds_of_the_environment_are_different_integers(monkeypatch, given):
    monkeypatch.setenv(editions.SEEDS, given)
    with pytest.raises(ValueError, match=r'TRAINLAB_SEEDS is .*as in TRAINLAB_SEEDS="100 101 102"'):
        editions.use("quick")


# What pages and programs rely on


def test_as_json_is_what_the_contract_says(recorded):
    fields = {
        "id", "kind", "statement", "criterion", "expected", "verdict", "n_seeds", "values",
        "estimate", "ci_low", "ci_high", "unit", "record", "repeat", "agrees",
    }  # fmt: skip
    for claim in (
        claims.identity(*IDENTITY, [1.0], [1.0]),
        claims.bound(*BOUND, {3: 1.0, 5: 1.5}, high=2, unit="units"),
        differ([2.0, 2.1, 1.9], at_least=1),
    ):
        shown = json.loads(json.dumps(claim.as_json(), allow_nan=False))
        assert set(shown) == fields and shown["verdict"] in claims.VERDICTS


@pytest.mark.parametrize("change", [{"at_least": 1.5}, {"statement": "B exceeds A."}])
def test_the_pipeline_refuses_a_claim_that_was_changed_after_it_was_measured(
    shelf, monkeypatch, change
):
    monkeypatch.delenv("TRAINLAB_RECORD_NOTES", raising=False)
    records.put(shelf, "full", on_record(2.0, 10))
    known = record.load("full").claims
    (id,) = known
    given = {"statement": known[id]["statement"], "at_least": 1, **change}
    statement = given.pop("statement")

    def claim():
        return claims.contrast(id, statement, [2.0, 2.1, 1.9], [0.0] * 3, **given)

    assert claim().agrees is None  # in a reader's notebook
    monkeypatch.setenv("TRAINLAB_DISAGREEMENTS", "stop")
    with pytest.raises(
        claims.ClaimFailed, match=r"(?s)is of another claim.*make record EDITION=full"
    ):
        claim()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 2, "high": 1}, "which none can be"),
        ({"low": float("nan")}, "which none can be"),
        ({"low": 1, "grain": 0}, "grain=0 is not a step"),
    ],
)
def test_criterion_that_none_can_meet_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        claims.bound("03.a", "A.", [1.0, 2.0], **arguments)


def test_contrast_has_two_sides():
    with pytest.raises(ValueError, match="names 1 sides; a contrast has two"):
        claims.contrast("03.a", "A.", [1.0, 2.0], [1.0, 2.0], at_least=0, sides=("A",))
