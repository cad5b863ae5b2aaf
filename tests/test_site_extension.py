"""What is done to a whole site once its pages are written."""

from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from docutils import nodes

from trainlab.book.site import extension
from trainlab.book.site.mending import MendingError


def application(root, builder="html"):
    return SimpleNamespace(
        outdir=str(root),
        builder=SimpleNamespace(format=builder),
        config=SimpleNamespace(html_title="The Book", html_baseurl="https://a.b/book/"),
        env=SimpleNamespace(found_docs={"index", "chapters/03", "pages/ledger"}),
    )


def described(*paragraphs, title="A <i>title</i>"):
    document = nodes.document(SimpleNamespace(), SimpleNamespace())
    document.extend(nodes.paragraph("", text) for text in paragraphs)
    context = {"title": title, "metatags": "<meta first>"}
    extension._describe(application("."), "chapters/03", "page.html", context, document)
    assert context["metatags"].startswith("<meta first>")
    return context["metatags"]


def test_page_is_described_by_its_first_long_paragraph():
    long = "This paragraph says\nwhat the page is about, in more than sixty letters of text."
    tags = described("Short.", long, "Another paragraph that is also longer than sixty letters …")
    assert f'name="description" content="{long.replace(chr(10), " ")}"' in tags
    assert 'property="og:title" content="A title"' in tags
    assert 'property="og:url" content="https://a.b/book/chapters/03.html"' in tags


def test_page_without_text_is_described_by_its_title():
    assert 'name="description" content="A &lt;i&gt;title&lt;/i&gt; in The Book"' in described()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 180, "a" * 180),
        ("word " * 36 + "x", ("word " * 36).strip() + " …"),
        ("a" * 170 + ", " + "b" * 20, "a" * 170 + " …"),
    ],
)
def test_long_descriptions_end_between_words(text, expected):
    assert extension._shortened(text) == expected


def test_unused_parts_of_the_theme_are_dropped_and_missed(tmp_path):
    for name in extension._UNUSED:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x") if path.suffix else path.mkdir()
    kept, source_map = tmp_path / "theme.js", tmp_path / "scripts" / "theme.js.map"
    kept.write_text("x")
    source_map.write_text("x")
    extension._drop_unused(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [kept]
    with pytest.raises(MendingError, match=f"no {extension._UNUSED[0]} into .* any more"):
        extension._drop_unused(tmp_path)


LINK = '  <link rel="stylesheet" type="text/css" href="{}_static/{}.css?v=1" />\n'


def site(root):
    (root / "_static").mkdir()
    (root / "_static" / "a.css").write_text(".a{x:1}.never{x:2}")
    (root / "_static" / "b.css").write_text(".b{x:3}")
    (root / "_static" / "other.css").write_text(".a{x:4}")
    (root / "chapters").mkdir()
    head = "<head>\n" + LINK.format("", "a") + '<p class="a b">'
    (root / "index.html").write_text(head)
    head = "<head>\n" + LINK.format("../", "a") + LINK.format("../", "b") + "<p>"
    (root / "chapters" / "03.html").write_text(head)


def test_pages_link_one_sheet_with_what_any_of_them_uses(tmp_path):
    site(tmp_path)
    extension._bundle_styles(tmp_path)
    assert [path.name for path in tmp_path.rglob("*.css")] == ["book.css"]
    sheet = (tmp_path / "_static" / "book.css").read_text().replace("\n", "")
    assert sheet == ".a{x:1}.b{x:3}"
    for name, prefix in (("index.html", ""), ("chapters/03.html", "../")):
        page = (tmp_path / name).read_text()
        assert page.count("<link") == 1
        assert f'<link rel="stylesheet" href="{prefix}_static/book.css" />' in page


def test_a_page_without_style_sheets_is_an_error(tmp_path):
    site(tmp_path)
    (tmp_path / "bare.html").write_text("<head></head>")
    with pytest.raises(MendingError, match=r"bare\.html links no style sheet"):
        extension._bundle_styles(tmp_path)


def test_site_map_lists_every_page(tmp_path):
    extension._write_site_map(application(tmp_path), tmp_path)
    listed = ElementTree.parse(tmp_path / "sitemap.xml").getroot()
    assert sorted(location.text for url in listed for location in url) == [
        "https://a.b/book/",
        "https://a.b/book/chapters/03.html",
        "https://a.b/book/pages/ledger.html",
    ]
    assert "Sitemap: https://a.b/book/sitemap.xml" in (tmp_path / "robots.txt").read_text()


@pytest.mark.parametrize(
    ("exception", "builder"), [(RuntimeError("a page failed"), "html"), (None, "latex")]
)
def test_a_failed_or_another_build_is_left_alone(tmp_path, exception, builder):
    (tmp_path / "index.html").write_text("as it is")
    extension._finish(application(tmp_path, builder), exception)
    assert (tmp_path / "index.html").read_text() == "as it is"
