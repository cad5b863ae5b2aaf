"""What a build says: from Snakemake's events to the lines that a reader sees."""

import io
import json
import logging
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

from trainlab.book.progress import Cells, Narrator, expected_seconds


@pytest.fixture
def build(tmp_path):
    (tmp_path / "logs").mkdir()
    return tmp_path


class Told:
    """A narrator, the events that it is told, and what it says."""

    def __init__(self, build, terminal=False, cores=2):
        self.file = io.StringIO()
        console = Console(
            file=self.file, force_terminal=terminal, width=200, highlight=False, soft_wrap=True
        )
        self.narrator = Narrator(build, cores, again="make book", console=console)

    def event(self, event=None, message="", level=logging.INFO, **fields):
        record = logging.LogRecord("snakemake", level, "", 0, message, None, None)
        record.__dict__.update(fields)
        if event:
            record.event = SimpleNamespace(value=event)
        self.narrator.handle(record)

    def run(self, *rules, failing=()):
        self.event("run_info", stats=dict.fromkeys([*rules, "total"], 1))
        for job, rule in enumerate(rules, start=1):
            self.event("job_info", jobid=job, rule_name=rule)
            if rule in failing:
                self.event("error", "RuleException:\n…", logging.ERROR)
                self.event(
                    None, f"Error in rule {rule}, jobid: {job}", logging.ERROR, rule_name=rule
                )
            else:
                self.event("job_finished", job_id=job)
            self.event("progress", done=job, total=len(rules))

    def said(self, chosen=()):
        self.narrator.conclude(list(chosen))
        return self.file.getvalue()


def says(build, chapter, text):
    """Let a chapter say something once the build has begun, as its process does."""
    (build / "logs" / f"{chapter}.said").write_text(text + "\n")


def test_chapters_and_the_site_have_a_line_each(build):
    told = Told(build)
    told.event("run_info", stats={"execute_03_a": 1, "ledger": 1, "site": 1, "book": 1, "total": 4})
    says(build, "03_a", "✓ 03_a: 7 claims, 40 s, 900 MB")
    for job, rule in enumerate(["execute_03_a", "ledger", "site", "book"]):
        told.event("job_info", jobid=job, rule_name=rule)
        told.event("job_finished", job_id=job)
    told.event("progress", done=4, total=4)
    first, second, last = told.said().splitlines()
    assert first.startswith("… executing 03_a: about 60 s; logs in")
    assert second == "✓ 03_a: 7 claims, 40 s, 900 MB"
    assert last.startswith(f"✓ The course is in {build}/site/index.html")


def test_nothing_to_do_is_a_success_too(build):
    told = Told(build)
    told.event(None, "Nothing to be done (all requested files are present and up to date).")
    assert told.said().startswith("✓ The course is in")


def test_chapters_that_were_asked_for_are_named(build):
    told = Told(build)
    told.run("execute_03_a", "execute_04_b")
    said = told.said(["03_a", "04_b"])
    assert f"{build}/executed/03_a.ipynb, {build}/executed/04_b.ipynb" in said
    assert "make book` makes the pages" in said and "index.html" not in said


def test_failures_are_told_where_they_happen_and_in_the_last_line(build):
    told = Told(build)
    told.event("run_info", stats={"execute_03_a": 1, "execute_05_c": 1})
    says(build, "05_c", "\n✗ 05_c: code cell 3 of 9 raised ValueError: no [red]\n")
    told.event("job_info", jobid=1, rule_name="execute_05_c")
    told.event("error", "RuleException:\nCalledProcessError …", logging.ERROR)
    told.event(None, "Error in rule execute_05_c", logging.ERROR, rule_name="execute_05_c")
    told.event(None, "Exiting because a job execution failed. Look above", logging.ERROR)
    told.event("error", "WorkflowError:\nAt least one job did not …", logging.ERROR)
    *above, last = told.said().splitlines()
    assert "✗ 05_c: code cell 3 of 9 raised ValueError: no [red]" in above
    assert last.startswith("✗ Not built: 05_c. The reason stands above, more in")
    assert last.endswith("make book goes on.") and "CalledProcess" not in "".join(above)


def test_a_chapter_that_was_killed_has_a_line(build):
    told = Told(build)
    told.run("execute_03_a", failing=["execute_03_a"])
    said = told.said()
    assert "03_a ended without a word: killed, or out of memory?" in said
    assert f"{build}/logs/03_a.log" in said
    assert "✗ Not built: 03_a." in said


def test_snakemakes_lines_leave_the_terminal_and_stay_on_request(build, capsys):
    for alone, shown in [(True, ""), (False, "Building\n")]:
        logger = logging.Logger("of a build")
        logger.addHandler(logging.StreamHandler(sys.stderr))
        Told(build).narrator.follow(logger, alone=alone)
        logger.info("Building")
        assert capsys.readouterr().err == shown
    assert "Building" in (build / "logs" / "snakemake.log").read_text()


@pytest.mark.parametrize(("rule", "name"), [("ledger", "the claims' check"), ("site", "the site")])
def test_what_failed_has_a_name(build, rule, name):
    told = Told(build)
    told.run(rule, failing=[rule])
    assert f"✗ Not built: {name}." in told.said()


def test_faults_of_snakemake_itself_are_shown(build):
    told = Told(build)
    message = "MissingInputException in rule site:\n    references.bib"
    told.event("error", message, logging.ERROR)
    said = told.said()
    assert f"✗ {message}" in said and "✗ Nothing was built." in said


def test_a_build_that_was_stopped_claims_nothing(build):
    told = Told(build)
    told.event("run_info", stats={"execute_03_a": 1})
    told.event("progress", done=1, total=4)
    assert "✓" not in told.said() and "✗" not in told.said()


def test_every_event_is_kept_in_a_file(build):
    told = Told(build)
    told.event("shellcmd", "Shell command: a very long one")
    assert "Shell command: a very long one" in (build / "logs" / "snakemake.log").read_text()
    assert told.said() == ""


def test_what_earlier_builds_left_is_not_said_again(build):
    says(build, "03_a", "✗ of yesterday")
    told = Told(build)
    told.run("execute_03_a")
    assert "yesterday" not in told.said()


def test_a_terminal_sees_the_whole_and_each_chapter_with_the_time_left(build):
    report = {"chapters": [{"chapter": "03_a", "seconds": 30}, {"chapter": "04_b", "seconds": 90}]}
    (build / "report.json").write_text(json.dumps(report))
    told = Told(build, terminal=True, cores=1)
    told.event("run_info", stats={"execute_03_a": 1, "execute_04_b": 1})
    told.event("job_info", jobid=1, rule_name="execute_04_b")
    (build / "logs" / "04_b.cells").write_text("40 80")
    bars = told.narrator._bars
    bars._update()
    whole, chapter = bars._progress.tasks
    assert (whole.total, whole.completed, whole.fields["note"]) == (120, 45, "75 s left")
    assert (chapter.description, chapter.completed) == ("04_b", 45)
    told.event("job_finished", job_id=1)
    bars._update()
    assert [task.description for task in bars._progress.tasks] == ["all"]
    assert bars._progress.tasks[0].completed == 90
    told.said()
    assert told.narrator._bars is None


@pytest.mark.parametrize(
    "text", [None, "", "[]", '{"chapters": [{"chapter": "03_a"}]}', '{"chapters": 3}']
)
def test_without_a_report_nothing_is_expected(tmp_path, text):
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    assert expected_seconds(path) == {}


def test_estimate_is_that_of_the_last_build(build):
    report = {"chapters": [{"chapter": "03_a", "seconds": 300}, {"chapter": "04_b", "seconds": 60}]}
    (build / "report.json").write_text(json.dumps(report))
    told = Told(build, cores=2)
    told.event("run_info", stats={"execute_03_a": 1, "execute_04_b": 1})
    assert "executing 2 chapters, 2 at a time: about 5 min" in told.said()


def test_cells_are_counted_in_a_file(tmp_path, monkeypatch):
    cells = Cells(tmp_path / "03.cells")
    monkeypatch.chdir("/")
    for text in ("\r", "3 81", "\rsomething else", "\r5 81\n"):
        cells.write(text)
    assert (tmp_path / "03.cells").read_text() == "5 81"
    Cells(tmp_path / "no folder" / "03.cells").write("3 81")
