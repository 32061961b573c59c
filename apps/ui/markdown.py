"""The little Markdown that a bundle's card is written in, as HTML: headings, paragraphs, lists, tables, code, bold."""

import re
from collections.abc import Iterator
from itertools import groupby

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

TOP_HEADING = 2
"""A card's "##" stands below the heading of its section, so each level goes one down."""


def markdown(text: str) -> SafeString:
    """Return a document as HTML; whatever is no Markdown of ours stays as it was written, escaped."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    parts = (_block(kind, list(block)) for kind, block in groupby(lines, key=_kind))
    return mark_safe("\n".join(part for block in parts for part in block))


def _kind(line: str) -> str:
    if not line:
        return ""
    if re.match(r"#{1,5} ", line):
        return "heading"
    if line.startswith("|"):
        return "table"
    return "list" if line.startswith(("- ", "* ", "  ")) else "paragraph"


def _block(kind: str, lines: list[str]) -> Iterator[str]:
    if kind == "heading":
        for line in lines:
            marks, _, words = line.partition(" ")
            level = min(len(marks) + TOP_HEADING - 1, 6)
            yield f"<h{level}>{_inline(words)}</h{level}>"
    elif kind == "list":
        yield f"<ul>{''.join(f'<li>{_inline(item)}</li>' for item in _items(lines))}</ul>"
    elif kind == "table":
        yield _table([[cell.strip() for cell in line.strip("|").split("|")] for line in lines])
    elif kind:
        yield f"<p>{_inline(' '.join(lines))}</p>"


def _items(lines: list[str]) -> list[str]:
    """Return the items of a list; an indented line goes on with the one before."""
    items: list[str] = []
    for line in lines:
        if line.startswith("  ") and items:
            items[-1] += f" {line.strip()}"
        else:
            items.append(line[2:])
    return items


def _table(rows: list[list[str]]) -> str:
    ruled = len(rows) > 1 and all(re.fullmatch(r":?-+:?", cell) for cell in rows[1])
    head, body = (rows[:1], rows[2:]) if ruled else ([], rows)
    top = "".join(f'<th scope="col">{_inline(cell)}</th>' for row in head for cell in row)
    lines = "".join(f"<tr>{''.join(f'<td>{_inline(cell)}</td>' for cell in row)}</tr>" for row in body)
    return (
        f'<div class="table-box"><table class="table"><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>'
    )


def _inline(text: str) -> str:
    safe = str(escape(text))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", safe)
