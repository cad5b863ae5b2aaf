"""Chapters by number or name."""

import pytest

from trainlab.book.chosen import UnknownChapter, chosen, main

CHAPTERS = ["01_keras_workflow", "02_vanishing_gradients", "11_tensorflow_tour"]


@pytest.mark.parametrize(
    "names",
    [["2", "1"], ["01,02"], ["01 02"], ["02_vanishing_gradients", "keras_workflow"],
     ["chapters/02_vanishing_gradients.ipynb", "1"], ["1", "01", "2"], ["01_KERAS_Workflow,2"]],
)  # fmt: skip
def test_chapters_come_once_in_the_order_of_the_book(names):
    assert chosen(names, CHAPTERS) == CHAPTERS[:2]


def test_nothing_is_nothing():
    assert chosen([], CHAPTERS) == chosen([""], CHAPTERS) == []


@pytest.mark.parametrize("name", ["0", "3", "1_keras", "keras", "../11", "_", "0 1"])
def test_other_names_are_answered_with_the_list(name):
    if name == "../11":  # a path whose last part is a number
        assert chosen([name], CHAPTERS) == CHAPTERS[2:]
        return
    with pytest.raises(UnknownChapter, match="name of no chapter") as raised:
        chosen([name], CHAPTERS)
    assert all(chapter in str(raised.value) for chapter in CHAPTERS)


def test_command_prints_names_for_the_shell(capsys):
    main(["11", "1"])
    assert capsys.readouterr().out == "01_keras_workflow 11_tensorflow_tour\n"
    with pytest.raises(SystemExit):
        main(["12"])
    assert "ONLY=12" in capsys.readouterr().err
