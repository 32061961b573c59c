"""The person behind a phantom: build, proportions and the outlines that all organs hang on, drawn from a seed.

Heights are mm above the soles of an adult of about 1.72 m; the subject's own size is a scale on top of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator

from apps.imaging.phantom.shapes import Loft

VERTEBRAE: dict[str, float] = {
    "C1": 1532, "C2": 1513, "C3": 1494, "C4": 1477, "C5": 1460, "C6": 1443, "C7": 1425,
    "T1": 1405, "T2": 1384, "T3": 1362, "T4": 1340, "T5": 1317, "T6": 1293,
    "T7": 1270, "T8": 1246, "T9": 1221, "T10": 1197, "T11": 1172, "T12": 1147,
    "L1": 1117, "L2": 1083, "L3": 1048, "L4": 1012, "L5": 977,
}  # fmt: skip
"""Height of the middle of each vertebral body."""

_SPINE = np.array(
    [[955, 46], [977, 36], [1012, 30], [1048, 30], [1083, 33], [1117, 37], [1147, 42], [1197, 54], [1246, 61],
     [1293, 60], [1340, 54], [1384, 44], [1405, 38], [1425, 30], [1460, 19], [1494, 12], [1513, 11], [1550, 10]],
    float,
)  # fmt: skip
"""Height and y of the middle of the vertebral bodies: the curves of the spine."""

# z, half width, front, back, roundness; fat over it at the side, in front, behind
_TRUNK = np.array(
    [
        [770, 150, 72, 80, 2.7, 10, 10, 16],
        [810, 160, 78, 92, 2.7, 14, 12, 22],
        [850, 166, 82, 100, 2.6, 18, 14, 26],
        [890, 162, 86, 102, 2.5, 20, 18, 28],
        [930, 152, 90, 96, 2.4, 20, 20, 28],
        [970, 142, 92, 90, 2.4, 20, 22, 26],
        [1010, 136, 94, 84, 2.3, 20, 22, 22],
        [1060, 136, 98, 86, 2.3, 18, 20, 18],
        [1110, 139, 101, 91, 2.3, 15, 16, 15],
        [1160, 143, 104, 97, 2.3, 13, 14, 13],
        [1220, 150, 105, 103, 2.25, 12, 14, 12],
        [1280, 158, 104, 107, 2.3, 12, 14, 12],
        [1330, 163, 96, 108, 2.3, 12, 12, 12],
        [1365, 160, 82, 104, 2.3, 11, 9, 12],
        [1390, 128, 66, 94, 2.1, 10, 7, 12],
        [1412, 80, 50, 72, 2.0, 8, 6, 9],
        [1432, 44, 38, 52, 2.0, 6, 4, 6],
    ],
    float,
)

_HEAD = np.array(
    [
        [1405, 78, 44, 78, 2.0, 7, 5, 10],
        [1425, 62, 44, 72, 2.0, 7, 5, 9],
        [1445, 55, 43, 64, 2.1, 6, 5, 8],
        [1465, 53, 46, 60, 2.2, 6, 5, 8],
        [1480, 54, 58, 58, 2.2, 6, 6, 8],
        [1492, 57, 78, 58, 2.1, 6, 5, 8],
        [1510, 62, 85, 62, 2.1, 6, 5, 7],
        [1530, 66, 86, 68, 2.1, 6, 5, 6],
        [1550, 70, 88, 80, 2.2, 5, 4, 5],
        [1570, 74, 90, 90, 2.3, 4, 4, 4],
        [1590, 76, 91, 95, 2.3, 4, 4, 4],
        [1610, 77, 95, 97, 2.2, 4, 4, 4],
        [1640, 77, 94, 96, 2.1, 4, 4, 4],
        [1670, 70, 83, 88, 2.1, 4, 4, 4],
        [1695, 54, 64, 70, 2.0, 4, 4, 4],
        [1709, 33, 40, 45, 2.0, 4, 4, 4],
        [1716, 6, 8, 8, 2.0, 4, 4, 4],
    ],
    float,
)

_CAVITY = np.array(
    [
        [868, 48, 55, 55, 2.2],
        [900, 66, 68, 62, 2.2],
        [950, 98, 80, 58, 2.3],
        [1000, 116, 82, 55, 2.3],
        [1050, 119, 86, 60, 2.3],
        [1100, 121, 90, 72, 2.3],
        [1150, 125, 92, 86, 2.3],
        [1200, 129, 93, 95, 2.3],
        [1250, 131, 92, 98, 2.3],
        [1300, 126, 84, 96, 2.3],
        [1340, 112, 70, 90, 2.2],
        [1370, 88, 50, 80, 2.1],
        [1395, 60, 28, 64, 2.0],
        [1414, 26, 8, 44, 2.0],
    ],
    float,
)
"""Inner surface of ribs and abdominal wall, from the pelvic floor to the apex of the lungs."""

TRUNK_AXIS = (0.0, 5.0)
CAVITY_AXIS = (0.0, -5.0)
HEAD_AXIS = (0.0, -2.0)


def _wobble(random: np.random.Generator, size: float) -> tuple[tuple[int, float, float], ...]:
    """Return a few low harmonics: nobody is perfectly symmetric."""
    return tuple((n, *random.normal(0, size / n, 2).tolist()) for n in (1, 2, 3, 5))


@dataclass(frozen=True)
class Subject:
    """One imaginary person; the same seed is the same person in every region, phase and series."""

    seed: int

    def random(self, purpose: str) -> np.random.Generator:
        """Return the generator of one purpose, so that one organ's draws never move another's."""
        return np.random.default_rng([self.seed, *purpose.encode()])

    @cached_property
    def size(self) -> tuple[float, float, float]:
        """Return the scale of the body in x, y, z."""
        random = self.random("size")
        tall = float(np.clip(random.normal(1.0, 0.05), 0.88, 1.12))
        broad = tall * float(np.clip(random.normal(1.0, 0.04), 0.92, 1.1))
        deep = broad * float(np.clip(random.normal(1.0, 0.03), 0.94, 1.06))
        return broad, deep, tall

    @cached_property
    def female(self) -> bool:
        return bool(self.random("sex").random() < 0.5)

    @cached_property
    def fatness(self) -> float:
        """Return the thickness of the subcutaneous fat as a multiple of the typical one."""
        return float(np.clip(self.random("fat").lognormal(0.05, 0.45), 0.35, 2.4))

    @cached_property
    def older(self) -> bool:
        """Return whether vessels are calcified and the spine has bent."""
        return bool(self.random("age").random() < 0.5)

    @cached_property
    def _spine(self) -> PchipInterpolator:
        random = self.random("spine")
        bend = random.normal(0, 4) * np.sin((_SPINE[:, 0] - 955) / 90) + random.normal(0, 3)
        kyphosis = (8 if self.older else 0) * np.exp(-(((_SPINE[:, 0] - 1290) / 80) ** 2))
        scoliosis = random.normal(0, 3.0) * np.sin((_SPINE[:, 0] - 955) / 130 + random.uniform(0, 6))
        fade = np.clip((1520 - _SPINE[:, 0]) / 120, 0, 1)
        return PchipInterpolator(
            _SPINE[:, 0], np.stack([scoliosis * fade, _SPINE[:, 1] + (bend * 0.5 + kyphosis) * fade], 1)
        )

    def spine(self, z: float) -> tuple[float, float]:
        """Return x, y of the middle of the vertebral body at a height."""
        x, y = self._spine(np.clip(z, 955, 1550))
        return float(x), float(y)

    def shift(self, organ: str, mm: float) -> np.ndarray:
        """Return where this person's organ lies against the typical place, (3,) mm."""
        return np.clip(self.random(f"shift {organ}").normal(0, mm, 3), -2 * mm, 2 * mm)

    @cached_property
    def _trunk_wobble(self) -> tuple[tuple[int, float, float], ...]:
        return _wobble(self.random("trunk"), 0.008)

    def trunk(self, under_skin: bool = False, skin: bool = False) -> Loft:
        """Return the outline of the trunk: of the muscles, below the skin, or of the skin."""
        return Loft(TRUNK_AXIS, self._covered(_TRUNK, self.fatness, under_skin, skin), self._trunk_wobble)

    def head(self, under_skin: bool = False, skin: bool = False) -> Loft:
        """Return the outline of head and neck: of the muscles, below the skin, or of the skin."""
        fatness = 0.5 + 0.5 * self.fatness
        return Loft(HEAD_AXIS, self._covered(_HEAD, fatness, under_skin, skin), _wobble(self.random("head"), 0.006))

    @cached_property
    def cavity(self) -> Loft:
        """Return the inner surface of the chest and abdominal wall."""
        return Loft(CAVITY_AXIS, _CAVITY, self._trunk_wobble)

    @staticmethod
    def _covered(levels: np.ndarray, fatness: float, under_skin: bool, skin: bool) -> np.ndarray:
        outline = levels[:, :5].copy()
        if under_skin or skin:
            outline[:, 1:4] += fatness * levels[:, 5:8] + (2.2 if skin else 0.0)
        return outline


def both_sides(points: Sequence[tuple[float, ...]], side: int) -> list[tuple[float, ...]]:
    """Return points given for the patient's left, on the left (side 1) or mirrored to the right (side -1)."""
    return [(side * x, *rest) for x, *rest in points]
