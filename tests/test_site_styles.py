"""One style sheet in place of several, without the rules that match nothing."""

import pytest

from trainlab.book.site.styles import bundle, only_used, words_in


def test_words_are_all_that_can_be_a_name():
    assert words_in(['<p class="a-b c">', "d.e"]) == {"p", "class", "a-b", "c", "d", "e"}


@pytest.mark.parametrize(
    ("css", "kept"),
    [
        (".a{x:1}", ".a{x:1}"),
        (".b{x:1}", ""),
        ("#a .b{x:1}", ""),
        (".b,.a,p{x:1}", ".a,p{x:1}"),
        (".a:not(.b){x:1}", ".a:not(.b){x:1}"),
        ("p{x:1}", "p{x:1}"),
        ("@media print{.a{x:1}.b{x:2}}", "@media print{.a{x:1}}"),
        ("@media print{.b{x:2}}", ""),
        ("@supports (x:1){@media print{.a{x:1}}}", "@supports (x:1){@media print{.a{x:1}}}"),
        ("@charset 'utf-8';.a{x:1}", "@charset 'utf-8';.a{x:1}"),
        ('.a{content:"}"}.b{x:1}', '.a{content:"}"}'),
    ],
)
def test_rules_that_match_nothing_are_left_out(css, kept):
    assert only_used(css, {"a"}).replace("\n", "").replace(" {", "{") == kept


def test_sheets_are_joined_in_order_with_what_they_import(tmp_path):
    (tmp_path / "theme" / "parts").mkdir(parents=True)
    (tmp_path / "theme" / "parts" / "p.css").write_text(".a{background:url(../i.svg)}")
    (tmp_path / "theme" / "t.css").write_text('/* c */@import "parts/p.css";.a{src:url("f.woff2")}')
    (tmp_path / "own.css").write_text(".a{x:url(data:image/png;base64,A)}")
    sheet = bundle([tmp_path / "theme" / "t.css", tmp_path / "own.css"], tmp_path, {"a"})
    found = [
        sheet.index(part) for part in ('url("theme/i.svg")', 'url("theme/f.woff2")', "url(data:")
    ]
    assert found == sorted(found) and "/*" not in sheet and "@import" not in sheet
