"""Writes the attributes of the standard for the browser: `python tools/deidentification_tables.py`.

static/js/deidentify/dictionary.js and names.js are what apps/imaging/deidentification/dictionary.py says; a test fails
when they differ.
"""

import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "static" / "js" / "deidentify"

sys.path.insert(0, str(ROOT))

from apps.imaging.deidentification.dictionary import attribute_names, representations  # noqa: E402

HEAD = "// Written by tools/deidentification_tables.py: the public attributes of DICOM (PS3.6).\n"

DICTIONARY = """
const representations = new Map();
for (const [vr, tags] of Object.entries(TAGS)) {
  for (const tag of tags.split(" ")) representations.set(Number.parseInt(tag, 16), vr);
}

/** Return the value representation of a public attribute, undefined for what the standard does not know. */
export const representationOf = (tag) => representations.get(tag);

/** Return whether the standard knows the attribute. */
export const isPublic = (tag) => representations.has(tag);
"""


def dictionary() -> str:
    """Return the module with the value representation of each tag."""
    tags: dict[str, list[str]] = {}
    for tag, vr in representations().items():
        tags.setdefault(vr, []).append(f"{tag:X}")
    lines = [HEAD, "const TAGS = {"]
    for vr, of_vr in sorted(tags.items()):
        lines += [f"  {vr}:", *_text(" ".join(of_vr))]
    return "\n".join([*lines, "};"]) + DICTIONARY


def names() -> str:
    """Return the module with the name of each tag."""
    lines = [HEAD, "/** Tag, eight digits -> name. */", "export const NAMES = {"]
    lines += [f'  "{tag:08X}": "{name}",' for tag, name in attribute_names().items()]
    return "\n".join([*lines, "};", ""])


def _text(text: str) -> list[str]:
    pieces = textwrap.wrap(text, 108)
    last = len(pieces) - 1
    return [f'    "{piece}{"" if n == last else " "}"{"," if n == last else " +"}' for n, piece in enumerate(pieces)]


def main() -> None:
    for name, content in (("dictionary.js", dictionary()), ("names.js", names())):
        (FOLDER / name).write_text(content, "utf-8")
        print(f"wrote {FOLDER / name}")


if __name__ == "__main__":
    main()
