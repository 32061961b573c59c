"""The chest: ribs, shoulder girdle, lungs with their vessels and airways, heart, great vessels."""

from functools import lru_cache

import numpy as np

from apps.imaging.phantom.shapes import (
    Capsule,
    Ellipsoid,
    Floats,
    HalfSpace,
    Intersection,
    Part,
    Ribbon,
    tube,
)
from apps.imaging.phantom.subject import VERTEBRAE, Subject, both_sides

_RIB_DROP = (26, 46, 64, 78, 88, 95, 100, 100, 94, 84, 60, 40)
"""How far each rib falls from the spine to its front end, mm."""

_RIB_END = (-62, -62, -60, -58, -56, -54, -50, -40, -30, -18, 8, 35)
"""Where each rib ends, degrees around the chest: 90 is the back, 0 the side, -90 the front."""

_DOMES = ((-68.0, 1224.0), (72.0, 1211.0))
"""x and height of the tops of the right and left half of the diaphragm."""


def diaphragm(subject: Subject, x: Floats, y: Floats) -> Floats:
    """Return the height of the diaphragm above points of the plane, mm."""
    breath = float(subject.random("breath").normal(-2, 9))
    heights = []
    for top_x, top_z in _DOMES:
        side = np.sign(top_x)
        outward = (x - np.float32(top_x)) * np.float32(side)
        falls = np.where(outward > 0, (outward / 62) ** 2 * 52, (outward / 120) ** 2 * 34)
        behind = y + 18
        falls = falls + np.where(behind > 0, (behind / 95) ** 2 * 72, (behind / 80) ** 2 * 26)
        heights.append(np.float32(top_z + breath) - falls)
    return np.maximum(*heights).astype(np.float32)


def lungs_space(subject: Subject) -> Intersection:
    """Return what lies inside the chest wall and above the diaphragm."""
    above = HalfSpace(lambda x, y, z: (diaphragm(subject, x, y) - z) * np.float32(0.8))
    return Intersection([subject.cavity, above])


def chest_wall(subject: Subject, arms_up: bool) -> list[Part]:
    """Return ribs with their cartilage, sternum, clavicles, scapulae and the arms."""
    parts: list[Part] = []
    cage = subject.cavity
    for side in (-1, 1):
        for number in range(12):
            parts += _rib(subject, number, side)
        parts += _shoulder(subject, side, arms_up)
    rows = []
    for z in (1222, 1250, 1300, 1340, 1352, 1380):
        y = cage.point(z, -90, 3.5)[1]
        half = 13 if z < 1240 else 16 if z < 1345 else 27
        rows.append((z, ((-half, y + 1.5), (0.0, y), (half, y + 1.5))))
    parts.append(Part(Ribbon(rows, 5.0), "cortical_thin"))
    parts.append(Part(Ribbon(rows, 3.2), "spongy"))
    y = cage.point(1215, -90, 3)[1]
    return parts + tube("cartilage", [(0, y, 1222), (0, y + 3, 1192)], [5, 3])


def _rib(subject: Subject, number: int, side: int) -> list[Part]:
    cage = subject.cavity
    z_spine = VERTEBRAE[f"T{number + 1}"] + 8
    x, y = subject.spine(z_spine)
    points = [(x + side * 13, y + 8, z_spine), (x + side * 34, y + 28, z_spine)]
    end = _RIB_END[number]
    for t in np.linspace(0.12, 1, 9):
        angle = 72 + (end - 72) * t
        z = z_spine - _RIB_DROP[number] * t**1.15
        point = cage.point(z, angle, 4.0)
        points.append((side * point[0], point[1], z))
    first_on_cage = points[2]
    points[1] = tuple((np.array(points[1]) * 0.5 + np.array(first_on_cage) * 0.5 + [0, 3, 0]).tolist())
    radius = 4.6 if number < 10 else 4.0
    parts = tube("cortical", points, radius, smooth=2) + tube("spongy", points, radius - 2.0, smooth=2)
    if number < 10:
        z_front = points[-1][2]
        z_joint = (1372, 1352, 1330, 1306, 1284, 1262, 1240, 1226, 1222, 1220)[number]
        ends = cage.point(min(z_joint, z_front + 60), -86, 4.0)
        joint = (side * 12.0, ends[1], float(z_joint))
        middle = cage.point((z_front + z_joint) / 2 - 4, (end - 90) / 2 - 4, 4.0)
        cartilage = [points[-1], (side * middle[0], middle[1], middle[2]), joint]
        parts += tube("calcified_cartilage" if subject.older and number < 2 else "cartilage", cartilage, 5.0, smooth=2)
    return parts


def _arm_line(side: int, arms_up: bool) -> list[tuple[float, float, float]]:
    """Return the joints from the shoulder along the upper arm and beyond."""
    if arms_up:
        return [(side * 159, 22, 1404), (side * 176, 12, 1560), (side * 182, -10, 1760)]
    return [(side * 166, 22, 1382), (side * 196, 20, 1250), (side * 212, 18, 1020), (side * 205, -10, 800)]


def arm_coverings(subject: Subject, arms_up: bool) -> list[Part]:
    """Return skin, fat and muscle of shoulders and arms."""
    parts: list[Part] = []
    fat = 3 + 3 * subject.fatness
    lift = 22.0 if arms_up else 0.0
    for side in (-1, 1):
        neck = [(side * 60, 45, 1425), (side * 110, 48, 1404 + lift * 0.5), (side * 158, 30, 1398 + lift)]
        width = np.array([46, 40, 32] if arms_up else [44, 40, 36, 28])
        for tissue, extra in (("skin", fat + 2), ("fat", fat), ("muscle", 0.0)):
            parts += tube(tissue, _arm_line(side, arms_up), width + extra, smooth=2)
            parts += tube(tissue, neck, np.array([24, 24, 26]) + extra * 0.3, smooth=2)
        if subject.female:
            parts += _breast(subject, side)
    return parts


def _breast(subject: Subject, side: int) -> list[Part]:
    size = float(np.clip(0.55 + 0.4 * subject.fatness, 0.6, 1.4))
    front = subject.trunk(under_skin=True).point(1275, -65)
    centre = np.array([side * (front[0] + 14), front[1] + 8, 1272])
    radii = np.array([56, 34, 50]) * size
    return [Part(Ellipsoid(centre, radii + 2.2), "skin"), Part(Ellipsoid(centre, radii), "fat")]


def breast_tissue(subject: Subject) -> list[Part]:
    """Return the glands of a woman's breasts."""
    if not subject.female:
        return []
    parts: list[Part] = []
    size = float(np.clip(0.55 + 0.4 * subject.fatness, 0.6, 1.4))
    for side in (-1, 1):
        skin = _breast(subject, side)[0].shape
        random = subject.random(f"breast {side}")
        centre = (skin.low + skin.high) / 2 - [0, 9 * size, 0]
        for _ in range(7):
            spot = centre + random.normal(0, 1, 3) * [13, 4, 12] * np.float64(size)
            parts.append(Part(Ellipsoid(spot, random.uniform(4, 10, 3) * size), "gland"))
    return parts


def _shoulder(subject: Subject, side: int, arms_up: bool) -> list[Part]:
    lift = 22.0 if arms_up else 0.0
    out = 16.0 if arms_up else 0.0
    parts: list[Part] = []
    skin = _arm_line(side, arms_up)
    head = np.array(skin[0])
    parts += tube("fat", both_sides([(75, 72, 1385), (128, 62, 1375)], side), [5, 4])
    clavicle = [
        (22, -48, 1384),
        (60, -52, 1394 + lift * 0.2),
        (105, -28, 1402 + lift * 0.6),
        (150, 12, 1410 + lift),
    ]
    parts += tube("cortical", both_sides(clavicle, side), [9, 6.5, 6, 7]) + tube(
        "spongy", both_sides(clavicle, side), [6.5, 3.5, 3, 4.5]
    )
    blade = [
        (1268.0, ((92 + out * 2, 104), (98 + out * 2, 104), (104 + out * 2, 101))),
        (1300.0, ((80 + out * 1.5, 106), (104 + out * 1.5, 101), (122 + out * 1.5, 88))),
        (1345.0, ((70 + out, 103), (104 + out, 94), (138 + out * 0.8, 58))),
        (1375.0 + lift * 0.5, ((68 + out * 0.5, 96), (105, 82), (146, 32))),
        (1400.0 + lift, ((80, 86), (108, 70), (142, 34))),
    ]
    lines = [(z, tuple((side * x, y) for x, y in line)) for z, line in blade]
    parts.append(Part(Ribbon(lines, [4, 3.4, 3.4, 4.5, 4]), "cortical_thin"))
    border = [(128 + out * 1.2, 80, 1310), (142 + out * 0.7, 52, 1350), (148, 28, 1376 + lift)]
    parts += tube("cortical", both_sides(border, side), [4, 5, 9])
    parts += tube(
        "cortical",
        both_sides(
            [
                (74, 100, 1376 + lift * 0.4),
                (120, 92, 1388 + lift * 0.6),
                (168, 58, 1408 + lift),
                (178, 22, 1412 + lift),
            ],
            side,
        ),
        [4, 5, 6, 7],
    )
    parts += tube(
        "cortical_thin",
        both_sides([(140, 20, 1392 + lift), (136, -8, 1398 + lift), (142, -20, 1386 + lift)], side),
        [6, 6, 5],
    )
    shaft = [head, np.add(head, (np.array(skin[1]) - head) * 0.25), *[np.array(p) for p in skin[1:]]]
    parts += tube("cortical", shaft, [24, 13, *[11] * (len(skin) - 1)]) + tube(
        "spongy", shaft, [21.5, 8, *[4.5] * (len(skin) - 1)]
    )
    parts += tube("fat", both_sides([(150, 62, 1310), (138, 62, 1345), (128, 40, 1372)], side), [6, 6, 7])
    return parts + tube("fat", both_sides([(150, 20, 1300), (146, 5, 1335), (128, -18, 1368)], side), [13, 14, 12])


def lungs(subject: Subject) -> list[Part]:
    """Return the pleural spaces filled with lung, without what lies between them; some are not healthy."""
    space = lungs_space(subject)
    parts = [Part(Intersection([space], shrink=1.0), "lung")]
    random = subject.random("lung disease")
    if random.random() < 0.2:
        side, level = random.choice([-1, 1]), random.uniform(48, 78)
        fluid = HalfSpace(lambda x, y, z: np.maximum(level - y, 4 - side * x).astype(np.float32))
        parts.append(Part(Intersection([space, fluid], shrink=1.0), "effusion"))
    for _ in range(int(random.integers(0, 6))):
        spot = random.uniform((55, -55, 1235), (112, 65, 1370)) * [random.choice([-1, 1]), 1, 1]
        parts.append(Part(Intersection([space, Ellipsoid(spot, random.uniform(2.5, 11, 3))]), "nodule"))
    return parts


def mediastinum(subject: Subject) -> list[Part]:
    """Return heart, great vessels, airways and oesophagus with the fat around them."""
    parts: list[Part] = []
    blood = subject.random("heart")
    dx, dy, dz = subject.shift("heart", 4)
    grow = float(np.clip(blood.normal(1.0, 0.06), 0.88, 1.18))

    def at(x: float, y: float, z: float) -> tuple[float, float, float]:
        return x + dx, y + dy, z + dz

    spine_8 = np.array(subject.spine(1246))
    front = [subject.cavity.point(z, -90)[1] for z in (1225, 1262, 1300, 1340, 1380)]
    lines = [
        (1195.0, ((-20.0, front[0] + 10), (10.0, -10.0), (4.0, spine_8[1]))),
        (1240.0, ((0.0, front[0] + 6), (8.0, -10.0), (4.0, spine_8[1]))),
        (1300.0, ((0.0, front[2] + 4), (2.0, -5.0), (2.0, spine_8[1]))),
        (1340.0, ((0.0, front[3] + 4), (0.0, 5.0), (2.0, subject.spine(1340)[1]))),
        (1385.0, ((0.0, front[4] + 6), (0.0, 5.0), (0.0, subject.spine(1385)[1]))),
        (1420.0, ((0.0, -28.0), (0.0, 5.0), (0.0, subject.spine(1415)[1]))),
    ]
    parts.append(Part(Ribbon(lines, [26, 20, 17, 22, 32, 24]), "visceral_fat"))
    parts.append(Part(Ellipsoid(at(14, -36, 1258), np.array([74, 52, 56]) * grow, yaw=28), "visceral_fat"))
    parts.append(Part(Ellipsoid(at(46, -30, 1246), np.array([46, 35, 44]) * grow, yaw=38, roll=-12), "myocardium"))
    parts.append(Part(Ellipsoid(at(8, -58, 1250), np.array([50, 27, 40]) * grow, yaw=25, roll=-8), "myocardium"))
    parts.append(Part(Ellipsoid(at(8, -59, 1251), np.array([46, 23, 37]) * grow, yaw=25, roll=-8), "right_heart"))
    parts.append(Part(Ellipsoid(at(-40, -28, 1262), np.array([27, 27, 34]) * grow), "right_heart"))
    parts.append(Part(Ellipsoid(at(6, 6, 1284), np.array([38, 20, 24]) * grow), "left_heart"))
    parts.append(Part(Ellipsoid(at(44, -28, 1248), np.array([46, 29, 40]) * grow, yaw=38, roll=-12), "myocardium"))
    parts.append(Part(Ellipsoid(at(42, -26, 1250), np.array([35, 19, 30]) * grow, yaw=38, roll=-12), "left_heart"))
    for side in (-1, 1):
        veins = [at(side * 28, 12, 1284), (side * 52, 22, 1276), (side * 74, 32, 1262)]
        parts += tube("left_heart", veins, [9, 7, 5])
        parts += tube("left_heart", [at(side * 24, 8, 1296), (side * 48, 4, 1306), (side * 66, -8, 1318)], [8, 6, 4.5])
    parts += _airways(subject, walls=True)
    parts += tube("right_heart", [at(10, -58, 1276), at(16, -56, 1298), at(16, -44, 1316)], [16, 14.5, 13.5])
    parts += tube(
        "pulmonary_artery",
        [at(16, -46, 1314), at(4, -18, 1322), at(-26, -14, 1320), (-58, 2, 1310)],
        [13.5, 12, 11.5, 8],
    )
    parts += tube(
        "pulmonary_artery",
        [at(16, -46, 1316), at(28, -14, 1330), at(46, 14, 1326), (58, 22, 1306)],
        [13.5, 12, 11, 8],
    )
    parts += great_vessels(subject)
    for side in (-1, 1):
        for z in (1300, 1318, 1338, 1352):
            spot = np.add(subject.shift(f"node {side} {z}", 5), [side * 16, 4, z])
            parts.append(Part(Ellipsoid(spot, (4, 3.2, 5)), "lymph_node"))
    parts += lung_vessels(subject)
    return parts + _airways(subject, walls=False)


def great_vessels(subject: Subject) -> list[Part]:
    """Return the aorta with its arch, the neck vessels' roots and the large veins of the chest."""
    wide = float(np.clip(subject.random("aorta").normal(1.08 if subject.older else 0.98, 0.08), 0.85, 1.35))
    back = [(27, subject.spine(z)[1] - 13, z) for z in (1330, 1290, 1250)]
    low = [(20, subject.spine(1210)[1] - 17, 1210), (10, subject.spine(1170)[1] - 22, 1170)]
    arch = [(8, -28, 1278), (-8, -34, 1300), (-16, -32, 1330), (-8, -18, 1352), (10, 2, 1357), (24, 24, 1349)]
    radii = [15.5, 16, 15.5, 14, 13.5, 13, 12.5, 12, 11.5, 11, 10.5]
    parts = tube("artery", [*arch, *back, *low], [r * wide for r in radii])
    roots = [
        [(-10, -20, 1356), (-20, -18, 1376), (-26, -12, 1396)],
        [(0, -8, 1362), (12, -8, 1382), (22, -10, 1404)],
        [(12, 4, 1364), (30, 4, 1386), (56, -8, 1404), (95, -10, 1398), (140, -2, 1368)],
        [(-26, -12, 1394), (-58, -8, 1405), (-95, -10, 1398), (-140, -2, 1368)],
    ]
    for root, radius in zip(roots, (6.5, 4.6, 5.0, 4.6), strict=True):
        parts += tube("artery", root, radius)
    if subject.older:
        for x, y, z in (arch[4], back[0], back[2], low[1]):
            spot = np.add((x, y, z), (8 * wide, -6 * wide, 3))
            parts.append(Part(Ellipsoid(spot, (3.5, 2.5, 5)), "cortical_thin"))
    cava = [(-34, -28, 1282), (-31, -28, 1310), (-30, -28, 1345), (-28, -34, 1370)]
    parts += tube("central_vein", cava, [11, 10.5, 10, 9.5])
    parts += tube("central_vein", [(-28, -34, 1368), (-8, -44, 1376), (24, -42, 1388), (46, -34, 1398)], 7)
    parts += tube("central_vein", [(-28, -34, 1368), (-38, -34, 1396)], 7)
    for side in (-1, 1):
        parts += tube("central_vein", both_sides([(42, -34, 1397), (90, -22, 1398), (140, -10, 1362)], side), [7, 6, 5])
    middle = subject.spine(1270)[0] - 8
    azygos = [(middle, subject.spine(z)[1] - 18, z) for z in (1180.0, 1270.0, 1325.0)] + [(-24.0, 4.0, 1334.0)]
    parts += tube("vein", azygos, 3.6)
    course = ((2, 1430, 15), (4, 1380, 17), (2, 1330, 20), (4, 1280, 26), (10, 1235, 32))
    gullet = [(float(x), subject.spine(z)[1] - before, float(z)) for x, z, before in course] + [(24.0, 5.0, 1205.0)]
    return parts + tube("wall", gullet, [7, 7, 7.5, 8, 8.5, 9]) + tube("gas", gullet[1:4], [1.6, 2.2, 1.2])


def _airways(subject: Subject, walls: bool) -> list[Part]:
    tissue, extra = ("wall", 1.6) if walls else ("air", 0.0)
    trachea = [(0, -20, 1446), (0, -12, 1418), (-1, 0, 1385), (-2, 12, 1350), (-2, 18, 1330)]
    parts = tube(tissue, trachea, [8.4 + extra] * 4 + [9 + extra])
    for side, steep in ((-1, 1.25), (1, 1.0)):
        main = [
            (side * 3 - 2, 18, 1330),
            (side * 24, 20, 1330 - 20 * steep),
            (side * 44, 24, 1330 - 36 * steep),
        ]
        parts += tube(tissue, main, [7 + extra, 6.2 + extra, 5 + extra])
        for end in ((74, 40, 1262), (84, 6, 1300), (66, -20, 1345)):
            parts += tube(
                tissue,
                [main[-1], (side * end[0], end[1], end[2])],
                [3.8 + extra * 0.6, 1.6 + extra * 0.4],
                smooth=1,
            )
    return parts


@lru_cache(maxsize=4)
def lung_vessels(subject: Subject) -> list[Part]:
    """Return the branching arteries and veins of both lungs, from the hilum almost to the pleura."""
    random = subject.random("lung vessels")
    parts: list[Part] = []
    for side in (-1, 1):
        hilum = np.array([side * 52, 14, 1306.0])
        targets: list[np.ndarray] = []
        while len(targets) < 15:
            z = random.uniform(1180, 1396)
            angle = random.uniform(-75, 75)
            reach = subject.cavity.point(z, angle, -12)
            point = np.array([side * abs(reach[0]), reach[1], z])
            floor = diaphragm(subject, *(np.full((1, 1, 1), v, np.float32) for v in point[:2]))[0, 0, 0]
            if z > floor + 6 and abs(point[0]) > 28:
                targets.append(point)
        for target in targets:
            start = hilum + random.normal(0, 6, 3)
            parts += _branches(random, start, target, float(random.uniform(3.2, 4.6)), 4)
    return parts


def _branches(
    random: np.random.Generator, start: np.ndarray, target: np.ndarray, radius: float, depth: int
) -> list[Part]:
    """Return a vessel towards `target` that gives off two thinner ones until the depth is used up."""
    span = target - start
    length = float(np.linalg.norm(span))
    step = 0.42 if depth > 1 else 0.9
    fork = start + span * step + random.normal(0, 0.06 * length + 0.1, 3)
    parts = [Part(Capsule(start, fork, radius, radius * 0.78), "lung_vessel")]
    if depth == 1 or length < 10:
        return parts
    parts += _branches(random, fork, target, radius * 0.74, depth - 1)
    aside = target + random.normal(0, 0.34 * length + 3, 3)
    aside = start + (aside - start) * min(1.0, length / max(float(np.linalg.norm(aside - start)), 1.0))
    return parts + _branches(random, fork, aside, radius * 0.62, depth - 1)
