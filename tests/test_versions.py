"""The page of versions: what is kept, what differs, and that each difference is explained."""

import json

import pytest
import yaml
from test_notebooks import CHAPTERS, ROOT

from trainlab.book import contents, elsewhere, ledger, versions

PYTHON = {"python": "3.11.7", "tensorflow": "2.20.0", "keras": "3.13.0", "numpy": "2.0.2"}

MEASURED = {"estimate": 0.5, "unit": "nats", "ci_low": 0.25, "ci_high": 0.75}


def record(chapter, **verdicts):
    claims = [
        {"id": f"{chapter[:2]}.{name}", "chapter": chapter, "verdict": verdict, **MEASURED}
        for name, verdict in verdicts.items()
    ]
    run = {"edition": "quick", "device": "CPU", "cores": 2, "versions": PYTHON}
    return ledger.record_of(claims, [run], "2026-01-02T03:04:05+00:00")


@pytest.fixture
def root(tmp_path):
    """A repository of one chapter, with a ledger of each environment in `_build/elsewhere/`."""
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "04_one.ipynb").write_text(CHAPTERS[3].read_text())
    parts = [{"caption": "All", "chapters": [{"file": "chapters/04_one"}]}]
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump({"parts": parts}))
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "versions.yml").write_text("")
    for name in elsewhere.ENVIRONMENTS:
        write(tmp_path, name, record("04_one", same="supported", timed="supported"))
    return tmp_path


def write(root, name, ledger):
    folder = root / "_build" / "elsewhere" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "claims.json").write_text(json.dumps(ledger))


def test_ledgers_are_kept_and_drawn(root):
    versions.keep(root)
    page = versions.page(root)
    assert page.count("<span>2 supported</span>") == 3
    assert "Every claim has the same verdict" in page
    assert '<td data-label="Colab">3.13.0</td>' in page


def test_difference_needs_a_reason(root):
    write(root, "newest", record("04_one", same="supported", timed="inconclusive"))
    versions.keep(root)
    assert versions.differences(versions.read(root)) == {
        "04.timed": {"oldest": "supported", "colab": "supported", "newest": "inconclusive"}
    }
    with pytest.raises(
        contents.ContentsError, match=r"04\.timed differ between versions\. Say why"
    ):
        versions.page(root)
    (root / "pages" / "versions.yml").write_text("04.timed: Its <time> lies near the bound.")
    page = versions.page(root)
    assert "Its &lt;time&gt; lies near the bound." in page and "0.5 nats [0.25, 0.75]" in page
    assert 'href="../chapters/04_one.html#claim-04-timed"' in page


def test_claim_that_was_not_measured_differs(root):
    write(root, "oldest", record("04_one", same="supported"))
    versions.keep(root)
    (root / "pages" / "versions.yml").write_text("04.timed: It came later.")
    assert "not measured" in versions.page(root)


def test_run_without_a_chapter_is_not_kept(root):
    write(root, "colab", record("05_two", same="supported"))
    with pytest.raises(
        ValueError, match=r"'colab' has no claims of 04_one\. Expected is a run of all"
    ):
        versions.keep(root)
    assert not (root / "results").exists()


def test_kept_ledgers_are_of_this_course():
    """Every chapter in three sets of versions, and no reason is left for what does not differ."""
    ledgers = versions.read(ROOT)
    now = {
        claim["id"]
        for claim in json.loads((ROOT / "results" / "claims.json").read_text())["claims"]
    }
    assert len(ledgers) >= 3
    for name, each in ledgers.items():
        assert {claim["chapter"] for claim in each["claims"]} == {path.stem for path in CHAPTERS}
        assert {claim["id"] for claim in each["claims"]} <= now, name
    reasons = yaml.safe_load((ROOT / versions.REASONS).read_text()) or {}
    assert set(reasons) == set(versions.differences(ledgers))
