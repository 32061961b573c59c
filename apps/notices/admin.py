from django.contrib import admin

from apps.audit.admin import ReadOnlyAdmin
from apps.notices.models import Notice


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Who was told what, and which mails are still to go."""

    list_display = ("user", "submission", "kind", "created_at", "read_at", "to_mail", "mailed_at")
    list_filter = ("kind", "to_mail")
    list_select_related = ("user", "submission")
    date_hierarchy = "created_at"
