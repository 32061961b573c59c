"""The JSON that a script of ours sends: bounded before it is read, and refused with a sentence where it is no JSON."""

import json
import zlib
from typing import Any, NoReturn

from django.http import HttpRequest, JsonResponse

from apps.audit.lifecycle import Refused

MOST_SENT_BYTES = 32 << 20
MOST_BYTES = 96 << 20
"""Of one body as it is sent, and unpacked: the headers of some 40,000 slices."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class NotUnderstood(Refused):
    """What was sent is not what this address takes: the page and the server are of two versions, or it is no page."""


def no_store(answer: JsonResponse) -> JsonResponse:
    """Return an answer that no cache keeps."""
    answer["Cache-Control"] = "no-store"
    return answer


def refusal_json(refusal: Refused) -> JsonResponse:
    """Answer with the sentence of a refusal: 400 where what was sent makes no sense, 409 where the moment is wrong."""
    return no_store(JsonResponse({"detail": str(refusal)}, status=400 if isinstance(refusal, NotUnderstood) else 409))


def read_json(request: HttpRequest) -> Any:
    """Return the JSON of a request's body, gzip or zlib around it or not."""
    return parse_json(request.read(MOST_SENT_BYTES + 1))


def parse_json(content: bytes) -> Any:
    """Return the JSON that `content` is, gzip or zlib around it or not."""
    if len(content) > MOST_SENT_BYTES:
        raise NotUnderstood(f"More than {MOST_SENT_BYTES >> 20} MB at once; send fewer series at a time.")
    if content[:1] not in (b"{", b"["):
        content = unpacked(content, MOST_BYTES)
    try:
        return json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise NotUnderstood("This is not the JSON that was expected. Reload the page and try again.") from None


def unpacked(content: bytes, most: int) -> bytes:
    """Return what gzip or zlib packed into `content`; refuses more than `most` bytes before they take memory."""
    inflating = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        whole = inflating.decompress(content, most + 1)
    except zlib.error:
        raise NotUnderstood("What was sent arrived damaged. Reload the page and try again.") from None
    if len(whole) > most or not inflating.eof or inflating.unused_data:
        raise NotUnderstood(
            "What was sent arrived damaged, or is larger than it may be. Reload the page and try again."
        )
    return whole


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)
