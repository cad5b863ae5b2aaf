"""The learning rate that suits a side, chosen without looking at what is reported."""

import keras
import numpy as np
import pytest

from trainlab import training, tuning

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(64, 3)).astype("float32"), RNG.normal(size=(64, 1)).astype("float32")
BUDGET = {"epochs": 2, "validation_data": (X, Y)}


def build(rate):
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    net.compile(keras.optimizers.SGD(rate), "mse")
    return net


def test_the_rate_with_the_lowest_validation_loss_is_chosen():
    losses = [
        training.sweep(lambda r=r: build(r), (X, Y), [tuning.TUNING_SEED], **BUDGET).history[
            "val_loss"
        ][0, -1]
        for r in (1e-4, 0.1)
    ]
    best, _ = tuning.tuned_sweep(build, (X, Y), [0], rates=(1e-4, 0.1), **BUDGET)
    assert best == (1e-4, 0.1)[int(np.argmin(losses))]


def test_a_run_that_stops_early_counts_by_its_last_epoch():
    def stop_at_once():
        return [keras.callbacks.EarlyStopping(patience=1, min_delta=100)]

    best, tuned = tuning.tuned_sweep(
        build, (X, Y), [0], rates=(1e-4, 0.1), callbacks=stop_at_once, keep_models=True,
        **{**BUDGET, "epochs": 5},
    )  # fmt: skip
    assert best == 0.1 and np.isnan(tuned.history["val_loss"][0, -1]) and len(tuned.models) == 1


def test_shared_programs_train_as_if_alone():
    best, tuned = tuning.tuned_sweep(build, (X, Y), [0, 1], rates=(1e-3, 0.1), **BUDGET)
    alone = training.sweep(lambda: build(best), (X, Y), [0, 1], **BUDGET)
    np.testing.assert_array_equal(tuned.history["val_loss"], alone.history["val_loss"])
    assert not np.array_equal(*tuned.history["val_loss"])  # the seeds differ


def test_a_diverging_rate_is_not_chosen():
    best, _ = tuning.tuned_sweep(build, (X, Y), [0], rates=(1e30, 0.01), **BUDGET)
    assert best == 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rates": ()}, "`rates` is empty"),
        ({"rates": (1e30, 1e35)}, "Every learning rate of 1e\\+30, 1e\\+35 diverged"),
        ({"rates": (0.1,), "validation_data": None}, "no validation data"),
        ({"rates": (0.1,), "seeds": [0, tuning.TUNING_SEED]}, "Seed 99 chooses"),
    ],
)
def test_what_cannot_be_tuned_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        tuning.tuned_sweep(build, (X, Y), **{"seeds": [0], **BUDGET, **arguments})
