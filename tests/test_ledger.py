"""What is gathered from executed chapters, held against the record, and what is refused."""

import json

import nbformat
import pytest
import records
import tiny

from trainlab import claims, editions, record
from trainlab.book import ledger, ledger_pages

VERSIONS = {"tensorflow": "2", "keras": "3", "numpy": "2"}
RUN = {
    "edition": "quick", "seeds": [0, 1, 2], "device": "CPU", "cores": 2, "versions": VERSIONS,
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_records(shelf, monkeypatch):
    """No record but those that a test puts there, and a build that stops at a disagreement."""
    monkeypatch.delenv(claims.DISAGREEMENTS, raising=False)
    return shelf


def measured(id, values=(1.0, 1.25, 2.0)):
    return claims.bound(id, "A | B", values, high=2)


def _executed(folder, name, *ids, runs=1):
    """Write an executed chapter and its report; claims are given as themselves or by their id."""
    notebook = tiny.chapter(name, *["pass"] * (len(ids) + runs))
    cells = iter(notebook.cells[3:])

    def show(mime_type, record):
        next(cells).outputs = [nbformat.v4.new_output("display_data", data={mime_type: record})]

    for _ in range(runs):
        show(editions.MIME_TYPE, RUN)
    made = [measured(claim) if isinstance(claim, str) else claim for claim in ids]
    for claim in made:
        show(claims.MIME_TYPE, claim.as_json())
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    report = folder / f"{name}.json"
    report.write_text(
        json.dumps(
            {
                "chapter": name,
                "seconds": 3.0,
                "peak_rss_mb": 9,
                "cells": 4,
                "claims": [claim.id for claim in made],
            }
        )
    )
    return path, report


def _gather(*pairs):
    notebooks, reports = zip(*pairs, strict=True)
    return ledger.gather(list(notebooks), list(reports), "2026-01-01T00:00:00+00:00")


def test_claims_and_report_are_as_in_the_contract(tmp_path):
    found, report, _ = _gather(
        _executed(tmp_path, "02_one", "02.a", "02.b"), _executed(tmp_path, "03_two", "03.a")
    )
    assert list(found) == ["edition", "created", "device", "cores", "versions", "claims"]
    assert [(c["id"], c["chapter"]) for c in found["claims"]] == [
        ("02.a", "02_one"), ("02.b", "02_one"), ("03.a", "03_two"),
    ]  # fmt: skip
    assert set(report) == {"edition", "device", "versions", "chapters", "moved"}
    assert [chapter["chapter"] for chapter in report["chapters"]] == ["02_one", "03_two"]


@pytest.mark.parametrize(
    ("ids", "runs", "message"),
    [
        (["03.a"], 1, r"02_one, code cell 4: claim '03.a' must begin with '02.'"),
        (["02.a", "02.a"], 1, r"code cell 5: claim '02.a' occurs twice"),
        ([], 0, r"found 0 records of `runtime.setup"),
    ],
)
def test_what_does_not_belong_is_refused(tmp_path, ids, runs, message):
    with pytest.raises(ledger.LedgerError, match=message):
        _gather(_executed(tmp_path, "02_one", *ids, runs=runs))


NO_JSON, NO_NOTEBOOK = ["", "{", "\ufffd"], ["[]", '{"cells": 3}']


@pytest.mark.parametrize(
    ("which", "damage"),
    [*((0, text) for text in NO_JSON + NO_NOTEBOOK), *((1, text) for text in NO_JSON)],
)
def test_damaged_file_is_refused(tmp_path, which, damage):
    pair = _executed(tmp_path, "02_one", "02.a")
    pair[which].write_text(damage)
    message = r"is not whole.*Remove it and run again"
    with pytest.raises(ledger.LedgerError, match=message) as failure:
        _gather(pair)
    assert str(pair[which]) in str(failure.value)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("statement", "<b>" * 1000, r"statement: expected maxLength 500, received '<b>"),
        ("statement", 3, r"statement: expected type 'string', received 3"),
        ("statement", "a\n\n```{include} /etc/passwd", r"holds the character '\\n'"),
        ("unit", "\ud800", r"unit of claim '02.a' holds the character '\\ud800'"),
        ("verdict", '"><script>', r"verdict: expected enum .*'supported'"),
        ("id", "02.<b>", r"id: expected pattern"),
        ("id", "02.a\n", r"id of claim '02.a\\n' holds the character"),
        ("values", None, r"values: expected type 'object'"),
        ("ci_low", "0", r"ci_low: expected type"),
        ("values", {"sides": ["a", "b\n"]}, r"a side of claim '02.a' holds the character"),
        ("values", {"sides": ["a"]}, r"values.sides: expected minItems 2"),
        ("expected", "supported or refuted", r"expected: expected enum"),
        ("record", {"verdict": "supported"}, r"expected required .*'estimate'"),
        ("record", {"verdict": "true", "estimate": 1}, r"record.verdict: expected enum"),
        ("repeat", {"edition": "<b>"}, r"repeat.edition: expected enum \['quick', 'full'\]"),
        ("agrees", 1, r"agrees: expected type \['boolean', 'null'\], received 1"),
    ],
)
def test_hostile_record_is_refused(field, value, message):
    record = measured("02.a").as_json() | {field: value}
    notebook = tiny.chapter("02_one")
    notebook.cells[-1].outputs = [
        nbformat.v4.new_output("display_data", data={claims.MIME_TYPE: record})
    ]
    with pytest.raises(ledger.LedgerError, match=f"02_one, code cell 2: .*{message}"):
        ledger.claims_of(notebook, "02_one")


def test_full_disk_says_how_to_mend_it(tmp_path, capsys):
    notebook, report = _executed(tmp_path, "02_one", "02.a")
    (tmp_path / "claims.json.part").symlink_to("/dev/full")
    with pytest.raises(SystemExit) as end:
        ledger.main(
            ["--notebooks", str(notebook), "--reports", str(report), "--output", str(tmp_path)]
        )
    assert end.value.code == 1 and not (tmp_path / "claims.json").exists()
    assert "No space left on device" in (said := capsys.readouterr().err)
    assert "free some space, then run again" in said


# The run and the record


def on_record(shelf, id, *, arithmetic=(0.0, 0.001, 0.0), versions=VERSIONS, device="CPU", **more):
    """Put a claim on record in both editions, from 16 seeds, three of them under an arithmetic."""
    values = dict(enumerate(records.normal(16, 1.0, 0.1)))
    claim = claims.bound(id, "A | B", values, high=2)
    base = list(values.values())[:3]
    other = [value + change for value, change in zip(base, arithmetic, strict=True)]
    series = {"avx2": {"seeds": [0, 1, 2], "values": {"by_seed": other}}}
    entry = records.entry(claim, arithmetic=series, **more)
    chapters = {"02_one": {"versions": versions, "device": device}}
    for edition in ("full", "quick"):
        path = shelf / f"{edition}.json"
        known = json.loads(path.read_text())["claims"] if path.exists() else {}
        data = records.contents(edition, {**known, id: entry}, chapters=chapters)
        path.write_text(json.dumps(data))
    record.load.cache_clear()
    return base


def test_run_that_does_not_repeat_the_record_is_refused(shelf, tmp_path):
    on_record(shelf, "02.a")
    far = measured("02.a", [5.0, 5.1, 5.2])
    wrong = claims.identity("02.same", "Both are the same.", [1.0], [1.5])
    with pytest.raises(ledger.LedgerError) as failure:
        _gather(_executed(tmp_path, "02_one", far, wrong, "02.b"))
    said = str(failure.value)
    for part in (
        "2 claims came out otherwise", "02.a: the record of the quick edition has 1 over 16 seeds",
        "this run found 5.1 over 3 seeds of the quick edition (seeds 0, 1, 2)",
        "02.same: the text expects supported; this run found largest relative difference 0.3333",
        "make record", "make book DISAGREEMENTS=mark", "never for publishing",
    ):  # fmt: skip
        assert part in said
    assert "02.b" not in said


def test_disagreements_can_be_marked_and_the_ledger_says_so(shelf, tmp_path, monkeypatch):
    monkeypatch.setenv(claims.DISAGREEMENTS, "mark")
    on_record(shelf, "02.a")
    pair = _executed(tmp_path, "02_one", measured("02.a", [5.0, 5.1, 5.2]))
    found, report, _ = _gather(pair)
    page = ledger_pages.ledger_page(found, {"02_one": "One"})
    assert "Findings: 1 ✗ not repeated." in page and "<br>✗ not repeated</td>" in page
    assert report["moved"] == ["02.a"]


def test_ledger_shows_the_record_beside_the_run(shelf, tmp_path):
    base = on_record(shelf, "02.a", fragile=["tied learning rates (02 a)"])
    timed = claims.bound("02.time", "Slow.", [2.0, 2.5], low=1, unit="times the time of b")
    same = claims.identity("02.same", "Both are the same.", [1.0], [1.0])
    found, _, _ = _gather(
        _executed(tmp_path, "02_one", measured("02.a", base), "02.new", timed, same)
    )
    page = ledger_pages.ledger_page(found, {"02_one": "One"})
    assert (
        "**1 equation checked; 2 findings measured: 1 supported, 1 inconclusive; 1 timing on this "
        "machine.**"
    ) in page
    assert "Findings: 1 ✓ repeated, 1 without a record yet." in page
    for cell in (
        ">fragile</span>", "1.00 [0.95, 1.05] · 16 seeds", "over 3 seeds<br>✓ repeated</td>",
        "none yet", "belongs to the machine", "an equation", "on this machine",
    ):  # fmt: skip
        assert cell in page, cell


def many(shelf, **options):
    """Put twenty findings on record and return what a run measured of them, as recorded."""
    ids = [f"02.claim-{number}" for number in range(20)]
    return {id: on_record(shelf, id, **options) for id in ids}


def gathered(folder, bases, moved):
    """Gather a run in which one seed of some findings differs by more than arithmetic."""
    chosen = [
        measured(id, [base[0] + (0.05 if id in moved else 0), *base[1:]])
        for id, base in bases.items()
    ]
    return _gather(_executed(folder, "02_one", *chosen))


def test_a_finding_or_two_may_move(shelf, tmp_path):
    bases = many(shelf)
    _, report, found = gathered(tmp_path, bases, ["02.claim-3"])
    assert report["moved"] == ["02.claim-3"] and found.seeds == {"02.claim-3": ["0"]}
    assert str(found) == (
        "seed by seed: 20 findings compared with the record, 1 moved by more than arithmetic "
        "explains: 02.claim-3 (seeds 0)"
    )
    assert "`02.claim-3`" in ledger_pages.report_page(report, {"02_one": "One"})


def test_more_that_moved_are_a_changed_package_or_experiment(shelf, tmp_path, monkeypatch):
    bases = many(shelf)
    moved = [f"02.claim-{number}" for number in (3, 4, 10, 11, 12)]
    with pytest.raises(
        ledger.LedgerError, match=r"In 5 of 20 findings.*02\.claim-4.*EDITION=quick"
    ):
        gathered(tmp_path, bases, moved)
    monkeypatch.setenv(claims.DISAGREEMENTS, "mark")
    assert gathered(tmp_path, bases, moved)[1]["moved"] == moved


@pytest.mark.parametrize(
    "other", [{"versions": {**VERSIONS, "keras": "4"}}, {"device": "NVIDIA H100"}]
)
def test_with_other_versions_or_device_what_moved_is_only_listed(shelf, tmp_path, other):
    bases = many(shelf, **other)
    _, report, found = gathered(tmp_path, bases, list(bases))
    assert len(report["moved"]) == 20 and found.compared == 0
    assert "20 of them with other versions or another kind of device" in str(found)


def test_nothing_is_compared_where_the_record_knows_no_other_arithmetic_or_seed(shelf, tmp_path):
    on_record(shelf, "02.a")
    values = {100: 1.0, 101: 1.1, 102: 0.95}
    _, report, found = _gather(_executed(tmp_path, "02_one", measured("02.a", values), "02.b"))
    assert (found.compared, report["moved"]) == (0, [])
    assert str(found).endswith("none moved")


def test_ledger_page_links_every_claim_to_its_card(tmp_path):
    found, _, _ = _gather(_executed(tmp_path, "02_one", "02.a", "02.b"))
    page = ledger_pages.ledger_page(found, {"02_one": "Chapter 02"})
    for id in ("02-a", "02-b"):
        assert f"../chapters/02_one.html#claim-{id}" in page
    assert "<td>" in page and "A | B" in page  # the table is HTML, which a bar does not break


def test_report_page_lists_every_chapter(tmp_path):
    _, report, _ = _gather(_executed(tmp_path, "02_one"), _executed(tmp_path, "03_two"))
    page = ledger_pages.report_page(report, {"02_one": "One", "03_two": "Two"})
    assert "One" in page and "Two" in page and "no finding moved" in page
