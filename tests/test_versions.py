"""The page of versions: what is kept, what repeats the record, and that each rest is explained."""

import json
import math
import re

import pytest
import yaml
from test_notebooks import CHAPTERS, ROOT

from trainlab import record
from trainlab.book import contents, environments, ledger, versions

PYTHON = {"python": "3.11.7", "tensorflow": "2.20.0", "keras": "3.13.0", "numpy": "2.0.2"}
ALL = ("same", "other", "open", "timed", "renamed", "equation")
VALUES = {"0": 0.5, "1": 0.51234567891, "2": 0.49}


def claim(name, chapter="04_one", by_seed=VALUES, agrees=True):
    """A claim as a ledger has it: "timed" is one about time, "equation" an identity."""
    made = {"id": f"{chapter[:2]}.{name}", "chapter": chapter, "kind": "bound", "unit": "nats"}
    made |= {"estimate": 0.5, "ci_low": 0.25, "ci_high": 0.75, "agrees": agrees}
    made |= {"statement": "S", "values": {"by_seed": by_seed, "low": 0.1}}
    if name == "timed":
        made |= {"unit": "times the time", "agrees": None}
    if name == "equation":
        made |= {"kind": "identity", "unit": "", "ci_low": None, "ci_high": None, "values": {}}
    return made


def run(*claims, created="2026-01-02T03:04:05+00:00"):
    where = {"edition": "quick", "device": "CPU", "cores": 2, "versions": PYTHON}
    return ledger.ledger_of(list(claims), [where], created)


def entry(verdict="supported"):
    """A claim of the record that takes means of three seeds from about 0.4 to 0.6."""
    values = [0.5 + 0.01 * math.sin(seed) for seed in range(16)]
    return {
        "kind": "bound", "unit": "nats", "low": 0.1, "verdict": verdict, "rule": "mean",
        "seeds": list(range(16)), "values": {"by_seed": values},
    }  # fmt: skip


@pytest.fixture
def records(monkeypatch):
    """A function that makes these claims of chapter 04 the record, measured on a day."""

    def become(day="2026-01-01", **verdicts):
        chapters = {"04_one": {"measured": day}}
        claims = {f"04.{name}": entry(verdict) for name, verdict in verdicts.items()}
        made = record.Record("quick", chapters, claims, {}) if verdicts else None
        monkeypatch.setattr(record, "load", lambda edition: made)

    become()
    return become


@pytest.fixture
def root(tmp_path, records):
    """A repository of one chapter, with a ledger of each environment, and no record."""
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "04_one.ipynb").write_text(CHAPTERS[3].read_text())
    parts = [{"caption": "All", "chapters": [{"file": "chapters/04_one"}]}]
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump({"parts": parts}))
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "versions.yml").write_text("")
    for name in environments.ENVIRONMENTS:
        write(tmp_path, name, *map(claim, ALL))
    return tmp_path


def write(root, name, *claims, **options):
    """Write an environment's ledger and keep those of all, once all are there."""
    folder = root / "_build" / "environments" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "claims.json").write_text(json.dumps(run(*claims, **options)))
    if all((folder.parent / other / "claims.json").exists() for other in environments.ENVIRONMENTS):
        versions.keep(root)


def test_what_is_kept_is_what_the_page_needs(root):
    path = root / versions.FOLDER / "colab.json"
    kept = json.loads(path.read_text())
    assert set(kept) == {"created", "device", "versions", "claims"}
    assert kept["claims"][0] == {
        "id": "04.same", "chapter": "04_one", "kind": "bound", "unit": "nats", "estimate": 0.5,
        "ci_low": 0.25, "ci_high": 0.75, "by_seed": {"0": 0.5, "1": 0.5123457, "2": 0.49},
        "repeats": True,
    }  # fmt: skip
    assert sum("04." in line for line in path.read_text().splitlines()) == len(ALL)
    assert versions.read(root)["colab"] == kept


def test_without_a_record_only_equations_are_checked(root):
    page = versions.page(root)
    assert "The quick edition has no record yet" in page and "Nothing: what was asked" in page
    assert page.count("<span>1 of 1 equations</span>, <span>5 not asked</span>") == 3
    assert '<td data-label="Colab">3.13.0</td>' in page


def test_outcomes_are_counted_by_the_record(root, records):
    records(same="supported", other="refuted", open="inconclusive")
    page = versions.page(root)
    counts = "1 of 1 equations", "2 repeated", "2 not asked", "1 not in the record"
    assert page.count(", ".join(f"<span>{count}</span>" for count in counts)) == 3
    assert "A claim that is not in the record has been" in page


def test_claim_of_another_unit_is_not_in_the_record(root, records):
    records(same="supported")
    made = versions.slim(run(claim("same") | {"unit": "%"}))["claims"][0]
    assert versions.outcome(made, "2026-01-02") == "not in the record"


def test_run_before_the_record_is_not_held_against_it(root, records):
    records(day="2026-01-03", **dict.fromkeys(ALL[:3], "supported"))
    page = versions.page(root)
    assert page.count("<span>4 measured before</span> the record of 3 January 2026") == 3
    assert "those runs chose their own learning rates" in page


def test_what_is_not_repeated_needs_a_reason(root, records):
    records(**dict.fromkeys(("same", "other", "open", "renamed"), "supported"))
    far = claim("other", by_seed={"0": 0.8, "1": 0.81, "2": 0.79})
    write(root, "newest", far, *map(claim, (name for name in ALL if name != "other")))
    assert versions.differences(versions.read(root)) == {
        "04.other": {"oldest": "repeated", "colab": "repeated", "newest": "not repeated"}
    }
    with pytest.raises(contents.ContentsError, match=r"04\.other: an environment .* Say why"):
        versions.page(root)
    (root / "pages" / "versions.yml").write_text("04.other: Its <mean> lies elsewhere.")
    page = versions.page(root)
    assert "Its &lt;mean&gt; lies elsewhere." in page and "<span>1 not repeated</span>" in page
    assert re.search(r"not repeated<br>[\d.]+ nats \[0\.25, 0\.75\]<br>the record takes 0\.4", page)
    assert 'href="../chapters/04_one.html#claim-04-other"' in page


def test_equation_that_fails_needs_a_reason_without_any_record(root):
    write(root, "oldest", claim("equation", agrees=False), *map(claim, ALL[:-1]))
    with pytest.raises(contents.ContentsError, match=r"04\.equation: an environment"):
        versions.page(root)
    (root / "pages" / "versions.yml").write_text("04.equation: A version of Keras counts so.")
    page = versions.page(root)
    assert "<span>0 of 1 equations</span>" in page and "equation fails<br>" in page


def test_claim_that_was_not_measured_needs_a_reason(root):
    write(root, "oldest", *map(claim, ALL[1:]))
    with pytest.raises(contents.ContentsError, match=r"04\.same: an environment"):
        versions.page(root)
    (root / "pages" / "versions.yml").write_text("04.same: It needs a newer Keras.")
    assert '<td data-label="Oldest">not measured</td>' in versions.page(root)


def test_chapter_that_came_later_is_not_measured_and_needs_no_reason(root):
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    toc["parts"][0]["chapters"].append({"file": "chapters/05_two"})
    (root / "_toc.yml").write_text(yaml.safe_dump(toc))
    (root / "chapters" / "05_two.ipynb").write_text(CHAPTERS[4].read_text())
    assert versions.page(root).count(">not measured</td>") == 3


@pytest.mark.parametrize("damage", [None, "", "{", "[]", '{"claims": [{}]}', '{"claims": []}'])
def test_missing_or_damaged_file_says_how_to_mend_it(root, damage):
    path = root / versions.FOLDER / "newest.json"
    path.unlink()
    if damage is not None:
        path.write_text(damage)
    with pytest.raises(
        contents.ContentsError, match=r"record/versions/newest\.json cannot .* `make versions`"
    ):
        versions.page(root)


def test_run_without_a_chapter_is_not_kept(root):
    before = (root / versions.FOLDER / "colab.json").read_text()
    with pytest.raises(
        ValueError, match=r"'colab' has no claims of 04_one\. Expected is a run of all"
    ):
        write(root, "colab", claim("same", chapter="05_two"))
    assert (root / versions.FOLDER / "colab.json").read_text() == before


def test_kept_ledgers_are_of_this_course():
    """Every chapter in three sets of versions, and no reason is left for what does not differ."""
    ledgers = versions.read(ROOT)
    assert len(ledgers) >= 3
    for kept in ledgers.values():
        assert {claim["chapter"] for claim in kept["claims"]} == {path.stem for path in CHAPTERS}
    reasons = yaml.safe_load((ROOT / versions.REASONS).read_text()) or {}
    assert set(reasons) == set(versions.differences(ledgers))
