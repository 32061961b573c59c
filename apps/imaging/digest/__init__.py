"""The digest of a series: all that the checks need of it, about a megabyte instead of 300."""

from apps.imaging.digest.assembling import assemble_digest
from apps.imaging.digest.building import build_digest
from apps.imaging.digest.plan import Plan, reading_plan
from apps.imaging.digest.records import DIGEST_SCHEMA, HeaderFact, InstanceFact, SeriesDigest

__all__ = [
    "DIGEST_SCHEMA",
    "HeaderFact",
    "InstanceFact",
    "Plan",
    "SeriesDigest",
    "assemble_digest",
    "build_digest",
    "reading_plan",
]
