"""Tell the coordinators of a site what became of what they sent."""

from datetime import timedelta

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from apps.accounts.models import Membership, Role, User
from apps.audit.services import record
from apps.jobs.models import Job
from apps.jobs.services import Lease, enqueue
from apps.notices.kinds import KINDS
from apps.notices.mail import AddressRefused, send
from apps.notices.models import MailPreference, Notice
from apps.notices.querysets import NoticeQuerySet

MAIL_AGAIN_AFTER = timedelta(minutes=30)
"""From one job that could not send a mail to the next."""

MAIL_WORTH_FOR = timedelta(days=3)
"""A mail that could not be sent for so long is not sent any more; the notice stays in the pages."""


def notify(submission: models.Model, kind: str, sentence: str, *, occasion: str = "") -> list[Notice]:
    """Tell each coordinator of the site once, however often this is called; returns the notices that are new.

    Call it in the transaction of what it tells about, so that both stand or neither. `submission` is an
    intake.Submission, which lies above this app. `occasion` tells events of one kind apart (a second stop of the same
    transfer); the same occasion again is the same event.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("notify() belongs in the transaction of what it tells about: use transaction.atomic()")
    if kind not in KINDS:
        raise ValueError(f"There is no kind of notice {kind!r}; apps/notices/kinds.py has {', '.join(KINDS)}.")
    told = []
    for person in _coordinators(submission):
        notice, is_new = Notice.objects.get_or_create(
            user=person,
            submission_id=submission.pk,
            kind=kind,
            occasion=occasion,
            defaults={"sentence": sentence, "to_mail": gets_mail(person)},
        )
        if is_new:
            told.append(notice)
            if notice.to_mail:
                enqueue("notices.mail", notice.pk)
    return told


def _coordinators(submission: models.Model) -> models.QuerySet[User]:
    """Return those of the submission's site whose account lives, in an order that is always the same."""
    of_the_site = Membership.objects.filter(role=Role.CRC, site__subjects__visits__submissions=submission.pk)
    people = User.objects.filter(is_active=True, pk__in=of_the_site.values("user"))
    return people.select_related("mail_preference").order_by("pk")


def gets_mail(person: User) -> bool:
    """Return whether a notice goes to this person by e-mail, too."""
    if not settings.NOTICES_BY_MAIL or not person.email:
        return False
    try:
        return person.mail_preference.by_mail
    except MailPreference.DoesNotExist:
        return True


def mark_read(notices: NoticeQuerySet, *, by: User) -> int:
    """Mark the person's own among `notices` as read; returns how many were not. A mark of their own, no event.

    Looked up first: a page that finds nothing to mark takes no lock.
    """
    unread = list(notices.filter(user=by).unread().values_list("pk", flat=True))
    if not unread:
        return 0
    return Notice.objects.filter(pk__in=unread, read_at=None).update(read_at=timezone.now())


def switch_mail(person: User, *, on: bool) -> None:
    """Turn the person's notices by e-mail on or off; what waits to be sent is not sent after a switch to off."""
    with transaction.atomic():
        preference, _ = MailPreference.objects.select_for_update().get_or_create(user=person)
        if preference.by_mail == on:
            return
        preference.by_mail = on
        preference.save(update_fields=["by_mail"])
        record("mailpreference.changed", preference, by=person, old={"by_mail": not on}, new={"by_mail": on})


def mail(notice: Notice, lease: Lease) -> None:
    """Send a notice by e-mail, unless its person has left, switched mail off, or has it already."""
    if notice.mailed_at or not notice.to_mail:
        return
    done: dict[str, object] = {"to_mail": False}
    if Notice.objects.visible_to(notice.user).filter(pk=notice.pk).exists() and gets_mail(notice.user):
        try:
            send(notice)
            done = {"mailed_at": timezone.now()}
        except AddressRefused:
            pass  # Trying again would be refused again; the notice stays in the pages.
    with transaction.atomic():
        lease.confirm()
        Notice.objects.filter(pk=notice.pk).update(**done)


def mail_waiting() -> int:
    """Ask again for mails that could not be sent while the mail server was away; returns how many. Run by beat."""
    now = timezone.now()
    tries = Job.objects.filter(task="notices.mail", created_at__gte=now - MAIL_AGAIN_AFTER).values("object_id")
    waiting = Notice.objects.filter(to_mail=True, mailed_at=None, created_at__gte=now - MAIL_WORTH_FOR)
    keys = list(waiting.exclude(pk__in=tries).values_list("pk", flat=True))
    for key in keys:
        enqueue("notices.mail", key)
    return len(keys)
