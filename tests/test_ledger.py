"""What is gathered from executed chapters, and what is refused."""

import json

import nbformat
import pytest
import tiny

from trainlab import claims, editions
from trainlab.book import ledger

RUN = {
    "edition": "quick", "seeds": [0, 1, 2], "device": "CPU", "cores": 2, "versions": {"keras": "3"},
}  # fmt: skip


def _executed(folder, name, *ids, runs=1):
    notebook = tiny.chapter(name, *["pass"] * (len(ids) + runs))
    cells = iter(notebook.cells[3:])

    def show(mime_type, record):
        next(cells).outputs = [nbformat.v4.new_output("display_data", data={mime_type: record})]

    for _ in range(runs):
        show(editions.MIME_TYPE, RUN)
    for id in ids:
        show(claims.MIME_TYPE, claims.bound(id, "A | B", [1, 1, 2], high=2).record())
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    report = folder / f"{name}.json"
    report.write_text(
        json.dumps(
            {"chapter": name, "seconds": 3.0, "peak_rss_mb": 9, "cells": 4, "claims": list(ids)}
        )
    )
    return path, report


def _gather(*pairs):
    notebooks, reports = zip(*pairs, strict=True)
    return ledger.gather(list(notebooks), list(reports), "2026-01-01T00:00:00+00:00")


def test_claims_and_report_are_as_in_the_contract(tmp_path):
    found, report = _gather(
        _executed(tmp_path, "02_one", "02.a", "02.b"), _executed(tmp_path, "03_two", "03.a")
    )
    assert list(found) == ["edition", "created", "device", "cores", "versions", "claims"]
    assert [(c["id"], c["chapter"]) for c in found["claims"]] == [
        ("02.a", "02_one"), ("02.b", "02_one"), ("03.a", "03_two"),
    ]  # fmt: skip
    assert set(report) == {"edition", "device", "versions", "chapters"}
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
        ("values", None, r"values: expected type 'object'"),
        ("ci_low", "0", r"ci_low: expected type"),
    ],
)
def test_hostile_record_is_refused(field, value, message):
    record = claims.bound("02.a", "A", [1, 1, 2], high=2).record() | {field: value}
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


def test_ledger_page_links_every_claim_to_its_card(tmp_path):
    found, _ = _gather(_executed(tmp_path, "02_one", "02.a", "02.b"))
    page = ledger.ledger_page(found, {"02_one": "Chapter 02"})
    for id in ("02-a", "02-b"):
        assert f"../chapters/02_one.html#claim-{id}" in page
    assert "<td>" in page and "A | B" in page  # the table is HTML, which a bar does not break


def test_report_page_lists_every_chapter(tmp_path):
    _, report = _gather(_executed(tmp_path, "02_one"), _executed(tmp_path, "03_two"))
    page = ledger.report_page(report, {"02_one": "One", "03_two": "Two"})
    assert "One" in page and "Two" in page
