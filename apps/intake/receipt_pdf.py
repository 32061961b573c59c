"""The proof of receipt as a PDF: one page of facts, then the hash of every image, then how to check it."""

import io
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import reportlab
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from apps.intake.models import Receipt
from apps.intake.receipt_page import ReceiptPage, ReceivedSeries, receipt_page

TEXT, BOLD, MONO = "Vera", "Vera-Bold", "Courier"
INK, FAINT, LINE = HexColor(0x1A1D21), HexColor(0x5B636E), HexColor(0xC9CED6)
LEFT, RIGHT = 20 * mm, A4[0] - 20 * mm
TOP, BOTTOM = A4[1] - 20 * mm, 22 * mm
VALUES = LEFT + 42 * mm
"""Where the values stand, beside their names."""


def receipt_pdf(receipt: Receipt) -> bytes:
    """Return the receipt as a PDF; the same receipt gives the same bytes."""
    page = receipt_page(receipt)
    _fonts()
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1)
    canvas.setTitle(f"Receipt of images, {page.content['subject']}, {page.content['visit']}")
    canvas.setAuthor("CoreQC")
    sheet = _Sheet(canvas, f"Receipt {receipt.sha256[:16]}")
    _front(sheet, page)
    for series in page.series:
        _hashes(sheet, series)
    _how_to_check(sheet, page)
    sheet.end()
    canvas.save()
    return file.getvalue()


class _Sheet:
    """A cursor that goes down the page and on to the next."""

    def __init__(self, canvas: Canvas, foot: str) -> None:
        self.canvas = canvas
        self.foot = foot
        self.number = 1
        self.y = TOP

    def room(self, height: float) -> None:
        """Go on to the next page where `height` is more than what is left."""
        if self.y - height < BOTTOM:
            self.end()
            self.number += 1
            self.y = TOP

    def end(self) -> None:
        self._write(LEFT, BOTTOM - 10 * mm, self.foot, TEXT, 7.5, FAINT)
        self.canvas.setFont(TEXT, 7.5)
        self.canvas.drawRightString(RIGHT, BOTTOM - 10 * mm, f"Page {self.number}")
        self.canvas.showPage()

    def title(self, text: str, size: float = 17) -> None:
        self.room(3 * size)
        self.y -= size
        self._write(LEFT, self.y, text, BOLD, size, INK)
        self.y -= 0.6 * size

    def text(self, text: str, *, size: float = 9, font: str = TEXT, color: HexColor = INK) -> None:
        for line in simpleSplit(_writable(text, font), font, size, RIGHT - LEFT):
            self.room(1.4 * size)
            self.y -= 1.4 * size
            self._write(LEFT, self.y, line, font, size, color)

    def fact(self, name: str, value: str, *, font: str = TEXT) -> None:
        lines = simpleSplit(_writable(value, font), font, 9, RIGHT - VALUES) or ["–"]
        self.room(14 * len(lines))
        for number, line in enumerate(lines):
            self.y -= 14
            if number == 0:
                self._write(LEFT, self.y, name, TEXT, 9, FAINT)
            self._write(VALUES, self.y, line, font, 9, INK)

    def rule(self) -> None:
        self.y -= 8
        self.canvas.setStrokeColor(LINE)
        self.canvas.line(LEFT, self.y, RIGHT, self.y)

    def space(self, height: float) -> None:
        self.y -= height

    def columns(self, cells: Iterable[tuple[float, str]]) -> None:
        """Write one narrow line of a long list; the places are measured from the left margin."""
        self.room(10)
        self.y -= 10
        for at, text in cells:
            self._write(LEFT + at, self.y, text, MONO, 7, INK)

    def _write(self, x: float, y: float, text: str, font: str, size: float, color: HexColor) -> None:
        self.canvas.setFont(font, size)
        self.canvas.setFillColor(color)
        self.canvas.drawString(x, y, _writable(text, font))


def _front(sheet: _Sheet, page: ReceiptPage) -> None:
    said = page.content
    sheet.title("Receipt of images")
    sheet.text(
        f"The core lab has received {said['instances']} images ({page.size}) for this visit, each compared with what "
        "the site announced."
    )
    sheet.rule()
    sheet.fact("Trial", f"{said['trial']}, {said['sponsor']}")
    sheet.fact("Site", f"{said['site']}, {said['site_name']}")
    sheet.fact("Subject", said["subject"])
    sheet.fact("Visit", said["visit"])
    sheet.fact("Imaging protocol", said["imaging_protocol"])
    sheet.fact("Sent by", said["sent_by"])
    sheet.fact("Sent", _in_utc(page.sent_at) if page.sent_at else "")
    sheet.fact("Received", _in_utc(page.receipt.issued_at))
    if said["reason"]:
        sheet.fact("Reason given", said["reason"])
    bundle = said["bundle"]
    sheet.fact("Labels made by", f"{bundle['name']} {bundle['version']}, SHA-256 {bundle['sha256'][:16]}…")
    sheet.fact("SHA-256 of all", said["sha256"], font=MONO)
    sheet.rule()
    for series in page.series:
        sheet.space(8)
        sheet.title(series.title, 11)
        sheet.fact("Images", f"{series.instances}, {series.size}")
        sheet.fact("Compared", series.verdict)
        for difference in series.differences:
            sheet.fact("", difference)
        sheet.fact("SHA-256", series.sha256, font=MONO)
        sheet.fact("Digest", series.digest_sha256, font=MONO)


def _hashes(sheet: _Sheet, series: ReceivedSeries) -> None:
    sheet.space(14)
    sheet.title(f"{series.title}: every image", 11)
    sheet.text("SHA-256, bytes, SOP Instance UID after de-identification.", size=8, color=FAINT)
    for one in series.objects:
        # A name of 64 characters does not fit beside the hash: it stands below it.
        sheet.columns([(0, one["sha256"]), (100 * mm, f"{one['bytes']:>10,}")])
        sheet.columns([(4 * mm, one["sop_instance_uid"])])


def _how_to_check(sheet: _Sheet, page: ReceiptPage) -> None:
    sheet.space(14)
    sheet.title("How to check this receipt", 11)
    sheet.text(
        "The hash of an object is that of its file as it was sent. The hash of a series is over the hashes of its "
        "images, one a line, in the order above; the hash of all is over those of the series."
    )
    sheet.text(
        "The receipt itself is the JSON that CoreQC gives at its address; the hash over it, keys sorted and without "
        "spaces, is:"
    )
    sheet.text(page.receipt.sha256, font=MONO)
    if not page.holds:
        sheet.text(
            "This hash does not hold: the receipt was changed since it was issued. Tell the core lab.", font=BOLD
        )


def _in_utc(moment: datetime) -> str:
    """Return a moment for readers anywhere: the paper is the same for all of them."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M:%S} UTC"


@cache
def _fonts() -> None:
    """Register the fonts that come with the package: the built-in ones of PDF know Latin-1 alone."""
    folder = Path(reportlab.__file__).parent / "fonts"
    pdfmetrics.registerFont(TTFont(TEXT, folder / "Vera.ttf"))
    pdfmetrics.registerFont(TTFont(BOLD, folder / "VeraBd.ttf"))


def _writable(text: str, font: str) -> str:
    """Return a text with what the font cannot draw replaced by the nearest letter, or by a question mark."""
    if font == MONO:
        return text.encode("latin-1", "replace").decode("latin-1")
    known = pdfmetrics.getFont(font).face.charToGlyph
    return "".join(letter if ord(letter) in known else _plain(letter, known) for letter in text)


def _plain(letter: str, known: dict[int, int]) -> str:
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if ord(base) in known else "?"
