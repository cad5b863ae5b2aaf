"""Verdicts by hand, by property and with bad input; cards; records."""

import json

import numpy as np
import pytest
from scipy import stats

from trainlab import claim_card, claims

IDENTITY = ("03.same", "Both are the same.")
TIMED = ("04.a-costs-more", "In every turn, a takes a fifth longer.")
EITHER = "supported or inconclusive"
CONTRAST = ("03.a-beats-b", "A exceeds B.")
BOUND = ("03.stays-small", "It stays small.")


def test_identity_measures_the_largest_relative_difference():
    claim = claims.identity(*IDENTITY, [1.0, 2.0], [1.0, 2.002], rtol=1e-2)
    assert claim.verdict == "supported"
    assert claim.estimate == pytest.approx(0.002 / 2.002)


def test_identity_beyond_the_tolerance_fails_and_says_all():
    with pytest.raises(claims.ClaimFailed) as failure:
        claims.identity(*IDENTITY, [1.0], [1.1], rtol=1e-2)
    for part in ("03.same", "0.09091", "≤ 0.01", "refuted", "expected:  supported"):
        assert part in str(failure.value)


def test_identity_compares_each_array_by_its_own_size():
    ours, reference = (
        [np.array([1e6, 1.0]), np.array([1e-3])],
        [np.array([1e6, 1.0]), np.array([1.1e-3])],
    )
    with pytest.raises(claims.ClaimFailed):
        claims.identity(*IDENTITY, ours, reference, rtol=1e-2)


def test_identity_with_a_zero_reference_is_absolute():
    with pytest.raises(claims.ClaimFailed):
        claims.identity(*IDENTITY, [0.1], [0.0], rtol=1e-2)


@pytest.mark.parametrize(
    ("ours", "reference", "message"),
    [
        (np.zeros(3), np.zeros(4), r"shape \(3,\).*\(4,\)"),
        ([np.zeros(3)], [np.zeros(3), np.zeros(3)], "holds 1 arrays"),
        ([np.nan], [1.0], "not finite"),
        ([], [], "empty"),
    ],
)
def test_identity_refuses_what_it_cannot_compare(ours, reference, message):
    with pytest.raises(ValueError, match=message):
        claims.identity(*IDENTITY, ours, reference)


def test_contrast_interval_is_students():
    a, b = [3.0, 5.0, 4.5, 4.0], [1.0, 2.0, 2.5, 1.5]
    claim = claims.contrast(*CONTRAST, a, b, at_least=1, unit="points")
    low, high = stats.t.interval(
        0.95, 3, loc=np.mean(np.subtract(a, b)), scale=stats.sem(np.subtract(a, b))
    )
    assert (claim.ci_low, claim.ci_high) == pytest.approx((low, high))
    assert claim.verdict == "supported" and claim.n_seeds == 4


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([2.0, 2.1, 2.2], "supported"),
        ([0.0, 0.1, 0.2], "refuted"),
        ([0.5, 1.0, 1.6], "inconclusive"),
    ],
)
def test_contrast_has_three_verdicts(full_edition, differences, verdict):
    claim = claims.contrast(*CONTRAST, differences, [0, 0, 0], at_least=1, expected=verdict)
    assert claim.verdict == verdict


@pytest.mark.parametrize("expected", ["supported", "refuted"])
def test_quick_edition_accepts_inconclusive_contrasts(expected):
    claim = claims.contrast(*CONTRAST, [0.5, 1.0, 1.6], [0, 0, 0], at_least=1, expected=expected)
    assert claim.verdict == "inconclusive"


def test_quick_edition_does_not_accept_the_opposite():
    with pytest.raises(claims.ClaimFailed, match="refuted"):
        claims.contrast(*CONTRAST, [0.0, 0.1, 0.2], [0, 0, 0], at_least=1)


def test_full_edition_does_not_accept_inconclusive(full_edition):
    with pytest.raises(claims.ClaimFailed, match="inconclusive"):
        claims.contrast(*CONTRAST, [0.5, 1.0, 1.6], [0, 0, 0], at_least=1)


def test_quick_edition_does_not_accept_inconclusive_bounds():
    with pytest.raises(claims.ClaimFailed, match="inconclusive"):
        claims.bound(*BOUND, [1, 3], high=2)


def test_expected_refutation_passes_and_a_surprising_support_fails():
    assert claims.bound(*BOUND, [3, 3], high=2, expected="refuted").verdict == "refuted"
    with pytest.raises(claims.ClaimFailed, match="came out supported"):
        claims.bound(*BOUND, [1, 1], high=2, expected="refuted")


@pytest.mark.parametrize("values", [[1.3, 1.4], [1.1, 1.4]])
def test_claim_about_time_leaves_one_question_to_the_machine(values):
    claim = claims.bound(*TIMED, values, low=1.2, unit="times the time of b", expected=EITHER)
    assert claim_card.as_expected(claim.record())
    assert "“supported or inconclusive”, as the machine has it" in claim_card.as_html(
        claim.record()
    )


def test_claim_about_time_fails_when_no_turn_meets_it():
    with pytest.raises(
        claims.ClaimFailed, match="supported or inconclusive, but it came out refuted"
    ):
        claims.bound(*TIMED, [1.1, 1.0], low=1.2, unit="times the time of b", expected=EITHER)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("points", EITHER), ("seconds", "supported or refuted"), ("seconds", "supported or")],
)
def test_only_a_claim_about_time_leaves_a_question_open(unit, expected):
    with pytest.raises(ValueError, match=r"expected=.* is not one of supported, refuted"):
        claims.bound(*TIMED, [1.3], low=1.2, unit=unit, expected=expected)


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.1, -0.1, 0.0], "supported"),
        ([5.0, 5.1, 5.2], "refuted"),
        ([0.5, 1.5, 1.0], "inconclusive"),
    ],
)
def test_contrast_within_a_margin(full_edition, differences, verdict):
    claim = claims.contrast(*CONTRAST, differences, [0, 0, 0], within=1, expected=verdict)
    assert claim.verdict == verdict


def test_contrast_of_equal_differences_has_a_point_interval():
    claim = claims.contrast(*CONTRAST, [2, 2, 2], [0, 0, 0], at_least=1)
    assert (claim.ci_low, claim.ci_high) == (2, 2)


def test_contrast_pairs_by_seed():
    claim = claims.contrast(*CONTRAST, {7: 3, 9: 4}, {7: 1, 9: 2}, at_least=1)
    assert claim.values["difference"] == {"7": 2.0, "9": 2.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"a": {0: 1, 1: 2}, "b": {0: 1, 2: 2}, "at_least": 0}, "same seeds"),
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


@pytest.mark.parametrize("id", ["he-keeps", "3.he", "03.He", "03_he", "03."])
def test_id_must_name_its_chapter(id):
    with pytest.raises(ValueError, match="not of the form"):
        claims.bound(id, "x", [1], high=2)


def test_bound_needs_a_bound():
    with pytest.raises(ValueError, match="needs `low`, `high` or both"):
        claims.bound(*BOUND, [1])


@pytest.fixture
def cards():
    return [
        claims.identity(*IDENTITY, [1.0], [1.0]),
        claims.bound(*BOUND, {3: 1.0, 5: 1.5}, high=2, unit="units"),
        claims.contrast(
            *CONTRAST, [3, 3.5], [1, 1.2], at_least=1, unit="points", sides=("<A>", "B")
        ),
    ]


def test_record_is_what_the_contract_says(cards):
    fields = {
        "id", "kind", "statement", "criterion", "expected", "verdict", "n_seeds", "values",
        "estimate", "ci_low", "ci_high", "unit",
    }  # fmt: skip
    for claim in cards:
        bundle = claim._repr_mimebundle_()
        record = json.loads(json.dumps(bundle[claims.MIME_TYPE], allow_nan=False))
        assert set(record) == fields
        assert record["verdict"] in claims.VERDICTS


def test_cards_carry_statement_seeds_interval_and_criterion(cards):
    _, bound, contrast = (claim._repr_mimebundle_()["text/html"] for claim in cards)
    assert "seeds 3, 5" in bound and "every seed ≤ 2 units" in bound
    assert "95 % interval" in contrast and "≥ 1 points" in contrast and "seeds 0, 1" in contrast


def test_a_time_is_over_turns_and_not_over_seeds():
    card = str(claims.bound("02.a-time", "A is slower.", [2.0, 3.0], low=1, unit="times B's time"))
    assert "turns of one run" in card and "every value ≥ 1" in card and "seed" not in card


def test_cards_need_no_style_sheet_or_script_and_escape_text(cards):
    for claim in cards:
        html = claim._repr_mimebundle_()["text/html"]
        assert "<script" not in html and "<style" not in html and "<A>" not in html
        assert f'id="{claim_card.anchor(claim.id)}"' in html


@pytest.mark.parametrize(
    ("value", "text"), [(-1.23456, "−1.235"), (0.0, "0"), (123456.0, "1.235e+05"), (1e-7, "1e−07")]
)
def test_numbers_have_four_digits_and_a_true_minus(value, text):
    assert claim_card.number(value) == text


def test_verdict_labels_have_enough_contrast():
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for colour in claim_card._COLOURS.values():
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5
