from celery import shared_task

from apps.jobs.ledger import ledgered
from apps.jobs.services import Lease
from apps.notices import services
from apps.notices.models import Notice


@ledgered("notices.mail")
def mail(lease: Lease) -> None:
    services.mail(Notice.objects.get(pk=lease.object_id), lease)


@shared_task(name="notices.mail_waiting", ignore_result=True)
def mail_waiting() -> None:
    services.mail_waiting()
