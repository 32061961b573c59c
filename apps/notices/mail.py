"""A notice as an e-mail. Mail crosses networks that nobody here looks after: it names trial, site and next step, and
nothing about a patient; not even the screening number, nor the sentence of the page, which an analyst may have typed.
"""

import logging
from smtplib import SMTPRecipientsRefused
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from apps.notices.kinds import KINDS
from apps.notices.models import Notice

log = logging.getLogger(__name__)

PERMANENT = 500
"""Answers of a mail server from here on mean that trying again is of no use (RFC 5321, 4.2.1)."""


class AddressRefused(Exception):
    """The mail server will never take mail for this address."""


def compose(notice: Notice) -> EmailMessage:
    """Return the mail of a notice."""
    visit = notice.submission.visit
    key = f"notice-{notice.pk}-{notice.created_at:%Y%m%d%H%M%S}"
    kind = KINDS[notice.kind]
    body = render_to_string(
        "notices/mail.txt",
        {
            "kind": kind,
            "site": visit.site,
            "trial": visit.trial,
            "at": notice.created_at,
            "link": settings.PUBLIC_URL + reverse("intake:visit", args=(visit.pk,)),
            "switch": settings.PUBLIC_URL + reverse("notices:settings"),
        },
    )
    return EmailMessage(
        subject=f"CoreQC: a submission of site {visit.site.number} {kind.event}",
        body=body,
        to=[notice.user.email],
        headers={
            # The same on each attempt: a mail that was sent twice (a worker died in between) is shown once.
            "Message-ID": f"<{key}@{urlsplit(settings.PUBLIC_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )


def send(notice: Notice) -> None:
    """Hand the mail to the mail server. An OSError (smtplib's errors are among them) is for a later attempt."""
    try:
        compose(notice).send()
    except SMTPRecipientsRefused as refusal:
        if all(code >= PERMANENT for code, _ in refusal.recipients.values()):
            log.warning("The mail server refuses the address of the person of %s for good", notice)
            raise AddressRefused from None
        raise
