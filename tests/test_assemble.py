"""What is shown of the log of a site build that failed."""

from trainlab.book.assemble import faults_of


def test_lines_that_warn_are_shown_without_colours():
    log = "Running\n\x1b[91m/a/index.md:3: WARNING: unknown document: 'x'\x1b[39;49;00m\nreading\n"
    assert faults_of(log) == "/a/index.md:3: WARNING: unknown document: 'x'"


def test_many_warnings_are_cut_and_an_exception_is_whole():
    log = "\n".join(
        ["Running", *["WARNING: same"] * 30, "Exception occurred:", "  File", "OSError: x"]
    )
    lines = faults_of(log).splitlines()
    assert lines == [*["WARNING: same"] * 20, "…", "Exception occurred:", "  File", "OSError: x"]


def test_log_that_names_no_fault_is_shown_from_its_end():
    assert faults_of("\n".join(map(str, range(50)))).splitlines() == list(map(str, range(30, 50)))
