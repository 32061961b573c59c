from django.apps import AppConfig


class ImageQCConfig(AppConfig):
    name = "apps.imageqc"
