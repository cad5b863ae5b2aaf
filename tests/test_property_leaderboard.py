"""The board's order and what it keeps, whatever is entered in whatever order."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainlab.leaderboard import Leaderboard

IMAGES = 8
X, Y = np.eye(IMAGES, dtype="float32"), np.arange(IMAGES) % 2


class Net:
    """What the board asks of a model: it is right about so many of the 8 images."""

    def __init__(self, right, weights):
        self.right, self.weights = right, weights

    def count_params(self):
        return self.weights

    def __call__(self, x, training):
        labels = np.where(np.arange(IMAGES) < self.right, Y, 1 - Y)
        return np.eye(2)[labels]


RUNS = st.lists(
    st.tuples(
        st.sampled_from(["a", "B", "b", "é", "10", "9", "<i>"]),
        st.integers(0, IMAGES),
        st.integers(1, 99),
    ),
    min_size=1,
    max_size=12,
)


def enter(board, runs):
    for name, right, weights in runs:
        board.enter(name, Net(right, weights), X, Y)
    return board


@given(runs=RUNS)
def test_every_name_keeps_its_best_run_and_the_best_name_comes_first(runs):
    board = enter(Leaderboard(), runs)
    best = {}
    for name, right, _ in runs:
        best[name] = max(best.get(name, 0), right)
    expected = sorted(best, key=lambda name: (-best[name], name))
    assert [run["name"] for run in board.runs] == expected
    assert [run["accuracy"] for run in board.runs] == [100 * best[n] / IMAGES for n in expected]
    # The weights are those of the run that is kept, the first one of the best.
    for run in board.runs:
        right = best[run["name"]]
        assert run["weights"] == next(w for n, r, w in runs if (n, r) == (run["name"], right))


@given(runs=RUNS, order=st.randoms(use_true_random=False))
def test_the_order_of_entry_does_not_matter(runs, order):
    turned = [(name, right, 7) for name, right, _ in runs]
    one = enter(Leaderboard(), turned).runs
    order.shuffle(turned)
    assert enter(Leaderboard(), turned).runs == one


@given(runs=RUNS)
@settings(max_examples=30)
def test_the_file_holds_the_board_after_every_entry(runs):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.json"
        for run in runs:
            board = enter(Leaderboard(path), [run])
            assert json.loads(path.read_text(encoding="utf-8")) == board.runs
        assert Leaderboard(path).runs == enter(Leaderboard(), runs).runs


@given(runs=RUNS)
@settings(max_examples=30)
def test_text_and_table_list_the_runs_in_their_order(runs):
    board = enter(Leaderboard(), runs)
    lines = str(board).splitlines()[1:]
    assert len(set(map(len, str(board).splitlines()))) == 1  # the columns stand below each other
    assert [line.split(".")[0] for line in lines] == [str(n + 1) for n in range(len(board.runs))]
    for line, run in zip(lines, board.runs, strict=True):
        assert run["name"] in line and f"{run['accuracy']:.1f}" in line
    assert board._repr_mimebundle_()["text/html"].count("<tr>") == len(board.runs) + 1


def test_a_name_of_sixty_characters_is_short_enough():
    board = enter(Leaderboard(), [(" " + "x" * 60 + " ", 4, 9)])
    assert board.runs == [{"name": "x" * 60, "accuracy": 50.0, "weights": 9}]


@given(image=st.integers(0, IMAGES - 1), bad=st.sampled_from([np.nan, np.inf, -np.inf]))
@settings(max_examples=10)
def test_one_output_that_is_not_finite_is_enough_to_be_refused(image, bad):
    class Diverged(Net):
        def __call__(self, x, training):
            outputs = super().__call__(x, training)
            outputs[image, 0] = bad
            return outputs

    board = Leaderboard()
    with pytest.raises(ValueError, match="not finite"):
        board.enter("a", Diverged(8, 9), X, Y)
    assert board.runs == []
