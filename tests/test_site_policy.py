"""The content-security policy: what is on the page runs, nothing else does."""

import pytest

from trainlab.book.site.policy import policy, with_policy

PAGE = "<html><head><title>T</title></head><body>{}</body></html>"


def allowed(page):
    (rule,) = [part for part in policy(page).split("; ") if part.startswith("script-src ")]
    return rule.split()[1:]


def test_a_page_without_scripts_allows_the_site_alone():
    assert allowed(PAGE) == ["'self'"]
    assert "default-src 'none'" in policy(PAGE) and "http" not in policy(PAGE)


def test_nothing_comes_from_or_goes_to_another_place():
    rules = dict(part.split(" ", 1) for part in policy(PAGE).split("; "))
    own = {"script-src", "font-src", "connect-src", "form-action", "base-uri"}
    assert {name for name, sources in rules.items() if sources == "'self'"} == own
    others = {
        "default-src": "'none'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
    }
    assert {name: sources for name, sources in rules.items() if name not in own} == others


def test_inline_script_is_allowed_by_its_hash():
    # The digest that `openssl dgst -sha256 -binary | base64` gives for alert(1).
    digest = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
    assert allowed("<script>alert(1)</script>") == ["'self'", digest]
    assert allowed('<script src="a.js"></script>') == ["'self'"]
    assert digest not in allowed("<script>alert(2)</script>")


def test_text_after_a_script_is_no_script():
    assert allowed("<script>1</script>alert(1)") == allowed("<script>1</script>")


def test_handler_is_allowed_by_its_hash():
    rule = allowed("""<button title="a > b" onclick="go(&quot;a&quot;)">x</button>""")
    assert rule[:2] == ["'self'", "'unsafe-hashes'"] and len(rule) == 3
    assert rule == allowed("""<a onclick='go("a")'>x</a>""")
    assert allowed('<p>once onclick="go()" is text</p>') == ["'self'"]


def test_policy_stands_before_what_it_rules():
    page = with_policy(PAGE.format("<script>1</script>"))
    assert page.index("Content-Security-Policy") < page.index("<title>")
    with pytest.raises(ValueError, match="no <head>"):
        with_policy("<p>")
