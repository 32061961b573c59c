"""What the coordinator may say of a series, for the pages that ask."""

from django import template

from apps.imageqc.services.declaring import labels_to_declare

register = template.Library()


@register.simple_tag
def labels_of(module: str) -> tuple[str, ...]:
    """Return the labels of a module that a coordinator may choose from."""
    return labels_to_declare(module)
