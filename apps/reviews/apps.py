from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "apps.reviews"

    def ready(self) -> None:
        from apps.intake.blinding import register
        from apps.reviews.blinding import hides_from

        register(hides_from)
