"""The learning rate that suits a side, chosen without looking at what is reported."""

import json
import logging

import keras
import numpy as np
import pytest

from trainlab import record, training
from trainlab.training import tuning
from trainlab.training.tuning import TUNING_SEEDS

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(64, 3)).astype("float32"), RNG.normal(size=(64, 1)).astype("float32")
BUDGET = {"epochs": 2, "validation_data": (X, Y)}


def build(rate):
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    net.compile(keras.optimizers.SGD(rate), "mse")
    return net


def valley(lowest):
    """Return a trial whose loss is lowest at a rate, whatever the seed."""
    return lambda rate: [abs(np.log10(rate / lowest))] * 3


def table(losses):
    """Return a trial that looks its losses up and knows no others than 9."""
    return lambda rate: losses.get(rate, (9, 9, 9))


def test_the_mean_over_three_seeds_decides():
    """The first seed alone would choose 0.1, the second alone 10."""
    losses = {0.1: (1, 5, 5), 1.0: (2, 3, 3), 10.0: (3, 2, 4)}
    assert tuning.search(list(losses), table(losses)) == (1.0, losses)


def test_trials_are_the_losses_of_the_tuning_seeds():
    best, runs, trials = tuning.tuned_sweep(build, (X, Y), [0], rates=(1e-4, 0.1), **BUDGET)
    assert runs.seeds == (0,)
    assert list(trials) == sorted(trials)
    for rate in (1e-4, 0.1):
        alone = training.sweep(lambda r=rate: build(r), (X, Y), TUNING_SEEDS, **BUDGET)
        np.testing.assert_allclose(trials[rate], alone.history["val_loss"][:, -1], rtol=1e-5)
    finite = {
        rate: np.mean(losses) for rate, losses in trials.items() if np.all(np.isfinite(losses))
    }
    assert best == min(finite, key=finite.get)


def test_the_end_of_the_training_chooses_and_not_its_beginning():
    """With momentum the rate that is at the target after a step has left it after the others."""
    x = RNG.choice([-1.0, 1.0], (64, 1)).astype("float32")

    def with_momentum(rate):
        four = keras.initializers.Constant(4)
        dense = keras.layers.Dense(1, use_bias=False, kernel_initializer=four)
        net = keras.Sequential([keras.Input((1,)), dense])
        net.compile(keras.optimizers.SGD(rate, momentum=0.9), "mse")
        return net

    def distances(rate, distance=1.0, velocity=0.0):
        seen = []
        for _ in range(3):
            velocity = 0.9 * velocity - rate * 2 * distance
            distance += velocity
            seen.append(abs(distance))
        return seen

    rates = (0.02, 0.1, 0.5, 2.5)
    by = {moment: min(rates, key=lambda r, m=moment: distances(r)[m]) for moment in (0, -1)}
    assert by == {0: 0.5, -1: 0.1}
    found = tuning.tuned_sweep(
        with_momentum, (x, 3 * x, x, 3 * x), [0], rates=rates, epochs=3, batch_size=64
    )
    assert found.rate == 0.1
    for rate, losses in found.trials.items():
        np.testing.assert_allclose(losses, distances(rate)[-1] ** 2, rtol=1e-4)


def test_penalties_do_not_choose():
    """From weights of 4 past the target 3, the penalty pulls them on to 1."""
    x = RNG.choice([-1.0, 1.0], (64, 1)).astype("float32")
    data = x, 3 * x, x, 3 * x

    def penalized(rate):
        four, penalty = keras.initializers.Constant(4), keras.regularizers.L2(2)
        dense = keras.layers.Dense(
            1, use_bias=False, kernel_initializer=four, kernel_regularizer=penalty
        )
        net = keras.Sequential([keras.Input((1,)), dense])
        net.compile(keras.optimizers.SGD(rate), "mse")
        return net

    best, runs, trials = tuning.tuned_sweep(
        penalized, data, [0], rates=(0.002, 0.016, 0.12), epochs=2, keep_models=True
    )
    assert best == 0.016
    (w,) = runs.models[0].get_weights()
    without = tuning.validation_loss(runs.models[0], x, 3 * x)
    assert without == pytest.approx((w.item() - 3) ** 2, abs=1e-6)
    with_penalty = {
        rate: training.sweep(lambda r=rate: penalized(r), data, [0], epochs=2).history["val_loss"]
        for rate in trials
    }
    assert with_penalty[0.12][0, -1] < with_penalty[0.016][0, -1]


@pytest.mark.parametrize("as_one", [True, False])
def test_the_validation_images_choose_and_not_those_trained_on(as_one):
    """Each step goes the rate's share of the way from 4 to 3; the validation target is 3.8."""
    x = RNG.choice([-1.0, 1.0], (64, 1)).astype("float32")

    def one_weight(rate):
        four = keras.initializers.Constant(4)
        dense = keras.layers.Dense(1, use_bias=False, kernel_initializer=four)
        net = keras.Sequential([keras.Input((1,)), dense])
        net.compile(keras.optimizers.SGD(rate), "mse")
        return net

    train, valid = (x, 3 * x), (x, 3.8 * x)
    data, arguments = ((*train, *valid), {}) if as_one else (train, {"validation_data": valid})
    found = tuning.tuned_sweep(
        one_weight, data, [0], rates=(0.025, 0.1, 0.5), batch_size=64, **arguments
    )
    assert found.rate == 0.1
    for rate, losses in found.trials.items():
        np.testing.assert_allclose(losses, (4 - 2 * rate - 3.8) ** 2, atol=1e-5)


def test_weights_of_validation_images_are_no_third_argument():
    weighted = {"epochs": 2, "validation_data": (X, Y, np.ones(64))}
    options = {"rates": (0.001, 0.01, 0.1), "batch_size": 16}
    found, expected = (
        tuning.tuned_sweep(build, (X, Y), [0], **options, **budget) for budget in (weighted, BUDGET)
    )
    assert found.rate == expected.rate and found.trials == expected.trials


def test_validation_loss_is_that_of_inference():
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    net.compile("sgd", "mse")
    assert tuning.validation_loss(net, X, Y) == pytest.approx(net.evaluate(X, Y, verbose=0))


@pytest.mark.parametrize("lowest", [1e-6, 3e-3, 0.01, 0.1, 30.0])
def test_the_grid_goes_on_until_the_best_rate_is_inside(lowest):
    best, trials = tuning.search((0.01, 0.1), valley(lowest))
    rates = list(trials)
    assert rates == sorted(rates) and {0.01, 0.1} <= set(rates)
    np.testing.assert_allclose(np.divide(rates[1:], rates[:-1]), 10)
    assert best in rates[1:-1]
    assert abs(np.log10(best / lowest)) <= 0.53


def test_a_grid_with_the_best_rate_inside_stays_as_it_is():
    assert list(tuning.search((0.1, 0.01, 1.0), valley(0.1))[1]) == [0.01, 0.1, 1.0]


@pytest.mark.parametrize(("sign", "edge"), [(1, "1e-08"), (-1, r"1e\+07")])
def test_a_best_rate_that_stays_at_the_edge_is_an_error(sign, edge):
    tried = []

    def trial(rate):
        tried.append(rate)
        return [sign * np.log10(rate)] * 3

    rates = {1: (0.01, 0.1, 1.0), -1: (0.1, 1.0, 10.0)}[sign]
    with pytest.raises(ValueError, match=f"best learning rate is {edge}, at the edge .* 6 times"):
        tuning.search(rates, trial)
    assert len(tried) == len(rates) + tuning.MAX_EXTENSIONS


def test_a_rate_with_a_run_that_diverged_is_never_chosen():
    losses = {0.01: (2, 2, 2), 0.1: (3, 3, 3), 1.0: (0, np.inf, 0), 10.0: (np.nan,) * 3}
    best, trials = tuning.search(list(losses), table(losses))
    assert best == 0.01
    assert np.isnan(trials[1.0][1]) and trials[1.0][::2] == (0, 0)
    found = tuning.tuned_sweep(build, (X, Y), [0], rates=(0.001, 0.01, 1e30), **BUDGET)
    assert found.rate < 1e30 and np.isnan(found.trials[1e30]).all()


def test_smaller_rates_are_tried_when_all_diverge():
    def trial(rate):
        return [np.nan] * 3 if rate > 1e-3 else valley(1e-3)(rate)

    assert tuning.search((0.1, 1.0), trial)[0] == 1e-3


def test_rates_that_all_diverge_are_an_error():
    tried = "1e\\+24, 1e\\+25, .*, 1e\\+30, 1e\\+31"
    with pytest.raises(ValueError, match=f"Every learning rate of {tried} diverged"):
        tuning.tuned_sweep(build, (X, Y), [0], rates=(1e30, 1e31), **BUDGET)


def test_a_single_rate_is_taken_as_it_is():
    found = tuning.tuned_sweep(build, (X, Y), [0], rates=(0.07,), label="00 single", **BUDGET)
    assert found.rate == 0.07 and found.trials == {}


def test_a_run_that_stops_early_counts_by_its_last_epoch():
    def stop_at_once():
        return [keras.callbacks.EarlyStopping(patience=1, min_delta=100)]

    best, tuned, _ = tuning.tuned_sweep(
        build, (X, Y), [0], rates=(1e-4, 0.1), callbacks=stop_at_once, keep_models=True,
        **{**BUDGET, "epochs": 5},
    )  # fmt: skip
    assert best == 0.1 and np.isnan(tuned.history["val_loss"][0, -1]) and len(tuned.models) == 1


def test_shared_programs_train_as_if_alone():
    best, tuned, _ = tuning.tuned_sweep(build, (X, Y), [0, 1], rates=(1e-3, 0.1), **BUDGET)
    alone = training.sweep(lambda: build(best), (X, Y), [0, 1], **BUDGET)
    np.testing.assert_array_equal(tuned.history["val_loss"], alone.history["val_loss"])
    assert not np.array_equal(*tuned.history["val_loss"])  # the seeds differ


def test_data_may_depend_on_the_seed():
    def parts(seed):
        rows = np.random.default_rng(seed).permutation(64)[:32]
        return X[rows], Y[rows], X, Y

    _, tuned, _ = tuning.tuned_sweep(build, parts, [0], rates=(1e-3, 0.1), epochs=2)
    assert tuned.history["val_loss"].shape == (1, 2)


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """Search once as `make record` does, and return what it noted."""
    path = tmp_path / "notes"
    with monkeypatch.context() as patched:
        patched.setenv(record.NOTES, str(path))
        tuning.tuned_sweep(build, (X, Y), [0], rates=(1e-3, 0.1), label="00 line", **BUDGET)
        tuning.tuned_sweep(build, (X, Y), [0], rates=(1e-3, 0.1), **BUDGET)
    return [json.loads(line) for line in path.read_text().splitlines()]


def recorded(note, **changes):
    """Return the note as the record holds it, with a rate of its own."""
    return record.Tuning.from_json("00 line", {**note, "rate": 0.07, **changes})


def test_a_search_with_a_label_is_noted_for_the_record(noted):
    (note,) = noted  # a search without a label is not
    found = tuning.tuned_sweep(build, (X, Y), [0], rates=(1e-3, 0.1), **BUDGET)
    assert note["label"] == "00 line" and note["rate"] == found.rate
    assert note["rates"] == list(found.trials)
    np.testing.assert_allclose(
        np.array(note["losses"], float), list(found.trials.values()), rtol=1e-5
    )


def test_nothing_is_noted_outside_a_measurement(tmp_path, monkeypatch):
    monkeypatch.delenv(record.NOTES, raising=False)
    monkeypatch.chdir(tmp_path)
    tuning.tuned_sweep(build, (X, Y), [0], rates=(1e-3, 0.1), label="00 line", **BUDGET)
    assert not list(tmp_path.iterdir())


def test_the_recorded_rate_is_used_without_a_search(noted, monkeypatch):
    asked = []
    monkeypatch.setattr(tuning, "search", None)  # a search would fail

    def of_label(label):
        asked.append(label)
        return recorded(noted[0])

    monkeypatch.setattr(record, "tuning", of_label)
    found = tuning.tuned_sweep(build, (X, Y), [0, 1], rates=(1e-3, 0.1), label="00 line", **BUDGET)
    assert asked == ["00 line"]
    assert found.rate == 0.07 and list(found.trials) == noted[0]["rates"]
    alone = training.sweep(lambda: build(0.07), (X, Y), [0, 1], **BUDGET)
    np.testing.assert_array_equal(found.runs.history["val_loss"], alone.history["val_loss"])


def test_a_recorded_rate_is_for_its_number_of_training_images(noted, monkeypatch):
    """Given as four parts, and not for a number of validation images."""
    monkeypatch.setattr(record, "tuning", lambda label: recorded(noted[0]))
    arguments = {"rates": (1e-3, 0.1), "label": "00 line", "epochs": 2}
    for parts, known in [((X, Y, X[:9], Y[:9]), True), ((X[:40], Y[:40], X, Y), False)]:
        found = tuning.tuned_sweep(build, parts, [0], **arguments)
        assert (found.rate == 0.07) is known


@pytest.mark.parametrize("changed", ["epochs", "images", "units", "setting"])
def test_a_rate_recorded_for_another_setting_is_searched_again(noted, monkeypatch, caplog, changed):
    def wide(rate):
        net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5), keras.layers.Dense(1)])
        net.compile(keras.optimizers.SGD(rate), "mse")
        return net

    setting = {"setting": "another"} if changed == "setting" else {}
    monkeypatch.setattr(record, "tuning", lambda label: recorded(noted[0], **setting))
    monkeypatch.setattr(logging.getLogger("trainlab"), "propagate", True)
    found = tuning.tuned_sweep(
        wide if changed == "units" else build,
        (X[:40], Y[:40]) if changed == "images" else (X, Y),
        [0],
        rates=(1e-3, 0.1),
        label="00 line",
        **BUDGET | ({"epochs": 3} if changed == "epochs" else {}),
    )
    assert found.rate != 0.07
    (line,) = [each.getMessage() for each in caplog.records if "recorded rate" in each.getMessage()]
    assert "'00 line'" in line and "searched for again" in line


def test_rates_that_the_record_did_not_try_are_searched(noted, monkeypatch):
    """Where a reader tries other rates, the record's choice is no answer."""
    monkeypatch.setattr(record, "tuning", lambda label: recorded(noted[0]))
    found = tuning.tuned_sweep(build, (X, Y), [0], rates=(0.5, 0.9), label="00 line", **BUDGET)
    assert found.rate != 0.07 and {0.5, 0.9} <= set(found.trials)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rates": ()}, r"`rates` is \(\); give at least two different positive rates"),
        ({"rates": (0.1, 0.1)}, "at least two different positive rates"),
        ({"rates": (0.0, 0.1)}, "at least two different positive rates"),
        ({"rates": (-0.1, 0.1)}, "at least two different positive rates"),
        ({"rates": (0.1,), "validation_data": None}, "no validation data"),
        ({"rates": (0.1,), "seeds": [0, 98]}, "Seeds 97, 98, 99 choose .* Leave 98 out"),
        ({"rates": (0.1,), "seeds": TUNING_SEEDS}, "Leave 97, 98, 99 out"),
    ],
)
def test_what_cannot_be_tuned_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        tuning.tuned_sweep(build, (X, Y), **{"seeds": [0], **BUDGET, **arguments})


def test_on_a_plateau_a_rate_inside_is_taken():
    """A net that does not learn at all has one loss at every rate, but for rounding."""
    rate, trials = tuning.search((0.01, 0.1), lambda rate: [2.302585 + 1e-6 * rate] * 3)
    assert rate == 0.01 and min(trials) < rate < max(trials)


def test_a_slope_is_no_plateau():
    with pytest.raises(ValueError, match="edge of the grid"):
        tuning.search((0.01, 0.1), lambda rate: [1 + np.log(rate)] * 3)
