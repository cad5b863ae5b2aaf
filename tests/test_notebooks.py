"""The rules that chapters keep, and proof that each rule can be broken."""

from pathlib import Path

import nbformat
import pytest

from trainlab.book import repository, style

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
EXECUTED = sorted((ROOT / "_build/quick/executed").glob("[0-9]*.ipynb"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_keeps_the_rules(path):
    assert style.faults(path, ROOT) == []


def test_every_chapter_was_executed():
    assert [path.name for path in EXECUTED] == [path.name for path in CHAPTERS]


@pytest.mark.parametrize("path", EXECUTED, ids=lambda path: path.stem)
def test_every_checked_cell_has_a_stored_output(path):
    # nbval compares with what is stored: a checked cell without an output would pass silently.
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells, start=1):
        if "nbval-check-output" in cell.metadata.get("tags", []):
            assert cell.outputs, f"{path.name}, cell {number}: nothing stored to compare with"


@pytest.mark.parametrize("path", EXECUTED, ids=lambda path: path.stem)
def test_every_shown_figure_has_alt_text(path):
    assert style.figures_without_alt(path) == []


@pytest.mark.parametrize("path", EXECUTED, ids=lambda path: path.stem)
def test_executed_chapter_names_no_machine(path):
    text = path.read_text()
    assert "papermill" not in text and str(ROOT) not in text and "injected-parameters" not in text


@pytest.mark.parametrize("path", EXECUTED, ids=lambda path: path.stem)
def test_executed_chapter_shows_no_log_or_warning(path):
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells, start=1):
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", f"{path.name}, cell {number}: {output.text}"


@pytest.fixture
def broken(tmp_path):
    """A function that copies a chapter, lets a test break it and returns its faults."""

    def break_it(how):
        notebook = nbformat.read(CHAPTERS[-1], as_version=4)
        how(notebook)
        path = tmp_path / CHAPTERS[-1].name
        nbformat.write(notebook, path)
        return style.faults(path, ROOT)

    return break_it


def _code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _type_a_number(notebook):
    notebook.cells[0].source += "\n\nThe network reaches 87.3 % accuracy."


def _leave_an_output(notebook):
    _code(notebook)[2].outputs = [nbformat.v4.new_output("stream", text="hello")]


def _drop_alt_text(notebook):
    for cell in _code(notebook):
        cell.metadata.pop("mystnb", None)


def _change_setup(notebook):
    _code(notebook)[0].source += "\n%pip install pandas"


def _untag_claims(notebook):
    for cell in _code(notebook):
        if "nbval-check-output" in cell.metadata.get("tags", []):
            cell.metadata.tags.remove("nbval-check-output")


def _ignore_a_claim(notebook):
    cell = next(c for c in _code(notebook) if "claims." in c.source)
    cell.metadata.tags = ["nbval-check-output", "nbval-ignore-output"]


def _compute_a_parameter(notebook):
    next(
        c for c in _code(notebook) if "parameters" in c.metadata.get("tags", [])
    ).source += "\ndepth = 10 * 5"


def _rename_edition(notebook):
    next(
        c for c in _code(notebook) if "parameters" in c.metadata.get("tags", [])
    ).source = 'edition = "tiny"'


def _lengthen_a_cell(notebook):
    _code(notebook)[3].source += "\nx" * 40


def _use_myst(notebook):
    notebook.cells[0].source += "\n\n{cite}`glorot2010`"


def _add_an_unknown_tag(notebook):
    _code(notebook)[3].metadata.tags = ["remove-cell"]


def _bury_a_claim(notebook):
    cell = next(c for c in _code(notebook) if "claims." in c.source)
    cell.source += "\nNone"


def _repeat_a_claim(notebook):
    cell = next(c for c in _code(notebook) if "claims." in c.source)
    notebook.cells.append(nbformat.v4.new_code_cell(cell.source, metadata=cell.metadata))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (_type_a_number, "cell 1: a number is typed into prose: “87.3 %”"),
        (_leave_an_output, "holds an output"),
        (_drop_alt_text, "draws a figure without alt text"),
        (_change_setup, "has another setup cell"),
        (_untag_claims, "holds a claim but not the tag `nbval-check-output`"),
        (_ignore_a_claim, "holds a claim but not the tag `nbval-check-output`"),
        (_compute_a_parameter, "not a plain literal"),
        (_rename_edition, 'must set `edition = "quick"`'),
        (_lengthen_a_cell, "lines, at most 30"),
        (_use_myst, "uses MyST syntax"),
        (_add_an_unknown_tag, "has the unknown tag 'remove-cell'"),
        (_bury_a_claim, "one last expression of its cell"),
        (_repeat_a_claim, "or occurs twice"),
    ],
)
def test_broken_chapter_is_found_and_located(broken, how, message):
    found = broken(how)
    assert any(message in fault for fault in found), found
    assert all(fault.startswith(CHAPTERS[-1].name) for fault in found)


def _claim_about(unit, tag):
    def add(notebook):
        number = CHAPTERS[-1].name[:2]
        source = f'claims.bound("{number}.made-up", "It costs more.", [1], low=1, unit="{unit}")'
        notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": [tag]}))

    return add


@pytest.mark.parametrize(
    ("unit", "tag", "wanted"),
    [
        ("times the time of ReLU", "nbval-ignore-output", None),
        ("seconds", "nbval-check-output", "nbval-ignore-output"),
        ("times the input's variance", "nbval-ignore-output", "nbval-check-output"),
        ("times the input's variance", "nbval-check-output", None),
    ],
)
def test_only_a_claim_about_time_goes_uncompared(broken, unit, tag, wanted):
    found = [fault for fault in broken(_claim_about(unit, tag)) if "holds a claim" in fault]
    assert len(found) == (wanted is not None)
    assert all(f"`{wanted}`" in fault for fault in found)


@pytest.mark.parametrize(
    "prose",
    [
        "It reaches 87.3 % accuracy.",
        "It reaches 87% accuracy.",
        "Training is 3.3 times faster.",
        "The loss falls to 0.42.",
        "He is ten times better.",
        "It takes 12 s.",
        "We gain 5 points.",
        "The accuracy is 92.",
        "Here $p = 87.3\\%$ of the units die.",
        "The ratio is $r \\approx 1.41$.",
        "Adam needs 40 fewer than SGD.",
    ],
)
def test_measured_numbers_in_prose_are_found(prose):
    assert style.typed_numbers(prose)


@pytest.mark.parametrize(
    "prose",
    [
        "A net of 20 layers with 100 units each.",
        "A 20-layer sigmoid net, and 50 ReLU layers.",
        "The slope is at most 1/4. Pixels have mean 0 and spread 1.",
        "See chapters 02 and 03, and [He et al., 2015](https://arxiv.org/abs/1502.01852).",
        "The variance is $2 / n = 0.02$, or `0.02` in code.",
        "Images of 28 × 28 pixels; weights from N(0, 0.01).",
        "1. First, do this.\n2. Then that.",
        "Epochs 5 to 50 layers deep.",
        "An L2 penalty, and the L1 norm.",
        "The 1cycle schedule, and **1cycle** again.",
    ],
)
def test_settings_in_prose_are_allowed(prose):
    assert style.typed_numbers(prose) == []


def test_setup_cell_follows_the_address(tmp_path):
    for name in ("pyproject.toml",):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "chapters").mkdir()
    copy = tmp_path / "chapters" / CHAPTERS[0].name
    copy.write_text(CHAPTERS[0].read_text())
    repository.set_address(tmp_path, "https://github.com/someone/fork")
    assert repository.carry_on(tmp_path) == [copy]
    first = next(c for c in nbformat.read(copy, as_version=4).cells if c.cell_type == "code")
    assert "git+https://github.com/someone/fork@v" in first.source
    assert repository.carry_on(tmp_path) == []


def test_setup_cell_needs_a_real_address(tmp_path):
    with pytest.raises(ValueError, match="expected https://host/owner/name"):
        repository.set_address(tmp_path, "someone/fork")


def test_repository_address_stands_once(root):
    address = repository.address(root)
    holders = [
        path.name
        for path in root.glob("*.*")
        if path.is_file()
        and path.suffix in {".toml", ".yml", ".md", ".cff"}
        and address in path.read_text()
    ]
    assert holders == ["pyproject.toml"]
