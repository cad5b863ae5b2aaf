"""Two ledgers side by side: what counts as a change, and what is printed."""

import json

import pytest

from trainlab import claims
from trainlab.book import compare

RUN = {"edition": "quick", "device": "CPU", "cores": 2, "versions": {"keras": "3.15.1"}}


def ledger(*records, **run):
    return {**RUN, **run, "claims": [record.record() for record in records]}


def bound(id, *values, high=10):
    verdict = "supported" if max(values) <= high else "refuted"
    return claims.bound(id, "A | B", values, high=high, unit="m|s", expected=verdict)


STEADY = bound("01.steady", 1, 2, 3)


def test_equal_ledgers_have_no_changes():
    assert compare.changes(ledger(STEADY), ledger(STEADY)) == []


def test_verdict_comes_before_estimate_before_missing():
    moved, missing = bound("01.a", 1.0, 1.1, 1.2), bound("01.b", 1, 2)
    old = ledger(missing, moved, bound("01.z", 1, 2))
    new = ledger(bound("01.a", 2.0, 2.1, 2.2), bound("01.z", 11, 12), bound("01.c", 1, 2))
    found = [(change.id, change.what) for change in compare.changes(old, new)]
    assert found == [
        ("01.z", "verdict"),
        ("01.a", "estimate"),
        ("01.b", "only in the first"),
        ("01.c", "only in the second"),
    ]


@pytest.mark.parametrize(
    ("values", "moves"),
    [((1, 2, 3.1), False), ((0, 20, 40), False), ((8.9, 9.0, 9.1), True)],
    ids=["inside", "inside one of the two", "outside both"],
)
def test_estimate_moves_when_it_is_outside_both_intervals(values, moves):
    found = compare.changes(ledger(STEADY), ledger(bound("01.steady", *values, high=50)))
    assert bool(found) is moves


def test_identity_is_judged_by_its_verdict():
    a, b = (claims.identity("01.i", "i", x, 1, rtol=0.1) for x in (1, 1.05))
    assert compare.changes(ledger(a), ledger(b)) == []


def test_command_prints_a_table_and_fails_on_a_verdict(tmp_path, capsys):
    paths = []
    for name, value, device in (("old", 1, "CPU"), ("new", 11, "GPU")):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(ledger(bound("01.z", value, value + 1), device=device)))
    with pytest.raises(SystemExit) as stopped:
        compare.main([str(path) for path in paths])
    said = capsys.readouterr().out
    assert stopped.value.code == 1
    assert (
        "| 01.z | verdict | supported, 1.5 m\\|s [" in said and "| second | quick | GPU |" in said
    )
    compare.main([str(paths[0]), str(paths[0])])
    assert "1 claims in both, 0 changes." in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", '{"claims": [{}]}'])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"x\.json is not a ledger .* `make book` writes"):
        compare.read_ledger(path)
