"""Reading the record: what is damaged is refused, and the message says how to mend it."""

import json
import math
import re

import jsonschema
import pytest
import records

from trainlab import claims, editions, record
from trainlab.record import agreement, schema, verdicts

TUNING = record.Tuning(
    "03 sigmoid", "net", 0.1, {0.01: (2.0, 2.1, 2.2), 0.1: (1.0, 1.1, 0.9), 1.0: (math.nan,) * 3}
)


@pytest.fixture
def entry(shelf):
    claim = claims.contrast("03.a", "A.", records.normal(16, 2, 0.1), [0.0] * 16, at_least=1)
    return records.entry(claim)


@pytest.fixture
def path(shelf, entry):
    return records.put(shelf, "quick", {"03.a": entry}, {TUNING.label: TUNING.as_json()})


def test_record_is_read_as_it_was_written(path, entry):
    found = record.read(path)
    assert (found.edition, found.chapters) == ("quick", {})
    assert found.claims == {"03.a": entry}
    assert record.claim("03.a", "quick") == entry
    assert record.claim("03.b", "quick") is None and record.claim("03.a", "full") is None
    assert record.path_of("quick") == path


def test_missing_record_is_none(shelf):
    assert record.read(shelf / "full.json") is None
    assert record.load("full") is None and record.tuning("03 sigmoid") is None


def change(path, how):
    """Change a record's data in place and leave its checksum as it is."""
    data = json.loads(path.read_text())
    how(data)
    path.write_text(json.dumps(data))


def _another_value(data):
    data["claims"]["03.a"]["values"]["a"][3] += 1e-9


def _one_seed_less(data):
    entry = data["claims"]["03.a"]
    del entry["seeds"][-1], entry["values"]["a"][-1], entry["values"]["b"][-1]


@pytest.mark.parametrize(
    "how",
    [
        _another_value,
        _one_seed_less,
        lambda data: data["claims"]["03.a"].update(verdict="refuted"),
        lambda data: data["claims"].clear(),
        lambda data: data["tunings"]["03 sigmoid"].update(rate=1.0),
        lambda data: data.update(edition="full"),
        lambda data: data.update(sha256="0" * 64),
    ],
)
def test_record_that_was_changed_by_hand_is_refused(path, how):
    change(path, how)
    with pytest.raises(record.RecordError, match="was changed after it was measured") as failure:
        record.read(path)
    assert_mends(failure.value, path)


@pytest.mark.parametrize("kept", [0, 1, 100, -2])
def test_record_that_is_not_whole_is_refused(path, kept):
    path.write_text(path.read_text()[:kept])
    with pytest.raises(record.RecordError, match="is not whole") as failure:
        record.read(path)
    assert_mends(failure.value, path)


@pytest.mark.parametrize(
    ("how", "received"),
    [
        (lambda data: data.update(notes=[]), "notes"),
        (lambda data: data.pop("tunings"), "chapters, claims, edition, sha256"),
    ],
)
def test_file_with_other_fields_is_no_record(path, how, received):
    change(path, how)
    with pytest.raises(record.RecordError, match=f"is not a record: .*{received}") as failure:
        record.read(path)
    assert_mends(failure.value, path)


@pytest.mark.parametrize("text", ["[]", "3", '"quick"', "null"])
def test_other_json_is_no_record(path, text):
    path.write_text(text)
    with pytest.raises(record.RecordError, match="is not a record: received") as failure:
        record.read(path)
    assert_mends(failure.value, path)


def assert_mends(error, path):
    for part in (
        str(path),
        "git checkout",
        "install the package again",
        "make record EDITION=quick",
    ):
        assert part in str(error)


def test_digest_is_of_the_contents_and_not_of_their_layout(path):
    data = json.loads(path.read_text())
    turned = dict(reversed(list(data.items())))
    assert record.digest(turned) == record.digest(data) == data["sha256"]


# The form of claims and records


def allowed(name):
    return schema.SCHEMA["$defs"][name]["enum"]


def test_schema_is_one_and_allows_what_the_code_knows():
    jsonschema.Draft202012Validator.check_schema(schema.SCHEMA)
    jsonschema.Draft202012Validator.check_schema(schema.of_claim())
    assert tuple(allowed("verdict")) == verdicts.VERDICTS
    assert tuple(allowed("rule")) == agreement.RULES
    assert allowed("edition") == list(editions.EDITIONS)
    claim = schema.SCHEMA["$defs"]["claim"]
    assert claim["properties"]["expected"]["enum"] == ["", *verdicts.VERDICTS]
    assert list(claim["properties"]) == claim["required"] == list(claims.Claim.__annotations__)


@pytest.mark.parametrize("entry", [{}, {"repeat": {"edition": "quick"}}, {"verdict": "true"}])
def test_schema_takes_a_claim_and_no_other_data(entry):
    check = jsonschema.Draft202012Validator(schema.of_claim())
    claim = claims.bound("03.a", "A.", [1.0, 2.0], high=9).as_json()
    assert check.is_valid(claim) is True
    assert check.is_valid(claim | entry) is (entry == {})


def test_claims_and_records_have_one_pattern_for_ids():
    patterns = [*_found(schema.SCHEMA, "pattern")]
    assert [each for each in patterns if "a-z0-9" in each] == [schema.CLAIM_ID]
    assert re.fullmatch(schema.CLAIM_ID, "03.he-keeps-variance")
    names = schema.SCHEMA["properties"]["claims"]["propertyNames"]
    assert names == schema.SCHEMA["$defs"]["claim"]["properties"]["id"]


def _found(data, key):
    """Yield what stands under a key anywhere in JSON data."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield from [value] if name == key else _found(value, key)


# Searches for a learning rate


def test_search_with_a_diverged_run_comes_back_as_it_was(path):
    assert json.loads(path.read_text())["tunings"]["03 sigmoid"]["losses"][2] == [None] * 3
    found = record.tuning("03 sigmoid")
    assert repr(found) == repr(TUNING)  # NaN is not equal to itself
    assert record.tuning("03 tanh") is None


def test_search_is_that_of_the_current_edition(path):
    editions.use("full")
    assert record.tuning("03 sigmoid") is None


def test_while_it_is_measured_searches_are_made_anew_and_noted(path, tmp_path, monkeypatch):
    notes = tmp_path / "notes"
    monkeypatch.setenv(record.NOTES, str(notes))
    assert record.tuning("03 sigmoid") is None
    for _ in range(2):
        record.note_tuning(TUNING)
    first, second = map(json.loads, notes.read_text().splitlines())
    assert first == second == {"label": "03 sigmoid", "cell": None, **TUNING.as_json()}


def test_nothing_is_noted_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv(record.NOTES, raising=False)
    monkeypatch.chdir(tmp_path)
    record.note_tuning(TUNING)
    assert list(tmp_path.iterdir()) == []
