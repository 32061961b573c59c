"""AI against analysts, label by label, per site and scanner."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from apps.imageqc.models import Classification, SlotMatch
from apps.intake.models import Series
from apps.reviews.models import ReviewCase
from apps.reviews.selectors.rounds import standing_corrections
from apps.trials.models import Trial

MODULES = ("body_part", "contrast")

_HEADER = "digest__header__"
_SITE = "submission__visit__subject__site"


@dataclass(frozen=True)
class Judged:
    """One label of the AI and what the analysts left in its place; no label where the AI was not sure."""

    series: int
    module: str
    ai: str
    analyst: str

    @property
    def corrected(self) -> bool:
        return bool(self.ai) and self.analyst != self.ai


@dataclass
class LabelRow:
    """The labels of one site and scanner, or of all scanners of a site."""

    site: str
    scanner: str
    """The first of them where there are several."""
    judged: list[Judged] = field(default_factory=list)
    scanners: int = 1

    @property
    def n_series(self) -> int:
        return len({each.series for each in self.judged})

    @property
    def answered(self) -> int:
        return sum(bool(each.ai) for each in self.judged)

    @property
    def corrected(self) -> int:
        return sum(each.corrected for each in self.judged)

    @property
    def abstained(self) -> int:
        return len(self.judged) - self.answered


def label_rows(trial: Trial) -> list[LabelRow]:
    """Return the labels of every series that stands in a slot of a settled submission, by site and scanner.

    Left out are submissions whose outcome was decided with hidden labels: nobody was asked. A constant number of
    queries.
    """
    settled = ReviewCase.objects.filter(
        trial=trial, settles=True, status=ReviewCase.Status.DECIDED, arm=ReviewCase.Arm.SHOWN
    )
    standing = SlotMatch.objects.filter(submission__in=settled.order_by().values("submission"))
    series = Series.objects.filter(pk__in=standing.order_by().values("series"))
    ai = _ai_labels(series)
    set_by_analysts = _labels_set(series)
    rows: dict[tuple[str, str], LabelRow] = {}
    for pk, site, maker, model in series.order_by("pk").values_list(
        "pk", f"{_SITE}__number", f"{_HEADER}Manufacturer", f"{_HEADER}ManufacturerModelName"
    ):
        scanner = " ".join(str(word) for word in (maker, model) if word) or "not named"
        row = rows.setdefault((site, scanner), LabelRow(site, scanner))
        for module in MODULES:
            if (pk, module) in ai:
                said = ai[pk, module]
                row.judged.append(Judged(pk, module, said, set_by_analysts.get((pk, module), said)))
    return [rows[key] for key in sorted(rows) if rows[key].judged]


def _ai_labels(series: Any) -> dict[tuple[int, str], str]:
    """Return the label of each series and module, empty where the AI was not sure."""
    digests = dict(series.order_by().values_list("pk", "digest_sha256"))
    said = Classification.objects.filter(series__in=series.order_by().values("pk")).order_by("pk")
    found = {}
    columns = ("series", "digest_sha256", *(f"{module}__label" for module in MODULES))
    for pk, digest_sha256, *labels in said.values_list(*columns):
        if digests[pk] == digest_sha256:  # of an earlier digest: not what the desk showed
            found.update({(pk, module): label or "" for module, label in zip(MODULES, labels, strict=True)})
    return found


def _labels_set(series: Any) -> dict[tuple[int, str], str]:
    rows = standing_corrections().filter(series__in=series.order_by().values("pk"))
    return {(pk, module): label for pk, module, label in rows.values_list("series", "module", "label")}


def by_site(rows: Iterable[LabelRow]) -> list[LabelRow]:
    """Return the same labels, all scanners of a site together."""
    sites: dict[str, LabelRow] = {}
    for row in rows:
        if row.site in sites:
            whole = sites[row.site]
            whole.judged.extend(row.judged)
            whole.scanners += 1
        else:
            sites[row.site] = LabelRow(row.site, row.scanner, list(row.judged))
    return [sites[site] for site in sorted(sites)]
