"""The words of the imaging core, written once.

Which classes there are is up to the bundle; those of the published method have their names here, because protocols,
phantoms and rules speak of them.
"""

import re

BODY_PARTS = ("brain", "neck", "chest", "abdomen", "abdomen_pelvis")
"""Body part classes of the published method, from head to pelvis."""

CONTRASTS = ("enhanced", "non_contrast")
"""Contrast classes of the published method. A bundle may name phases instead: whatever is not `non_contrast` is with
contrast medium."""

PUBLISHED_CLASSES = {"body_part": BODY_PARTS, "contrast": CONTRASTS}
"""Per module the classes of the published method."""

LONGEST_CLASS_NAME = 40
"""Letters of a class name at most, so that it fits where labels are kept and shown."""

CLASS_NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{LONGEST_CLASS_NAME - 1}}}")
"""How a class is named, in bundles, manifests and protocols: lower case, words joined by underscores."""

REGIONS = ("head", "neck", "chest", "abdomen", "pelvis")
"""Regions of the body that a series can cover, from superior to inferior."""

OUT_OF_SCOPE = "other"
"""A bundle's class for what the ensemble was not made for; never a label, always an abstention."""

CONVERSIONS = ("mip", "aip", "mid")
"""Maximum intensity projection, average intensity projection, mid-plane."""

PLANES = ("axial", "sagittal", "coronal")

PICTURES = tuple(f"{conversion}_{plane}" for conversion in CONVERSIONS for plane in PLANES)
"""Names of the nine pictures of a series, `mip_axial` to `mid_coronal`."""

SHOWN_PICTURES = tuple(name for name in PICTURES if not name.startswith("aip"))
"""The six that people look at and the published ensemble reads: maximum intensity projections and mid-planes."""

PICTURE_SIZE = 512
"""Rows and columns of a picture (ImageQC-net, Methods: PNG of 512 x 512)."""

WINDOW_LEVEL_HU = 50
WINDOW_WIDTH_HU = 1000


def body_part_name(label: str) -> str:
    """Return a body part class in words: "whole body", "abdomen and pelvis"."""
    return "abdomen and pelvis" if label == "abdomen_pelvis" else label.replace("_", " ")


def contrast_words(label: str) -> str:
    """Return a contrast class as people say it behind the name of a scan: "with contrast (portal venous)"."""
    if label == "enhanced":
        return "with contrast"
    if label == "non_contrast":
        return "without contrast"
    return f"with contrast ({label.replace('_', ' ')})"
