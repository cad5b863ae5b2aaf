"""What pages take from the course as a whole."""

import pytest

from trainlab.book import contents
from trainlab.cards import numbers

TOC = """
format: jb-book
root: index
parts:
  - caption: One
    chapters:
      - file: chapters/02_two
      - file: pages/ledger
  - caption: Two
    chapters:
      - file: chapters/01_one
"""


def test_chapters_are_those_of_the_table_of_contents_in_its_order(tmp_path):
    (tmp_path / "_toc.yml").write_text(TOC)
    assert contents.chapters_in_toc(tmp_path) == ["02_two", "01_one"]


@pytest.mark.parametrize(("n", "text"), [(0, "0 seeds"), (1, "1 seed"), (16, "16 seeds")])
def test_what_is_counted_has_its_plural(n, text):
    assert numbers.counted(n, "seed") == text
