"""Few labels: the same draws for both sides, fresh starts, honest errors."""

import json

import keras
import numpy as np
import pytest

from trainlab import few_labels, record
from trainlab.datasets import Images
from trainlab.training.tuning import TUNING_SEEDS


def task(n=60):
    """Two classes that a line separates, in three parts of which no two are alike."""
    rng = np.random.default_rng(0)
    parts = []
    for rows in (n, n - 10, n - 20):
        y = np.arange(rows) % 2
        parts += [(rng.normal(size=(rows, 3)) + 4 * y[:, None]).astype("float32"), y]
    return Images(*parts)


def net(rate=0.1):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "sparse_categorical_crossentropy")
    return model


ZERO = [np.zeros((3, 2)), np.zeros(2)]
OPTIONS = {"learning_rate": 0.1, "seeds": (3, 5), "draws": 2, "epochs": 2, "batch_size": 4}


def test_draw_is_balanced_distinct_and_decided_by_its_seed():
    labels = np.repeat([4, 7], [50, 30])
    rows = few_labels.draw(labels, 20, (1, 2))
    assert len(set(rows)) == 20
    assert np.bincount(labels[rows])[[4, 7]].tolist() == [10, 10]
    assert few_labels.draw(labels, 20, (1, 2)).tolist() == rows.tolist()
    assert few_labels.draw(labels, 20, (1, 3)).tolist() != rows.tolist()


@pytest.mark.parametrize(
    ("n_images", "message"),
    [(3, "multiple of 2"), (0, "divided equally"), (80, "Class 1 has 30 images")],
)
def test_draw_that_cannot_be_made_raises(n_images, message):
    with pytest.raises(ValueError, match=message):
        few_labels.draw(np.repeat([0, 1], [50, 30]), n_images, 0)


def test_only_keeps_the_classes_in_their_order():
    y = np.array([5, 6, 1, 5])
    x = np.arange(4)[:, None]
    kept = few_labels.only(Images(x, y, x, y, x, y), (6, 5))
    assert kept.y_train.tolist() == [1, 0, 1]
    assert kept.x_test.ravel().tolist() == [0, 1, 3]


def test_error_counts_wrong_images_in_percent():
    model = net()
    model.set_weights([np.zeros((3, 2)), np.array([1.0, 0.0])])
    assert few_labels.error(model, np.zeros((4, 3), "float32"), np.array([0, 0, 0, 1])) == 25


def test_net_that_diverged_is_wrong_about_everything():
    model = net()
    model.set_weights([np.full((3, 2), np.nan), np.zeros(2)])
    assert few_labels.error(model, np.ones((4, 3), "float32"), np.zeros(4, int)) == 100


def test_run_equals_training_from_the_same_start():
    starts = {3: ZERO, 5: ZERO}
    got = few_labels.runs(net(), starts, task(), 8, **OPTIONS)
    assert got.error.shape == got.loss.shape == (2, 2)

    data, alone = task(), net()
    alone.set_weights(ZERO)
    rows = few_labels.draw(data.y_train, 8, (5, 1))
    from trainlab import training

    options = {"epochs": 2, "batch_size": 4, "seed": 5001, "verbose": 0}
    training.fit(alone, data.x_train[rows], data.y_train[rows], **options)
    for ours, theirs in zip(got.weights[5, 1], alone.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("part", ["test", "valid"])
def test_runs_are_measured_on_the_part_that_is_asked_for(part):
    data, model = task(), net()
    got = few_labels.runs(model, {3: ZERO, 5: ZERO}, data, 8, part=part, **OPTIONS)
    x, y = getattr(data, f"x_{part}"), getattr(data, f"y_{part}")
    for (row, draw), loss in np.ndenumerate(got.loss):
        model.set_weights(got.weights[OPTIONS["seeds"][row], draw])
        assert got.error[row, draw] == few_labels.error(model, x, y)
        assert loss == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-4)


@pytest.mark.parametrize("fails", [False, True])
def test_runs_leave_it_to_the_net_whether_xla_compiles_it(fails):
    model, options = net(), OPTIONS
    assert model.supports_jit
    if fails:
        with pytest.raises(TypeError, match="unexpected"):
            few_labels.runs(model, {3: ZERO}, task(), 8, **options, unknown=1)
    else:
        few_labels.runs(model, {3: ZERO, 5: ZERO}, task(), 8, **options)
    assert model.supports_jit


def test_runs_do_not_depend_on_what_was_run_before():
    model = net()
    first = few_labels.runs(model, {3: ZERO, 5: ZERO}, task(), 8, **OPTIONS)
    again = few_labels.runs(model, {3: ZERO, 5: ZERO}, task(), 8, **OPTIONS)
    np.testing.assert_array_equal(first.loss, again.loss)


def test_start_of_a_single_draw_goes_before_that_of_its_seed():
    far = [np.ones((3, 2)) * [[-9, 9]], np.array([90.0, -90.0])]
    starts = {3: ZERO, 5: ZERO, (5, 1): far}
    rate = OPTIONS | {"learning_rate": 0.0}
    got = few_labels.runs(net(), starts, task(), 8, **rate)
    np.testing.assert_array_equal(got.weights[5, 1][1], far[1])
    np.testing.assert_array_equal(got.weights[5, 0][1], 0)


def test_runs_without_a_draw_raise():
    with pytest.raises(ValueError, match="draws=0 is below 1"):
        few_labels.runs(net(), {3: ZERO}, task(), 8, **(OPTIONS | {"draws": 0}))


def attempt_with(losses):
    """Return an attempt whose losses by rate are those of the three tuning seeds, in two draws."""

    def attempt(rate, *, seeds, draws, part):
        assert (seeds, draws, part) == (TUNING_SEEDS, 2, "valid")
        of_seed = np.reshape(losses.get(rate, [9, 9, 9]), (3, 1))
        of_rate = np.add(of_seed, [[-0.5, 0.5]])
        return few_labels.Runs(np.zeros((3, 2)), of_rate, {})

    return attempt


def test_best_rate_has_the_lowest_mean_of_the_finite_losses():
    """The first seed alone would choose 0.1."""
    losses = {0.1: [1, 4, 4], 0.3: [2, 2, 2], 1.0: [0, 0, np.nan]}
    assert few_labels.best_rate(attempt_with(losses), list(losses)) == 0.3


def test_best_rate_goes_on_beyond_the_rates_it_was_given():
    losses = {0.1: [3] * 3, 1.0: [2] * 3, 10.0: [1] * 3, 100.0: [2] * 3}
    assert few_labels.best_rate(attempt_with(losses), [0.1, 1.0]) == 10.0


def test_best_rate_is_that_of_the_record(monkeypatch):
    losses = {0.1: [3] * 3, 0.3: [2] * 3, 1.0: [3] * 3}
    known = record.Tuning("00 few", "2 draws", 0.7, losses)
    monkeypatch.setattr(record, "tuning", {"00 few": known}.get)
    attempt = attempt_with(losses)
    assert few_labels.best_rate(attempt, list(losses), label="00 few") == 0.7
    assert few_labels.best_rate(attempt, list(losses), label="00 other") == 0.3
    monkeypatch.setattr(
        record, "tuning", lambda label: record.Tuning(label, "9 draws", 0.7, losses)
    )
    assert few_labels.best_rate(attempt, list(losses), label="00 few") == 0.3


@pytest.mark.parametrize(
    ("rates", "loss", "message"),
    [
        ([], 1, "at least two different positive rates"),
        ([0.1, 1.0], np.inf, "Every learning rate of .* diverged"),
    ],
)
def test_no_rate_left_raises(rates, loss, message):
    def attempt(rate, *, seeds, draws, part):
        return few_labels.Runs(np.zeros((3, 2)), np.full((3, 2), float(loss)), {})

    with pytest.raises(ValueError, match=message):
        few_labels.best_rate(attempt, rates)


def test_half_of_the_pairs_are_of_one_class():
    data = task()
    marked = Images(*[part for y in [np.arange(60) % 3] for part in (y[:, None], y) * 3])
    (left, right), same = few_labels.pairs(marked, 40, seed=0)
    assert same.shape == (40, 1)
    assert same.sum() == 20
    np.testing.assert_array_equal(left == right, same == 1)
    again = few_labels.pairs(data, 10, seed=1)[0][0], few_labels.pairs(data, 10, seed=1)[0][0]
    np.testing.assert_array_equal(*again)


def test_pretrain_adds_the_seeds_that_choose_rates():
    data = task()
    nets = few_labels.pretrain(net, (data.x_train, data.y_train), (0, 1), epochs=9)
    assert list(nets) == [0, 1, *TUNING_SEEDS]
    assert few_labels.error(nets[0], data.x_test, data.y_test) < 30


def test_model_a_has_a_unit_for_each_class():
    y = np.arange(64) % 4
    x = np.eye(784, dtype="float32")[y]
    nets = few_labels.model_a(Images(x, y, x, y, x, y), (0,), epochs=1)
    assert list(nets) == [0, *TUNING_SEEDS]
    assert nets[0].output_shape == (None, 4)


def test_study_measures_cross_entropies_without_penalty_and_dropout():
    def build(rate):
        penalty = keras.regularizers.L2(0.5)
        dense = keras.layers.Dense(2, "softmax", kernel_regularizer=penalty)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), dense])
        model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
        return model

    data = task()
    study = few_labels.study(
        build, data, (3, 5), n_images=20, n_valid=10, n_test=30, rates=(0.1,), epochs=3
    )
    assert study.epochs.tolist() == [3, 3]
    for number, (seed, net) in enumerate(zip((3, 5), study.nets, strict=True)):
        rows = few_labels.draw(data.y_train, 20, seed)
        losses = []
        for x, y in (
            (data.x_train[rows], data.y_train[rows]),
            (data.x_test[:30], data.y_test[:30]),
        ):
            p = keras.ops.softmax(x @ net.layers[1].kernel + net.layers[1].bias).numpy()
            losses.append(-np.log(p[np.arange(len(y)), y]).mean())
        assert study.train_loss[number] == pytest.approx(losses[0], rel=1e-5)
        assert study.test_loss[number] == pytest.approx(losses[1], rel=1e-5)
        assert study.gap[number] == pytest.approx(losses[1] - losses[0], rel=1e-4, abs=1e-6)
        right = np.mean(p.argmax(axis=1) == data.y_test[:30])
        assert study.accuracy[number] == pytest.approx(100 * right)


def test_study_validates_on_one_part_and_tests_on_another():
    data = task()
    study = few_labels.study(
        net, data, (3, 5), n_images=20, n_valid=10, n_test=30, rates=(0.1,), epochs=3
    )
    for number, model in enumerate(study.nets):
        valid = model.evaluate(data.x_valid[:10], data.y_valid[:10], verbose=0)
        test = model.evaluate(data.x_test[:30], data.y_test[:30], verbose=0)
        assert study.history["val_loss"][number, -1] == pytest.approx(valid, rel=1e-4)
        assert study.test_loss[number] == pytest.approx(test, rel=1e-4)
        assert valid != pytest.approx(test, rel=1e-2)


def test_study_counts_the_epochs_of_runs_that_stop_early():
    stop = keras.callbacks.EarlyStopping(patience=1, min_delta=1e9)
    study = few_labels.study(
        net, task(), (3, 5), n_images=20, n_valid=10, n_test=30, rates=(0.1,), epochs=9,
        callbacks=lambda: [stop],
    )  # fmt: skip
    assert study.epochs.tolist() == [2, 2]


def test_study_is_noted_under_its_label(tmp_path, monkeypatch):
    monkeypatch.setenv(record.NOTES, str(tmp_path / "notes"))
    options = {"n_images": 20, "n_valid": 10, "n_test": 30, "epochs": 2}
    few_labels.study(net, task(), (3,), rates=(1e-9, 0.1), label="00 few", **options)
    assert json.loads((tmp_path / "notes").read_text())["label"] == "00 few"


def test_study_takes_a_single_rate_as_it_is():
    options = {"n_images": 20, "n_valid": 10, "n_test": 30, "epochs": 2}
    single = few_labels.study(net, task(), (3, 5), rates=(0.1,), **options)
    chosen = few_labels.study(net, task(), (3, 5), rates=(1e-9, 0.1), **options)
    assert single.rate == chosen.rate == 0.1
    np.testing.assert_allclose(single.test_loss, chosen.test_loss, rtol=1e-5)
