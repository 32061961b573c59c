"""What only the coordinator's pages show."""

from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from apps.imaging.spec import SeriesSpec

register = template.Library()


@register.filter
def limits(spec: SeriesSpec) -> str:
    """Show the limits of a required series: "slices up to 5 mm thick, at least 200 mm long"."""
    words = []
    if spec.max_slice_thickness_mm:
        words.append(f"slices up to {spec.max_slice_thickness_mm:g} mm thick")
    if spec.max_spacing_mm:
        words.append(f"up to {spec.max_spacing_mm:g} mm apart")
    if spec.min_coverage_mm:
        words.append(f"at least {spec.min_coverage_mm:g} mm from the first to the last slice")
    if spec.kvp_range:
        low, high = spec.kvp_range
        words.append(f"{low:g} kV" if low == high else f"{low:g} to {high:g} kV")
    if spec.kernels:
        words.append(f"kernel {' or '.join(spec.kernels)}")
    return ", ".join(words)


@register.simple_tag(takes_context=True)
def slot_actions(context: template.RequestContext, slot: Any) -> SafeString:
    """Draw what the coordinator may do about a slot, for the place that the slot card keeps for it."""
    return SafeString(render_to_string("intake/_slot_actions.html", {"slot": slot}, request=context.request))
