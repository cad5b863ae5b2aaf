"""The built site as readers meet it: in a real browser, wide and on a phone, light and dark."""

import json
import re
from html import unescape
from types import SimpleNamespace
from urllib.parse import unquote, urljoin, urlsplit

import browser as site
import pytest
import yaml
from axe_playwright_python.base import AXE_SCRIPT
from PIL import Image

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WEIGHT_LIMIT = 600_000
AXE_OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # Off by default because it is young; Lighthouse asks for it.
    "rules": {"label-content-name-mismatch": {"enabled": True}},
    "resultTypes": ["violations"],
}
# Mathematics is thousands of boxes in the colour of the text around it (its text alternative is
# MathML, which stays in), and one block of code has the colours of the next.
PART = {"include": ["html"], "exclude": [".katex-html", "pre.again"]}
MARK_CODE = """[...document.querySelectorAll("pre")].slice(4)
  .forEach((block) => block.classList.add("again"))"""
# Adds up how far things move without the reader's doing.
COUNT_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""
SCROLL_THROUGH = """async () => {
  for (let y = 0; y < document.documentElement.scrollHeight; y += 700) {
    scrollTo(0, y);
    await new Promise(requestAnimationFrame);
  }
  await Promise.all([...document.images].filter((image) => image.offsetParent).map((image) =>
    image.complete || new Promise((done) => { image.onload = image.onerror = done; })));
}"""
BYTES_MOVED = """() => [...performance.getEntriesByType("navigation"),
  ...performance.getEntriesByType("resource")]
  .reduce((sum, each) => sum + each.encodedBodySize, 0)"""


@pytest.fixture(scope="module")
def address():
    with site.serve() as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with site.chromium() as chromium:
        yield chromium


@pytest.fixture
def tab(chromium, address):
    """A fresh tab of a reader who was never here; `path` arguments are relative to the site."""
    context = chromium.new_context(
        base_url=address, viewport=WIDE, permissions=["clipboard-read", "clipboard-write"]
    )
    yield context.new_page()
    context.close()


@pytest.fixture(
    scope="module",
    params=[(page, screen) for page in site.PAGES for screen in ("wide", "phone")],
    ids="-".join,
)
def opened(request, chromium, address):
    """A page, read from top to bottom on one screen, and what the browser noted meanwhile."""
    path, screen = request.param
    context = chromium.new_context(viewport={"wide": WIDE, "phone": PHONE}[screen])
    context.add_init_script(COUNT_SHIFTS)
    page = context.new_page()
    faults, strangers = [], []

    def noted(request):
        if urlsplit(request.url).hostname != "127.0.0.1" and not request.url.startswith("data:"):
            strangers.append(request.url)

    page.on("request", noted)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda line: faults.append(line.text) if line.type in ("error", "warning") else None,
    )
    page.goto(address + path)
    early = page.evaluate("[...document.images].filter((image) => image.complete).length")
    page.evaluate(SCROLL_THROUGH)
    yield SimpleNamespace(
        path=path, page=page, screen=screen, faults=faults, strangers=strangers, early=early
    )
    context.close()


def test_page_asks_no_other_host(opened):
    assert opened.strangers == []


def test_page_has_no_console_errors(opened):
    assert opened.faults == []


def test_page_is_no_wider_than_its_screen(opened):
    width = opened.page.evaluate("document.documentElement.scrollWidth")
    assert width <= opened.page.viewport_size["width"]


def test_nothing_moves_while_a_page_loads(opened):
    assert opened.page.evaluate("window.shifted") < 0.05


def test_page_is_light(opened):
    moved = opened.page.evaluate(BYTES_MOVED)
    assert 5_000 < moved <= WEIGHT_LIMIT, f"{opened.path} moves {moved:,} bytes"


def test_images_are_sized_described_and_fetched_late(opened):
    images = opened.page.evaluate("""[...document.querySelectorAll("article img")].map((image) => ({
      alt: image.alt, sized: image.hasAttribute("width") && image.hasAttribute("height"),
      lazy: image.loading === "lazy", shown: image.naturalWidth > 0 || !image.offsetParent,
      source: image.currentSrc}))""")
    for image in images:
        assert image["alt"] and image["sized"] and image["lazy"] and image["shown"], image
    if len(images) > 8:
        count = opened.page.evaluate("document.images.length")
        assert opened.early < count, "all figures were fetched before anyone scrolled"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_is_accessible(opened, theme):
    opened.page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    opened.page.wait_for_timeout(250)  # colours fade over 0.15 s
    opened.page.evaluate(f"window.axe || (() => {{ {AXE_SCRIPT} }})()")
    opened.page.evaluate(MARK_CODE)
    options = dict(AXE_OPTIONS)
    if opened.screen == "phone":  # colours are those of the wide page, and take long to check
        options["rules"] = {**options["rules"], "color-contrast": {"enabled": False}}
    found = opened.page.evaluate("([part, options]) => axe.run(part, options)", [PART, options])
    assert [
        (fault["id"], [node["html"][:200] for node in fault["nodes"]])
        for fault in found["violations"]
    ] == []


def test_next_walks_through_the_book_and_previous_back(tab):
    parts = yaml.safe_load((site.ROOT / "_toc.yml").read_text())["parts"]
    order = ["index", *(entry["file"] for part in parts for entry in part["chapters"])]
    tab.goto("index.html")
    for name in order[1:]:
        tab.locator("a.right-next").click()
        tab.wait_for_url(f"**{site.BASE}{name}.html", timeout=10_000)
    assert tab.locator("a.right-next").count() == 0
    tab.locator("a.left-prev").click()
    tab.wait_for_url(f"**{site.BASE}{order[-2]}.html", timeout=10_000)


@pytest.mark.parametrize("chapter", [site.CHAPTERS[0], site.CHAPTERS[-1]])
def test_search_finds_a_chapter_by_its_terms(tab, chapter):
    tab.goto(f"chapters/{chapter}.html")
    words = tab.locator("article h2").nth(1).inner_text().rstrip("#").lower()
    tab.goto("index.html")
    tab.keyboard.press("Control+k")
    tab.locator("#pst-search-dialog input").fill(max(re.findall(r"[a-z]+", words), key=len))
    tab.keyboard.press("Enter")
    tab.locator(f'#search-results a[href*="chapters/{chapter}.html"]').first.wait_for(timeout=5000)


def test_theme_switch_works_and_is_remembered(tab):
    tab.emulate_media(color_scheme="light")
    tab.goto("index.html")
    theme = "document.documentElement.dataset.theme"
    switch = tab.locator(".theme-switch-button")
    assert tab.evaluate(theme) == "light"
    switch.press("Enter")
    assert tab.evaluate(theme) == "dark"
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", paper))) < 64
    assert switch.locator(".theme-switch:visible").count() == 1
    tab.goto(f"chapters/{site.CHAPTERS[0]}.html")
    assert tab.evaluate(theme) == "dark"


def test_copy_button_copies_the_cell(tab):
    tab.goto(f"chapters/{site.CHAPTERS[-1]}.html")
    block = tab.locator(".highlight:has(pre):visible").first
    block.hover()
    block.locator("button.copybtn").click()
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == block.locator("pre").inner_text().strip() != ""


@pytest.mark.parametrize("chapter", site.CHAPTERS)
def test_launch_buttons_open_this_notebook(tab, chapter):
    tab.goto(f"chapters/{chapter}.html")
    tab.locator(".dropdown-launch-buttons > button").click()
    tab.locator('.dropdown-launch-buttons a[href*="colab"]').wait_for(state="visible")
    for host in ("colab.research.google.com", "mybinder.org"):
        link = tab.locator(f'.dropdown-launch-buttons a[href*="{host}"]').get_attribute("href")
        notebook = re.search(r"chapters/[\w.]+$", unquote(link))[0]
        assert notebook == f"chapters/{chapter}.ipynb" and (site.ROOT / notebook).exists()
    download = tab.locator("a.btn-download-source-button").get_attribute("href")
    assert json.loads(tab.request.get(urljoin(tab.url, download)).text())["nbformat"] == 4


@pytest.mark.parametrize("chapter", site.CHAPTERS)
def test_chapter_reads_whole_without_scripts(chromium, address, chapter):
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"chapters/{chapter}.html")
    assert page.locator("h1:visible").count() == 1
    for part in ("article p.provenance", "article img", "article .claim-card", "article h2"):
        assert page.locator(part).first.is_visible(), part
    assert page.locator("article .katex-html:visible").count() > 10
    folded = page.locator("article details.hide").first
    assert not folded.locator("pre").first.is_visible()
    folded.locator("summary").click()
    assert folded.locator("pre").first.is_visible()
    context.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_card_unfolds_and_leads_to_the_page_that_explains_it(chromium, address, scripts):
    context = chromium.new_context(base_url=address, java_script_enabled=scripts, viewport=PHONE)
    page = context.new_page()
    page.goto(f"chapters/{site.CHAPTERS[0]}.html")
    card = page.locator(".claim-card").first
    criterion = card.get_by_text("Criterion", exact=True)
    assert not criterion.is_visible()
    card.locator("summary").click()
    assert criterion.is_visible()
    card.get_by_role("link", name="How to read this card").click()
    page.wait_for_url(f"**{site.BASE}pages/evidence.html")
    assert page.locator("article .claim-card").first.is_visible()
    context.close()


def test_ledger_is_filtered_by_keyboard_and_address(tab):
    tab.goto("pages/ledger.html")
    shown = tab.locator("table.ledger tbody tr:visible")
    everything = shown.count()
    tab.get_by_label("Verdict").focus()
    tab.keyboard.press("s")  # the first letter of "supported"
    tab.keyboard.press("Enter")
    supported = tab.locator('table.ledger tr[data-verdict="supported"]').count()
    assert 0 < shown.count() == supported < everything
    assert (
        tab.locator(".ledger-filter output").inner_text() == f"{supported} of {everything} claims"
    )
    tab.reload()  # the choice stands in the address
    assert shown.count() == supported
    tab.goto(f"chapters/{site.CHAPTERS[0]}.html")
    tab.locator(".provenance a").click()
    tab.wait_for_url("**/ledger.html?chapter=*")
    own = tab.locator(f'table[data-chapter="{site.CHAPTERS[0]}"] tbody tr').count()
    assert shown.count() == own
    shown.first.locator("a").click()
    tab.wait_for_url("**/chapters/*")
    tab.locator(f".claim-card[id='{urlsplit(tab.url).fragment}']").wait_for(state="visible")


def test_ledger_lists_all_without_scripts(chromium, address):
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("pages/ledger.html")
    claims = json.loads((site.SITE.parent / "claims.json").read_text())["claims"]
    assert page.locator("table.ledger tbody tr:visible").count() == len(claims)
    assert not page.locator(".ledger-filter").is_visible()
    context.close()


def test_a_script_that_was_not_there_when_the_book_was_built_does_not_run(tab, address):
    hostile = '<script>window.ran = 1</script><img src="/none.png" onerror="window.ran = 2" alt="">'

    def smuggle(route):
        response = route.fetch()
        route.fulfill(
            response=response, body=response.text().replace("<article", hostile + "<article", 1)
        )

    tab.route("**/ledger.html", smuggle)
    refused = []
    tab.on("console", lambda line: refused.append(line.text) if "Content Sec" in line.text else 0)
    tab.goto(address + "pages/ledger.html")
    tab.wait_for_timeout(300)
    assert tab.evaluate("window.ran") is None
    assert tab.locator("img[src='/none.png']").count() == 1 and len(refused) >= 2


def test_missing_address_shows_a_page_that_works(tab):
    answer = tab.goto("chapters/gone/away.html")
    assert answer.status == 404
    rules = "document.querySelector('link[rel=stylesheet]').sheet?.cssRules.length ?? 0"
    assert tab.evaluate(rules) > 100
    tab.locator("article a").first.click()
    tab.locator(".course-map").wait_for(state="visible")


def _page(path):
    return (site.SITE / path).read_text()


def test_every_link_inside_the_site_leads_somewhere():
    pages = {path: _page(path) for path in site.PAGES}
    ids = {path: set(re.findall(r'\bid="([^"]+)"', page)) for path, page in pages.items()}
    broken = []
    for path, page in pages.items():
        for link in map(unescape, re.findall(r'\b(?:href|src)="([^"]*)"', page)):
            parts = urlsplit(urljoin(f"http://site{site.BASE}{path}", link))
            if parts.hostname != "site" or parts.scheme != "http":
                continue
            target = unquote(parts.path).removeprefix(site.BASE) or "index.html"
            if not (site.SITE / target).is_file() or (
                parts.fragment and target in ids and unquote(parts.fragment) not in ids[target]
            ):
                broken.append((path, link))
    assert broken == []


@pytest.mark.parametrize("path", site.PAGES)
def test_page_says_what_it_is(path):
    page = _page(path)
    for tag in ('name="description"', 'property="og:title"', 'property="og:image"', 'rel="icon"'):
        assert page.count(tag) == 1, tag
    assert page.count('name="viewport"') == 1
    description = re.search(r'name="description" content="([^"]*)"', page)[1]
    assert 20 < len(unescape(description)) < 200
    scripts = re.findall(r"<script[^>]* src=[^>]*>", page)
    assert scripts and all("defer" in script for script in scripts), "a script holds up the page"


def test_pages_have_descriptions_of_their_own():
    found = [
        re.search(r'name="description" content="([^"]*)"', _page(path))[1] for path in site.PAGES
    ]
    assert len(set(found)) == len(found)


def test_social_card_and_site_map():
    with Image.open(site.SITE / "_static" / "card.png") as card:
        assert card.size == (1200, 630)
    listed = re.findall(r"<loc>https://[^/]+/[^/]+/(.*?)</loc>", _page("sitemap.xml"))
    assert {name or "index.html" for name in listed} == {*site.PAGES} - {"404.html", "search.html"}
    assert "sitemap.xml" in _page("robots.txt")


def test_every_icon_has_a_drawing():
    masks = set(re.findall(r"\.fa-([\w-]+)\s*\{[^{}]*--icon", _page("_static/book.css")))
    for path in site.PAGES:
        for names in re.findall(r'class="([^"]*\bfa[sb]?[ -][^"]*)"', _page(path)):
            used = set(re.findall(r"\bfa-([\w-]+)", names)) - {"solid", "brands", "lg"}
            assert used and used <= masks, f"{path}: no drawing in assets/icons.css for {names}"


@pytest.mark.parametrize("chapter", site.CHAPTERS)
def test_terms_are_linked_once_to_the_glossary(chapter):
    links = re.findall(
        r'<a class="[^"]*\bterm\b[^"]*" href="([^"]*)"', _page(f"chapters/{chapter}.html")
    )
    assert len(links) > 3 and len(set(links)) == len(links)


def test_map_shows_written_and_planned_chapters():
    page = _page("index.html")
    planned = yaml.safe_load((site.ROOT / "pages" / "course_map.yml").read_text())
    assert page.count('<li class="written">') == len(site.CHAPTERS)
    assert page.count('<li class="planned">') == len(set(planned) - set(site.CHAPTERS))
