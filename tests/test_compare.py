"""Ledgers against the record and side by side: what is said, and what fails."""

import json
import re

import pytest

from trainlab import claims
from trainlab.book import compare

RUN = {"edition": "quick", "device": "CPU", "cores": 2, "versions": {"keras": "3.15.1"}}


def ledger(*made, **run):
    return {**RUN, **run, "claims": made}


def bound(id, *values, agrees=True, low=1.0, high=3.0, rule="mean"):
    """A bound as a ledger has it, held against a record that takes means from `low` to `high`."""
    repeat = {"edition": "quick", "n_seeds": 16, "estimate": 2.0, "low": low, "high": high}
    repeat |= {"rule": rule, "tells": True}
    made = claims.bound(id, "A | B", values, high=1e9, unit="m|s").as_json()
    return made | {"agrees": agrees, "repeat": None if agrees is None else repeat}


def equation(id, ours):
    """An equation that holds for 1 and fails for 2."""
    made = claims.identity(id, "i", ours, 1, expected="supported" if ours == 1 else "refuted")
    return made.as_json() | {"agrees": ours == 1}


def timing(id, *values):
    return claims.bound(id, "Fast.", values, low=1, unit="times the time of A").as_json()


def said(*ledgers):
    return [(finding.id, finding.what) for finding in compare.findings(*ledgers)]


STEADY = bound("01.steady", 1, 2, 3)


def test_ledger_that_repeats_everything_has_nothing_to_say():
    one = ledger(STEADY, equation("01.i", 1), bound("01.open", 9, 10, agrees=None))
    assert said(one) == said(one, one) == []


def test_equations_come_first_and_times_last():
    one = ledger(
        timing("01.a", 3, 4), bound("01.b", 8, 9, agrees=False), equation("01.c", 2), STEADY
    )
    assert said(one) == [("01.c", "equation fails"), ("01.b", "not repeated"), ("01.a", "time")]


def test_two_ledgers_say_what_either_of_them_lacks():
    first = ledger(STEADY, bound("01.b", 8, 9, agrees=False), bound("01.c", 1, 2))
    second = ledger(STEADY, bound("01.b", 1, 2), bound("01.d", 1, 2))
    assert said(first, second) == [
        ("01.b", "not repeated"), ("01.c", "missing"), ("01.d", "missing"),
    ]  # fmt: skip


@pytest.mark.parametrize(("mean", "apart"), [(2.9, False), (3.1, True), (0.9, True)])
def test_means_are_apart_by_more_than_the_record_allows(mean, apart):
    first, second = bound("01.a", 1.9, 2.1), bound("01.a", mean - 0.1, mean + 0.1)
    assert said(ledger(first), ledger(second)) == ([("01.a", "apart")] if apart else [])


def test_wider_interval_of_two_decides():
    first, second = bound("01.a", 1, 2), bound("01.a", 2, 3, low=1.9, high=2.1)
    assert said(ledger(first), ledger(second)) == said(ledger(second), ledger(first)) == []


def test_medians_are_compared_where_the_record_compares_them():
    first, second = (bound("01.a", 1, 2, last, rule="median") for last in (3, 1000))
    assert said(ledger(first), ledger(second)) == []


def test_nothing_is_apart_where_a_run_was_not_held_against_a_record():
    first, second = (bound("01.a", mean, mean + 1, agrees=None) for mean in (1, 100))
    assert said(ledger(first), ledger(second)) == []


def test_values_by_seed_are_those_that_the_record_compares():
    contrast = claims.contrast("01.a", "A", {0: 3, 1: 4}, {0: 1, 1: 1}, at_least=1)
    share = claims.bound("01.b", "B", {0: 1, 1: 5}, high=2, share=0.9, expected="inconclusive")
    assert compare.by_seed(contrast.as_json()) == {"0": 2, "1": 3}
    assert compare.by_seed(share.as_json()) == {"0": 1.0, "1": 0.0}
    assert compare.by_seed(STEADY) == {"0": 1, "1": 2, "2": 3}
    assert compare.by_seed(equation("01.i", 1)) == {}


def test_summary_counts_equations_apart():
    some = [equation("01.i", 1), equation("01.j", 1), STEADY, timing("01.t", 2, 3)]
    assert compare.summary(some) == (
        "equations that hold: 2, claims that repeat the record: 1, claims not asked: 1"
    )
    some = [equation("01.i", 2), bound("01.a", 8, 9, agrees=False)]
    assert compare.summary(some) == "equations that fail: 1, claims that do not repeat it: 1"
    assert compare.summary([]) == "no claims"


@pytest.fixture
def written(tmp_path):
    """Ledgers as files: the first repeats a claim, the second does not."""
    paths = []
    for device, agrees, value in (("CPU", True, 1), ("GPU", False, 8)):
        paths.append(tmp_path / f"{device}.json")
        made = bound("01.z", value, value + 1, agrees=agrees)
        paths[-1].write_text(json.dumps(ledger(made, device=device)))
    return [str(path) for path in paths]


def test_command_fails_when_the_second_repeats_less(written, capsys):
    with pytest.raises(SystemExit) as stopped:
        compare.main(written)
    printed = capsys.readouterr().out
    assert stopped.value.code == 1 and "| second | quick | GPU |" in printed
    assert re.search(r"\| 01\.z \| not repeated \| ✓ .* m\\\|s \[.*\| ✗ .* m\\\|s \[", printed)
    assert "; the record takes 1 to 3 |" in printed


def test_command_passes_when_the_second_repeats_as_much_or_more(written):
    compare.main(written[::-1])
    compare.main([written[1], written[1]])


def test_command_holds_one_ledger_against_the_record(written, capsys):
    compare.main(written[:1])
    assert "- run: claims that repeat the record: 1\n" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        compare.main(written[1:])
    assert (
        stopped.value.code == 1
        and "- run: claims that do not repeat it: 1" in capsys.readouterr().out
    )


def test_command_takes_no_third_ledger(written, capsys):
    with pytest.raises(SystemExit):
        compare.main([*written, written[0]])
    assert "one ledger or two are compared, received 3" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", '{"claims": [{}]}', '{"claims": [{"id": "01.a"}]}'])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"x\.json is not a ledger .* `make book` writes"):
        compare.read_ledger(path)
