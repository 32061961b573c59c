"""Head and neck: skull, brain, face, jaw and teeth, airway, muscles, vessels and glands."""

import numpy as np

from apps.imaging.phantom.shapes import Ellipsoid, Floats, HalfSpace, Intersection, Loft, Part, Ribbon, tube
from apps.imaging.phantom.subject import HEAD_AXIS, Subject, both_sides

_SKULL = np.array(
    [
        [1534, 24, 4, 50, 2.0], [1542, 48, 14, 64, 2.1], [1556, 64, 48, 78, 2.2], [1570, 69, 66, 86, 2.2],
        [1590, 71, 82, 91, 2.2], [1610, 73, 91, 93, 2.2], [1640, 73, 90, 92, 2.1], [1670, 63, 77, 82, 2.05],
        [1692, 46, 57, 62, 2.0], [1705, 28, 34, 38, 2.0], [1712, 6, 8, 8, 2.0],
    ],
    float,
)  # fmt: skip


def _floor(x: Floats, y: Floats) -> Floats:
    """Return the height of the inner skull base: three steps from the forehead to the back of the head."""
    front = 1 / (1 + np.exp((y + 44) / 4))
    middle = 1 / (1 + np.exp((y - 4) / 5))
    side = np.minimum(np.abs(x) / 45, 1) ** 2
    return (1548 + 6 * side + middle * (26 - 8 * side) + front * (24 + 8 * side)).astype(np.float32)


def _above_floor(offset: float) -> HalfSpace:
    return HalfSpace(lambda x, y, z: (_floor(x, y) + np.float32(offset) - z) * np.float32(0.8))


def _skull(subject: Subject, inward: float) -> Loft:
    levels = _SKULL.copy()
    levels[:, 1:4] = np.maximum(levels[:, 1:4] - inward, 1.0)
    levels[-1, 0] -= inward
    levels[-2, 0] -= inward
    return Loft(HEAD_AXIS, levels, subject.head().wobble)


def skull_and_brain(subject: Subject) -> list[Part]:
    """Return vault and base of the skull and everything inside."""
    thick = float(np.clip(subject.random("skull").normal(6.5, 0.9), 4.8, 8.5))
    base = _above_floor(-7)
    parts = [
        Part(Intersection([_skull(subject, 0.0), base]), "cortical"),
        Part(Intersection([_skull(subject, 2.0), _above_floor(-4)]), "diploe"),
        Part(Intersection([_skull(subject, thick - 2.0), _above_floor(-2.5)]), "cortical"),
    ]
    for side in (-1, 1):
        petrous = [(58, 12, 1562), (36, -2, 1566), (16, -16, 1566)]
        parts += tube("cortical", both_sides(petrous, side), [17, 12, 7])
    parts += _brain(subject, thick)
    for side in (-1, 1):
        parts += tube("cortical", both_sides([(50, 6, 1566), (30, -4, 1568), (16, -14, 1567)], side), [11, 9, 5.5])
        random = subject.random(f"mastoid {side}")
        for _ in range(26):
            spot = random.normal((side * 60, 16, 1556), (5, 7, 8))
            parts.append(Part(Ellipsoid(spot, random.uniform(1.6, 3.6, 3)), "gas"))
        parts += tube("air", both_sides([(44, -2, 1562), (62, -1, 1561), (80, 0, 1562)], side), [3, 3, 3.4])
        parts.append(Part(Ellipsoid((side * 44, -2, 1565), (3, 5, 6)), "air"))
    return parts


def _folds(random: np.random.Generator, count: int, wave_mm: float) -> HalfSpace:
    """Return the furrows of the brain surface: thin sheets where a sum of waves is near zero."""
    waves = random.normal(0, 1, (count, 3))
    waves *= (2 * np.pi / wave_mm) / np.linalg.norm(waves, axis=1, keepdims=True)
    phases = random.uniform(0, 2 * np.pi, count)

    def signed(x: Floats, y: Floats, z: Floats) -> Floats:
        total = sum(
            np.sin(np.float32(a) * x + np.float32(b) * y + np.float32(c) * z + np.float32(p))
            for (a, b, c), p in zip(waves, phases, strict=True)
        )
        return np.abs(np.asarray(total, np.float32)) * np.float32(wave_mm / 9) - np.float32(0.75)

    return HalfSpace(signed)


def _brain(subject: Subject, thick: float) -> list[Part]:
    inner = Intersection([_skull(subject, thick), _above_floor(0)])
    atrophy = 1.0 if subject.older else 0.0
    brain = Intersection([inner], shrink=2.2 + 1.2 * atrophy)
    parts = [Part(inner, "csf"), Part(brain, "grey_matter")]
    random = subject.random("brain")
    core = Intersection([inner], shrink=9.5 + atrophy)
    above_tent = HalfSpace(lambda x, y, z: 1592 - z + 0.0 * y)
    furrows = _folds(random, 4, 27.0)
    shell = HalfSpace(lambda x, y, z: 0 * x)
    parts.append(Part(Intersection([core, above_tent]), "white_matter"))
    parts.append(Part(Intersection([brain, _rim(subject, thick, 13.0 + 3 * atrophy), furrows, shell]), "csf"))
    for side in (-1, 1):
        parts += tube("csf", both_sides([(38, -34, 1600), (52, -14, 1608), (58, 10, 1622)], side), [3, 2.6, 1.8])
        parts.append(Part(Ellipsoid((side * 26, -4, 1622), (9, 24, 15), yaw=side * 20), "deep_grey"))
        parts.append(Part(Ellipsoid((side * 10, 12, 1624), (8, 14, 11)), "deep_grey"))
        parts.append(Part(Ellipsoid((side * 12, -22, 1632), (5, 9, 9)), "deep_grey"))
    parts.append(
        Part(
            Intersection([brain, HalfSpace(lambda x, y, z: np.maximum(z - 1589 + 0.18 * (60 - y), 2 - y))]),
            "cerebellum",
        )
    )
    parts += tube("white_matter", [(0, 8, 1548), (0, -2, 1568), (0, -6, 1584), (0, -4, 1600)], [7, 13, 12, 12])
    parts.append(Part(Ellipsoid((0, -20, 1590), (15, 10, 9)), "csf"))
    parts.append(Part(Ellipsoid((0, 15, 1592), (13, 6, 6)), "csf"))
    parts.append(Part(Ellipsoid((0, 14, 1571), (8, 6, 9)), "csf"))
    parts += tube("csf", [(0, -10, 1606), (0, 4, 1620)], [2 + atrophy, 2.4 + atrophy])
    wide = float(np.clip(random.normal(1.0 + 0.3 * atrophy, 0.15), 0.7, 1.6))
    for side in (-1, 1):
        body = [(6, -38, 1624), (9, -26, 1638), (12, 0, 1646), (16, 24, 1642), (24, 38, 1630), (24, 56, 1624)]
        parts += tube("csf", both_sides(body, side), np.array([4.5, 6.5, 6, 6.5, 8, 4]) * wide)
        parts += tube(
            "csf",
            both_sides([(24, 38, 1628), (32, 22, 1608), (32, 0, 1594)], side),
            np.array([7, 3.6, 3]) * wide,
        )
        parts.append(Part(Ellipsoid((side * 22, 36, 1630), (2.6, 5, 4)), "choroid_plexus"))
        parts.append(Part(Ellipsoid((side * 22, 36, 1630), (1.6, 2.4, 2)), "calcification"))
    parts.append(Part(Ellipsoid((0, 22, 1612), (2, 2.4, 2)), "calcification"))
    top = [
        (y, z)
        for y, z in (
            (-84, 1610),
            (-72, 1660),
            (-44, 1690),
            (0, 1704),
            (40, 1692),
            (70, 1664),
            (86, 1624),
            (84, 1596),
        )
    ]
    falx = HalfSpace(lambda x, y, z: np.maximum(np.abs(x) - 0.5, 30 - np.sqrt((y + 2) ** 2 + (z - 1622) ** 2)))
    parts.append(Part(Intersection([inner, falx, HalfSpace(lambda x, y, z: 1592 - z)]), "dura"))
    parts += tube("venous_sinus", [(0, y * 0.99, z - 4) for y, z in top], [2.2, 2.6, 3.2, 3.6, 4, 4.4, 5, 5])
    parts += tube("venous_sinus", [(0, 24, 1616), (0, 50, 1612), (0, 80, 1596)], [2.2, 2.6, 3.5])
    for side in (-1, 1):
        parts += tube(
            "venous_sinus",
            both_sides([(0, 82, 1594), (36, 72, 1588), (58, 42, 1580), (52, 24, 1564), (34, 12, 1550)], side),
            [4.5, 4.2, 4.4, 4.6, 4.6],
        )
        parts += tube(
            "cerebral_artery",
            both_sides([(24, -4, 1556), (16, -16, 1566), (12, -26, 1578), (14, -24, 1592)], side),
            [2.8, 2.8, 2.6, 2.2],
        )
        parts += tube(
            "cerebral_artery",
            both_sides([(14, -24, 1592), (34, -24, 1596), (46, -14, 1606), (54, 4, 1620)], side),
            [2, 1.9, 1.6, 1.2],
        )
        parts += tube(
            "cerebral_artery",
            both_sides([(14, -24, 1592), (3, -36, 1598), (2, -52, 1622), (2, -44, 1654)], side),
            [1.7, 1.5, 1.4, 1.1],
        )
        parts += tube(
            "cerebral_artery",
            both_sides([(0, -15, 1590), (16, -6, 1592), (22, 20, 1598), (14, 50, 1608)], side),
            [1.6, 1.6, 1.4, 1.1],
        )
    return parts + tube("cerebral_artery", [(0, -6, 1554), (0, -15, 1572), (0, -15, 1590)], [2, 2, 1.9])


def _rim(subject: Subject, thick: float, depth: float) -> HalfSpace:
    """Return the outer `depth` mm of the brain."""
    vault = _skull(subject, thick)
    return HalfSpace(lambda x, y, z: -(vault.distance(x, y, z) + np.float32(depth)))


def face(subject: Subject) -> list[Part]:
    """Return orbits, nose and sinuses, jaw, teeth, palate, tongue and the muscles of chewing."""
    parts: list[Part] = [Part(Ellipsoid((0, -52, 1562), (46, 34, 30)), "fat_stranded")]
    parts.append(Part(Ellipsoid((0, -52, 1560), (34, 34, 28)), "cortical_thin"))
    parts.append(Part(Ellipsoid((0, -66, 1540), (27, 26, 11)), "cortical_thin"))
    for side in (-1, 1):
        parts.append(Part(Ellipsoid((side * 32, -66, 1590), (20, 24, 19)), "cortical_thin"))
        parts.append(Part(Ellipsoid((side * 32, -69, 1590), (18, 24, 17)), "fat"))
        for dx, dz in ((10, 0), (-9, 0), (0, 9), (0, -9)):
            parts += tube(
                "muscle",
                [(side * (14 + dx * 0.2), -46, 1592), (side * (32 + dx), -68, 1590 + dz)],
                [1.8, 2.6],
                smooth=1,
            )
        parts += tube("cord", both_sides([(8, -36, 1592), (20, -56, 1591), (32, -72, 1590)], side), 2.4)
        parts.append(Part(Ellipsoid((side * 32, -80, 1590), (12, 12, 12)), "globe"))
        parts.append(Part(Ellipsoid((side * 32, -88.5, 1590), (4.6, 2.2, 4.6)), "lens"))
        parts.append(Part(Ellipsoid((side * 27, -62, 1560), (16.5, 19, 17)), "cortical_thin"))
        parts.append(Part(Ellipsoid((side * 27, -62, 1560), (14.8, 17.2, 15.2)), "air"))
        parts += tube(
            "cortical",
            both_sides([(66, -14, 1567), (66, -36, 1566), (58, -58, 1564), (42, -76, 1566)], side),
            [2.8, 2.8, 4.2, 5.5],
        )
        parts += tube(
            "cortical", both_sides([(50, -66, 1606), (52, -64, 1590), (50, -68, 1570)], side), [3.6, 3.2, 4.2]
        )
        parts += tube("cortical", both_sides([(12, -88, 1608), (32, -91, 1612), (50, -72, 1604)], side), [4, 4, 4])
        parts.append(Part(Ellipsoid((side * 11, -84, 1616), (9, 4, 9)), "air"))
    parts.append(Part(Ellipsoid((0, -62, 1588), (12, 24, 12)), "cortical_thin"))
    for side in (-1, 1):
        for y in (-80, -71, -62, -53, -45):
            parts.append(Part(Ellipsoid((side * 5.8, y, 1588), (4.6, 3.9, 9.5)), "air"))
        parts.append(Part(Ellipsoid((side * 8, -32, 1576), (8, 10, 9)), "air"))
        parts.append(Part(Ellipsoid((side * 6.5, -58, 1562), (5.6, 34, 19)), "air"))
        for z in (1554, 1566):
            parts += tube("wall", both_sides([(8, -78, z), (8.5, -44, z)], side), [2.8, 2.6], smooth=1)
    parts += tube("skin", [(0, -92, 1590), (0, -104, 1566), (0, -108, 1556)], [9, 10, 11])
    for side in (-1, 1):
        parts += tube("air", both_sides([(5, -104, 1552), (5, -88, 1556)], side), 3.2, smooth=1)
        parts.append(Part(Ellipsoid((side * 84, 10, 1568), (5, 15, 28), roll=side * 10), "cartilage"))
    parts += _jaw(subject)
    return parts


def _jaw(subject: Subject) -> list[Part]:
    parts: list[Part] = [Part(Ellipsoid((0, -44, 1518), (30, 34, 22)), "tongue")]
    for side in (-1, 1):
        parts += tube("muscle", both_sides([(58, -34, 1562), (58, -28, 1535), (55, -22, 1506)], side), [8, 10, 9])
        parts += tube("muscle", both_sides([(26, -26, 1562), (36, -22, 1540), (44, -16, 1515)], side), [7, 9, 7])
        parts.append(Part(Ellipsoid((side * 62, -6, 1538), (11, 17, 24)), "gland"))
        parts.append(Part(Ellipsoid((side * 32, -28, 1496), (12, 16, 13)), "gland"))
        ramus = [
            (1500.0, ((48, -8), (46, -34))), (1520.0, ((50, -6), (47, -36))),
            (1545.0, ((52, -4), (49, -34))), (1558.0, ((52, -3), (51, -12))),
        ]  # fmt: skip
        lines = [(z, tuple((side * x, y) for x, y in line)) for z, line in ramus]
        parts.append(Part(Ribbon(lines, [5.5, 5, 4.5, 5]), "cortical"))
        parts.append(Part(Ellipsoid((side * 53, -2, 1558), (9, 5, 7)), "cortical"))
    arch = ((48, -24), (44, -46), (34, -66), (16, -79), (0, -82))
    curve = tuple((x, y) for x, y in arch) + tuple((-x, y) for x, y in arch[-2::-1])
    body = [(1490.0, curve), (1502.0, curve), (1514.0, tuple((x * 0.94, y + 1.5) for x, y in curve))]
    parts.append(Part(Ribbon(body, [5.5, 6.5, 5.5]), "cortical"))
    parts.append(Part(Ribbon(body, [2.5, 3.5, 3]), "spongy"))
    random = subject.random("teeth")
    for row, z in (("upper", 1529.0), ("lower", 1517.0)):
        for angle in np.linspace(-82, 82, 16):
            if random.random() < (0.14 if subject.older else 0.03):
                continue
            turn = np.deg2rad(angle)
            reach = 1.0 if row == "upper" else 0.95
            spot = np.array(
                [
                    31 * reach * np.sin(turn) * (1 + 0.12 * abs(np.sin(turn))),
                    -38 - 39 * reach * np.cos(turn),
                    z,
                ]
            )
            size = 3.2 + 1.8 * abs(np.sin(turn)) ** 2
            parts.append(Part(Ellipsoid(spot, (size, size, 7.5)), "tooth"))
            crown = np.add(spot, [0, 0, -3.5 if row == "upper" else 3.5])
            parts.append(Part(Ellipsoid(crown, (size * 0.95, size * 0.95, 3)), "enamel"))
    return parts


def neck(subject: Subject) -> list[Part]:
    """Return airway, glands, muscles with fat between them, larynx and the vessels of the neck."""
    parts: list[Part] = []
    for side in (-1, 1):
        space = [(36, -2, 1400), (34, 0, 1440), (34, -2, 1480), (34, -6, 1520), (36, -8, 1540)]
        parts += tube("fat_stranded", both_sides(space, side), [22, 16, 15, 14, 10])
        back = [(40, 42, 1405), (38, 40, 1450), (36, 36, 1500)]
        parts += tube("fat", both_sides(back, side), [5, 4, 4])
        parts += tube("fat", both_sides([(52, 18, 1400), (46, 18, 1440), (44, 14, 1480)], side), [12, 7, 5])
        parts += tube("muscle", both_sides([(28, 8, 1402), (24, 14, 1440), (20, 14, 1490)], side), [11, 9, 6])
        parts += tube(
            "muscle",
            both_sides([(18, -40, 1388), (34, -22, 1430), (48, 0, 1480), (60, 20, 1545)], side),
            [7, 9.5, 10, 9],
        )
        parts += tube("muscle", both_sides([(10, -38, 1395), (10, -40, 1440), (8, -42, 1484)], side), 4.5)
    parts += tube("fat", [(0, 58, 1410), (0, 52, 1450), (0, 48, 1500)], [3.5, 3.5, 3])
    parts += tube("wall", [(0, -22, 1562), (0, -20, 1530), (0, -18, 1500), (0, -20, 1470)], [17, 16, 16, 14])
    parts += tube(
        "air",
        [(0, -26, 1564), (0, -23, 1530), (0, -20, 1505), (0, -23, 1480), (0, -26, 1462), (0, -23, 1446)],
        [10, 8, 9, 8, 5, 8],
    )
    for side in (-1, 1):
        parts.append(
            Part(
                Ribbon(
                    [
                        (1453.0, ((side * 19, -14), (side * 12, -30), (0, -38))),
                        (1478.0, ((side * 20, -12), (side * 13, -30), (0, -42))),
                    ],
                    1.8,
                ),
                "calcified_cartilage",
            )
        )
        parts += tube(
            "calcified_cartilage",
            both_sides([(22, -14, 1492), (14, -32, 1487), (0, -40, 1485)], side),
            [2, 2.6, 3.2],
        )
        parts += tube(
            "calcified_cartilage",
            both_sides([(0, -11, 1449), (11, -20, 1448), (0, -32, 1446)], side),
            [3.2, 2.6, 2.2],
        )
        parts.append(Part(Ellipsoid((side * 17, -18, 1430), (9, 11, 23)), "thyroid"))
    parts += tube("thyroid", [(-12, -27, 1424), (0, -31, 1422), (12, -27, 1424)], 4.5)
    parts += tube(
        "wall",
        [(3, subject.spine(1440)[1] - 16, 1446), (3, subject.spine(1410)[1] - 17, 1400)],
        6.5,
        smooth=1,
    )
    return parts + _neck_vessels(subject)


def _neck_vessels(subject: Subject) -> list[Part]:
    parts: list[Part] = []
    for side in (-1, 1):
        carotid = [(24, -10, 1396), (26, -9, 1430), (28, -6, 1474)]
        parts += tube("artery", both_sides(carotid, side), [4, 3.8, 4.4])
        parts += tube(
            "artery",
            both_sides([carotid[-1], (30, 2, 1498), (27, 0, 1530), (24, -4, 1556)], side),
            [3.6, 3, 2.8, 2.8],
        )
        parts += tube(
            "artery",
            both_sides([carotid[-1], (32, -12, 1500), (42, -10, 1530), (50, -8, 1550)], side),
            [3, 2.6, 2.2, 1.6],
        )
        large = 1.15 if side < 0 else 0.95
        parts += tube(
            "vein",
            both_sides([(38, -30, 1394), (37, -12, 1430), (37, -2, 1475), (36, 4, 1520), (34, 10, 1550)], side),
            np.array([8, 7.5, 7, 6, 5]) * large,
        )
        parts += tube("vein", both_sides([(52, -14, 1400), (56, -10, 1450), (58, -4, 1510)], side), 2.6)
        parts += tube(
            "small_vessel",
            both_sides([(20, -2, 1400), (17, 14, 1440), (17, 12, 1510), (22, 20, 1534), (6, 6, 1550)], side),
            2.1,
        )
        random = subject.random(f"neck nodes {side}")
        for z in (1420, 1445, 1470, 1490, 1505):
            spot = random.normal((side * 44, 2, z), (3, 4, 4))
            parts.append(Part(Ellipsoid(spot, (3, 3, 5)), "lymph_node"))
    return parts
