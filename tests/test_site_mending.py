"""What is mended in finished pages, and that a mending with nothing to mend says so."""

import re

import pytest

from trainlab.book.site import pages
from trainlab.book.site.mending import Mending, MendingError

# A page as the theme writes it, with one of each fault.
PAGE = """<html><head>
<meta name="viewport" content="width=device-width" />
<meta name="viewport" content="width=device-width" />
<title>T</title>
<script data-cfasync="false">
  document.documentElement.dataset.mode = localStorage.getItem("mode");
</script>
<meta name="docsearch:language" content="en"/>
<script type="text/x-thebe-config">{
  "live": true }</script>
<script>const THEBE_JS_URL = "https://unpkg.com/thebe"</script>
<script src="_static/documentation_options.js"></script>
<script src="_static/clipboard.min.js"></script><script src="_static/copybutton.js"></script>
<script src="_static/design-tabs.js"></script><script src="_static/searchtools.js"></script>
<script src="_static/language_data.js"></script><script src="searchindex.js" defer></script>
<script src="_static/fontawesome.js"></script><script src="_static/sphinx-thebe.js"></script>
<script src="_static/togglebutton.js"></script><script src="_static/theme.js"></script>
</head><body>
<div id="pst-skip-link" class="skip-link d-print-none"><a href="#main">Skip</a></div>
<button class="btn search-button-field pst-js-only" title="Search" aria-label="Search">Go</button>
<button class="theme-switch" title="light/dark"></button>
<div id="pst-primary-sidebar" class="bd-sidebar"><div class="dropdown-download-buttons"></div></div>
<article><details class="admonition hide above-input">
<summary aria-label="Toggle hidden content">Show</summary><div class="highlight">x</div></details>
<table class="table ledger"><tr><td>1</td></tr></table>
<div role="list" class="citation-list"><div class="citation" role="doc-biblioentry">A</div></div>
</article><footer class="bd-footer">
</footer></body></html>"""

# Each fault as the theme writes it, and what stands in its place.
MENDED = {
    '<script data-cfasync="false">': 'page.mode = known.includes(mode) ? mode : "auto"',
    '<meta name="docsearch:language" content="en"/>': "",
    '<script type="text/x-thebe-config">': "",
    "const THEBE_JS_URL": "",
    ' title="Search" aria-label="Search"': 'search-button-field pst-js-only">Go',
    '<summary aria-label="Toggle hidden content">': "<summary>Show",
    '<div id="pst-skip-link" class="skip-link d-print-none">': 'd-print-none" role="navigation"',
    '<div id="pst-primary-sidebar" class': '<div id="pst-primary-sidebar" role="region"',
    'title="light/dark"></button>': 'title="light/dark" aria-label="light/dark"></button>',
    'content-list"><table class="table ledger">': (
        '<div class="pst-scrollable-table-container"><table class="table ledger">'
    ),
    'role="doc-biblioentry"': 'class="citation" role="listitem"',
    '<footer class="bd-footer">': "",
}
SCRIPTS = [
    *("documentation_options", "clipboard", "copybutton", "design-tabs", "searchtools"),
    *("language_data", "searchindex", "fontawesome", "sphinx-thebe", "togglebutton"),
]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "documentation_options.js").write_text("const options = 1;")
    return tmp_path


def test_every_fault_is_mended(root):
    mended = pages.mend(PAGE, "index.html", root)
    for fault, cure in MENDED.items():
        assert fault not in mended and cure in mended, fault
    assert mended.count('name="viewport"') == 1
    assert mended.index('name="viewport"') < mended.index("<title>")
    assert "<script>const options = 1;</script>" in mended
    kept = re.findall(r'<script[^>]* src="([^"]*)"', mended)
    assert kept == ["_static/clipboard.min.js", "_static/copybutton.js", "_static/theme.js"]
    assert all("defer" in script for script in re.findall(r"<script[^>]* src=[^>]*>", mended))


@pytest.mark.parametrize(
    ("script", "mark"),
    [("design-tabs.js", '<div class="sd-tab-set">'), ("searchtools.js", '<p id="search-results">')],
)
def test_a_script_stays_where_a_page_needs_it(root, script, mark):
    assert script not in pages.mend(PAGE, "index.html", root)
    assert script in pages.mend(PAGE.replace("<article>", f"<article>{mark}"), "index.html", root)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ('data-cfasync="false"', "a mode chosen before the page is painted"),
        ("docsearch:", "no index of a search service"),
        ("x-thebe-config", "no settings of live code"),
        ("const THEBE_", "no variables of live code"),
        ('title="Search"', "Search Ctrl"),
        ("Toggle hidden content", "a folded cell"),
        ("pst-skip-link", "a link over the navigation"),
        ("pst-primary-sidebar", "a sidebar that is a landmark"),
        ("<button", "buttons with nothing but an icon|Search Ctrl"),
        ("doc-biblioentry", "entries of a bibliography"),
        ("bd-footer", "no landmark without content"),
        ("<title>", "2 viewports and 0 titles"),
        ('name="viewport"', "0 viewports and 1 titles"),
        *((f"{script}", f"no script {script}") for script in SCRIPTS),
    ],
)
def test_a_mending_with_nothing_to_mend_says_so(root, fault, message):
    changed = PAGE.replace(fault, "gone")
    assert changed != PAGE
    with pytest.raises(MendingError, match=message) as raised:
        pages.mend(changed, "chapters/03.html", root)
    assert "chapters/03.html" in str(raised.value)


def test_a_page_without_the_fault_is_asked_for_nothing(root):
    bare = re.sub(r"<article>.*</article>", "", PAGE, flags=re.DOTALL)
    assert "</body>" in pages.mend(bare, "404.html", root)


def test_a_table_in_no_frame_is_asked_for_where_tables_are_ours(root):
    framed = PAGE.replace("<table", '<div class="pst-scrollable-table-container"><table')
    with pytest.raises(MendingError, match="wide tables in a frame"):
        pages.mend(framed, "pages/ledger.html", root)


def test_mending_names_page_pattern_and_cure():
    mending = Mending("no bees", "bee+", "wasp", where="hive")
    assert mending("a bee, a bee", "index.html") == "a wasp, a wasp"
    assert mending("a wasp", "index.html") == "a wasp"
    with pytest.raises(MendingError, match=r"index.html: no bees: .*'bee\+'.* change the mending"):
        mending("a hive", "index.html")
