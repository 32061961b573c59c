from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "apps.reviews"

    def ready(self) -> None:
        from apps.intake.blinding import register, register_beside_the_desk
        from apps.reviews.blinding import hides_from, keeps_to_the_desk

        register(hides_from)
        register_beside_the_desk(keeps_to_the_desk)
