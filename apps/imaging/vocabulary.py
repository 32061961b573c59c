"""The words of the imaging core, written once."""

BODY_PARTS = ("brain", "neck", "chest", "abdomen", "abdomen_pelvis")
"""Body part classes of the published method, from head to pelvis."""

CONTRASTS = ("enhanced", "non_contrast")
"""Contrast classes of the published method."""

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
