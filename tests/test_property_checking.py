"""When an answer counts as right: relative to what is right, and by its worst entry."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trainlab.exercises import checking

NUMBERS = st.integers(-5000, 5000).map(lambda n: n / 1000)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6)
RTOL = st.integers(1, 2000).map(lambda n: n / 1000)


def test_an_answer_is_measured_by_what_is_right_and_not_by_itself():
    assert checking.is_close(1.25, 1.0, 0.25) and checking.is_close(0.75, 1.0, 0.25)
    # Three quarters of the answer would be 1.5, of what is right it is 0.75.
    assert not checking.is_close(2.0, 1.0, 0.75)
    assert not checking.is_close(1e6, 0.0, 1.0) and not checking.is_close(1.25, 1.0, 0.2499)


@given(pairs=PAIRS, rtol=RTOL)
def test_is_close_is_the_plain_computation(pairs, rtol):
    value, reference = np.array(pairs).T
    worst, size = max(abs(value - reference)), max(abs(reference))
    assert checking.is_close(value, reference, rtol) is bool(worst <= rtol * size)


@given(pairs=PAIRS, rtol=RTOL, power=st.integers(-20, 20), order=st.randoms(use_true_random=False))
def test_is_close_depends_neither_on_unit_nor_order(pairs, rtol, power, order):
    value, reference = np.array(pairs).T
    found = checking.is_close(value, reference, rtol)
    assert checking.is_close(2.0**power * value, 2.0**power * reference, rtol) is found
    assert checking.is_close(-value, -reference, rtol) is found
    order.shuffle(pairs)
    assert checking.is_close(*np.array(pairs).T, rtol) is found


@given(pairs=PAIRS, rtols=st.tuples(RTOL, RTOL).map(sorted))
def test_what_is_close_stays_close_under_a_larger_tolerance(pairs, rtols):
    value, reference = np.array(pairs).T
    strict, lenient = (checking.is_close(value, reference, rtol) for rtol in rtols)
    assert lenient or not strict
    assert checking.is_close(reference, reference, 0)


@given(value=NUMBERS, mistakes=st.lists(NUMBERS, min_size=1, max_size=4, unique=True))
def test_diagnose_gives_the_hint_of_the_first_mistake_that_fits(value, mistakes):
    assume(all(abs(value - each) == 0 or abs(value - each) > 1e-3 for each in mistakes))
    known = [(wrong, f"hint {number}") for number, wrong in enumerate(mistakes)]
    expected = f"hint {mistakes.index(value)}" if value in mistakes else "otherwise"
    with pytest.raises(checking.Hint, match=f"^{expected}$"):
        checking.diagnose(value, known, "otherwise")
    with pytest.raises(checking.Hint, match="of the right value"):
        checking.diagnose(value, [(value, "of the right value"), *known], "otherwise")
