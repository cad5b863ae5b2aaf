"""A Sphinx extension that mends what jupyter-book's parts get wrong on our pages."""

from __future__ import annotations

__all__ = ["setup"]


def _drop_repeated_scripts(app, pagename, templatename, context, doctree):
    """Keep scripts that the page uses.

    sphinx-thebe adds its script twice, which makes the second one fail on every page, and loads
    it where no page offers live code; MathJax is not needed, as mathematics is rendered already.
    """
    unwanted = ("thebe", "mathjax")
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if not any(name in str(getattr(script, "filename", script)).lower() for name in unwanted)
        and "THEBE" not in str(getattr(script, "attributes", {}).get("body", ""))
    ]


def setup(app):
    """Register with Sphinx."""
    app.connect("html-page-context", _drop_repeated_scripts, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
