"""How bright each tissue is: Hounsfield units without contrast, and in the arterial and portal venous phase.

Typical values of adult CT at 120 kVp; a subject's own values lie a little around them.
"""

import numpy as np

PHASES = ("plain", "arterial", "portal")
"""`plain` is without intravenous contrast."""

TISSUES: dict[str, tuple[float, float, float]] = {
    # tissue: plain, arterial, portal
    "air": (-1000, -1000, -1000),
    "gas": (-960, -960, -960),
    "lung": (-865, -850, -850),
    "fat": (-105, -102, -100),
    "visceral_fat": (-110, -106, -103),
    "fat_stranded": (-65, -60, -55),
    "effusion": (9, 9, 12),
    "nodule": (35, 60, 70),
    "skin": (10, 20, 25),
    "muscle": (54, 60, 66),
    "tongue": (50, 65, 75),
    "gland": (20, 60, 70),
    "wall": (35, 60, 85),
    "cartilage": (95, 98, 100),
    "calcified_cartilage": (230, 232, 235),
    "cortical": (950, 952, 955),
    "cortical_thin": (480, 484, 488),
    "spongy": (190, 198, 205),
    "diploe": (520, 525, 530),
    "disc": (75, 78, 82),
    "tooth": (2100, 2100, 2100),
    "enamel": (2700, 2700, 2700),
    "artery": (42, 310, 165),
    "vein": (42, 90, 168),
    "central_vein": (42, 230, 165),
    "portal_vein": (42, 120, 185),
    "pulmonary_artery": (42, 300, 160),
    "small_vessel": (40, 240, 130),
    "lung_vessel": (35, 240, 120),
    "myocardium": (45, 105, 110),
    "left_heart": (42, 300, 160),
    "right_heart": (42, 260, 158),
    "thyroid": (105, 190, 175),
    "lymph_node": (38, 60, 85),
    "liver": (58, 75, 112),
    "spleen": (48, 125, 122),
    "pancreas": (38, 95, 88),
    "kidney_cortex": (34, 190, 185),
    "kidney_medulla": (30, 75, 165),
    "renal_pelvis": (5, 8, 25),
    "adrenal": (22, 60, 65),
    "bile": (8, 8, 10),
    "urine": (4, 5, 12),
    "uterus": (45, 85, 105),
    "prostate": (40, 60, 75),
    "bowel_wall": (38, 85, 95),
    "bowel_content": (22, 24, 26),
    "oral_contrast": (290, 290, 290),
    "faeces": (10, 10, 12),
    "csf": (7, 7, 8),
    "grey_matter": (39, 45, 47),
    "white_matter": (30, 33, 34),
    "deep_grey": (40, 46, 48),
    "cerebellum": (37, 43, 45),
    "dura": (45, 75, 85),
    "venous_sinus": (55, 120, 180),
    "cerebral_artery": (45, 280, 165),
    "choroid_plexus": (60, 110, 130),
    "calcification": (210, 212, 214),
    "globe": (10, 10, 12),
    "lens": (85, 85, 85),
    "cord": (38, 42, 44),
    "couch_shell": (60, 60, 60),
    "couch_foam": (-940, -940, -940),
    "holder": (-260, -260, -260),
    "cushion": (-880, -880, -880),
}

_STEADY = {"air", "gas", "couch_shell", "couch_foam", "cushion", "holder"}
_BLOOD = {
    "artery", "vein", "central_vein", "portal_vein", "pulmonary_artery", "small_vessel", "lung_vessel",
    "left_heart", "right_heart", "venous_sinus", "cerebral_artery",
}  # fmt: skip


def hounsfield_units(phase: str, random: np.random.Generator) -> dict[str, float]:
    """Return HU per tissue for one subject and phase; contrast timing and dose differ between subjects."""
    column = PHASES.index(phase)
    dose = float(random.uniform(0.82, 1.15))
    values: dict[str, float] = {}
    for tissue, levels in TISSUES.items():
        plain, wanted = levels[0], levels[column]
        own = 0.0 if tissue in _STEADY else float(random.normal(0, max(2.0, 0.04 * abs(plain))))
        if tissue in _BLOOD:
            own = float(np.clip(own, -4, 4))
        values[tissue] = plain + own + (wanted - plain) * dose
    return values
