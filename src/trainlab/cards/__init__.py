"""How a claim, a question and an answer to an exercise are drawn, in light and dark."""

__all__ = []
