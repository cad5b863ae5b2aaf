"""The board measures, sorts, keeps the best, and never loses a reader's file."""

import json

import keras
import numpy as np
import pytest

from trainlab.leaderboard import Leaderboard

X, Y = np.eye(4, 3, dtype="float32"), np.array([0, 1, 2, 0])


def model(kernel):
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, use_bias=False)])
    net.set_weights([np.array(kernel, "float32")])
    return net


GOOD, BAD = np.eye(3), -np.eye(3)


def test_runs_are_measured_and_sorted():
    board = Leaderboard()
    board.enter("bad", model(BAD), X, Y).enter("good", model(GOOD), X, Y)
    assert [run["name"] for run in board.runs] == ["good", "bad"]
    assert board.runs[0] == {"name": "good", "accuracy": 100.0, "weights": 9}
    assert board.runs[1]["accuracy"] == 25.0


def test_a_name_keeps_its_best_run():
    board = Leaderboard().enter("mine", model(GOOD), X, Y).enter("mine", model(BAD), X, Y)
    assert [run["accuracy"] for run in board.runs] == [100.0]


def test_file_brings_the_runs_back(tmp_path):
    path = tmp_path / "runs.json"
    Leaderboard(path).enter("é <b>", model(GOOD), X, Y)
    assert Leaderboard(path).runs == [{"name": "é <b>", "accuracy": 100.0, "weights": 9}]
    assert [file.name for file in tmp_path.iterdir()] == ["runs.json"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"name": "a"}]', '{"a": 1}', '"text"'])
def test_damaged_file_is_moved_aside_and_kept(tmp_path, content, caplog):
    path = tmp_path / "runs.json"
    path.write_text(content)
    board = Leaderboard(path)
    assert board.runs == []
    assert "moved to runs.json.damaged" in caplog.text
    board.enter("new", model(GOOD), X, Y)
    assert (tmp_path / "runs.json.damaged").read_text() == content
    assert len(json.loads(path.read_text())) == 1


@pytest.mark.parametrize(
    ("name", "kernel", "message"),
    [
        (" ", GOOD, "1 to 60 characters"),
        ("x" * 61, GOOD, "received 61"),
        ("wide", np.ones((3, 4)), "12 weights; this board takes at most 9"),
        ("single", np.ones((3, 1)), r"shape \(4, 1\)"),
        ("diverged", np.full((3, 3), np.nan), "not finite"),
    ],
)
def test_run_that_cannot_be_judged_is_refused(name, kernel, message):
    net = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(np.shape(kernel)[1], use_bias=False)]
    )
    net.set_weights([np.array(kernel, "float32")])
    board = Leaderboard(max_weights=9)
    with pytest.raises(ValueError, match=message):
        board.enter(name, net, X, Y)
    assert board.runs == []


def test_board_is_a_table_with_escaped_names():
    bundle = Leaderboard().enter("<b> & co", model(GOOD), X, Y)._repr_mimebundle_()
    assert "&lt;b&gt; &amp; co" in bundle["text/html"]
    assert 'scope="col"' in bundle["text/html"]
    assert "1. <b> & co" in bundle["text/plain"]
    assert "100.0" in bundle["text/plain"]
