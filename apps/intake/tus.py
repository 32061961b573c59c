"""The words of tus 1.0.0, the protocol of resumable uploads (tus.io): what a request says, what an answer says.

Extensions: creation, termination, checksum (SHA-256), expiration.
"""

import base64
import binascii
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.http import http_date

from apps.audit.lifecycle import Refused

VERSION = "1.0.0"
EXTENSIONS = "creation,termination,checksum,expiration"
BODY_TYPE = "application/offset+octet-stream"

PRECONDITION_FAILED = 412
CHECKSUM_MISMATCH = 460


Answer = TypeVar("Answer", bound=HttpResponseBase)


class BadRequest(Refused):
    """The request does not speak the protocol; `status` is the answer that the protocol gives."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


class Patch(NamedTuple):
    """What a PATCH says of its body."""

    offset: int
    length: int
    sha256: bytes | None


def method_of(request: HttpRequest) -> str:
    """Return what is asked; a proxy that lets no PATCH through gets it as a POST with the other method named."""
    named = request.headers.get("X-HTTP-Method-Override", "")
    return named.upper() if request.method == "POST" and named else str(request.method)


def check_version(request: HttpRequest) -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise BadRequest(f"This address speaks tus {VERSION}.", PRECONDITION_FAILED)


def length_of(request: HttpRequest) -> int:
    """Return the size of the upload that a creation announces."""
    if "Upload-Defer-Length" in request.headers:
        raise BadRequest("A part says how long it is when it begins (Upload-Length).")
    return _number(request, "Upload-Length")


def patch_of(request: HttpRequest) -> Patch:
    """Return where the body belongs, how long it is, and its hash where one was given."""
    if request.headers.get("Content-Type") != BODY_TYPE:
        raise BadRequest(f"The bytes of a part are sent as {BODY_TYPE}.", 415)
    if "Content-Length" not in request.headers:
        raise BadRequest("A request says how many bytes it brings (Content-Length).", 411)
    return Patch(_number(request, "Upload-Offset"), _number(request, "Content-Length"), _checksum(request))


def answer(status: int, **headers: str | int) -> HttpResponse:
    """Return an answer without a body; `upload_offset=1` becomes the header `Upload-Offset: 1`."""
    response = HttpResponse(status=status)
    if status == 204:
        del response.headers["Content-Type"]
    for name, value in headers.items():
        response[name.replace("_", "-").title()] = str(value)
    return with_version(response)


def refusal(status: int, sentence: str) -> JsonResponse:
    """Return a refusal with its sentence."""
    return with_version(JsonResponse({"detail": sentence}, status=status))


def with_version(response: Answer) -> Answer:
    """Return the response with what every answer of the protocol says."""
    response["Tus-Resumable"] = VERSION
    if response.status_code == PRECONDITION_FAILED:
        response["Tus-Version"] = VERSION
    response["Cache-Control"] = "no-store"
    return response


def expiry(moment: datetime) -> str:
    """Return the value of Upload-Expires."""
    return http_date(moment.timestamp())


def _number(request: HttpRequest, name: str) -> int:
    value = request.headers.get(name, "")
    if not (value.isascii() and value.isdigit() and len(value) < 16):
        raise BadRequest(f"{name} should be a number of bytes.")
    return int(value)


def _checksum(request: HttpRequest) -> bytes | None:
    given = request.headers.get("Upload-Checksum")
    if given is None:
        return None
    algorithm, _, encoded = given.partition(" ")
    if algorithm != "sha256":
        raise BadRequest("The only checksum understood here is sha256.")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise BadRequest("Upload-Checksum should be sha256 and the hash in base64.")
    return digest
