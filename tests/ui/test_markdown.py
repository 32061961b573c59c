"""The Markdown of a bundle's card as HTML."""

import pytest

from apps.ui.markdown import markdown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("# tiny 1.0", "<h2>tiny 1.0</h2>"),
        ("### Deep", "<h4>Deep</h4>"),
        ("one\ntwo\n\nthree", "<p>one two</p>\n<p>three</p>"),
        ("- a\n- b\n  goes on\n\nend", "<ul><li>a</li><li>b goes on</li></ul>\n<p>end</p>"),
        ("**not** `code`", "<p><strong>not</strong> <code>code</code></p>"),
        ("#hashtag", "<p>#hashtag</p>"),
        ("{}", "<p>{}</p>"),
        ("", ""),
    ],
)
def test_what_cards_use_becomes_html(written: str, shown: str) -> None:
    assert markdown(written) == shown


def test_a_table_has_its_heading() -> None:
    html = markdown("| | vote |\n|---|---|\n| chest | **97 %** |")
    assert '<th scope="col">vote</th>' in html and "<td><strong>97 %</strong></td>" in html
    assert html.count("<tr>") == 2


def test_nothing_in_a_card_becomes_markup_of_its_own() -> None:
    html = markdown("<script>alert(1)</script> **<img src=x>** `</code><b>`\n\n| <i> |\n|---|\n| <u> |")
    assert not [tag for tag in ("<script", "<img", "<b>", "<i>", "<u>") if tag in html]
