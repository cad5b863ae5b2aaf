"""Every exercise of every chapter: starters are unsolved, solutions right, mistakes get a hint.

The cells are taken from the chapters; a new exercise needs only its mistakes in the table below.
"""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from trainlab import exercises
from trainlab.cards.feedback import Feedback
from trainlab.exercises import checking

CHAPTERS = sorted(Path(__file__).parents[1].glob("chapters/[0-9]*.ipynb"))

# Other right answers than the solution, in the same names.
RIGHT = {
    "04.train-twenty-layers": [
        "trained_net('tanh', 'glorot_uniform', keras.optimizers.SGD(0.03))",
        "trained_net('elu', 'he_normal', keras.optimizers.Adam(0.001))",
    ],
    "04.what-is-wrong": [
        "dict(reversed(faults.items()))",
        "{name: fault.capitalize() for name, fault in faults.items()}",
    ],
    "05.rescue-the-sigmoid-net": [
        "keras.Sequential([net, keras.layers.Identity()]).layers[0]",
        "rescued(functools.partial(keras.layers.BatchNormalization, momentum=0.5), 0.02)",
        "rescued(functools.partial(keras.layers.BatchNormalization, momentum=0.8), 0.003)",
    ],
    "05.what-is-wrong": [
        "dict(reversed(faults.items()))",
        "{name: fault.capitalize() for name, fault in faults.items()}",
        "{name: f' {fault} ' for name, fault in faults.items()}",
    ],
    "01.build-and-choose": [
        "keras.Sequential([model, keras.layers.Lambda(lambda p: keras.ops.softmax("
        "1.1 * keras.ops.log(p + 1e-9)))])",
        "keras.Model(model.inputs, model.outputs)",
    ],
    "01.mend-the-run": [
        "(datasets.fashion_mnist('subset').scaled().x_valid"
        " - datasets.fashion_mnist('subset').scaled().x_train.mean())"
        " / datasets.fashion_mnist('subset').scaled().x_train.std()",
        "mended.astype('float64').tolist()",
    ],
    "03.fix-fifty-layers": [
        "keras.initializers.VarianceScaling(1.6, 'fan_avg', 'uniform')",
        "keras.initializers.Orthogonal(np.sqrt(1.6))",
        "keras.initializers.RandomNormal(0, np.sqrt(1.6 / 250))",
    ],
    "03.train-thirty-layers": [
        "trained('he_uniform', keras.optimizers.SGD(0.003))",
        "trained('he_normal', 'adam')",
        "trained(keras.initializers.VarianceScaling(2, 'fan_out'), 'adam')",
    ],
    "03.what-is-wrong": [
        "('hidden_8', 'identical units')",
        "(8, 'identical units')",
        "['8', 'identical units']",
    ],
}

# What a learner may well answer, and words of the hint that it must get. An answer is an
# expression over the names of the chapter's imports, its starter and its solution.
MISTAKES = {
    "01.standardize": [
        ("lambda a, b: ((a - a.mean()) / a.std(), (b - b.mean()) / b.std())", "its own mean"),
        (
            "lambda a, b: [(part - np.concatenate([a, b]).mean()) / np.concatenate([a, b]).std()"
            " for part in (a, b)]",
            "over both parts",
        ),
        ("lambda a, b: (a / 255, b / 255)", "scaling to [0, 1]"),
        ("lambda a, b: (a / 255 - a.mean() / 255, b / 255 - a.mean() / 255)", "now divide"),
        ("lambda a, b: ((a - a.mean()) / a.var(), (b - a.mean()) / a.var())", "is its square"),
        (
            "lambda a, b: ((a - a.mean(0)) / a.std(0), (b - a.mean(0)) / a.std(0))",
            "mean for each pixel",
        ),
        ("lambda a, b: (a, b)", "numbers are not"),
        ("lambda a, b: ((a - a.mean()) / a.std(), b)", "training part is right"),
        ("lambda a, b: (a.reshape(6, -1), b)", "should have shape"),
        ("lambda a, b: a / 255", "Return two arrays"),
    ],
    "01.cross-entropy": [
        ("lambda p, y: np.mean(np.log(p[np.arange(len(y)), y]))", "minus is missing"),
        ("lambda p, y: -np.sum(np.log(p[np.arange(len(y)), y]))", "That is the sum"),
        ("lambda p, y: -np.mean(np.log(p[:, y]))", "all images for each label"),
        ("lambda p, y: -np.mean(np.eye(4)[y] * np.log(p))", "over the classes too"),
        ("lambda p, y: -np.log(p[np.arange(len(y)), y])", "one number an image"),
        ("lambda p, y: -np.mean(np.log10(p[np.arange(len(y)), y]))", "base 10"),
        ("lambda p, y: np.mean(p.argmax(axis=1) == y)", "the accuracy"),
        ("lambda p, y: -np.log(np.mean(p[np.arange(len(y)), y]))", "before the logarithm"),
    ],
    "01.predict-the-stop": [
        ("(10, measured)", "counted rises"),
        ("(6, measured)", "weights to restore"),
        ("(12, measured)", "three times in a row"),
        ("(7, measured)", "single rise"),
        ("(2, measured)", "count on from it"),
        ("(prediction, measured - 1)", "counts epochs from 0"),
        ("(prediction, 6)", "measured the best epoch"),
        ("(prediction, len(losses))", "not asked to stop"),
        ("9", "the pair"),
    ],
    "01.build-and-choose": [
        ("0.9", "should be a Keras model"),
        ("keras.Sequential([keras.layers.Dense(10)])", "no weights yet"),
        ("keras.Sequential([keras.Input((784,)), keras.layers.Dense(1)])", "the 10 classes"),
        ("keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)])", "not probabilities"),
        (
            "keras.Sequential([keras.Input((784,)), "
            "keras.layers.Dense(10, 'softmax', kernel_initializer='zeros')])",
            "what guessing reaches",
        ),
        # Its logits, multiplied: as right as before, and certain.
        (
            "keras.Sequential([model, keras.layers.Lambda(lambda p: keras.ops.softmax("
            "8 * keras.ops.log(p + 1e-9)))])",
            "trained past the best epoch",
        ),
        # Its images without their lower halves.
        (
            "keras.Sequential([keras.layers.Lambda(lambda x: x * (np.arange(784) < 250), "
            "input_shape=(784,)), model])",
            "not learned enough yet",
        ),
    ],
    "01.mend-the-run": [
        ("x_train", "training part is not at fault"),
        ("y_valid", "labels are not at fault"),
        ("x_valid", "as the colleague had it"),
        ("(x_valid - x_valid.mean()) / x_valid.std()", "by its own numbers"),
        ("datasets.fashion_mnist('subset').scaled().x_valid", "standardize it"),
        ("x_valid / 255", "before the mean"),
        ("2 * x_valid", "Which step was left out"),
        ("x_valid[:10]", "should have shape"),
    ],
    "02.tanh-step": [
        ("lambda delta, W, a: (delta @ W.T) * a * (1 - a)", "slope of the sigmoid"),
        ("lambda delta, W, a: (delta @ W.T) * (1 - np.tanh(a) ** 2)", "applied twice"),
        ("lambda delta, W, a: delta @ W.T", "slope is missing"),
        ("lambda delta, W, a: delta @ W", "raised ValueError"),
        ("lambda delta, W, a: delta", "should have shape"),
        ("lambda delta, W, a: 2 * (delta @ W.T)", "numbers are not"),
        ("lambda delta, W: delta", "raised TypeError"),
        ("0.5", "should be a function"),
    ],
    "02.clip-by-global-norm": [
        ("lambda g, c: [np.clip(g_i, -c, c) for g_i in g]", "clipping by value"),
        (
            "lambda g, c: [g_i * min(1, c / np.linalg.norm(g_i)) for g_i in g]",
            "by its own norm",
        ),
        (
            "lambda g, c: [g_i * c / np.sqrt(sum(np.sum(h**2) for h in g)) for g_i in g]",
            "below c have been changed",
        ),
        ("lambda g, c: [g_i * c / sum(np.sum(h**2) for h in g) for g_i in g]", "root is missing"),
        ("lambda g, c: g", "Nothing was clipped"),
        ("lambda g, c: sum(g_i.sum() for g_i in g)", "list of 2 arrays"),
        ("lambda g, c: [g_i.__imul__(c / 26) for g_i in g]", "changes what it was given"),
    ],
    "02.predict-the-factor": [
        ("(0.64, measured)", "that is χ"),
        ("(1.131, measured)", "slope is missing"),
        ("(0.8**30, measured)", "the whole net"),
        ("(prediction, measured**30)", "take the root"),
        ("(prediction, 1 / measured)", "upside down"),
        ("(prediction, 5)", "not what these kernels do"),
        ("0.8", "the pair"),
        ("('much', measured)", "should be one number"),
    ],
    "03.he-uniform": [
        (
            "lambda rng, n, m: rng.uniform(-np.sqrt(2 / n), np.sqrt(2 / n), (n, m))",
            "√3 times as wide",
        ),
        ("lambda rng, n, m: rng.uniform(-np.sqrt(3 / n), np.sqrt(3 / n), (n, m))", "LeCun's"),
        (
            "lambda rng, n, m: np.sqrt(6 / (n + m)) * rng.uniform(-1, 1, (n, m))",
            "Glorot's rule",
        ),
        ("lambda rng, n, m: rng.normal(0, np.sqrt(2 / n), (n, m))", "rng.uniform"),
        ("lambda rng, n, m: rng.uniform(0, np.sqrt(6 / n), (n, m))", "around zero"),
        ("lambda rng, n, m: rng.uniform(-1, 1, (m, n))", "should have shape"),
        ("lambda rng, n, m: np.zeros((n, m))", "alike"),
    ],
    "03.fix-fifty-layers": [
        ("'he_normal'", "halves the mean square"),
        ("'glorot_uniform'", "straight line"),
        ("keras.initializers.VarianceScaling(0.625)", "divide"),
        ("'zeros'", "No signal is left"),
        ("'best'", "knows no such initializer"),
        ("keras.initializers.VarianceScaling(1.5)", "slope of 1 on one side"),
        ("keras.initializers.VarianceScaling(1 / 0.625**2)", "not squared"),
        ("keras.initializers.Constant(np.sqrt(1.6 / 250))", "shape of the kernel"),
    ],
    "03.predict-the-spread": [
        ("(1, measured)", "straight line"),
        ("(2**-50, measured)", "mean square"),
        ("(0.7, measured)", "power of fifty"),
        ("(prediction, measured**2)", "compared mean squares"),
        ("(prediction, a.std(axis=0).mean() / start.std(axis=0).mean())", "across images"),
        ("(prediction, 1 / measured)", "upside down"),
        (
            "(prediction, np.linalg.multi_dot([start, *glorot_kernels]).std() / start.std())",
            "ReLU is missing",
        ),
        ("(0, measured)", "positive share"),
    ],
    "03.train-thirty-layers": [
        ("trained('glorot_uniform', keras.optimizers.SGD(0.003))", "near guessing"),
        ("trained('he_normal', 'adam', depth=10)", "the task is 30"),
        ("trained('he_normal', 'adam', activation='tanh', epochs=0)", "relu"),
        ("keras.Sequential([keras.Input((784,)), keras.layers.Dropout(0.1)])", "holds Dropout"),
        ("trained", "trained Keras model"),
    ],
    "03.what-is-wrong": [
        ("('hidden_8', 'too small')", "not all that a kernel needs"),
        ("('hidden_1', 'identical units')", "Compare the columns"),
        ("('hidden_12', 'dead units')", "They are its result"),
        ("('hidden_8', 'bad luck')", "should be one of"),
        ("8", "the pair"),
    ],
    "04.silu-slope": [
        ("lambda z: 1 / (1 + np.exp(-z))", "first part of the product rule"),
        ("lambda z: z / (1 + np.exp(-z))", "SiLU itself"),
        ("lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2", "slope of the sigmoid"),
        ("lambda z: z * np.exp(-z) / (1 + np.exp(-z)) ** 2", "second part"),
        ("lambda z: silu_slope(z) - 2 * z * np.exp(-z) / (1 + np.exp(-z)) ** 2", "sign is turned"),
        ("lambda z: np.maximum(z, 0)", "numbers are not"),
        ("lambda z: 1.0", "should have shape"),
        ("0.5", "should be a function"),
    ],
    "04.prelu-slope-gradient": [
        ("lambda Z, dA: (dA * np.minimum(Z, 0)).mean(axis=0)", "mean over the images"),
        ("lambda Z, dA: (dA * Z).sum(axis=0)", "plays no part"),
        ("lambda Z, dA: (dA * np.maximum(Z, 0)).sum(axis=0)", "Wrong side"),
        ("lambda Z, dA: (dA * (Z < 0)).sum(axis=0)", "you used 1"),
        ("lambda Z, dA: np.minimum(Z, 0).sum(axis=0)", "dA is missing"),
        ("lambda Z, dA: dA * np.minimum(Z, 0)", "sum over the images"),
        ("lambda Z, dA: (dA * np.minimum(Z, 0)).sum()", "should have shape"),
        ("lambda Z, dA: dA @ Z", "raised ValueError"),
    ],
    "04.predict-the-dead": [
        ("(0.9987, measured)", "All 200 must agree"),
        ("(0.237, measured)", "the share that lives"),
        ("(0.5, measured)", "around zero"),
        ("(0.27, measured)", "on average"),
        ("(prediction, (pushed <= 0).mean())", "share of zero outputs"),
        ("(prediction, 1 - measured)", "units that live"),
        ("(prediction, 2000 * measured)", "counted the units"),
        ("(prediction, (pushed <= 0).all(axis=1).mean())", "Look along the images"),
    ],
    "04.train-twenty-layers": [
        ("models.dense_stack(3)", "not 20"),
        ("models.dense_stack(20, skip=True)", "without Add"),
        ("models.dense_stack(20, activation='linear')", "in disguise"),
        ("models.dense_stack(20, activation='sigmoid', seed=0)", "the same for every image"),
        (
            "models.dense_stack(20, activation='selu', kernel_initializer='lecun_normal', seed=0)",
            "learning rate",
        ),
        ("keras.Sequential([keras.Input((784,)), keras.layers.BatchNormalization()])", "without B"),
        ("'selu'", "trained Keras model"),
    ],
    "04.what-is-wrong": [
        ("{**faults, 'A': 'dead units'}", "Compare the gradients"),
        ("{**faults, 'B': 'saturated units'}", "bounded on any side"),
        ("{**faults, 'C': 'vanishing gradients'}", "the same number for every image"),
        ("{**faults, 'D': 'no activation'}", "histogram"),
        ("{**faults, 'D': 'bad luck'}", "choose one of"),
        ("list(faults.values())", "dictionary"),
    ],
    "05.fold-forward": [
        ("lambda W, b, g, t, m, v, e: (W, b)", "kernel is unchanged"),
        (
            "lambda W, b, g, t, m, v, e: ((g / np.sqrt(v))[:, None] * W, b)",
            "ε is missing",
        ),
        ("lambda W, b, g, t, m, v, e: ((g / (v + e))[:, None] * W, b)", "root is missing"),
        (
            "lambda W, b, g, t, m, v, e: ((g / np.sqrt(v + e))[:, None] * W, b)",
            "bias is unchanged",
        ),
        (
            "lambda W, b, g, t, m, v, e: (fold_forward(W, b, g, t, m, v, e)[0], t @ W + b)",
            "the mean is missing",
        ),
        (
            "lambda W, b, g, t, m, v, e: (fold_forward(W, b, g, t, m, v, e)[0], (t - m) @ W + b)",
            "before the scaling",
        ),
        (
            "lambda W, b, g, t, m, v, e: fold_forward(W, 0 * b, g, t, m, v, e)",
            "has already is missing",
        ),
        ("lambda W, b, g, t, m, v, e: W", "Return the pair"),
    ],
    "05.group-norm": [
        ("lambda x, groups, e: x", "Nothing was normalized"),
        (
            "lambda x, groups, e: (x - x.mean(0)) / np.sqrt(x.var(0) + e)",
            "batch normalization",
        ),
        ("lambda x, groups, e: group_norm(x, 1, e)", "layer normalization"),
        ("lambda x, groups, e: group_norm(x, groups, 0)", "ε is missing"),
        ("lambda x, groups, e: group_norm(x, x.shape[1] // groups, e)", "units in one"),
        (
            "lambda x, groups, e: group_norm(x, groups, 0) * x.reshape(len(x), groups, -1)"
            ".std(2).repeat(x.shape[1] // groups, 1)",
            "still have their spread",
        ),
        ("lambda x, groups, e: group_norm(x, groups, 2 * e)", "numbers are not"),
        ("lambda x, groups, e: x.reshape(len(x), groups, -1)", "should have shape"),
    ],
    "05.predict-the-memory": [
        ("(1, measured)", "not of the new batch"),
        ("(100, measured)", "1/e"),
        ("(99, measured)", "equal steps"),
        ("(69, measured)", "half of the start is left"),
        ("(prediction, 1)", "After one step"),
        ("(prediction, 44)", "momentum 0.9"),
        ("(prediction, 69)", "half of the start was gone"),
        ("(prediction, 200)", "count the calls"),
    ],
    "05.rescue-the-sigmoid-net": [
        ("rescued(None, 0.01)", "hardly a gradient passes"),
        (
            "rescued(functools.partial(keras.layers.BatchNormalization, momentum=0.999), 0.01)",
            "smaller momentum",
        ),
        ("rescued(quick_average, 0.01, activation='relu')", "Keep the sigmoid"),
        ("rescued(quick_average, 0.01, depth=3)", "not 10"),
        ("rescued(quick_average, 1e-5)", "learning rate"),
        ("'sigmoid'", "Keras model"),
    ],
    "05.what-is-wrong": [
        ("{**faults, 'A': 'averages that lag'}", "Has any batch moved them"),
        ("{**faults, 'B': 'nothing'}", "Which classes"),
        ("{**faults, 'C': 'averages that lag'}", "follows its training loss"),
        ("{**faults, 'D': 'frozen from the beginning'}", "compare with training=False"),
        ("{**faults, 'D': 'bad luck'}", "choose one of"),
        ("list(faults.values())", "dictionary"),
    ],
    "06.transplant": [
        ("lambda a, b, k: a[:k] + b[k:]", "counts arrays, not layers"),
        ("lambda a, b, k: b[: 2 * k] + a[2 * k :]", "lowest layers from B"),
        ("lambda a, b, k: a[: len(a) - 2 * k] + b[len(b) - 2 * k :]", "upper k layers with B's"),
        ("lambda a, b, k: b[: 10 - 2 * k] + a[10 - 2 * k : -2] + b[-2:]", "upper k hidden layers"),
        ("lambda a, b, k: a[:-2] + b[-2:]", "All hidden layers come from A"),
        ("lambda a, b, k: b", "nothing of A is reused"),
        ("lambda a, b, k: a[: 2 * k]", "yours holds"),
        ("lambda a, b, k: a[0]", "list of arrays"),
    ],
    "06.on-top-of": [
        (
            "lambda base, n: [m := keras.Sequential([base, keras.layers.Dense(n, 'softmax')]), "
            "m.compile('sgd', 'sparse_categorical_crossentropy')][0]",
            "kernels moved",
        ),
        (
            "lambda base, n: [[setattr(layer, 'trainable', False) for layer in base.layers "
            "if isinstance(layer, keras.layers.Dense)], "
            "m := keras.Sequential([base, keras.layers.Dense(n, 'softmax')]), "
            "m.compile('sgd', 'sparse_categorical_crossentropy')][1]",
            "scale and shift moved",
        ),
        (
            "lambda base, n: [[setattr(v, 'trainable', False) for v in base.trainable_variables], "
            "m := keras.Sequential([base, keras.layers.Dense(n, 'softmax')]), "
            "m.compile('sgd', 'sparse_categorical_crossentropy')][1]",
            "statistics drifted",
        ),
        (
            "lambda base, n: keras.Sequential([base, keras.layers.Dense(n, 'softmax')])",
            "not compiled",
        ),
        (
            "lambda base, n: [m := keras.Sequential([base, keras.layers.Dense(2, 'softmax')]), "
            "m.compile('sgd', 'sparse_categorical_crossentropy')][0]",
            "output has shape",
        ),
        (
            "lambda base, n: [m := keras.Sequential([base, keras.layers.Dense(n, 'softmax')]), "
            "setattr(m, 'trainable', False), "
            "m.compile('sgd', 'sparse_categorical_crossentropy')][0]",
            "nothing is left to learn",
        ),
        (
            "lambda base, n: [m := keras.Sequential([base, keras.layers.Dense(n, 'softmax')]), "
            "m.compile('sgd', 'categorical_crossentropy')][0]",
            "which loss",
        ),
        ("lambda base, n: base(keras.Input((8,)))", "Return a Keras model"),
    ],
    "06.predict-the-drift": [
        ("(0.99**200, measured)", "still is from the new mean"),
        ("(0, measured)", "was not frozen"),
        ("(1 - 0.99**20, measured)", "once a batch"),
        ("(2, measured)", "do not add up"),
        ("(prediction, 0)", "without training=True"),
        ("(prediction, 0.01)", "first step alone"),
        ("(prediction, 1 - measured)", "distance that is left"),
        ("(0.5, measured)", "keeps 0.99 of the distance"),
    ],
    "07.rmsprop-with-momentum": [
        (
            "lambda w, g, s, m, η, ρ, β, ε: (w, s + g**2, m)",
            "only grows",
        ),
        ("lambda w, g, s, m, η, ρ, β, ε: (w, (1 - ρ) * s + ρ * g**2, m)", "swapped"),
        ("lambda w, g, s, m, η, ρ, β, ε: (w, ρ * s + (1 - ρ) * g, m)", "their squares"),
        (
            "lambda w, g, s, m, η, ρ, β, ε: (w, s := ρ * s + (1 - ρ) * g**2, "
            "β * m + η * g / (np.sqrt(s) + ε))",
            "outside the root",
        ),
        (
            "lambda w, g, s, m, η, ρ, β, ε: (w, ρ * s + (1 - ρ) * g**2, "
            "β * m + η * g / np.sqrt(s + ε))",
            "the old s",
        ),
        (
            "lambda w, g, s, m, η, ρ, β, ε: (w, s := ρ * s + (1 - ρ) * g**2, "
            "β * m + g / np.sqrt(s + ε))",
            "not in the velocity",
        ),
        (
            "lambda w, g, s, m, η, ρ, β, ε: (w, s := ρ * s + (1 - ρ) * g**2, "
            "β * m - η * g / np.sqrt(s + ε))",
            "other sign",
        ),
        (
            "lambda w, g, s, m, η, ρ, β, ε: (w + (β * m + η * g / "
            "np.sqrt(ρ * s + (1 - ρ) * g**2 + ε)), s := ρ * s + (1 - ρ) * g**2, "
            "β * m + η * g / np.sqrt(s + ε))",
            "uphill",
        ),
        ("lambda w, g, s, m, η, ρ, β, ε: w", "three arrays"),
    ],
    "07.match-the-decay": [
        ("keras.regularizers.L2(0.01)", "twice too much"),
        ("keras.regularizers.L2(0.02)", "four times too much"),
        ("keras.regularizers.L2(0.0005)", "a tenth of what is asked"),
        ("keras.regularizers.L2(0.001)", "Leave the learning rate out"),
        ("keras.regularizers.L2(0.3)", "and weight_decay=0.01 shrinks"),
        ("keras.regularizers.L1(0.005)", "is a square"),
        ("0.005", "holds the coefficient"),
        ("'decay'", "no such regularizer"),
    ],
    "07.predict-the-steps": [
        ("(69, measured)", "momentum's number"),
        ("(2760, measured)", "not 1 − 1/κ"),
        ("(600, measured)", "one base"),
        ("(400, measured)", "how near"),
        ("(690, measured)", "not the loss"),
        ("(prediction, 691)", "a square, was a thousandth"),
        ("(prediction, 2760)", "You took η = 1/400"),
        ("(prediction, 69)", "what momentum needs"),
        ("(prediction, 5)", "not what plain descent needs"),
    ],
    "08.one-cycle-rate": [
        (
            "lambda t, n, p: p * np.interp(t, [0, 0.45 * n, 0.9 * n, n], [0.1, 1, 0.1, 0.1])",
            "last tenth is missing",
        ),
        ("lambda t, n, p: p * np.interp(t, [0, n / 2, n], [0.1, 1, 0.1])", "half of the steps"),
        ("lambda t, n, p: one_cycle_rate(t, n, 1)", "units of the peak"),
        (
            "lambda t, n, p: p * np.interp(t, [0, 0.45 * n, 0.9 * n, n], [1, 0.1, 1, 0.001])",
            "Upside down",
        ),
        (
            "lambda t, n, p: p * np.interp(t, [0, 0.45 * n, 0.9 * n], [0, 1, 0])",
            "begin at a tenth",
        ),
        ("lambda t, n, p: one_cycle_rate(t, 200, p)", "wrong for 100"),
        ("lambda t, n, p: p * np.ones(n)", "straight lines"),
        ("lambda t, n, p: p", "should have shape"),
    ],
    "08.boundaries-that-fire": [
        ("[17190, 25785]", "One too late"),
        ("[10, 15]", "Those are epochs"),
        ("[17179, 25769]", "round up"),
        ("[17180, 25770]", "count from 0"),
        ("[550_000, 825_000]", "Those are images"),
        ("[18908, 27503]", "not eleven"),
        ("[1719, 3438]", "when the eleventh begins"),
        ("[17189]", "should have shape"),
    ],
    "08.predict-the-rate": [
        ("(0.2, measured)", "does not start over"),
        ("(0.05, measured)", "straight line"),
        ("(0.1, measured)", "after two epochs"),
        ("(0.2 * np.cos(0.75 * np.pi), measured)", "must be lifted"),
        ("(0.2 * (1 + np.cos(0.75)) / 2, measured)", "π is missing"),
        ("(prediction, float(decay(3)))", "not epochs"),
        ("(prediction, 0.2)", "a new optimizer"),
        ("(prediction, float(decay(74)))", "before the pause"),
    ],
    "09.inverted-dropout": [
        ("lambda a, u, p: (u >= p) * a", "scale is missing"),
        ("lambda a, u, p: (u >= p) * a * (1 - p)", "You shrink"),
        ("lambda a, u, p: (u >= p) * a / p", "You divide by p"),
        ("lambda a, u, p: (u < p) * a / (1 - p)", "dropped with probability p"),
        ("lambda a, u, p: (u < p) * a / p", "not kept"),
        ("lambda a, u, p: (u >= p) * a / np.mean(u >= p)", "whatever the draw"),
        ("lambda a, u, p: a / (1 - p)", "Nothing was dropped"),
        ("lambda a, u, p: (u >= p) / (1 - p)", "mask and its scale"),
        ("lambda a, u, p: (u >= 0.3) * a / (1 - 0.3)", "at a rate of 0"),
    ],
    "09.max-norm": [
        (
            "lambda W, r: W * np.minimum(1, r / np.sqrt(np.sum(W**2, 1, keepdims=True)))",
            "bound the rows",
        ),
        ("lambda W, r: W * min(1, r / np.sqrt(np.sum(W**2)))", "as a whole"),
        ("lambda W, r: W * r / np.sqrt(np.sum(W**2, axis=0))", "shorter should stay"),
        ("lambda W, r: np.clip(W, -r, r)", "clip single weights"),
        ("lambda W, r: W * np.minimum(1, r / np.sum(W**2, axis=0))", "root is missing"),
        ("lambda W, r: W * np.minimum(1, r / np.sum(np.abs(W), axis=0))", "L1 norm of a column"),
        ("lambda W, r: W * np.minimum(1, r / np.sqrt(np.sum(W**2, axis=0)))", "all axes but"),
        ("lambda W, r: W / 2", "lengths of your columns"),
    ],
    "09.predict-the-steps": [
        ("(25, measured)", "learning rate is missing"),
        ("(5, measured)", "strength is missing"),
        ("(125, measured)", "belongs to L2"),
        ("(1551, measured)", "takes a share"),
        ("(1250, measured)", "in it twice"),
        ("(prediction, 1551)", "measured L2"),
        ("(prediction, 249)", "first one is number 1"),
        ("(prediction, 125)", "twice too fast"),
    ],
    "10.prune-by-layer": [
        (
            "lambda kernels, q: [np.where(np.abs(W) > np.quantile(np.abs(kernels), q, "
            "method='inverted_cdf'), W, 0) for W in kernels]",
            "One threshold for all",
        ),
        ("lambda kernels, q: prune(kernels, 1 - q)", "share 1 − q"),
        ("lambda kernels, q: [W - P for W, P in zip(kernels, prune(kernels, q))]", "Upside down"),
        (
            "lambda kernels, q: [np.where(W > np.sort(W.ravel())[int(q * W.size) - 1], W, 0)"
            " for W in kernels]",
            "sort the sizes",
        ),
        ("lambda kernels, q: [np.sign(np.abs(W)) for W in prune(kernels, q)]", "are the masks"),
        (
            "lambda kernels, q: [np.where(np.abs(W) > np.sort(np.abs(W), 0)[15], W, 0)"
            " for W in kernels]",
            "threshold for each column",
        ),
        ("lambda kernels, q: kernels", "Nothing was pruned"),
        ("lambda kernels, q: [0 * W for W in kernels]", "What stays must be"),
        ("lambda kernels, q: prune(kernels, q)[0]", "Return a list"),
    ],
    "10.quantize-to-bits": [
        ("lambda W, k: np.round(8 / abs(W).max(0) * W) * abs(W).max(0) / 8", "8 has no place"),
        ("lambda W, k: np.round(15 / abs(W).max(0) * W) * abs(W).max(0) / 15", "for the sign"),
        ("lambda W, k: rounded_to_bits(W, 8)", "right for 8 bits"),
        ("lambda W, k: rounded_to_bits(W, 4)", "wrong for 8"),
        ("lambda W, k: np.round(7 / abs(W).max() * W) * abs(W).max() / 7", "whole kernel"),
        ("lambda W, k: rounded_to_bits(W.T, k).T", "One scale a row"),
        ("lambda W, k: np.floor(7 / abs(W).max(0) * W) * abs(W).max(0) / 7", "round down"),
        ("lambda W, k: np.round(7 / abs(W).max(0) * W)", "Those are the integers"),
        ("lambda W, k: np.round(W)", "The scale is missing"),
        ("lambda W, k: W", "different values"),
        ("lambda W, k: W[0]", "should have shape"),
    ],
    "10.predict-the-floor": [
        ("(0, measured)", "without the second softmax"),
        ("(2.3, measured)", "loss of guessing"),
        ("(0.232, measured)", "minus its logarithm"),
        ("(-1.46, measured)", "sign of the logarithm"),
        ("(1.543, measured)", "not ten"),
        ("(prediction, 0)", "without from_logits=True"),
        ("(prediction, float(twice(np.array([3]), 0 * answer)))", "even probabilities"),
        ("(prediction, float(twice(np.array([4]), answer)))", "label does not belong"),
        ("1.46", "the pair"),
    ],
    "10.capstone": [
        ("0.9", "should be a Keras model"),
        ("keras.Sequential([keras.layers.Dense(10)])", "no weights yet"),
        ("keras.Sequential([keras.Input((784,)), keras.layers.Dense(100)])", "the rules allow"),
        ("keras.Sequential([keras.Input((28, 28)), keras.layers.Dense(9)])", "does not take"),
        ("keras.Sequential([keras.Input((784,)), keras.layers.Dense(1)])", "the 10 classes"),
        (
            "keras.Sequential([keras.Input((784,)), "
            "keras.layers.Dense(10, bias_initializer='zeros', kernel_initializer='zeros')])",
            "what guessing reaches",
        ),
        (
            "keras.Sequential([model, keras.layers.Rescaling([1e9] * 3 + [1] * 7)])",
            "the naive net gets as far",
        ),
        (
            "keras.Sequential([model, keras.layers.Rescaling(float('inf'))])",
            "training diverged",
        ),
    ],
    "11.log-cosh": [
        ("lambda y, p: np.log(np.cosh(p - y))", "no float holds cosh(1000)"),
        ("lambda y, p: np.log(2 * np.cosh(p - y))", "costs ln 2"),
        (
            "lambda y, p: abs(p - y) + np.log1p(np.exp(-abs(p - y))) - np.log(2)",
            "twice the error",
        ),
        ("lambda y, p: np.log1p(np.exp(-2 * abs(p - y))) - np.log(2)", "line is missing"),
        ("lambda y, p: np.cosh(p - y)", "logarithm is missing"),
        ("lambda y, p: (p - y) ** 2 / 2", "Far out the loss"),
        ("lambda y, p: abs(p - y) - np.log(2)", "it should be a parabola"),
        ("lambda y, p: log_cosh(-y, p)", "their difference"),
        ("lambda y, p: np.mean(log_cosh(y, p))", "should have shape"),
        ("lambda y, p: -log_cosh(y, p)", "then the three terms"),
    ],
    "11.whole-rmse": [
        ("lambda v, n: np.mean(v)", "as much as full"),
        ("lambda v, n: np.average(v, weights=n)", "no mean of roots"),
        ("lambda v, n: np.sqrt(np.mean(v**2))", "must count more"),
        ("lambda v, n: np.sum(n * v**2) / np.sum(n)", "root is missing"),
        ("lambda v, n: np.sqrt(np.sum(n * v**2))", "root of the sum"),
        ("lambda v, n: np.sqrt(np.sum(n * v**2) / len(n))", "number of batches"),
        ("lambda v, n: np.sqrt(np.sum(n * v**2)) / np.sum(n)", "before you take the root"),
        ("lambda v, n: max(v)", "of each batch first"),
        ("lambda v, n: v", "should have shape"),
    ],
    "11.predict-the-traces": [
        ("(9, measured)", "A graph that fits"),
        ("(1, measured)", "does not fit them all"),
        ("(8, measured)", "equal numbers share"),
        ("(5, measured)", "recorded as it is"),
        ("(4, measured)", "come on top"),
        ("(3, measured)", "another dtype"),
        ("(7, measured)", "count the different"),
        ("(prediction, 9)", "You counted the calls"),
        ("(prediction, 12)", "called before"),
        ("(prediction, 1)", "made anew before"),
        ("(prediction, 0)", "counted nothing"),
        ("(prediction, 5)", "appends to an empty list"),
    ],
}


def cells_of(path):
    """Return the chapter's imports and the source of each starter with that of its solution."""
    imports, found = [], {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        tags = cell.metadata.get("tags", [])
        if "exercise" in tags:
            (exercise_id,) = re.findall(r'exercises\.check\(\s*"([^"]+)"', cell.source)
            found[exercise_id] = [cell.source]
        elif "solution" in tags:
            found[exercise_id].append(cell.source)
        elif not found:
            tree = ast.parse(TransformerManager().transform_cell(cell.source))
            imports += [
                ast.unparse(node)
                for node in tree.body
                if isinstance(node, (ast.Import, ast.ImportFrom))
            ]
    return "\n".join(imports), found


def run(source, namespace):
    """Run a cell and return the value of its last line, as a notebook does."""
    tree = ast.parse(source)
    last = tree.body.pop()
    exec(compile(tree, "cell", "exec"), namespace)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)


@pytest.fixture(scope="module", params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request):
    """Run a chapter's starters and solutions; return its id, feedback and names, by exercise."""
    imports, found = cells_of(request.param)
    namespace = {}
    exec(imports, namespace)
    results = {}
    for exercise_id, (starter, solution) in found.items():
        feedback = [run(source, namespace) for source in (starter, solution)]
        results[exercise_id] = (*feedback, dict(namespace))
    return request.param.name[:2], results


def test_chapter_has_three_exercises_or_more_with_their_mistakes(chapter):
    number, results = chapter
    assert len(results) >= 3
    assert all(name.startswith(number + ".") and MISTAKES.get(name) for name in results)
    assert any(".predict-" in name for name in results)


def test_starter_is_unsolved_and_solution_is_right(chapter):
    for starter, solution, _ in chapter[1].values():
        assert starter.verdict == "not solved yet", starter
        assert solution.verdict == "solved", solution


def test_mistake_is_told_from_the_others(chapter):
    for name, (_, _, namespace) in chapter[1].items():
        messages = []
        for answer, word in MISTAKES[name]:
            feedback = exercises.check(name, eval(answer, dict(namespace)))
            assert feedback.verdict == "not yet right", (answer, feedback)
            assert word in feedback.message, (answer, feedback)
            messages.append(re.sub(r"-?[\d.]+(e-?\d+)?", "", feedback.message))
        assert len(set(messages)) == len(messages)


def test_other_right_answers_are_right(chapter):
    for name, (_, _, namespace) in chapter[1].items():
        for answer in RIGHT.get(name, []):
            feedback = exercises.check(name, eval(answer, dict(namespace)))
            assert feedback.verdict == "solved", (answer, feedback)


def test_half_an_answer_is_unsolved(chapter):
    for name in filter(lambda name: ".predict-" in name, chapter[1]):
        noted = exercises.check(name, (0.5, ...))
        assert noted.verdict == "not solved yet"
        assert "0.5 is noted" in noted.message
        assert "before you measure" in exercises.check(name, (..., 0.5)).message


@pytest.mark.parametrize("answer", [None, ..., [None], "text", object(), {}, 1 + 2j, float("nan")])
@pytest.mark.parametrize("name", MISTAKES)
def test_odd_answer_is_never_right_and_never_raises(name, answer):
    assert exercises.check(name, answer).verdict != "solved"


def test_unknown_exercise_raises_and_names_the_known():
    with pytest.raises(ValueError, match=r"no exercise '02\.tan-step'.*02\.tanh-step"):
        exercises.check("02.tan-step", 1)
    with pytest.raises(ValueError, match=r"no exercise '99\.none'"):
        exercises.check("99.none", 1)


def test_feedback_is_a_card_and_text():
    feedback = Feedback("02.tanh-step", "not yet right", "1 < 2 & so on")
    bundle = feedback._repr_mimebundle_()
    assert "1 &lt; 2 &amp; so on" in bundle["text/html"]
    assert bundle["text/plain"].startswith("✗ not yet right  02.tanh-step")


def test_checker_that_stumbles_over_an_answer_says_so_kindly(monkeypatch):
    monkeypatch.setitem(checking._CHECKERS, "02.stumbles", lambda answer: answer["missing"])
    feedback = exercises.check("02.stumbles", {"other": 1})
    assert feedback.verdict == "not yet right"
    assert "could not use your answer, {'other': 1}: KeyError" in feedback.message
