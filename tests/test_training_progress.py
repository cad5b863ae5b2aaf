"""The progress bar is seen by people and leaves nothing behind."""

import io
import sys

import nbclient
import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from trainlab.training.progress import ProgressBar

CELL = """
import time
from trainlab.training.progress import ProgressBar
print("before")
with ProgressBar(10, "ReLU <He>") as bar:
    for done in range(11):
        bar.update(done, "seed 1")
        time.sleep(0.02)
print("after")
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run_bar():
    with ProgressBar(4, "ReLU") as bar:
        bar.update(2, "seed 1")


def test_terminal_line_is_wiped(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    run_bar()
    text = sys.stderr.getvalue()
    assert "━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌  ReLU  seed 1  50%" in text
    assert text.endswith("\r\x1b[K")
    assert "\n" not in text


def test_terminal_line_is_wiped_when_the_work_fails(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(ZeroDivisionError), ProgressBar(4, "ReLU") as bar:
        bar.update(2)
        raise ZeroDivisionError
    assert sys.stderr.getvalue().endswith("\r\x1b[K")


def test_file_gets_nothing(capsys):
    run_bar()
    assert capsys.readouterr() == ("", "")


def test_hidden_bar_writes_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with ProgressBar(4, "ReLU", visible=False) as bar:
        bar.update(2)
    assert sys.stderr.getvalue() == ""


def test_executed_notebook_keeps_nothing_of_it():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    texts = [output.get("text") for output in notebook.cells[0].outputs]
    assert "".join(texts) == "before\nafter\n"


def test_person_in_a_notebook_sees_it_and_it_ends_empty():
    manager, client = start_new_kernel(kernel_name="python3")
    messages = []
    try:
        client.execute_interactive(
            CELL, allow_stdin=True, stdin_hook=print, output_hook=messages.append, timeout=120
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    shown = [m for m in messages if m["msg_type"] in ("display_data", "update_display_data")]
    assert [m["msg_type"] for m in shown][:2] == ["display_data", "update_display_data"]
    pages = [m["content"]["data"]["text/html"] for m in shown]
    assert 'max="10"' in pages[0]
    assert "ReLU &lt;He&gt;  seed 1" in pages[0]
    assert pages[-1] == ""
    assert "clear_output" not in {m["msg_type"] for m in messages}
