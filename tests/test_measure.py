"""`make record`: from executed chapters to a record's file, and what is refused on the way."""

import json
import math
import subprocess
from pathlib import Path

import nbformat
import numpy as np
import pytest
import records
import tiny

from trainlab import claims, editions, record
from trainlab.book import experiment
from trainlab.book import record as measure

RUN = {"device": "CPU", "cores": 2, "processor": "Any CPU", "versions": {"keras": "3"}}
SOURCES = (
    tiny.RUN,
    "other = few_labels.best_rate(run.seeds)",
    "a, b = tuned_sweep(run.seeds)",
    'claims.contrast("{n}.a-beats-b", "A exceeds B.", a, b, at_least=1)',
    'claims.identity("{n}.same", "Both are the same.", 1, 1)',
    'claims.bound("{n}.it-takes-long", "It takes long.", time(a), low=1, unit="seconds")',
    'claims.bound("{n}.mostly-small", "It is mostly small.", a, high=9, share=0.5)',
)


def git(root, *arguments):
    identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


class Measurement:
    """A repository with two chapters, and what was executed to measure its record."""

    def __init__(self, root):
        self.root = root
        self.folder = root / "_build/record/quick"
        self.records = root / "src/trainlab/record"
        for folder in (root / "chapters", self.records):
            folder.mkdir(parents=True)
        toc = {
            "parts": [{"chapters": [{"file": f"chapters/{each}"} for each in ("03_one", "04_two")]}]
        }
        (root / "_toc.yml").write_text(json.dumps(toc))
        (root / ".gitignore").write_text("_build\n")
        for name in ("claims.py", "record/agreement.py"):
            (root / "src/trainlab" / name).write_text("")
        for chapter in ("03_one", "04_two"):
            nbformat.write(self.notebook(chapter), root / "chapters" / f"{chapter}.ipynb")
        git(root, "init", "--quiet")
        self.commit()

    def notebook(self, chapter, edition="quick"):
        sources = [source.replace("{n}", chapter[:2]) for source in SOURCES]
        notebook = tiny.chapter(chapter, *sources, parameters=f'edition = "{edition}"')
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for number, cell in enumerate(code, start=1):
            cell.execution_count = number
        return notebook

    def commit(self):
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--message", "…")
        return git(self.root, "rev-parse", "HEAD")

    def execute(self, series="main", chapter="03_one", *, edition="quick", seeds=range(16),
                mean=2.0, moved=0.0, change=None):  # fmt: skip
        """Write a chapter as it would have been executed, seed s of it with a value of s alone."""
        seeds = list(seeds)
        drawn = [mean + moved + np.random.default_rng(seed).normal(0, 0.1) for seed in seeds]
        a, b = dict(zip(seeds, drawn, strict=True)), dict.fromkeys(seeds, 0.0)
        n = chapter[:2]
        made = [
            claims.contrast(f"{n}.a-beats-b", "A exceeds B.", a, b, at_least=1),
            claims.identity(f"{n}.same", "Both are the same.", [1.0], [1.0]),
            claims.bound(f"{n}.it-takes-long", "It takes long.", [2.0, 3.0], low=1, unit="seconds"),
            claims.bound(f"{n}.mostly-small", "It is mostly small.", a, high=9, share=0.5),
        ]
        notebook = self.notebook(chapter, edition)
        run = {**RUN, "edition": edition, "seeds": seeds}
        shown = [(editions.MIME_TYPE, run), None, None]
        shown += [(claims.MIME_TYPE, claim.as_json()) for claim in made]
        for cell, output in zip(notebook.cells[3:], shown, strict=True):
            if output is not None:
                data = {output[0]: output[1]}
                cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
        if change is not None:
            change(notebook)
        folder = self.root / "_build/record" / edition / series
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, folder / f"{chapter}.ipynb")
        (folder / f"{chapter}.commit").write_text(git(self.root, "rev-parse", "HEAD") + "\n")
        notes = [
            {"label": f"{n} A and B", "cell": 5, **records.tuning()},
            {"label": f"{n} other", "cell": 4, **records.tuning()},
        ]
        lines = "".join(json.dumps(note) + "\n" for note in notes)
        (folder / f"{chapter}.tunings").write_text(lines if series == "main" else "")

    def gather(self, *chapters, edition="quick"):
        folder = self.root / "_build/record" / edition
        return measure.gather(edition, folder, self.root, list(chapters or ["03_one"]))

    def update(self, *chapters, edition="quick"):
        folder = self.root / "_build/record" / edition
        return measure.update(edition, folder, self.root, list(chapters or ["03_one"]))

    def read(self, edition="quick"):
        return record.read(self.records / f"{edition}.json")


@pytest.fixture
def made(tmp_path, shelf, monkeypatch):
    monkeypatch.delenv(claims.DISAGREEMENTS, raising=False)
    root = tmp_path / "repository"
    root.mkdir()
    return Measurement(root)


# Begin


def test_committed_state_can_be_measured(made):
    assert measure.begin(made.root) == git(made.root, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    "name", ["chapters/03_one.ipynb", "chapters/05_new.ipynb", "src/trainlab/claims.py",
             "src/trainlab/new.py", "src/trainlab/record/agreement.py"],
)  # fmt: skip
def test_what_is_not_committed_is_named_and_not_measured(made, name):
    with (made.root / name).open("a") as file:
        file.write("\n")
    with pytest.raises(measure.MeasureError, match="Commit them first") as failure:
        measure.begin(made.root)
    assert name in str(failure.value) and "04_two" not in str(failure.value)


@pytest.mark.parametrize(
    "name", ["src/trainlab/record/quick.json", "src/trainlab/record/full.json", "README.md",
             "tests/test_one.py", "_toc.yml"],
)  # fmt: skip
def test_record_and_what_it_is_not_made_of_may_have_changed(made, name):
    path = made.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")
    assert measure.begin(made.root) == git(made.root, "rev-parse", "HEAD")


def test_without_a_repository_nothing_is_measured(tmp_path):
    with pytest.raises(measure.MeasureError, match=r"git status.*not a git repository"):
        measure.begin(tmp_path)


# Gather


def test_record_holds_what_a_chapter_measured(made):
    made.execute()
    data = made.gather()
    assert (data["edition"], list(data["claims"])) == (
        "quick", ["03.a-beats-b", "03.same", "03.it-takes-long", "03.mostly-small"],
    )  # fmt: skip
    entry = data["claims"]["03.a-beats-b"]
    assert (entry["kind"], entry["low"], entry["sides"]) == ("contrast", 1.0, ["a", "b"])
    assert entry["seeds"] == list(range(16)) and entry["values"]["b"] == [0.0] * 16
    assert entry["values"]["a"][3] == 2 + np.random.default_rng(3).normal(0, 0.1)
    sources = experiment.sources(made.root / "chapters/03_one.ipynb")
    assert entry["fingerprint"] == experiment.fingerprint("03.a-beats-b", sources)
    assert data["claims"]["03.mostly-small"]["share"] == 0.5
    assert data["claims"]["03.it-takes-long"]["timed"] is True
    same = data["claims"]["03.same"]
    assert (same["verdict"], same["numbers_compared"], same["rtol"]) == ("supported", 1, 1e-5)
    chapter = data["chapters"]["03_one"]
    assert chapter["commit"] == git(made.root, "rev-parse", "HEAD")
    assert chapter["seeds"] == list(range(16)) and chapter["processor"] == "Any CPU"


def test_claim_knows_the_searches_that_it_depends_on(made):
    made.execute()
    data = made.gather()
    assert set(data["tunings"]) == {"03 A and B", "03 other"}
    assert data["tunings"]["03 other"] == records.tuning()
    assert data["claims"]["03.a-beats-b"]["tunings"] == ["03 A and B"]
    assert "tunings" not in data["claims"]["03.it-takes-long"]


def test_other_arithmetic_is_beside_what_decides(made):
    made.execute()
    made.execute("avx2", seeds=range(3), moved=0.01)
    made.execute("no-onednn", seeds=range(3), moved=-0.02)
    claims_ = made.gather()["claims"]
    found = claims_["03.a-beats-b"]["arithmetic"]
    assert set(found) == {"avx2", "no-onednn"} and found["avx2"]["seeds"] == [0, 1, 2]
    base = claims_["03.a-beats-b"]["values"]["a"]
    assert np.subtract(found["avx2"]["values"]["a"], base[:3]) == pytest.approx(0.01)
    assert "replication" not in claims_["03.a-beats-b"]
    for id in ("03.same", "03.it-takes-long"):
        assert "arithmetic" not in claims_[id]


def test_replication_belongs_to_the_full_edition(made):
    made.execute(edition="full", seeds=range(10))
    made.execute("replication", edition="full", seeds=range(10, 15))
    made.execute("avx2", edition="full", seeds=range(3))
    entry = made.gather(edition="full")["claims"]["03.a-beats-b"]
    assert entry["replication"]["seeds"] == [10, 11, 12, 13, 14]
    assert "arithmetic" not in entry


def test_fingerprint_is_that_of_the_commit_and_not_of_what_came_later(made):
    made.execute()
    before = made.gather()["claims"]["03.a-beats-b"]["fingerprint"]
    path = made.root / "chapters/03_one.ipynb"
    path.write_text(path.read_text().replace("tuned_sweep", "sweep"))
    assert made.gather()["claims"]["03.a-beats-b"]["fingerprint"] == before


def _other_experiment(notebook):
    notebook.cells[5].source = "a, b = sweep(run.seeds)"


def test_chapter_that_was_changed_meanwhile_is_refused(made):
    made.execute(change=_other_experiment)
    with pytest.raises(measure.MeasureError, match=r"03_one.ipynb was changed after .* began"):
        made.gather()


def test_series_of_another_experiment_is_left_out(made):
    made.execute()
    made.execute("avx2", seeds=range(3), change=_other_experiment)
    made.execute("sse4.2", seeds=range(3))
    assert set(made.gather()["claims"]["03.a-beats-b"]["arithmetic"]) == {"sse4.2"}


# Merge


def test_one_chapter_leaves_the_others_as_they_are(made):
    for chapter in ("04_two", "03_one"):
        made.execute(chapter=chapter)
        made.update(chapter)
    first = made.read()
    assert list(first.chapters) == ["03_one", "04_two"]
    assert [id[:2] for id in first.claims] == ["03"] * 4 + ["04"] * 4
    made.execute(chapter="04_two", mean=5.0)
    assert made.update("04_two") == ["04.a-beats-b: 2.00 [1.94, 2.06] → 5.00 [4.94, 5.06]"]
    second = made.read()
    for part in ("chapters", "claims"):
        old, new = getattr(first, part), getattr(second, part)
        assert list(old) == list(new)
        for name in old:
            assert (old[name] == new[name]) or name[:2] == "04"
    assert second.claims["04.a-beats-b"]["estimate"] == pytest.approx(5, abs=0.1)
    assert second.tunings == first.tunings


def test_chapter_that_left_the_book_leaves_the_record():
    old = {"edition": "quick", "tunings": {"09 x": 1, "03 x": 2}, "claims": {"09.a": 1, "03.a": 2},
           "chapters": {"09_old": 1, "03_one": 2}}  # fmt: skip
    new = {"edition": "quick", "tunings": {}, "claims": {"04.b": 3}, "chapters": {"04_two": 3}}
    found = measure.merged(old, new, ["04_two", "03_one"])
    assert found == {
        "edition": "quick", "chapters": {"04_two": 3, "03_one": 2},
        "claims": {"04.b": 3, "03.a": 2}, "tunings": {"03 x": 2},
    }  # fmt: skip
    assert list(found["chapters"]) == ["04_two", "03_one"]


def test_claim_that_a_chapter_no_longer_makes_is_gone():
    old = {"edition": "quick", "tunings": {}, "claims": {"03.a": 1}, "chapters": {"03_one": 1}}
    new = {"edition": "quick", "tunings": {}, "claims": {"03.b": 2}, "chapters": {"03_one": 2}}
    assert measure.merged(old, new, ["03_one"])["claims"] == {"03.b": 2}


# What follows from the values


def bare(entry):
    """Return an entry as it is gathered, before anything is derived from its values."""
    derived = ("n_seeds", "estimate", "ci_low", "ci_high", "verdict", "rule", "notices")
    return {name: value for name, value in entry.items() if name not in derived}


def derived(full=None, quick=None, tunings=None):
    """Return the entry of one claim after `derive`: the full edition's, if that is given."""
    data = {
        edition: records.contents(edition, {"03.a": bare(entry)}, tunings)
        for edition, entry in (("quick", quick), ("full", full))
        if entry is not None
    }
    measure.derive(data)
    return data["full" if full is not None else "quick"]["claims"]["03.a"]


@pytest.mark.parametrize("seed", range(10))
def test_derived_verdict_is_that_of_the_claim(shelf, seed):
    rng = np.random.default_rng(seed)
    values = dict(enumerate(rng.normal(rng.normal(0, 2), rng.uniform(0.05, 1), 16)))
    zeros, name = dict.fromkeys(values, 0.0), ("03.a", "A.")
    for claim in (
        claims.contrast(*name, values, zeros, at_least=1),
        claims.contrast(*name, values, zeros, at_least=0),
        claims.contrast(*name, values, zeros, at_least=-1),
        claims.contrast(*name, values, zeros, within=1),
        claims.bound(*name, values, low=0.5),
        claims.bound(*name, values, low=-1, high=1),
        claims.bound(*name, values, high=0, share=0.5),
        claims.bound(*name, values, low=-1, high=0, share=0.1),
        claims.bound(*name, dict.fromkeys(values, 0.35), high=0.4, grain=0.05),
        claims.bound(*name, dict.fromkeys(values, 7), high=7.3),
        claims.bound(*name, {0: 3.0}, high=7),
    ):
        entry = derived(records.entry(claim))
        assert entry["verdict"] == claim.verdict, claim.criterion
        for field in ("n_seeds", "estimate", "ci_low", "ci_high"):
            assert entry[field] == pytest.approx(getattr(claim, field)), field


def contrast(mean, spread=0.1, n=16, *, at_least=1.0, first=0, seed=0, **more):
    values = records.normal(n, mean, spread, seed=seed)
    a = dict(zip(range(first, first + n), values, strict=True))
    return records.entry(
        claims.contrast("03.a", "A.", a, dict.fromkeys(a, 0.0), at_least=at_least), **more
    )


def test_rule_and_power_are_those_of_the_editions_run(shelf):
    from trainlab.record import agreement

    entry = contrast(2.0)
    entry["values"]["a"][5] = 1000.0
    quick = derived(quick=entry)
    assert quick["rule"] == "median"
    assert quick["notices"] == agreement.noticeable(quick, 3)
    full = derived(contrast(2.0, n=10))
    assert full["rule"] == "mean" and full["notices"] == agreement.noticeable(full, 10)


def test_full_record_marks_what_other_arithmetic_might_turn(shelf):
    base = contrast(1.1, 0.1)
    (low,) = {derived(contrast(1.1, 0.1, 10))["ci_low"] - 1.0}
    for factor, marked in ((0.4, False), (0.6, True)):
        # The mean of 3 seeds moves by `shift`, that of 10 by √(3/10) of it.
        shift = factor * low * math.sqrt(10 / 3)
        moved = {
            "seeds": [0, 1, 2],
            "values": {"a": [value + shift for value in base["values"]["a"][:3]], "b": [0.0] * 3},
        }
        quick = {**base, "arithmetic": {"avx2": moved}}
        found = derived(contrast(1.1, 0.1, 10), quick)["fragile"]
        expected = ["other arithmetic moves the estimate by half its margin or more"]
        assert found == (expected if marked else [])


def test_full_record_marks_rates_that_tie_where_the_margin_is_small(shelf):
    tied = records.tuning(losses=(1.001, 1.0, 3.0))
    tied["losses"] = [[1.0, 1.2, 0.8], [1.1, 0.9, 0.99], [3.0, 3.0, 3.0]]
    apart = records.tuning()
    near, far = contrast(1.12, n=10), contrast(9.0, n=10)
    for entry, tuning, marked in ((near, tied, True), (near, apart, False), (far, tied, False)):
        entry["tunings"] = ["03 x"]
        found = derived(entry, tunings={"03 x": tuning})["fragile"]
        assert found == (["tied learning rates (03 x)"] if marked else [])


def test_search_with_diverged_runs_ties_with_nothing():
    losses = [[None, 1.0, 1.0], [1.0, 1.0, 1.0], [None, None, None]]
    assert not measure._is_tied({**records.tuning(), "losses": losses})
    assert measure._is_tied({**records.tuning(), "losses": [[1.0] * 3, [1.0] * 3, [2.0] * 3]})


def test_open_verdicts_are_not_fragile(shelf):
    entry = contrast(1.0, n=10)
    entry["tunings"] = ["03 x"]
    tied = {**records.tuning(), "losses": [[1.0] * 3] * 3}
    found = derived(entry, tunings={"03 x": tied})
    assert (found["verdict"], found["fragile"]) == ("inconclusive", [])


@pytest.mark.parametrize(
    ("first", "again", "result"),
    [
        (2.0, 2.1, "replicated"),
        (0.5, 0.6, "replicated"),
        (-1.0, -2.0, "replicated"),
        (2.0, 1.0, "open in replication"),
        (2.0, 0.5, "open in replication"),
        (0.5, 2.0, "open in replication"),
        (1.0, 2.0, "open in replication"),
        (2.0, -1.0, "reversed"),
        (0.5, -1.0, "reversed"),
        (-1.0, 2.0, "reversed"),
    ],
)
def test_replication_decides_nothing_and_says_whether_it_came_out_again(
    shelf, first, again, result
):
    other = contrast(again, n=5, first=10, seed=1)
    # As it stands in a record whose criterion was another one.
    series = {name: other[name] for name in ("seeds", "values")} | {"estimate": 99, "verdict": "?"}
    found = derived(contrast(first, n=10) | {"replication": series})
    assert found["replication"]["result"] == result
    assert found["replication"]["n_seeds"] == 5 and found["n_seeds"] == 10
    assert found["replication"]["estimate"] == pytest.approx(again)
    assert found["verdict"] == derived(contrast(first, n=10))["verdict"]


def test_equations_and_times_are_left_as_they_were_measured(shelf):
    same = records.entry(claims.identity("03.a", "A.", [1.0], [1.0]))
    data = {"full": records.contents("full", {"03.a": dict(same)})}
    measure.derive(data)
    assert data["full"]["claims"]["03.a"] == same
    timed = records.entry(claims.bound("03.a", "A.", [2.0, 3.0], low=1, unit="seconds"), timed=True)
    del timed["tunings"]
    found = derived(timed)
    assert "rule" not in found and "fragile" not in found and found["estimate"] == 2.5


# Write


@pytest.fixture
def whole(made):
    made.execute()
    made.execute("avx2", seeds=range(3), moved=0.01)
    made.update()
    return made


def data_of(made, edition="quick"):
    return measure._data_of(made.records / f"{edition}.json")


def test_file_has_one_line_a_claim_and_nine_digits(whole):
    lines = (whole.records / "quick.json").read_text().splitlines()
    assert sum(line.startswith('"03.') for line in lines) == 4
    (line,) = [line for line in lines if line.startswith('"03.a-beats-b"')]
    entry = json.loads(line.partition(": ")[2].rstrip(","))
    for value in (*entry["values"]["a"], entry["ci_low"], entry["notices"]):
        assert value == float(f"{value:.9g}")
    assert whole.read().claims["03.a-beats-b"] == entry


def test_record_written_again_is_the_same_to_the_byte(whole):
    path = whole.records / "quick.json"
    before = path.read_bytes()
    assert whole.update() == []
    assert path.read_bytes() == before


def test_derived_fields_do_not_change_what_was_measured(whole):
    assert data_of(whole)["claims"]["03.it-takes-long"]["timed"] is True
    assert "arithmetic" in data_of(whole)["claims"]["03.mostly-small"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            lambda claims_: claims_["03.a-beats-b"].pop("fingerprint"),
            "'fingerprint' is a required property",
        ),
        (
            lambda claims_: claims_["03.a-beats-b"].update(verdict="true"),
            "verdict: 'true' is not one of",
        ),
        (lambda claims_: claims_["03.a-beats-b"].update(note="…"), "'note' was unexpected"),
        (lambda claims_: claims_["03.a-beats-b"].update(statement="x" * 501), ".statement: "),
        (lambda claims_: claims_["03.a-beats-b"].pop("low"), "03.a-beats-b"),
        (lambda claims_: claims_["03.a-beats-b"]["values"].pop("a"), ".values: "),
        (lambda claims_: claims_["03.a-beats-b"].update(rule="mode"), "rule: 'mode' is not one of"),
        (
            lambda claims_: claims_["03.a-beats-b"].pop("notices"),
            "'notices' is a required property",
        ),
        (
            lambda claims_: claims_["03.it-takes-long"].update(timed=False),
            "timed: True was expected",
        ),
        (lambda claims_: claims_["03.same"].update(seeds=[0]), "'seeds' was unexpected"),
        (
            lambda claims_: claims_["03.same"].update(verdict="weaker"),
            "verdict: 'weaker' is not one of",
        ),
        (lambda claims_: claims_.update({"3.a": claims_["03.same"]}), "3.a"),
    ],
)
def test_what_is_no_record_is_not_written(whole, how, message):
    path = whole.records / "quick.json"
    before = path.read_bytes()
    data = data_of(whole)
    how(data["claims"])
    with pytest.raises(measure.MeasureError, match="What was measured is not a record") as failure:
        measure.write(path, data)
    assert message in str(failure.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda data: data.update(edition="tiny"), "edition"),
        (lambda data: data["tunings"]["03 other"].update(rate=0), "tunings"),
        (lambda data: data["tunings"]["03 other"].update(rates=[0.1, 1.0]), "tunings"),
        (lambda data: data["tunings"]["03 other"].update(losses=[[1.0, 2.0]] * 3), "tunings"),
        (lambda data: data["tunings"].update(other=records.tuning()), "tunings"),
        (lambda data: data["chapters"]["03_one"].update(commit="main"), "commit"),
        (lambda data: data["chapters"]["03_one"].pop("processor"), "chapters"),
    ],
)
def test_chapters_and_searches_have_their_form_as_well(whole, how, message):
    data = data_of(whole)
    how(data)
    with pytest.raises(measure.MeasureError, match=message):
        measure.write(whole.records / "quick.json", data)


def test_failure_in_the_middle_leaves_the_record_as_it_was(whole, monkeypatch):
    path = whole.records / "quick.json"
    before, data = path.read_bytes(), data_of(whole)
    data["claims"]["03.same"]["statement"] = "They are."
    write_text = Path.write_text

    def full_disk(self, text, **options):
        write_text(self, text[: len(text) // 2], **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(OSError, match="No space left"):
        measure.write(path, data)
    assert path.read_bytes() == before
    monkeypatch.undo()
    measure.write(path, data)
    assert record.read(path).claims["03.same"]["statement"] == "They are."
    assert [each.name for each in whole.records.glob("*json*")] == ["quick.json"]


def test_editions_share_what_follows_from_both(whole):
    whole.execute(edition="full", seeds=range(10), mean=1.3)
    whole.update(edition="full")
    assert whole.read("full").claims["03.a-beats-b"]["fragile"] == []
    whole.execute("avx2", seeds=range(3), moved=0.3)
    whole.update()
    (reason,) = whole.read("full").claims["03.a-beats-b"]["fragile"]
    assert "other arithmetic" in reason


# What moved


def test_first_record_is_new(made):
    made.execute()
    lines = made.update()
    assert lines == [
        f"03.{id}: new" for id in ("a-beats-b", "same", "it-takes-long", "mostly-small")
    ]


def test_what_moved_is_told_a_line_a_claim(shelf):
    def data(**entries):
        return {"claims": {f"03.{name}": entry for name, entry in entries.items()}}

    equation = records.entry(claims.identity("03.e", "E.", [1.0], [1.0]))
    broken = records.entry(claims.identity("03.e", "E.", [2.0], [1.0]))
    timed = [{**contrast(mean), "timed": True} for mean in (1.0, 9.0)]
    old = data(a=contrast(2.0), b=contrast(2.0), c=contrast(2.0), d=contrast(2.0), e=equation,
               t=timed[0])  # fmt: skip
    new = data(a=contrast(2.01), b=contrast(3.0), c=contrast(0.5), e=broken, f=contrast(2.0),
               t=timed[1])  # fmt: skip
    assert measure.moved(old, new) == [
        "03.f: new",
        "03.d: gone",
        "03.b: 2.00 [1.95, 2.05] → 3.00 [2.95, 3.05]",
        "03.c: supported → weaker, 0.50 [0.45, 0.55]",
        "03.e: supported → refuted, 1",
    ]
    assert measure.moved(new, new) == []


# The commands


def test_commands_begin_and_gather(made, monkeypatch, capsys):
    monkeypatch.chdir(made.root)
    measure.main(["begin"])
    assert capsys.readouterr().out.strip() == git(made.root, "rev-parse", "HEAD")
    made.execute()
    arguments = [
        "gather",
        "--edition",
        "quick",
        "--folder",
        str(made.folder),
        "--chapters",
        "03_one",
    ]
    measure.main(arguments)
    assert (
        "✓ src/trainlab/record/quick.json: 1 chapters\n  03.a-beats-b: new"
        in capsys.readouterr().out
    )
    measure.main(arguments)
    assert "nothing moved against the record before" in capsys.readouterr().out


def test_command_explains_what_it_refuses(made, monkeypatch, capsys):
    monkeypatch.chdir(made.root)
    (made.root / "chapters/05_new.ipynb").write_text("")
    with pytest.raises(SystemExit) as end:
        measure.main(["begin"])
    said = capsys.readouterr()
    assert end.value.code == 1 and not said.out
    assert "chapters/05_new.ipynb" in said.err and "Traceback" not in said.err


def test_damaged_record_is_not_overwritten(whole, monkeypatch):
    path = whole.records / "quick.json"
    path.write_text(path.read_text().replace("A exceeds B.", "B exceeds A."))
    before = path.read_bytes()
    with pytest.raises(record.RecordError, match="was changed after it was measured"):
        whole.update()
    assert path.read_bytes() == before


# The pipeline. Two chapters without TensorFlow, under two of the edition's series.


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    chapters = {name: [tiny.equation_cell(name)] for name in ("04_one", "05_two")}
    book = tiny.Book(tmp_path_factory.mktemp("measured"), chapters, run=tiny.RECORD, pages=[])
    book.git("init", "--quiet")
    (book.folder / ".git/info/exclude").write_text("_build\n.snakemake\n.venv\n__pycache__\n")
    book.git("add", "--all")
    book.git("commit", "--quiet", "--message", "…")
    finished = book.make("SERIES=main,avx2", target="record")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert list(record.read(book.folder / "src/trainlab/record/quick.json").claims) == [
        "04.adds-up", "05.adds-up",
    ]  # fmt: skip
    return book


def would_measure(book, **config):
    given = [f"{name}={value}" for name, value in {"edition": "quick", **config}.items()]
    rules = book.would_run("--config", *given, "commit=0", "series=main,avx2", "--", "record")
    return {rule.removeprefix("measure_") for rule in rules}


GATHERED = {"main_series", "record"}


def test_chapter_measured_at_this_state_is_not_measured_again(measured):
    assert would_measure(measured) == set()
    # Its numbers were just written into the record; and it may be checked out anew.
    with measured.changed("src/trainlab/record/quick.json"):
        assert would_measure(measured) == set()
    for path in measured.sources():
        path.touch()
    assert would_measure(measured) == set()


def test_changed_chapter_is_measured_again_and_no_other(measured):
    with measured.changed("chapters/05_two.ipynb", older=True):
        assert would_measure(measured) == {"main_05_two", "avx2_05_two", *GATHERED}
        assert would_measure(measured, only="04_one") == GATHERED


def test_changed_package_is_measured_again(measured):
    everything = {f"{name}_{chapter}" for name in ("main", "avx2") for chapter in measured.chapters}
    with measured.changed("src/trainlab/claims.py", older=True):
        assert would_measure(measured) == everything | GATHERED
        only = {"main_04_one", "avx2_04_one", *GATHERED}
        assert would_measure(measured, only="04_one") == only


def test_chapter_measured_alone_leaves_the_others_as_they_were_measured(measured):
    before = measured_at(measured)
    measured.change("chapters/05_two.ipynb")
    measured.git("commit", "--quiet", "--all", "--message", "…")
    finished = measured.make("SERIES=main,avx2", "ONLY=05_two", target="record")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    after = measured_at(measured)
    assert {name for name in after if after[name] != before[name]} == {"main/05_two", "avx2/05_two"}
    assert would_measure(measured) == GATHERED


def measured_at(book):
    folder = book.folder / "_build/record/quick"
    paths = [
        folder / series / f"{name}.ipynb" for series in ("main", "avx2") for name in book.chapters
    ]
    return {f"{path.parent.name}/{path.stem}": path.stat().st_mtime_ns for path in paths}
