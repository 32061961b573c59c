"""Figures over reviews, each with how far it can be trusted; too few rows give none."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from apps.compliance.agreement.labels import MODULES, LabelRow, by_site, label_rows
from apps.compliance.agreement.submissions import ReviewedSubmission, reviewed_submissions
from apps.imaging.training.evaluate.statistics import Interval, wilson
from apps.reviews.models import Decision, ReviewCase
from apps.studies.statistics import Kappa, cohens_kappa, newcombe, welch
from apps.trials.models import Trial
from apps.ui.formats import NARROW, NOTHING

FEWEST_CASES = 10
"""In each arm, for an interval of a difference: below, reading times are too skewed and shares too coarse for one."""

FEWEST_PAIRS = 20
"""For kappa, whose standard error is one of large samples."""

SECONDS, POINTS = "s", "points"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Share:
    """How many of n, with Wilson's 95 % interval, which holds for small n, too."""

    count: int
    n: int

    @property
    def share(self) -> float | None:
        return self.count / self.n if self.n else None

    @cached_property
    def interval(self) -> Interval:
        return wilson(self.count, self.n)


@dataclass(frozen=True)
class Difference:
    """Hidden minus shown, in seconds or percentage points; no interval where there are too few to tell."""

    value: float | None
    interval: Interval | None
    unit: str

    @property
    def words(self) -> str:
        """The difference with its sign and unit: "+12.3 s"."""
        return NOTHING if self.value is None else f"{_signed(self.value)}{NARROW}{self.unit}"

    @property
    def interval_words(self) -> str:
        """The interval, or why there is none."""
        if self.value is None:
            return ""
        if self.interval is None:
            return "too few to tell"
        low, high = self.interval
        return f"{_signed(low)} to {_signed(high)}{NARROW}{self.unit}"


def _signed(value: float) -> str:
    """Return a number with its sign; what rounds to nothing has none."""
    return f"{value:+.1f}".replace("-", MINUS) if round(value, 1) else "0.0"


@dataclass(frozen=True)
class ArmFigures:
    """First reviews of one arm, those with a wrong label on purpose left out."""

    arm: str
    title: str
    seconds: tuple[float, ...]
    overturned: Share
    """Of the ones that somebody else reviewed blindly, those that ended with another verdict."""
    changed: Share
    """Of all, those that were reopened and ended with another verdict."""

    @property
    def n(self) -> int:
        return len(self.seconds)

    @property
    def mean_seconds(self) -> float | None:
        return math.fsum(self.seconds) / self.n if self.seconds else None

    @property
    def median_seconds(self) -> float | None:
        return median(self.seconds) if self.seconds else None


@dataclass(frozen=True)
class PairFigures:
    """First against second review, those after a wrong label on purpose left out."""

    pairs: tuple[tuple[str, str], ...]
    """Verdicts of first and second."""
    labels_differed: int
    """Pairs of one verdict that were adjudicated all the same, for their labels."""
    confirmed: dict[str, int]
    """Of the pairs with two verdicts, whom the third person confirmed: "first", "second" or "neither"."""

    @property
    def n(self) -> int:
        return len(self.pairs)

    @property
    def agreeing(self) -> Share:
        return Share(sum(first == second for first, second in self.pairs), self.n)

    @property
    def adjudicated(self) -> int:
        return sum(self.confirmed.values()) + self.labels_differed

    @cached_property
    def kappa(self) -> Kappa | None:
        return cohens_kappa(self.pairs)

    @property
    def enough(self) -> bool:
        """Whether an interval of kappa is worth its name."""
        return self.n >= FEWEST_PAIRS

    @property
    def table(self) -> list[tuple[str, list[int]]]:
        """Per verdict of the first review how often the second gave which, in the order of `verdicts`."""
        counted = Counter(self.pairs)
        every = Decision.Verdict.values
        return [(first, [counted[first, second] for second in every]) for first in every]


@dataclass(frozen=True)
class LabelFigures:
    """The AI's labels of one site, or of one of its scanners."""

    site: str
    scanner: str
    scanners: int
    n_series: int
    agreed: Share
    """Of the labels that the AI gave, those that analysts let stand."""
    abstained: Share
    """Of all labels, those that it did not give."""


@dataclass(frozen=True)
class Agreement:
    """All that the page shows."""

    shown: ArmFigures
    hidden: ArmFigures
    seeded: tuple[tuple[str, Share], ...]
    """Module and how many of the labels that were wrong on purpose were noticed; both together last."""
    seeded_but_right: int
    """Not counted above: a later round found that the label was right."""
    pairs: PairFigures
    labels: tuple[LabelFigures, ...]
    sites: tuple[LabelFigures, ...]
    fewest_pairs: int = FEWEST_PAIRS

    @property
    def arms(self) -> tuple[ArmFigures, ArmFigures]:
        return self.shown, self.hidden

    @cached_property
    def slower(self) -> Difference:
        """Mean seconds per case, hidden minus shown."""
        if not (self.shown.n and self.hidden.n):
            return Difference(None, None, SECONDS)
        value = math.fsum(self.hidden.seconds) / self.hidden.n - math.fsum(self.shown.seconds) / self.shown.n
        enough = min(self.shown.n, self.hidden.n) >= FEWEST_CASES
        return Difference(value, welch(self.hidden.seconds, self.shown.seconds) if enough else None, SECONDS)

    @property
    def more_overturned(self) -> Difference:
        """Share of overturned verdicts, hidden minus shown."""
        return _difference(self.hidden.overturned, self.shown.overturned)

    @property
    def more_changed(self) -> Difference:
        """Share of verdicts that changed when reopened, hidden minus shown."""
        return _difference(self.hidden.changed, self.shown.changed)


def agreement(trial: Trial) -> Agreement:
    """Compute the figures of a trial from the rows that are kept; nothing of it is stored."""
    return figures(reviewed_submissions(trial), label_rows(trial))


def figures(submissions: Sequence[ReviewedSubmission], labels: Sequence[LabelRow]) -> Agreement:
    """Compute the figures of these submissions and labels."""
    plain = [each for each in submissions if each.seeded is None]
    seeds = [each.seeded for each in submissions if each.seeded]
    told = [seed for seed in seeds if not seed.was_right]
    modules = [(module, [seed for seed in told if seed.module == module]) for module in MODULES]
    return Agreement(
        shown=_arm(plain, ReviewCase.Arm.SHOWN),
        hidden=_arm(plain, ReviewCase.Arm.HIDDEN),
        seeded=tuple(
            (module, Share(sum(seed.noticed for seed in of), len(of))) for module, of in (*modules, ("", told))
        ),
        seeded_but_right=len(seeds) - len(told),
        pairs=_pairs(each for each in plain if each.verified),
        labels=tuple(_label_figures(row) for row in labels),
        sites=tuple(_label_figures(row) for row in by_site(labels)),
    )


def _arm(submissions: Sequence[ReviewedSubmission], arm: ReviewCase.Arm) -> ArmFigures:
    of_arm = [each for each in submissions if each.arm == arm]
    verified = [each for each in of_arm if each.verified]
    return ArmFigures(
        arm=arm.value,
        title=str(arm.label),
        seconds=tuple(each.first.seconds for each in of_arm),
        overturned=_share(verified, lambda each: each.overturned),
        changed=_share(of_arm, lambda each: each.changed_when_reopened),
    )


def _share(submissions: Sequence[ReviewedSubmission], counts: Callable[[ReviewedSubmission], bool]) -> Share:
    return Share(sum(counts(each) for each in submissions), len(submissions))


def _difference(hidden: Share, shown: Share) -> Difference:
    if hidden.share is None or shown.share is None:
        return Difference(None, None, POINTS)
    interval = None
    if min(hidden.n, shown.n) >= FEWEST_CASES:
        low, high = newcombe(hidden.count, hidden.n, shown.count, shown.n)
        interval = 100 * low, 100 * high
    return Difference(100 * (hidden.share - shown.share), interval, POINTS)


def _pairs(submissions: Iterable[ReviewedSubmission]) -> PairFigures:
    pairs, confirmed, labels_differed = [], dict.fromkeys(("first", "second", "neither"), 0), 0
    for each in submissions:
        assert each.second is not None
        first, second = each.first.verdict, each.second.verdict
        pairs.append((first, second))
        if each.adjudication is None:
            continue
        if first == second:
            labels_differed += 1
        else:
            confirmed[{first: "first", second: "second"}.get(each.adjudication.verdict, "neither")] += 1
    return PairFigures(tuple(pairs), labels_differed, confirmed)


def _label_figures(row: LabelRow) -> LabelFigures:
    return LabelFigures(
        site=row.site,
        scanner=row.scanner,
        scanners=row.scanners,
        n_series=row.n_series,
        agreed=Share(row.answered - row.corrected, row.answered),
        abstained=Share(row.abstained, len(row.judged)),
    )
