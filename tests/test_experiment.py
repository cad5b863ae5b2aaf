"""What a claim depends on, and when its fingerprint changes."""

import nbformat
import pytest
import tiny

from trainlab.book import experiment


def test_only_what_a_claim_needs_is_run():
    sources = [
        "import keras",
        "b = slow()",
        "a = 1\nb = []",
        "c, d = 2, 3\nfor e in [4]:\n    f = e",
        "b.append(c)",
        "keras.show(a)",
        "d = [c for c in range(9)]\ne = slow()",
        'claims.bound("01.sum", lambda d: a + d, b)\nfor e in b:\n    e',
        "b = 4",
    ]
    assert experiment.cells_for("01.sum", sources) == [0, 2, 3, 4, 5, 7]


@pytest.mark.parametrize(
    "used", ["[a for a in b]", "{a for a in b}", "{a: 1 for a in b}", "[[a for a in c] for c in b]"]
)
def test_variable_of_a_comprehension_is_its_own(used):
    sources = ["a = slow()", "b = [1]", "c = slow()", f'claims.bound("01.sum", "", {used})']
    assert experiment.cells_for("01.sum", sources) == [1, 3]


def test_changing_an_object_counts_as_making_it():
    sources = [
        "m = 1",
        "m.x = 2",
        "m[0] = 3",
        "m.compile()",
        "n.compile()",
        'claims.bound("01.a", m)',
    ]
    assert experiment.cells_for("01.a", sources) == [0, 1, 2, 3, 5]


def test_claim_made_in_a_loop_is_found_by_its_name():
    sources = [
        "from trainlab import claims",
        'claims.bound("09.l1-narrows-the-gap", "…", [1], high=2)',
        '[claims.bound(f"09.{s}-widens-the-{x}-gap", "…", [1], high=2) for s in "ab"]',
    ]
    assert experiment.cells_for("09.l1-narrows-the-gap", sources) == [0, 1]
    assert experiment.cells_for("09.b-widens-the-small-gap", sources) == [0, 2]


@pytest.mark.parametrize(
    ("sources", "count"),
    [
        ([], 0),
        (["x = 1  # claims.bound('03.a')", 'print("03.a")', 'claims.bound("03.a-b", [1])'], 0),
        (['claims.bound("03.a", [1])', 'claims.identity("03.a", 1, 1)'], 2),
    ],
)
def test_claim_stands_in_one_cell(sources, count):
    with pytest.raises(ValueError, match=f"03.a stands in {count} cells of its chapter"):
        experiment.cells_for("03.a", sources)


def test_lesson_leaves_out_exercises_and_quiz():
    notebook = tiny.chapter("03_one", "1", "2", "%matplotlib inline\n3", "4", "5")
    for cell, tag in zip(
        notebook.cells[3:], ["exercise", "quiz", "", "solution", "widget"], strict=True
    ):
        cell.metadata["tags"] = [tag]
    sources = experiment.sources(notebook)
    assert sources[:2] == [f"{tiny.SETUP}\n", f"{tiny.PARAMETERS}\n"] and len(sources) == 3
    assert sources[2].startswith("get_ipython().run_line_magic('matplotlib', 'inline')")


def test_sources_are_read_from_a_file_or_a_notebook(tmp_path):
    path = tiny.write(tmp_path, "03_one", "x = 1", tiny.claim_cell("03_one"))
    assert experiment.sources(path) == experiment.sources(nbformat.read(path, as_version=4))


# Fingerprints

SETUP = """
import functools

import numpy as np
from trainlab import claims
"""
DATA = """
seeds = [0, 1, 2]
other = 3
"""
EXPERIMENT = """
@functools.cache
def train(seed, rate=0.1, *, steps=10):
    '''Return a loss.'''
    return np.exp(-rate * steps) + seed

names = [f"seed {seed:>3} of {len(seeds)!r}" for seed in seeds]
by_name = {name: train(seed) for name, seed in zip(names, seeds, strict=True)}
largest = max(by_name, key=lambda name: by_name[name] ** 2)
"""
UNUSED = "curve = train(7)\nplot(curve)\n"
CLAIM = """
claims.bound(
    "03.loss-stays-small",
    "The loss stays small.",
    list(by_name.values()),
    high=2.5,
    unit="nats",
    expected="supported",
)
"""
SEED = "seed = 99  # a name that comprehensions use as well\n"
CELLS = [SETUP, SEED, DATA, EXPERIMENT, UNUSED, CLAIM]


def fingerprint(*replacements):
    sources = list(CELLS)
    for number, old, new in replacements:
        assert old in sources[number]
        sources[number] = sources[number].replace(old, new)
    return experiment.fingerprint("03.loss-stays-small", sources)


def test_fingerprint_is_the_same_in_every_version_of_python():
    # Computed with 3.11, 3.12 and 3.13: whoever changes it makes every record stale.
    assert fingerprint() == "0b5bded6e4262473"
    assert experiment.cells_for("03.loss-stays-small", CELLS) == [0, 2, 3, 5]


@pytest.mark.parametrize(
    "replacement",
    [
        (5, 'expected="supported"', 'expected="refuted"'),
        (5, '    expected="supported",\n', ""),
        (5, "high=2.5,\n    unit", "high=2.5, unit"),
        (5, '"The loss stays small."', '("The loss "\n    "stays small.")'),
        (3, "(-rate * steps)", "( - rate*steps )"),
        (3, "+ seed\n", "+ seed  # a decay\n"),
        (3, "'''Return a loss.'''", '"""Return a loss."""'),
        (3, "0.1", "1e-1"),
        (4, "train(7)", "train(8)"),
        (1, "99", "98"),
    ],
)
def test_fingerprint_ignores_layout_comments_and_what_is_expected(replacement):
    assert fingerprint(replacement) == fingerprint()


@pytest.mark.parametrize(
    "replacement",
    [
        (5, "high=2.5", "high=2.6"),
        (5, "high=2.5", "low=2.5"),
        (5, "stays small.", "stays low."),
        (5, "nats", "bits"),
        (5, "by_name.values()", "by_name.keys()"),
        (2, "[0, 1, 2]", "[0, 1, 3]"),
        (2, "other = 3", "other = 4"),
        (3, "rate=0.1", "rate=0.2"),
        (3, "+ seed", "- seed"),
        (3, "@functools.cache\n", ""),
        (3, ":>3", ":>4"),
        (3, "!r", "!s"),
        (3, "** 2", "** 3"),
        (3, "strict=True", "strict=False"),
        (0, "import numpy as np", "import jax.numpy as np"),
    ],
)
def test_fingerprint_changes_with_every_step_that_the_claim_needs(replacement):
    assert fingerprint(replacement) != fingerprint()


def test_fingerprint_changes_with_a_step_between():
    longer = [*CELLS[:4], "by_name.clear()", *CELLS[4:]]
    assert experiment.fingerprint("03.loss-stays-small", longer) != fingerprint()


LOOP = """
outcomes = {"first": "supported", "middle": "inconclusive"}
for rate, expected in outcomes.items():
    claims.bound(f"08.the-{rate}-rate", "…", final[rate], high=2, expected=expected)
"""


def test_fingerprint_ignores_what_a_loops_claims_are_expected_to_be():
    def of(source):
        return experiment.fingerprint("08.the-first-rate", [source])

    assert of(LOOP) == of(LOOP.replace("inconclusive", "weaker"))
    assert of(LOOP) == of(LOOP.replace(', "middle": "inconclusive"', ""))
    assert of(LOOP) != of(LOOP.replace("high=2", "high=3"))


def test_what_changes_a_name_in_other_ways_is_part_of_the_claim():
    claim = 'claims.bound("01.a", "A.", accuracy(model), low=1)'
    made = "model = build()"
    for cell in ("history = model.fit(x, y, epochs=500)", "shrink(model)", "model += other"):
        assert experiment.cells_for("01.a", [made, cell, claim]) == [0, 1, 2], cell
    for cell in ("print(model)", "figure = plotting.curves(model)", "history = other.fit(x, y)"):
        assert experiment.cells_for("01.a", [made, cell, claim]) == [0, 2], cell


def test_a_setting_of_the_whole_process_is_part_of_every_later_claim():
    claim = 'claims.bound("01.a", "A.", f(2), low=1)'
    setting = 'keras.config.set_dtype_policy("mixed_float16")'
    cells = ["import keras", setting, "f = abs", claim]
    assert experiment.cells_for("01.a", cells, settings=True) == [0, 1, 2, 3]
    assert experiment.cells_for("01.a", cells) == [2, 3]
    assert experiment.fingerprint("01.a", cells) != experiment.fingerprint("01.a", cells[2:])


def test_fingerprint_ignores_in_which_module_of_the_package_a_function_lies():
    def of(imported, trained, expected="supported"):
        return experiment.fingerprint(
            "01.a",
            [
                f"import keras\nfrom trainlab import claims\n{imported}",
                f"runs = {trained}(build, data)",
                f'claims.bound("01.a", "A.", runs, low=1, expected="{expected}")',
            ],
        )

    now = of("from trainlab import training", "training.sweep")
    assert now == of("from trainlab.training import sweep", "sweep")
    assert now == of("from trainlab import sweeping", "sweeping.sweep", "weaker")
    assert now != of("from trainlab import training", "training.fit")
    assert now != of("", "training.sweep")


def test_fingerprint_leaves_out_how_the_package_came_here():
    setup = (
        "if missing('trainlab'):\n    get_ipython().run_line_magic('pip', 'install {}')\n"
        "from trainlab import runtime"
    )
    rest = ["run = runtime.setup(2)", 'claims.bound("01.a", "", [run], high=2)']
    ours, fork = ([setup.format(address), *rest] for address in ("course@v1", "fork@main"))
    assert experiment.cells_for("01.a", ours) == [0, 1, 2]
    assert experiment.fingerprint("01.a", ours) == experiment.fingerprint("01.a", fork)
    rest[0] = "run = runtime.setup(3)"
    assert experiment.fingerprint("01.a", ours) != experiment.fingerprint("01.a", [setup, *rest])
