"""Entries of a thread, and the texts that go into it."""

from datetime import datetime

from apps.accounts.models import User
from apps.audit.lifecycle import Refused
from apps.notices.services import notify
from apps.queries.models import Message, Query

LONGEST_TEXT = 4000


def given(text: str, what_to_do: str) -> str:
    """Return the text without blanks around it, or refuse with what is missing."""
    text = text.strip()
    if not text:
        raise Refused(what_to_do)
    if len(text) > LONGEST_TEXT:
        raise Refused(f"The text has {len(text)} letters; {LONGEST_TEXT} fit. Shorten it.")
    return text


def write(query: Query, kind: str, text: str, *, by: User | None, at: datetime) -> Message:
    """Add an entry to the thread; call it in the transaction of what it tells of."""
    return Message.objects.create(query=query, kind=kind, author=by, text=text, written_at=at)


def tell_site(query: Query, kind: str, message: Message) -> None:
    """Tell the coordinators of the site, once per entry of the thread. The page says the question's line alone."""
    notify(query.submission, kind, query.subject, occasion=f"message {message.pk}")
