"""The abdomen: liver, spleen, kidneys, pancreas, stomach, bowel, vessels and the muscles along the spine."""

import numpy as np
from numpy.typing import ArrayLike

from apps.imaging.phantom.shapes import Ellipsoid, Floats, HalfSpace, Intersection, Part, tube
from apps.imaging.phantom.subject import Subject, both_sides
from apps.imaging.phantom.thorax import diaphragm


def under_diaphragm(subject: Subject, gap_mm: float) -> HalfSpace:
    """Return everything that lies `gap_mm` below the diaphragm."""
    return HalfSpace(lambda x, y, z: (z - diaphragm(subject, x, y) + np.float32(gap_mm)) * np.float32(0.8))


def belly(subject: Subject) -> list[Part]:
    """Return the fat-filled space of abdomen and pelvis and the muscles that lie in it."""
    parts = [Part(Intersection([subject.cavity, under_diaphragm(subject, 0.0)]), "wall")]
    parts.append(Part(Intersection([subject.cavity, under_diaphragm(subject, 3.5)], shrink=1.5), "visceral_fat"))
    for side in (-1, 1):
        psoas = [(20, subject.spine(z)[1] + off, z) for z, off in ((1125, 8), (1090, 8), (1050, 4), (1010, 2))]
        psoas += [(46, 22, 975), (62, 4, 935), (74, -22, 895), (92, -8, 850)]
        parts += tube("muscle", both_sides(psoas, side), [7, 13, 18, 22, 23, 21, 15, 9])
        crus = [(16, subject.spine(z)[1] - 14, z) for z in (1195, 1150, 1110)]
        parts += tube("muscle", both_sides(crus, side), [4, 6, 5])
        lumbar = [(52, subject.spine(z)[1] + 14, z) for z in (1130, 1080, 1020)]
        parts += tube("muscle", both_sides(lumbar, side), [9, 13, 15])
    return parts


def planes_of_back(subject: Subject) -> list[Part]:
    """Return the fat between the muscles of back and abdominal wall, so that they show as muscles."""
    parts: list[Part] = []
    for side in (-1, 1):
        between = [(subject.spine(z)[0] * side + 62, subject.spine(z)[1] + 30, z) for z in (1130, 1080, 1030, 1000)]
        parts += tube("fat", both_sides(between, side), [3, 4, 4.5, 4])
        furrow = [(7, subject.spine(z)[1] + 44, z) for z in (1100, 1050, 1000)]
        parts += tube("fat", both_sides(furrow, side), [2.5, 3.5, 4])
    return parts


def organs(subject: Subject) -> list[Part]:
    """Return the solid organs and the gut, in paint order."""
    parts = _bowel(subject)
    parts += _liver(subject)
    parts += _spleen_and_stomach(subject)
    parts += _kidneys(subject)
    parts += _pancreas_and_duodenum(subject)
    return parts


def vessels(subject: Subject) -> list[Part]:
    """Return the abdominal aorta and vena cava with their large branches."""
    wide = float(np.clip(subject.random("aorta").normal(1.08 if subject.older else 0.98, 0.08), 0.85, 1.35))

    def before(z: float, off: float) -> float:
        return subject.spine(z)[1] - off

    aorta = [
        (10, before(1170, 22), 1170),
        (5, before(1130, 27), 1130),
        (3, before(1080, 28), 1080),
        (2, before(1016, 27), 1016),
    ]
    cava = [
        (-22, before(1005, 25), 1005),
        (-24, before(1060, 26), 1060),
        (-26, before(1120, 30), 1120),
        (-30, -4, 1180),
        (-34, -18, 1222),
        (-36, -22, 1245),
    ]
    parts = tube("vein", cava, [11, 11.5, 12, 13, 13, 13])
    parts += tube("artery", aorta, [10.5 * wide, 10 * wide, 9.2 * wide, 8.5 * wide])
    for side in (-1, 1):
        kidney = _kidney_centre(subject, side)
        hilum = np.add(kidney, [-side * 14, -8, 0])
        parts += tube(
            "artery",
            [(4 + side * 6, before(1102, 27), 1102), (side * 30, before(1102, 14), 1100), hilum],
            [3.4, 3.2, 2.6],
        )
        parts += tube(
            "vein",
            [
                (-22 if side < 0 else -14, before(1098, 38 if side > 0 else 28), 1098),
                (side * 26, before(1098, 38 if side > 0 else 24), 1097),
                np.add(hilum, [0, -5, -4]),
            ],
            [5, 5, 4.5],
        )
    parts += tube("artery", [(6, before(1138, 36), 1138), (8, before(1130, 52), 1134)], [4.5, 4])
    parts += tube("artery", [(8, before(1130, 52), 1134), (40, before(1130, 44), 1142), (86, 26, 1150)], [3.4, 3, 2.6])
    parts += tube("artery", [(8, before(1130, 52), 1134), (-24, -24, 1136), (-44, -22, 1142)], [3, 2.8, 2.4])
    parts += tube(
        "artery",
        [(4, before(1118, 36), 1118), (4, before(1095, 52), 1100), (-2, -44, 1040), (-14, -46, 1000)],
        [4.2, 4, 3.4, 2.4],
    )
    parts += tube("portal_vein", [(-8, -44, 1000), (-8, -40, 1060), (-8, -26, 1110)], [4, 5.2, 6.2])
    if subject.older:
        for z, off in ((1075, 36), (1040, 34), (1022, 33)):
            parts.append(Part(Ellipsoid((6, before(z, off), z), (4.5, 2.2, 5)), "cortical_thin"))
    return parts


def _liver(subject: Subject) -> list[Part]:
    dx, _, dz = subject.shift("liver", 7)
    slope = 0.68 + 0.004 * float(dx)

    def below_surface(x: Floats, y: Floats, z: Floats) -> Floats:
        lower = np.float32(1042 + dz) + np.float32(slope) * (x + 112) + np.float32(0.5) * np.clip(y + 60, -40, 100)
        return (lower - z) * np.float32(0.7)

    def beyond_left(x: Floats, y: Floats, z: Floats) -> Floats:
        return np.maximum(x - np.float32(62 + dx), (np.minimum(x, 40) * np.float32(0.55) + y - 34) * np.float32(0.8))

    limits = [HalfSpace(below_surface), HalfSpace(beyond_left)]
    body = Intersection([subject.cavity, under_diaphragm(subject, 3.5), *limits], shrink=4.0)
    parts = [Part(body, "liver")]
    gate = np.array([-34.0, -18.0, 1148.0])
    parts += tube("portal_vein", [(-8, -26, 1110), (-20, -22, 1130), gate], [6.5, 6.5, 6.2])
    branches: list[list[ArrayLike]] = [
        [gate, (-58, -12, 1154), (-88, -8, 1150), (-108, -4, 1138)],
        [(-62, -12, 1154), (-82, -36, 1168), (-96, -48, 1172)],
        [(-58, -12, 1154), (-80, 26, 1160), (-96, 44, 1158)], [(-60, -12, 1154), (-84, 4, 1178), (-98, 8, 1192)],
        [gate, (-18, -42, 1164), (-2, -58, 1172), (22, -64, 1182)], [(-10, -52, 1168), (-20, -72, 1170)],
        [(-84, -10, 1150), (-98, -30, 1136)], [(-84, -8, 1150), (-94, 18, 1126)],
    ]  # fmt: skip
    for branch in branches:
        parts += tube("portal_vein", branch, np.linspace(4.8, 1.8, len(branch)))
    outlet = (-33.0, -14.0, 1205.0)
    drains: list[list[ArrayLike]] = [
        [outlet, (-62, 0, 1200), (-92, 12, 1184), (-106, 18, 1168)],
        [outlet, (-52, -34, 1196), (-70, -56, 1178)],
        [outlet, (-12, -38, 1196), (14, -56, 1190)],
    ]
    for branch in drains:
        parts += tube("vein", branch, np.linspace(5.2, 1.8, len(branch)))
    gallbladder = np.add(subject.shift("gallbladder", 4), [-58, -58, 1108])
    if subject.random("gallbladder").random() < 0.85:
        parts += tube(
            "wall", [np.add(gallbladder, [8, 14, 16]), np.add(gallbladder, [0, -2, -6])], [6.5, 13.5], smooth=1
        )
        parts += tube("bile", [np.add(gallbladder, [8, 14, 16]), np.add(gallbladder, [0, -2, -6])], [5, 12], smooth=1)
    random = subject.random("liver cysts")
    for _ in range(int(random.integers(0, 3))):
        centre = random.uniform((-100, -40, 1130), (-50, 30, 1185))
        parts.append(Part(Intersection([body, Ellipsoid(centre, np.full(3, random.uniform(4, 11)))]), "bile"))
    return parts


def _spleen_and_stomach(subject: Subject) -> list[Part]:
    inside = Intersection([subject.cavity, under_diaphragm(subject, 4.0)], shrink=4.0)
    large = float(np.clip(subject.random("spleen").normal(1.0, 0.12), 0.8, 1.4))
    spot = np.add(subject.shift("spleen", 4), [98, 42, 1160])
    hollow = HalfSpace(lambda x, y, z: 30 - np.sqrt((x - 62) ** 2 + (y - 18) ** 2 + ((z - 1150) * 0.5) ** 2))
    spleen = Part(
        Intersection([inside, Ellipsoid(spot, np.array([33, 50, 58]) * large, yaw=-28, roll=12), hollow]),
        "spleen",
    )
    random = subject.random("stomach")
    full = float(random.uniform(0.8, 1.12))
    line = [
        (66, 22, 1190),
        (76, -4, 1172),
        (68, -36, 1142),
        (42, -56, 1110),
        (10, -56, 1098),
        (-16, -46, 1104),
    ]
    radii = np.array([30, 33, 28, 22, 18, 13]) * full
    level = -24 + float(random.normal(0, 8))
    parts = [Part(Intersection([inside, part.shape]), "bowel_wall") for part in tube("x", line, radii, smooth=2)]
    content = "oral_contrast" if drank_contrast(subject) else "bowel_content"
    lumen = tube("x", line, radii - 4.0, smooth=2)
    parts += [Part(Intersection([inside, part.shape], shrink=3.0), content) for part in lumen]
    gas = HalfSpace(lambda x, y, z: y - np.float32(level))
    parts += [Part(Intersection([inside, part.shape, gas], shrink=3.0), "gas") for part in lumen]
    parts.append(spleen)
    return parts + tube("vein", [(70, 32, 1140), (40, 12, 1128), (0, -22, 1116)], [4.4, 4.8, 5.2])


def drank_contrast(subject: Subject) -> bool:
    """Return whether this person drank contrast: bright bowel, which says nothing of the vessels."""
    return bool(subject.random("oral contrast").random() < 0.22)


def _kidney_centre(subject: Subject, side: int) -> np.ndarray:
    height = 1106.0 if side > 0 else 1096.0
    return np.array([side * 66, 40, height]) + subject.shift(f"kidney {side}", 4)


def _kidneys(subject: Subject) -> list[Part]:
    parts: list[Part] = []
    for side in (-1, 1):
        centre = _kidney_centre(subject, side)
        random = subject.random(f"kidney {side}")
        large = float(np.clip(random.normal(1.0, 0.07), 0.85, 1.15))
        yaw, roll = side * -30.0, side * 12.0
        outer = Ellipsoid(centre, np.array([27, 24, 54]) * large, yaw=yaw, roll=roll)
        parts.append(Part(outer, "kidney_cortex"))
        axes = outer.axes
        for along in (-34, -20, -6, 8, 22, 35):
            for angle in (-70, 0, 70, 140, 215):
                turn = np.deg2rad(angle + along)
                ring = np.sqrt(max(0.0, 1 - (along / 52) ** 2)) * 14.0 * large
                spot = (
                    centre
                    + axes[0] * np.cos(turn) * ring * 1.05
                    + axes[1] * np.sin(turn) * ring * 0.9
                    + axes[2] * along * large
                )
                parts.append(Part(Ellipsoid(spot, np.array([5.4, 5.4, 6.2]) * large), "kidney_medulla"))
        sinus = np.subtract(centre, [side * 9, 6, 0])
        parts.append(Part(Ellipsoid(sinus, np.array([14, 9, 25]) * large, yaw=yaw, roll=roll), "visceral_fat"))
        parts.append(Part(Ellipsoid(np.add(sinus, [0, 0, -3]), np.array([8, 5, 15]), yaw=yaw), "renal_pelvis"))
        parts += tube(
            "renal_pelvis",
            [
                np.add(sinus, [0, 0, -8]),
                (side * 34, 18, 1050),
                (side * 36, 10, 985),
                (side * 46, 40, 930),
                (side * 20, 10, 892),
            ],
            2.0,
        )
        gland = np.add(centre, [-side * 22, -16, 52])
        parts += tube("adrenal", [gland, np.add(gland, [side * 8, 14, -6])], 3.0, smooth=1) + tube(
            "adrenal", [gland, np.add(gland, [-side * 4, 14, -6])], 3.0, smooth=1
        )
        if random.random() < 0.25:
            parts.append(
                Part(
                    Ellipsoid(
                        np.add(centre, [side * 22, 6, random.uniform(-30, 30)]), np.full(3, random.uniform(6, 14))
                    ),
                    "renal_pelvis",
                )
            )
    return parts


def _pancreas_and_duodenum(subject: Subject) -> list[Part]:
    lift = subject.shift("pancreas", 4)
    line = [
        np.add(p, lift) for p in ((-26, -22, 1088), (-20, -28, 1106), (2, -36, 1116), (32, -16, 1124), (66, 22, 1138))
    ]
    parts = tube(
        "bowel_wall",
        [
            (-16, -44, 1104),
            (-42, -30, 1108),
            (-48, -18, 1080),
            (-34, -14, 1056),
            (0, -12, 1050),
            (30, -18, 1064),
        ],
        [11, 11, 11.5, 11, 10, 10],
    )
    parts += tube("bowel_content", [(-42, -30, 1106), (-48, -18, 1080), (-34, -14, 1056), (0, -12, 1050)], 6)
    return parts + tube("pancreas", line, [12, 12, 8.5, 9.5, 7.5])


def _bowel(subject: Subject) -> list[Part]:
    """Return colon and small bowel; what they hold differs along their course."""
    random = subject.random("bowel")
    oral = drank_contrast(subject)
    inside = Intersection([subject.cavity], shrink=3.0)
    parts: list[Part] = []
    line = [np.array([random.uniform(-60, 60), random.uniform(-50, -10), 1060.0])]
    while len(line) < 200:
        step = line[-1] + random.normal(0, 22, 3)
        reach = subject.cavity.point(step[2], np.rad2deg(np.arctan2(step[1] + 5, step[0])), -19)
        if 900 < step[2] < 1112 and np.hypot(step[0], step[1] + 5) < np.hypot(reach[0], reach[1] + 5) and step[1] < 8:
            if step[2] > 1068 and step[0] < 20:
                continue
            line.append(step)
    for start in range(0, len(line) - 1, 5):
        part = [tuple(point) for point in line[start : start + 6]]
        width = float(random.uniform(10, 13.5))
        parts += tube("bowel_wall", part, width, smooth=2)
        chance = random.random()
        content = "oral_contrast" if oral and chance < 0.6 else "gas" if chance < 0.12 else "bowel_content"
        parts += tube(content, part, width - (3.4 if content != "gas" else 5), smooth=2)
    course = [
        (-100, 16, 985), (-104, 16, 1020), (-106, 14, 1055), (-92, -30, 1068), (-52, -68, 1056), (0, -76, 1044),
        (50, -68, 1062), (92, -26, 1112), (106, 18, 1116), (108, 24, 1070), (107, 22, 1020), (96, 8, 975),
        (62, -14, 945), (24, 0, 956), (-4, 26, 940), (2, 50, 925),
    ]  # fmt: skip
    course = [tuple(np.add(point, subject.shift(f"colon {i}", 5))) for i, point in enumerate(course)]
    widths = np.clip(random.normal(20, 3.5, len(course)), 13, 27)
    widths[-5:] *= 0.72
    parts += [Part(Intersection([inside, p.shape]), "bowel_wall") for p in tube("x", course, widths)]
    for i in range(len(course) - 1):
        stretch = tube("x", course[i : i + 2], widths[i : i + 2] - 3.2, smooth=1)
        chance = random.random()
        content = "oral_contrast" if oral and chance < 0.35 else "gas" if chance < 0.45 else "faeces"
        parts += [Part(Intersection([inside, p.shape], shrink=3.0), content) for p in stretch]
        bubbles = 6 if content == "faeces" else 0
        for _ in range(bubbles):
            spot = (
                np.array(course[i]) + (np.array(course[i + 1]) - course[i]) * random.random() + random.normal(0, 6, 3)
            )
            parts.append(Part(Ellipsoid(spot, random.uniform(1.5, 4.5, 3)), "gas"))
    return parts
