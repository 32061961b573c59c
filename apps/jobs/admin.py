from django.contrib import admin

from apps.audit.admin import ReadOnlyAdmin
from apps.jobs.models import Job


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("task", "object_id", "status", "attempts", "error", "created_at", "finished_at")
    list_filter = ("status", "task")
