"""Tell a learner whether an answer is right, and what is wrong with one that is not.

Each chapter's checkers stand in a module of their own, `chapter_02` for example, which is loaded
when one of its exercises is checked.
"""

from trainlab.exercises.checking import check

__all__ = ["check"]
