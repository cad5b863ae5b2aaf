"""What is measured inside a net does not depend on how its units or images are numbered."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainlab import diagnostics, models

UNITS, INPUTS, IMAGES = 7, 4, 9
FACTORS = st.sampled_from([0.125, 0.5, 2.0, 8.0])


@pytest.fixture(scope="module")
def net():
    return models.dense_stack(3, units=UNITS, n_inputs=INPUTS, n_classes=3, seed=0)


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(1)
    return rng.normal(size=(IMAGES, INPUTS)).astype("float32"), rng.integers(0, 3, IMAGES)


def drawn(seed):
    """Return weights of the net with biases that leave some units dead."""
    rng = np.random.default_rng(seed)
    sizes = [INPUTS, UNITS, UNITS, UNITS, 3]
    weights = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        weights.append(rng.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out)))
        weights.append(rng.normal(-0.5, 1.5, fan_out) if fan_out == UNITS else np.zeros(fan_out))
    return weights


def measured(net, weights, x, y):
    net.set_weights(weights)
    by_layer = diagnostics.hidden_outputs(net, x)
    return {
        "accuracy": diagnostics.accuracy(net, x, y),
        "spread": diagnostics.output_spread(net, x),
        "dead": diagnostics.dead_units(net, x),
        "norms": diagnostics.gradient_norms(net, x, y),
        "saturation": [diagnostics.saturation(each, low=0, high=2) for each in by_layer],
    }


def assert_same(one, other, *names):
    for name in names or one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-6, err_msg=name)


SEEDS = st.integers(0, 10**6)


@given(seed=SEEDS, layer=st.integers(0, 2))
@settings(max_examples=12)
def test_other_numbers_of_the_units_change_nothing(net, batch, seed, layer):
    weights = drawn(seed)
    before = measured(net, weights, *batch)
    order = np.random.default_rng(seed + 1).permutation(UNITS)
    kernel, bias, after = 2 * layer, 2 * layer + 1, 2 * layer + 2
    weights[kernel], weights[bias] = weights[kernel][:, order], weights[bias][order]
    weights[after] = weights[after][order]
    assert_same(before, measured(net, weights, *batch))


@given(seed=SEEDS)
@settings(max_examples=8)
def test_another_order_of_the_images_changes_nothing(net, batch, seed):
    x, y = batch
    order = np.random.default_rng(seed).permutation(IMAGES)
    weights = drawn(seed)
    assert_same(measured(net, weights, x, y), measured(net, weights, x[order], y[order]))


@given(seed=SEEDS, factor=FACTORS, layer=st.integers(0, 1))
@settings(max_examples=12)
def test_scale_that_the_next_layer_takes_back_is_seen_in_one_layer_alone(
    net, batch, seed, factor, layer
):
    weights = drawn(seed)
    before = measured(net, weights, *batch)
    weights[2 * layer] *= factor
    weights[2 * layer + 1] *= factor
    weights[2 * layer + 2] /= factor
    after = measured(net, weights, *batch)
    assert_same(before, after, "accuracy", "dead")
    spread, norms = before["spread"].copy(), before["norms"].copy()
    spread[layer] *= factor
    norms[layer] /= factor  # of this kernel's gradient; that of the next one grows
    norms[layer + 1] *= factor
    np.testing.assert_allclose(after["spread"], spread, rtol=1e-4)
    np.testing.assert_allclose(after["norms"], norms, rtol=1e-4, atol=1e-6)


@given(seed=SEEDS, factor=FACTORS)
@settings(max_examples=8)
def test_dead_units_are_those_that_no_image_wakes(net, batch, seed, factor):
    found = measured(net, drawn(seed), *batch)["dead"]
    by_hand = []
    for outputs in diagnostics.hidden_outputs(net, batch[0]):
        dead = sum(all(value <= 0 for value in column) for column in outputs.T)
        by_hand.append(dead / UNITS)
    assert list(found) == by_hand
    more = diagnostics.dead_units(net, np.concatenate([batch[0], factor * batch[0] + 1]))
    assert (more[0] <= found[0]).all()


OUTPUTS = st.lists(st.integers(-64, 64).map(lambda n: n / 64), min_size=1, max_size=12)


@given(outputs=OUTPUTS, factor=FACTORS, shift=st.integers(-4, 4))
def test_saturation_is_a_share_of_the_range(outputs, factor, shift):
    outputs = np.array(outputs)
    # A 16th of the range of 2 is exact in binary, so that the borders are, too.
    share = diagnostics.saturation(outputs, low=-1, high=1, margin=1 / 16)
    assert share == np.mean([abs(value) > 1 - 2 / 16 for value in outputs])
    moved = diagnostics.saturation(
        factor * (outputs + shift), low=factor * (shift - 1), high=factor * (shift + 1),
        margin=1 / 16,
    )  # fmt: skip
    assert moved == share
    assert diagnostics.saturation(-outputs, low=-1, high=1, margin=1 / 16) == share
    assert diagnostics.saturation(outputs, low=-1, high=1, margin=1 / 8) >= share


@given(
    logits=st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1, max_size=9),
    factor=FACTORS,
    data=st.data(),
)
def test_accuracy_is_that_of_the_largest_output_whatever_its_scale(logits, factor, data):
    y = data.draw(st.lists(st.integers(0, 2), min_size=len(logits), max_size=len(logits)))
    outputs = np.array(logits, float)
    right = [row.index(max(row)) == label for row, label in zip(logits, y, strict=True)]
    for changed in (outputs, factor * outputs, outputs + 5):
        found = diagnostics.accuracy(lambda x, training, given=changed: given, outputs, y)
        assert found == pytest.approx(100 * sum(right) / len(right))
