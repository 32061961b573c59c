"""The pelvis and the thighs: bones, hips, bladder, rectum, muscles and vessels."""

import numpy as np
from numpy.typing import NDArray

from apps.imaging.phantom.shapes import Ellipsoid, HalfSpace, Intersection, Loft, Part, Ribbon, tube
from apps.imaging.phantom.subject import Subject, both_sides

_LEG = [
    [430, 44, 52, 50, 2.1, 6, 7, 8],
    [500, 58, 60, 58, 2.1, 8, 8, 10],
    [600, 66, 66, 68, 2.1, 11, 10, 14],
    [700, 72, 70, 78, 2.1, 14, 11, 18],
    [780, 76, 72, 86, 2.1, 16, 12, 22],
    [850, 76, 66, 88, 2.1, 16, 12, 24],
]


def leg(subject: Subject, side: int, covering: float) -> Loft:
    """Return the outline of a thigh: muscles (0), with fat (1), with skin (anything more, in mm beyond 1)."""
    levels = np.array(_LEG, float)
    outline = levels[:, :5].copy()
    outline[:, 1:4] += levels[:, 5:8] * subject.fatness * min(covering, 1.0) + max(covering - 1.0, 0.0)
    return Loft((side * 92.0, 8.0), outline)


def bones(subject: Subject) -> list[Part]:
    """Return hip bones, sacrum and femora."""
    wide = 1.04 if subject.female else 1.0
    parts: list[Part] = []
    back = subject.spine(958)[1]
    sacrum = [
        (966.0, ((-52, back + 14), (-20, back - 4), (20, back - 4), (52, back + 14))),
        (940.0, ((-48, back + 24), (-18, back + 20), (18, back + 20), (48, back + 24))),
        (905.0, ((-30, back + 44), (-12, back + 42), (12, back + 42), (30, back + 44))),
        (872.0, ((-10, back + 42), (-4, back + 43), (4, back + 43), (10, back + 42))),
        (852.0, ((-5, back + 30), (-2, back + 30), (2, back + 30), (5, back + 30))),
    ]
    for side in (-1, 1):
        wing = [
            (1014.0, ((88, 38), (100, 29), (112, 14))),
            (1004.0, ((70, 52), (98, 32), (123, -2))),
            (985.0, ((52, 66), (92, 44), (128, -18))),
            (955.0, ((46, 70), (88, 46), (124, -38))),
            (925.0, ((56, 62), (82, 34), (108, -30))),
            (900.0, ((76, 40), (84, 16), (94, -22))),
        ]
        lines = [(z, tuple((side * x * wide, y) for x, y in line)) for z, line in wing]
        parts.append(Part(Ribbon(lines, [3.5, 4.5, 4.5, 6, 9, 12]), "cortical"))
        parts.append(Part(Ribbon(lines, [1.5, 2, 2.4, 3.8, 6.5, 9.5]), "spongy"))
        socket = np.array([side * 86 * wide, 2, 884])
        cup = _above_and_inside(socket, side)
        parts.append(Part(Intersection([Ellipsoid(socket, (34, 34, 34)), cup]), "cortical_thin"))
        parts.append(Part(Intersection([Ellipsoid(socket, (31.5, 31.5, 31.5)), cup]), "spongy"))
        parts.append(Part(Intersection([Ellipsoid(socket, (28.5, 28.5, 28.5)), cup]), "cortical_thin"))
        rami: list[tuple[list[tuple[float, ...]], list[float]]] = [
            ([(84, -14, 888), (52, -46, 884), (12, -60, 870)], [14, 9, 9]),
            ([(12, -58, 862), (30, -34, 838), (50, 4, 818)], [9, 6.5, 9]),
            ([(82, 24, 880), (66, 32, 848), (56, 24, 820)], [17, 14, 14]),
        ]
        for ramus, radius in rami:
            points = [(x * wide, y, z) for x, y, z in both_sides(ramus, side)]
            parts += tube("cortical_thin", points, radius) + tube("spongy", points, [r - 2.5 for r in radius])
        parts += femur(subject, side)
    for tissue, thinner in (("cortical_thin", 0.0), ("spongy", 2.2)):
        parts.append(Part(Ribbon(sacrum, [t - thinner for t in (17, 15, 10, 6, 4)]), tissue))
    for side in (-1, 1):
        for z, x, y in ((948, 22, back + 12), (928, 19, back + 24), (908, 15, back + 34)):
            parts += tube("fat", [(side * x, y, z), (side * (x + 6), y - 6, z - 6)], 3.2, smooth=1)
        joint = [(46, back + 8, 968), (44, back + 22, 940), (42, back + 32, 922)]
        parts += tube("cartilage", both_sides(joint, side), 1.6)
    return [*parts, Part(Ellipsoid((0, -58, 866), (3.5, 8, 15)), "cartilage")]


def _above_and_inside(socket: NDArray[np.float64], side: int) -> HalfSpace:
    """Return the side of the hip socket that has bone: it opens downwards, outwards and forwards."""
    cx, cy, cz = socket.astype(np.float32)
    return HalfSpace(lambda x, y, z: 0.62 * side * (x - cx) - 0.2 * (y - cy) - 0.76 * (z - cz) - 8)


def _beside_midline(side: int) -> HalfSpace:
    return HalfSpace(lambda x, y, z: np.float32(1) - side * x)


def femur(subject: Subject, side: int) -> list[Part]:
    """Return head, neck, trochanters and shaft of a femur."""
    wide = 1.04 if subject.female else 1.0
    head = (side * 88 * wide, -2, 884)
    corner = (side * 132 * wide, 12, 856)
    shaft = [corner, (side * 126, 8, 810), (side * 112, -2, 640), (side * 96, -2, 430)]
    parts = [Part(Ellipsoid(head, (27, 27, 27)), "cartilage")]
    for tissue, thinner in (("cortical", 0.0), ("spongy", 3.0)):
        parts.append(Part(Ellipsoid(head, np.full(3, 24.0 - thinner * 0.7)), tissue))
        parts += tube(tissue, [head, corner], [17 - thinner, 16 - thinner], smooth=1)
        parts.append(Part(Ellipsoid(np.add(corner, (side * 10, 8, 10)), np.array([15, 17, 22]) - thinner), tissue))
        parts.append(Part(Ellipsoid((side * 112, 26, 828), np.array([11, 11, 14]) - thinner), tissue))
    parts += tube("cortical", shaft, [18, 15, 13.5, 16])
    return parts + tube("spongy", shaft, [14, 8, 6.5, 13])


def soft_tissue(subject: Subject) -> list[Part]:
    """Return the muscles' fat planes, the pelvic organs and the iliac vessels."""
    parts: list[Part] = []
    fill = 1.0 + 0.4 * subject.fatness
    for side in (-1, 1):
        planes = [
            [(70, 72, 940), (100, 62, 910), (112, 55, 870), (108, 50, 830)],
            [(128, 20, 950), (134, 2, 910), (138, -22, 880)],
            [(95, -58, 890), (88, -62, 850), (86, -60, 800)],
        ]
        for plane in planes:
            parts += tube("fat", both_sides(plane, side), 3.4 * fill)
        fossa = [(48, 60, 880), (46, 48, 850), (40, 44, 826)]
        parts += tube("fat", both_sides(fossa, side), [12, 15, 13])
    parts += tube("fat", [(0, 88, 900), (0, 92, 860), (0, 88, 820)], [3, 6, 9])
    parts.append(Part(Ellipsoid((0, 4, 858), (34, 46, 12)), "muscle"))
    random = subject.random("pelvis")
    full = float(random.uniform(0.7, 1.2))
    bladder = np.array([0, -22, 896 + 6 * full])
    parts.append(Part(Ellipsoid(bladder, np.array([40, 30, 27]) * full + 3), "wall"))
    parts.append(Part(Ellipsoid(bladder, np.array([40, 30, 27]) * full), "urine"))
    if subject.female:
        parts.append(Part(Ellipsoid(np.add(subject.shift("uterus", 4), [0, 24, 918]), (26, 20, 28)), "uterus"))
        for side in (-1, 1):
            parts.append(Part(Ellipsoid((side * 40, 20, 916), (12, 9, 13)), "prostate"))
    else:
        parts.append(Part(Ellipsoid((0, -8, 868), (22, 17, 16)), "prostate"))
        parts.append(Part(Ellipsoid((0, 18, 884), (30, 6, 6)), "prostate"))
    rectum = [(2, 52, 930), (0, 66, 905), (0, 62, 882), (0, 46, 862), (0, 52, 842)]
    parts += tube("bowel_wall", rectum, [15, 17, 18, 14, 11])
    parts += tube("faeces" if random.random() < 0.5 else "gas", rectum[:4], [10, 12, 12, 4])
    return parts + _vessels(subject)


def _vessels(subject: Subject) -> list[Part]:
    parts: list[Part] = []
    split = subject.spine(1016)[1] - 26
    for side in (-1, 1):
        outer = [
            (side * 4, split, 1014),
            (side * 30, 14, 968),
            (side * 56, -4, 930),
            (side * 62, -40, 886),
            (side * 64, -52, 850),
        ]
        thigh = [(side * 72, -46, 790), (side * 80, -28, 700), (side * 82, -8, 600), (side * 84, 18, 500)]
        deeper = [tuple(np.add(p, (-side * 7 if p[2] < 980 else side * -6, 9, 0))) for p in outer]
        parts += tube(
            "vein",
            [(-22, split + 2, 1005), *deeper[1:], *[tuple(np.add(p, (-side * 6, 10, 0))) for p in thigh]],
            [8.5, 7.5, 7.5, 7.5, 7, 6.5, 6, 5.5, 5],
        )
        parts += tube("artery", [*outer, *thigh], [7, 5.8, 5.4, 5, 4.8, 4.4, 4, 3.8, 3.4])
        inner = [(side * 30, 16, 966), (side * 42, 36, 940), (side * 50, 48, 905)]
        parts += tube("small_vessel", inner, [4.2, 3.4, 2.2])
        parts += tube("vein", [tuple(np.add(p, (side * 3, 6, 0))) for p in inner], [4.6, 4, 3])
        parts += tube("small_vessel", [thigh[0], (side * 92, -8, 720), (side * 96, 14, 620)], [3, 2.4, 1.6])
        for z in (880, 862):
            parts.append(Part(Ellipsoid((side * 76, -62, z), (5, 4, 7)), "lymph_node"))
    return parts


def legs(subject: Subject) -> list[Part]:
    """Return skin, fat and muscles of both thighs, without the bones."""
    parts: list[Part] = []
    for tissue, covering in (("skin", 3.2), ("fat", 1.0), ("muscle", 0.0)):
        for side in (-1, 1):
            parts.append(Part(Intersection([leg(subject, side, covering), _beside_midline(side)]), tissue))
    for side in (-1, 1):
        cut = [
            [(96, -6, 760), (92, -10, 640), (90, -8, 520)], [(70, -20, 770), (74, -20, 650), (78, -6, 520)],
            [(128, 30, 780), (120, 32, 650), (112, 30, 500)], [(80, 40, 770), (88, 38, 650), (94, 36, 500)],
            [(60, 16, 760), (66, 20, 640), (74, 20, 520)], [(100, 60, 740), (96, 58, 600), (94, 50, 480)],
        ]  # fmt: skip
        for line in cut:
            parts += tube("fat_stranded", both_sides(line, side), 3.6)
    return parts
