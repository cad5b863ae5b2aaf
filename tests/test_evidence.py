"""The evidence that ships: the rules that it keeps, and proof that each rule can be broken.

Nothing is trained here. Each rule is a function that returns what is wrong, a line each: it is held
against the shipped files, and against a small book of records that is broken on purpose.
"""

import ast
import copy
import functools
import json
import math
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import nbformat
import numpy as np
import pytest
import records
from test_notebooks import EXECUTED

from trainlab import claims, editions, record
from trainlab.book import contents, experiment, ledger
from trainlab.book import record as measure
from trainlab.cards import sorts
from trainlab.record import agreement
from trainlab.record.series import SERIES
from trainlab.training import tuning

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "src/trainlab/record"
MEGABYTE = 2**20
ARITHMETICS = sorted(set(SERIES) - {"main", "replication"})
RUN_SEEDS = editions.EDITIONS["quick"].seeds

# Claims whose design has other seeds than its edition's record, and why.
OTHER_SEEDS = {
    "08.every-schedule-changes": "the smallest of eight ratios: formulas, and one run on plateau",
}


@dataclass
class Evidence:
    """Two records as JSON data, and the lessons of the chapters that they are about."""

    records: dict
    lessons: dict

    def seeded(self, edition):
        """Return the claims over seeds; claims about time are not among them."""
        return {
            id: entry
            for id, entry in self.records[edition]["claims"].items()
            if entry["kind"] != "identity" and not entry.get("timed")
        }

    def asked(self):
        """Return the claims of the quick edition that a run is asked to repeat."""
        full = self.records["full"]["claims"]
        return {
            id: entry
            for id, entry in self.seeded("quick").items()
            if id in full and full[id]["verdict"] != "inconclusive"
        }

    def recorded(self, edition, chapter):
        """Return the ids of a chapter's claims in a record, in its order."""
        ids = self.records[edition]["claims"]
        return [id for id in ids if id.startswith(chapter[:2] + ".")]

    def fixed(self, edition, chapter):
        """Return those that the record decides: a claim about time belongs to the machine."""
        claims = self.records[edition]["claims"]
        return [id for id in self.recorded(edition, chapter) if not claims[id].get("timed")]


@dataclass(frozen=True)
class Call:
    """One call such as `claims.bound(…)`; in a loop it makes several claims.

    Args:
        pattern: A regular expression that their ids match.
        expected: The verdicts that the text may have been written for: one, unless a loop chooses.
        is_timed: Whether they are about time.
    """

    pattern: str
    expected: frozenset
    is_timed: bool


@functools.cache
def calls_in(source):
    """Return the claims that a cell makes, in its order."""
    tree = ast.parse(source)
    verdicts = {node.value for node in ast.walk(tree) if experiment._is_verdict(node)}
    found = []
    for node in ast.walk(tree):
        if not experiment._is_claim(node) or node.func.attr not in (
            "identity",
            "bound",
            "contrast",
        ):
            continue
        parts = getattr(node.args[0], "values", [node.args[0]])
        texts = [getattr(part, "value", None) for part in parts]
        is_text = [isinstance(text, str) for text in texts]
        pattern = "".join(
            re.escape(text) if known else ".+" for text, known in zip(texts, is_text, strict=True)
        )
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        expected, unit = named.get("expected"), named.get("unit", ast.Constant(""))
        allowed = {"supported"} if expected is None else {getattr(expected, "value", None)}
        if not allowed <= set(claims.VERDICTS):
            allowed = verdicts
        is_timed = sorts.is_timed(str(getattr(unit, "value", "")))
        position = node.lineno, node.col_offset
        found.append((position, Call(pattern, frozenset(allowed), is_timed)))
    return [call for _, call in sorted(found, key=lambda each: each[0])]


def made_in(lesson, recorded):
    """Return the ids that a lesson's claims have, in order, each with its call.

    A loop makes those of the recorded ids that match it.
    """
    made = []
    for source in lesson:
        for call in calls_in(source):
            plain = re.sub(r"\\(.)", r"\1", call.pattern)
            matching = [id for id in recorded if re.fullmatch(call.pattern, id)]
            made += [(id, call) for id in (matching if ".+" in call.pattern else [plain])]
            if ".+" in call.pattern and not matching:
                made.append((plain, call))
    return made


@functools.cache
def fingerprints(lesson, ids):
    """Return the fingerprints of claims of a lesson, None of one that it does not make."""
    found = {}
    for id in ids:
        try:
            found[id] = experiment.fingerprint(id, list(lesson))
        except ValueError:
            found[id] = None
    return found


def faults_of_form(evidence):
    """The schema of records, which `make record` applies, holds."""
    check = jsonschema.Draft202012Validator(json.loads((SHIPPED / "schema.json").read_text()))
    return [
        f"{edition}: {error.json_path}: {error.message:.200}"
        for edition, data in evidence.records.items()
        for error in check.iter_errors(data)
    ]


def faults_of_claims(evidence):
    """Both records hold the claims of the chapters and no others, in the order of the book."""
    faults = []
    for edition in evidence.records:
        known = {chapter[:2] for chapter in evidence.lessons}
        faults += [
            f"{edition}: {id} belongs to no chapter"
            for id in evidence.records[edition]["claims"]
            if id[:2] not in known
        ]
        for chapter, lesson in evidence.lessons.items():
            recorded = evidence.recorded(edition, chapter)
            made = [id for id, _ in made_in(lesson, recorded)]
            again = f"make record EDITION={edition} ONLY={chapter}"
            faults += [
                f"{edition}: {id} has no record: {again}" for id in made if id not in recorded
            ]
            faults += [
                f"{edition}: {id} is made no more: {again}" for id in recorded if id not in made
            ]
            if sorted(made) == sorted(recorded) and made != recorded:
                faults.append(f"{edition}: {chapter} makes its claims in another order: {again}")
            if chapter not in evidence.records[edition]["chapters"]:
                faults.append(f"{edition}: it is not said how {chapter} was measured: {again}")
    return faults


def faults_of_criteria(evidence):
    """A claim is the same in both editions, or a run of one would not find it in the other."""
    quick, full = (evidence.records[edition]["claims"] for edition in ("quick", "full"))
    return [
        f"{id}: its {field} is {quick[id].get(field)!r} in quick, {full[id].get(field)!r} in full"
        for id in quick
        for field in ("kind", "unit", "low", "high", "share")
        if id in full and quick[id].get(field) != full[id].get(field)
    ]


def faults_of_seeds(evidence):
    """Every claim over seeds has those that were fixed before: all of them, and no others."""
    faults = []
    for edition in evidence.records:
        expected = list(editions.RECORD_SEEDS[edition])
        for id, entry in evidence.seeded(edition).items():
            if entry["seeds"] != expected and id not in OTHER_SEEDS:
                faults.append(f"{edition}: {id} has the seeds {entry['seeds']}")
    return faults


def faults_of_fingerprints(evidence):
    """No record is older than the experiment that it is about."""
    faults = []
    for edition, data in evidence.records.items():
        for chapter, lesson in evidence.lessons.items():
            recorded = evidence.fixed(edition, chapter)
            found = fingerprints(tuple(lesson), tuple(recorded))
            stale = [id for id in recorded if found[id] != data["claims"][id]["fingerprint"]]
            if stale:
                faults.append(
                    f"The record of {chapter} in the {edition} edition is older than its "
                    f"experiment ({', '.join(stale)}). Commit the chapter, then measure it anew: "
                    f"make record EDITION={edition} ONLY={chapter}"
                )
    return faults


def faults_of_commits(evidence, root):
    """The fingerprints are those of the commit at which the chapter was measured."""
    faults = []
    for edition, data in evidence.records.items():
        for chapter, how in data["chapters"].items():
            name = f"{how['commit']}:chapters/{chapter}.ipynb"
            shown = subprocess.run(["git", "show", name], cwd=root, capture_output=True, text=True)
            if shown.returncode:
                faults.append(f"{edition}: git show {name}: {shown.stderr.strip()}")
                continue
            lesson = experiment.sources(nbformat.reads(shown.stdout, as_version=4))
            recorded = evidence.fixed(edition, chapter)
            found = fingerprints(tuple(lesson), tuple(recorded))
            faults += [
                f"{edition}: {id} was not measured as it stands at {how['commit'][:12]}"
                for id in recorded
                if found[id] != data["claims"][id]["fingerprint"]
            ]
    return faults


def faults_of_expectations(evidence):
    """The text was written for the verdict of the full record."""
    faults = []
    full = evidence.records["full"]["claims"]
    for chapter, lesson in evidence.lessons.items():
        for id, call in made_in(lesson, evidence.recorded("full", chapter)):
            if call.is_timed or id not in full:
                continue
            verdict = full[id]["verdict"]
            if verdict not in call.expected:
                faults.append(
                    f"{id}: the text expects {' or '.join(sorted(call.expected))}, the record of "
                    f"the full edition says {verdict}. Correct `expected` and the prose."
                )
    return faults


def faults_of_derived(evidence):
    """What follows from the values is what is stored."""
    again = copy.deepcopy(evidence.records)
    measure.derive(again)
    faults = []
    for edition, data in evidence.records.items():
        for id, entry in data["claims"].items():
            new = again[edition]["claims"][id]
            faults += [
                f"{edition}: {id}: {field} is {entry.get(field)!r}, and {new[field]!r} follows"
                for field in new
                if not _alike(entry.get(field), new[field])
            ]
    return faults


def _alike(one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(_alike(one[name], other[name]) for name in one)
    if isinstance(one, float) or isinstance(other, float):
        return one is not None and other == pytest.approx(one, rel=1e-6, abs=1e-9)
    return one == other


def faults_of_replications(evidence):
    """A chapter is measured again as a whole, and no claim comes out as its opposite."""
    faults = []
    seeded = evidence.seeded("full")
    replicated = {id[:2] for id, entry in seeded.items() if "replication" in entry}
    for id, entry in seeded.items():
        again = entry.get("replication")
        if again is None:
            if id[:2] in replicated:
                faults.append(
                    f"{id} was not measured again, as others of its chapter were: make record "
                    "EDITION=full ONLY=<its chapter>"
                )
        elif again["result"] == "reversed":
            faults.append(f"{id} is {entry['verdict']}, and in its replication {again['verdict']}")
        elif again["seeds"] != list(editions.REPLICATION_SEEDS["full"]) and id not in OTHER_SEEDS:
            faults.append(f"{id} was measured again with the seeds {again['seeds']}")
    return faults


def faults_of_false_alarms(evidence):
    """Fewer than one in a hundred quick builds raises a false alarm."""
    n, groups = len(RUN_SEEDS), {}
    for id, entry in evidence.asked().items():
        groups.setdefault(tuple(entry["seeds"]), {})[id] = entry
    share, alarms = 0.0, {}
    for seeds, entries in groups.items():
        if len(seeds) >= n + 2:
            of_group, which = agreement.false_alarms(entries, n)
            share, alarms = share + of_group, alarms | which
    if share < 0.01:
        return []
    return [f"{share:.2%} of all quick builds would raise a false alarm: {alarms}"]


def faults_of_arithmetic(evidence):
    """Every claim was measured under four other arithmetics, and each of them repeats it.

    None is excused by what itself has moved: its shift is left out of the limits.
    """
    faults = []
    for id, entry in evidence.seeded("quick").items():
        others = entry.get("arithmetic", {})
        if sorted(others) != ARITHMETICS:
            faults.append(f"{id} was measured under {sorted(others)}, expected {ARITHMETICS}")
        for name, series in others.items():
            if series["seeds"] != list(RUN_SEEDS) and id not in OTHER_SEEDS:
                faults.append(f"{id} was measured under {name} with the seeds {series['seeds']}")
            kept = {other: each for other, each in others.items() if other != name}
            measured = agreement.by_seed(entry, series)
            found = agreement.repeat({**entry, "arithmetic": kept}, measured)
            if not found.agrees:
                mean = np.mean(list(measured.values()))
                faults.append(
                    f"{id} is not repeated under {name}: {mean:.4g} is not in "
                    f"[{found.low:.4g}, {found.high:.4g}]"
                )
    return faults


def faults_of_searches(evidence):
    """The best rate lies inside its grid, and three runs or more of each rate have chosen it."""
    faults = []
    for edition, data in evidence.records.items():
        for label, found in data["tunings"].items():
            where, rate, rates = f"{edition}: {label!r}", found["rate"], found["rates"]
            losses = [[math.inf if x is None else x for x in row] for row in found["losses"]]
            if len(losses) != len(rates) or any(len(row) < 3 for row in losses):
                faults.append(f"{where}: there are not three losses for each rate")
                continue
            means = [float(np.mean(row)) for row in losses]
            if rates != sorted(rates):
                faults.append(f"{where}: the rates are not in rising order")
            if rate not in rates[1:-1]:
                faults.append(f"{where}: {rate:g} is not inside the grid {rates}")
                continue
            mean, inside = means[rates.index(rate)], means[1:-1]
            # On a plateau it is the best one inside the grid that is taken.
            if mean > min(inside) or mean >= min(means) + tuning.TIE:
                faults.append(f"{where}: {rate:g} has not the lowest mean loss")
        for id, entry in evidence.seeded(edition).items():
            missing = [label for label in entry["tunings"] if label not in data["tunings"]]
            faults += [f"{edition}: {id}: no record of the search {label!r}" for label in missing]
    return faults


def faults_of_power(evidence):
    """A run notices what the record says that it notices: the opposite effect, and half of it.

    Returns:
        The faults, and of how many altered claims they could have been.
    """
    faults, asked = [], 0
    for id, entry in evidence.asked().items():
        if entry["kind"] != "contrast" or id in OTHER_SEEDS:
            continue
        a, b = (dict(zip(RUN_SEEDS, entry["values"][side], strict=False)) for side in ("a", "b"))
        halved = {seed: (a[seed] + b[seed]) / 2 for seed in a}
        centre = np.median if entry["rule"] == "median" else np.mean
        for what, sides in {"unchanged": (a, b), "swapped": (b, a), "halved": (halved, b)}.items():
            claim = _claimed_again(id, entry, evidence.records["full"]["claims"][id], *sides)
            # How far the run now is from the record: 2 |estimate| or |estimate| / 2, by its seeds.
            change = abs(centre(list(claim.values["difference"].values())) - entry["estimate"])
            if what == "unchanged" and claim.agrees is not True:
                faults.append(f"{id}: its own seeds do not repeat it")
            # By the rule "one" any of the runs may repeat the record, wherever their mean lies.
            if what != "unchanged" and entry["rule"] != "one" and change > entry["notices"]:
                asked += 1
                if claim.agrees is not False:
                    faults.append(f"{id}: {what}, it is taken for a repetition")
    return faults, asked


def _claimed_again(id, entry, full, a, b):
    low, high = entry.get("low"), entry.get("high")
    criterion = {"at_least": low} if high is None else {"within": high}
    return claims.contrast(
        id,
        entry["statement"],
        a,
        b,
        **criterion,
        grain=entry.get("grain"),
        unit=entry["unit"],
        sides=tuple(entry["sides"]),
        expected=full["verdict"],
    )


# The shipped files


@pytest.fixture(scope="module")
def shipped():
    found = {}
    for edition in editions.RECORD_SEEDS:
        path = SHIPPED / f"{edition}.json"
        if not path.exists():
            pytest.fail(f"{path} is missing: `make record EDITION={edition}` measures it.")
        found[edition] = json.loads(path.read_text())
    lessons = {
        chapter: experiment.sources(ROOT / "chapters" / f"{chapter}.ipynb")
        for chapter in contents.chapters_in_toc(ROOT)
    }
    return Evidence(found, lessons)


RULES = [
    faults_of_form,
    faults_of_claims,
    faults_of_criteria,
    faults_of_seeds,
    faults_of_fingerprints,
    faults_of_expectations,
    faults_of_derived,
    faults_of_replications,
    faults_of_false_alarms,
    faults_of_arithmetic,
    faults_of_searches,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_shipped_evidence_keeps_the_rule(shipped, rule):
    faults = rule(shipped)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("edition", editions.RECORD_SEEDS)
def test_shipped_record_is_whole(shipped, edition):
    found = record.read(SHIPPED / f"{edition}.json")
    assert found.edition == edition and found.claims == shipped.records[edition]["claims"]


def test_shipped_records_are_small(shipped):
    size = sum((SHIPPED / f"{edition}.json").stat().st_size for edition in shipped.records)
    assert size <= MEGABYTE, f"the records have {size / MEGABYTE:.2f} MB"


def test_shipped_evidence_is_of_the_commit_that_it_names(shipped):
    def git(*arguments):
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
        return done.stdout.strip()

    # A downloaded archive and a shallow clone hold no history to compare with; whoever judges a
    # change (ci.yml, publish.yml) fetches all of it, where a missing commit is a failure.
    if Path(git("rev-parse", "--show-toplevel") or "/") != ROOT:
        pytest.skip("This copy of the course is no git repository, so its history cannot be read.")
    if git("rev-parse", "--is-shallow-repository") == "true":
        pytest.skip("This clone is shallow: `git fetch --unshallow` brings the recorded commits.")
    faults = faults_of_commits(shipped, ROOT)
    assert not faults, "\n".join(faults)


def test_shipped_evidence_tells_an_effect_from_its_opposite(shipped, monkeypatch):
    monkeypatch.delenv(claims.DISAGREEMENTS, raising=False)
    monkeypatch.delenv(record.NOTES, raising=False)
    record.load.cache_clear()
    faults, asked = faults_of_power(shipped)
    assert not faults, "\n".join(faults)
    assert asked >= 30, f"only {asked} altered claims could be noticed"


def moved_by(entries, measured, arithmetics):
    """Return the share of findings whose seeds moved by more than these arithmetics explain."""
    moved = 0
    for entry in entries:
        known = {name: entry["arithmetic"][name] for name in arithmetics}
        moved += bool(agreement.moved_seeds({**entry, "arithmetic": known}, measured(entry)))
    return moved / len(entries)


def test_seeds_tell_a_changed_package_from_arithmetic_that_is_not_on_record(shipped):
    entries = list(shipped.seeded("quick").values())
    for left_out in ARITHMETICS:
        share = moved_by(
            entries,
            lambda entry, name=left_out: agreement.by_seed(entry, entry["arithmetic"][name]),
            [name for name in ARITHMETICS if name != left_out],
        )
        assert share < ledger.MOVED_SHARE / 2, left_out

    def other_runs(entry):
        values = list(agreement.by_seed(entry).values())
        return dict(zip("012", values[3:6], strict=False))

    assert moved_by(entries, other_runs, ARITHMETICS) > 2 * ledger.MOVED_SHARE


def test_other_seeds_are_a_claims_own_and_have_a_reason(shipped):
    for id, reason in OTHER_SEEDS.items():
        assert reason
        assert any(
            shipped.seeded(edition)[id]["seeds"] != list(seeds)
            for edition, seeds in editions.RECORD_SEEDS.items()
        ), f"{id} has the seeds of its edition: take it off the list"


def test_readme_counts_what_is_on_record(shipped):
    entries = shipped.records["full"]["claims"].values()
    equations = sum(entry["kind"] == "identity" for entry in entries)
    readme = (ROOT / "README.md").read_text()
    assert f"{equations} equations checked, {len(shipped.seeded('full'))} findings" in readme
    assert f"**{contents.headline(record.read(SHIPPED / 'full.json'))}**" in readme


@pytest.mark.parametrize("path", EXECUTED, ids=lambda path: path.stem)
def test_built_chapter_expects_the_verdicts_on_record_and_was_held_against_them(shipped, path):
    full = shipped.records["full"]["claims"]
    for claim in ledger.claims_of(nbformat.read(path, as_version=4), path.stem):
        if sorts.is_timed(claim["unit"]):
            continue
        assert claim["expected"] == full[claim["id"]]["verdict"], claim["id"]
        is_open = claim["kind"] != "identity" and claim["expected"] == "inconclusive"
        assert claim["agrees"] is (None if is_open else True), claim["id"]


# A small book, whose records are broken on purpose

LESSON = [
    "from trainlab import claims",
    "a, b = train(run.seeds)",
    'claims.contrast("03.a-beats-b", "A exceeds B.", a, b, at_least=1)',
    'claims.identity("03.same", "Same.", a, a)\n'
    'claims.bound("03.slow", "…", t, low=1, unit="seconds")',
    "outcomes = {'first': 'supported', 'last': 'weaker'}\n"
    "for name, expected in outcomes.items():\n"
    '    claims.contrast(f"03.the-{name}-is-above", "…", a, b, at_least=0.5, expected=expected)',
    'claims.bound("03.small", "Small.", a, high=9, expected="supported")',
]  # fmt: skip


def made_up(edition):
    """Return the record of the small book, whose claims have the effects 2, 2, 0.2 and 2."""
    seeds = editions.RECORD_SEEDS[edition]

    def series(claim, seeds, moved=0.0):
        values = {}
        for side, given in claim["values"].items():
            base = [given[claim["seeds"].index(seed)] for seed in seeds if seed in claim["seeds"]]
            base = base or [given[0] + 0.01 * (seed - 12) for seed in seeds]
            values[side] = [value + moved if side != "b" else value for value in base]
        return {"seeds": list(seeds), "values": values}

    def of(mean, seed):
        return dict(zip(seeds, records.normal(len(seeds), mean, 0.1, seed=seed), strict=True))

    zeros = dict.fromkeys(seeds, 0.0)
    made = [
        claims.contrast("03.a-beats-b", "A exceeds B.", of(2, 0), zeros, at_least=1),
        claims.identity("03.same", "Same.", [1.0], [1.0]),
        claims.bound("03.slow", "…", [2.0, 3.0], low=1, unit="seconds"),
        claims.contrast("03.the-first-is-above", "…", of(2, 1), zeros, at_least=0.5),
        claims.contrast("03.the-last-is-above", "…", of(0.2, 2), zeros, at_least=0.5),
        claims.bound("03.small", "Small.", of(2, 3), high=9),
    ]
    entries = {claim.id: records.entry(claim) for claim in made}
    for id, print_ in fingerprints(tuple(LESSON), tuple(entries)).items():
        entries[id]["fingerprint"] = print_
    for id, entry in entries.items():
        if id == "03.slow":
            for field in ("tunings", "rule", "notices"):
                del entry[field]
            entry["timed"] = True
        elif entry["kind"] != "identity" and edition == "quick":
            entry["arithmetic"] = {name: series(entry, RUN_SEEDS, 0.001) for name in ARITHMETICS}
        elif entry["kind"] != "identity":
            entry["replication"] = series(entry, editions.REPLICATION_SEEDS["full"])
    entries["03.a-beats-b"]["tunings"] = ["03 A"]
    how = {
        "commit": "0" * 40, "measured": "2026-01-01", "seeds": list(seeds), "device": "CPU",
        "cores": 2, "processor": "Any", "versions": {"keras": "3"},
    }  # fmt: skip
    return records.contents(edition, entries, {"03 A": records.tuning()}, {"03_one": how})


@pytest.fixture
def book(shelf, monkeypatch):
    """The small book; its records are also those that the package reads."""
    monkeypatch.delenv(claims.DISAGREEMENTS, raising=False)
    found = {edition: made_up(edition) for edition in ("quick", "full")}
    measure.derive(found)
    for edition, data in found.items():
        records.put(shelf, edition, data["claims"], data["tunings"])
    return Evidence(found, {"03_one": list(LESSON)})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_sound_evidence_keeps_the_rule(book, rule):
    assert rule(book) == []


def entry(book, id="03.a-beats-b", edition="full"):
    return book.records[edition]["claims"][id]


def _form(book):
    del entry(book)["statement"]


def _claim_without_record(book):
    del book.records["quick"]["claims"]["03.small"]


def _record_without_claim(book):
    del book.lessons["03_one"][2]


def _loop_without_record(book):
    for name in ("first", "last"):
        del book.records["full"]["claims"][f"03.the-{name}-is-above"]


def _another_order(book):
    book.lessons["03_one"].insert(1, book.lessons["03_one"].pop())


def _foreign_claim(book):
    book.records["full"]["claims"]["04.a"] = entry(book)


def _chapter_without_commit(book):
    book.records["quick"]["chapters"].clear()


def _criterion(book):
    entry(book)["low"] += 1


def _seed_missing(book):
    del entry(book)["seeds"][-1]


def _seeds_of_the_other_edition(book):
    entry(book)["seeds"] = list(range(10, 20))


def _experiment(book):
    book.lessons["03_one"][1] = "a, b = train(run.seeds, epochs=3)"


def _expectation(book):
    book.lessons["03_one"][5] = book.lessons["03_one"][5].replace("supported", "refuted")


def _expectation_left_out(book):
    entry(book, "03.same")["verdict"] = "refuted"


def _expectation_of_a_loop(book):
    book.lessons["03_one"][4] = book.lessons["03_one"][4].replace("weaker", "refuted")


def _value(book):
    entry(book)["values"]["a"][0] += 0.1


def _verdict(book):
    entry(book)["verdict"] = "weaker"


def _power(book):
    entry(book, edition="quick")["notices"] *= 1.001


def _mark(book):
    entry(book)["fragile"].append("…")


def _replication_of_the_other_sign(book):
    entry(book)["replication"]["result"] = "reversed"


def _replication_missing(book):
    del entry(book)["replication"]


def _replication_with_seeds_of_the_record(book):
    entry(book)["replication"]["seeds"] = [0, 1, 2, 3, 4]


def _outlier(book):
    entry(book, edition="quick")["values"]["a"][3] = 1e6


def _arithmetic_missing(book):
    del entry(book, edition="quick")["arithmetic"]["avx2"]


def _arithmetic_apart(book):
    entry(book, edition="quick")["arithmetic"]["avx2"]["values"]["a"] = [9.0, 9.1, 9.2]


def _arithmetic_of_other_seeds(book):
    entry(book, edition="quick")["arithmetic"]["avx2"]["seeds"] = [3, 4, 5]


def _tuning(book):
    return book.records["quick"]["tunings"]["03 A"]


def _rate_at_the_edge(book):
    _tuning(book)["rate"] = 1.0


def _rate_that_is_not_the_best(book):
    _tuning(book)["losses"][0] = [0.1, 0.1, 0.1]


def _rate_of_two_runs(book):
    del _tuning(book)["losses"][1][0]


def _best_rate_with_a_diverged_run(book):
    _tuning(book)["losses"][1][0] = None


def _search_missing(book):
    book.records["quick"]["tunings"].clear()


@pytest.mark.parametrize(
    ("rule", "breaks", "message"),
    [
        (faults_of_form, _form, r"full: \$.claims\['03.a-beats-b'\]"),
        (
            faults_of_claims,
            _claim_without_record,
            "03.small has no record: make record EDITION=quick",
        ),
        (faults_of_claims, _record_without_claim, "03.a-beats-b is made no more"),
        (faults_of_claims, _loop_without_record, r"03.the-.\+-is-above has no record"),
        (faults_of_claims, _another_order, "03_one makes its claims in another order"),
        (faults_of_claims, _foreign_claim, "04.a belongs to no chapter"),
        (faults_of_claims, _chapter_without_commit, "it is not said how 03_one was measured"),
        (faults_of_criteria, _criterion, "03.a-beats-b: its low is .* in quick"),
        (faults_of_seeds, _seed_missing, "full: 03.a-beats-b has the seeds"),
        (faults_of_seeds, _seeds_of_the_other_edition, "full: 03.a-beats-b has the seeds"),
        (
            faults_of_fingerprints,
            _experiment,
            r"03_one in the (quick|full) edition is older than its experiment \(03.a-beats-b, .*"
            "make record EDITION=(quick|full) ONLY=03_one",
        ),
        (
            faults_of_expectations,
            _expectation,
            "03.small: the text expects refuted, the record of the full edition says supported",
        ),
        (faults_of_expectations, _expectation_left_out, "03.same: the text expects supported"),
        (faults_of_expectations, _expectation_of_a_loop, "03.the-last-is-above: the text expects"),
        (faults_of_derived, _value, "03.a-beats-b: (estimate|ci_low|ci_high|notices) is"),
        (faults_of_derived, _verdict, "verdict is 'weaker', and 'supported' follows"),
        (faults_of_derived, _power, "quick: 03.a-beats-b: notices is"),
        (faults_of_derived, _mark, "fragile is"),
        (faults_of_derived, _replication_of_the_other_sign, "replication is"),
        (faults_of_replications, _replication_of_the_other_sign, "and in its replication"),
        (faults_of_replications, _replication_missing, "was not measured again, as others"),
        (faults_of_replications, _replication_with_seeds_of_the_record, "again with the seeds"),
        (
            faults_of_false_alarms,
            _outlier,
            r"of all quick builds would raise a false alarm: \{'03.a",
        ),
        (faults_of_arithmetic, _arithmetic_missing, "was measured under .*expected"),
        (faults_of_arithmetic, _arithmetic_apart, "is not repeated under avx2: 9.1 is not in"),
        (
            faults_of_arithmetic,
            _arithmetic_of_other_seeds,
            r"under avx2 with the seeds \[3, 4, 5\]",
        ),
        (faults_of_searches, _rate_at_the_edge, "1 is not inside the grid"),
        (faults_of_searches, _rate_that_is_not_the_best, "0.1 has not the lowest mean loss"),
        (faults_of_searches, _rate_of_two_runs, "not three losses for each rate"),
        (faults_of_searches, _best_rate_with_a_diverged_run, "0.1 has not the lowest mean loss"),
        (faults_of_searches, _search_missing, "03.a-beats-b: no record of the search '03 A'"),
    ],
)
def test_broken_evidence_breaks_the_rule(book, rule, breaks, message):
    breaks(book)
    faults = rule(book)
    assert faults and all(re.search(message, fault) for fault in faults), faults


def test_layout_and_expectations_do_not_make_a_record_stale(book):
    lesson = book.lessons["03_one"]
    lesson[1] = "a,b = train( run.seeds )  # all of them"
    lesson[5] = lesson[5].replace("supported", "weaker")
    assert faults_of_fingerprints(book) == []


def test_effect_of_the_small_book_is_told_from_its_opposite(book):
    # 2 |estimate| and |estimate| / 2 of the effects of 2; those of 0.2 are below what is noticed.
    assert faults_of_power(book) == ([], 4)


def test_run_that_would_repeat_anything_is_found_out(book, monkeypatch):
    allowance = agreement.allowance
    monkeypatch.setattr(agreement, "allowance", lambda *a, **k: 10 * allowance(*a, **k))
    faults, _ = faults_of_power(book)
    assert any("swapped, it is taken for a repetition" in fault for fault in faults)


def test_run_that_repeats_nothing_is_found_out(book, monkeypatch):
    monkeypatch.setattr(agreement, "_critical", lambda degrees: 0.0)
    faults, _ = faults_of_power(book)
    assert any("its own seeds do not repeat it" in fault for fault in faults)


def test_commit_is_the_one_whose_chapter_has_the_fingerprints(book, tmp_path):
    def git(*arguments):
        identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
        return subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    def commit(lesson):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in lesson])
        (tmp_path / "chapters").mkdir(exist_ok=True)
        nbformat.write(notebook, tmp_path / "chapters/03_one.ipynb")
        git("add", "chapters")
        git("commit", "--quiet", "--message", "…")
        return git("rev-parse", "HEAD")

    def name(commit):
        for data in book.records.values():
            data["chapters"]["03_one"]["commit"] = commit

    git("init", "--quiet")
    sound = commit(LESSON)
    other = commit([source.replace("train(", "fit(") for source in LESSON])
    name(sound)
    assert faults_of_commits(book, tmp_path) == []
    name(other)
    assert (
        "full: 03.small was not measured as it stands at" in faults_of_commits(book, tmp_path)[-1]
    )
    name("0" * 40)
    assert len(found := faults_of_commits(book, tmp_path)) == 2 and "git show 0000" in found[0]


def test_calls_are_read_in_their_order():
    (contrast,), (identity, timed), (loop,), (bound,) = (calls_in(LESSON[n]) for n in (2, 3, 4, 5))
    assert contrast == Call(r"03\.a\-beats\-b", frozenset({"supported"}), False)
    assert identity.pattern.endswith("same") and timed.is_timed
    assert loop.expected == {"supported", "weaker"} and ".+" in loop.pattern
    assert bound.expected == {"supported"}
