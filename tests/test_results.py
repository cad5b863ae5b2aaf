"""The ledger of record: the full edition of the last release, as `results/` keeps it."""

import json
import re
from collections import Counter

import nbformat
import pytest
from test_notebooks import EXECUTED, ROOT

from trainlab import claim_card
from trainlab.book import compare, ledger


@pytest.fixture(scope="module")
def record():
    return compare.read_ledger(ROOT / "results" / "claims.json")


def test_every_claim_has_its_expected_verdict_over_five_seeds(record):
    assert record["edition"] == "full" and record["versions"] and record["created"]
    for claim in record["claims"]:
        assert claim_card.as_expected(claim), claim["id"]
        assert claim["kind"] != "contrast" or claim["n_seeds"] >= 5, claim["id"]


def test_it_holds_the_claims_of_the_chapters(record):
    executed = [
        claim["id"]
        for path in EXECUTED
        for claim in ledger.claims_of(nbformat.read(path, as_version=4), path.stem)
    ]
    assert [claim["id"] for claim in record["claims"]] == executed


def test_its_report_tells_of_the_same_run(record):
    report = json.loads((ROOT / "results" / "report.json").read_text())
    assert {name: report[name] for name in ("edition", "device", "versions")} == {
        name: record[name] for name in ("edition", "device", "versions")
    }
    told = [id for chapter in report["chapters"] for id in chapter["claims"]]
    assert told == [claim["id"] for claim in record["claims"]]


def test_the_readme_counts_what_it_says(record):
    said = re.search(
        r"\*\*(\d+) claims: (\d+) supported, (\d+) refuted, (\d+) inconclusive\*\*",
        (ROOT / "README.md").read_text(),
    )
    verdicts = Counter(claim["verdict"] for claim in record["claims"])
    counts = [verdicts[name] for name in ("supported", "refuted", "inconclusive")]
    assert [int(number) for number in said.groups()] == [sum(counts), *counts]
