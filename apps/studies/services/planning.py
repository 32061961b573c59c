"""What a study lead decides before the start; afterwards nothing of it can be changed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.accounts.permissions import require
from apps.audit.lifecycle import Refused, WrongState
from apps.audit.services import record
from apps.intake.models import Series
from apps.reviews.labels import labels_to_choose
from apps.studies.candidates import ScanFilter, candidates
from apps.studies.models import WASHOUT_DAYS, Reader, ReadingStudy, StudyScan
from apps.studies.permissions import may_lead, possible_readers, trials_to_study
from apps.studies.randomising import drawn
from apps.studies.references import MODULES, latest_classifications, references
from apps.trials.models import Trial

NOT_THE_LEAD = "Only a manager of the trial plans, starts and closes its reading studies."
NAME_TAKEN = "Another study of this trial has this name already. Choose a name that tells them apart."
MOST_SCANS = 2000
LONGEST_WASHOUT_DAYS = 365


def create(trial: Trial, *, name: str, washout_days: int = WASHOUT_DAYS, by: User) -> ReadingStudy:
    """Begin the plan of a study."""
    require(trials_to_study(by).filter(pk=trial.pk).exists(), NOT_THE_LEAD)
    name = _sound(name, washout_days)
    try:
        with transaction.atomic():
            study = ReadingStudy.objects.create(trial=trial, name=name, washout_days=washout_days, created_by=by)
            record("readingstudy.created", study, by=by, new={"name": name, "washout_days": washout_days})
    except IntegrityError:
        raise Refused(NAME_TAKEN) from None
    return study


def change(study: ReadingStudy, *, name: str, washout_days: int, by: User) -> None:
    """Give a draft another name or washout."""
    name = _sound(name, washout_days)
    try:
        with _draft(study, by):
            old = {"name": study.name, "washout_days": study.washout_days}
            study.name, study.washout_days = name, washout_days
            study.save(update_fields=["name", "washout_days"])
            record("readingstudy.changed", study, by=by, old=old, new={"name": name, "washout_days": washout_days})
    except IntegrityError:
        raise Refused(NAME_TAKEN) from None


def add_all_scans(study: ReadingStudy, narrowed: ScanFilter, *, by: User) -> int:
    """Add every scan that the filter shows; returns how many."""
    with _draft(study, by):
        found = list(candidates(study, narrowed).defer("digest")[: MOST_SCANS + 1])
        return _add(study, found, {"filter": narrowed.to_json()}, by)


def add_random_scans(study: ReadingStudy, narrowed: ScanFilter, n: int, *, by: User) -> int:
    """Add n of the scans that the filter shows, drawn with the study's seed; returns how many."""
    if n < 1:
        raise Refused("Say how many scans to draw: 1 or more.")
    with _draft(study, by):
        found = list(candidates(study, narrowed).values_list("pk", flat=True))
        if len(found) < n:
            raise Refused(f"Only {len(found)} scans are there to draw from. Draw fewer, or take a filter away.")
        # The number of scans is part of the purpose: a second draw is another one.
        purpose = f"sample:{study.scans.count()}"
        of_the_draw = Series.objects.filter(pk__in=drawn(study.seed, purpose, found)[:n])
        chosen = list(of_the_draw.defer("digest").order_by("pk"))
        return _add(study, chosen, {"filter": narrowed.to_json(), "drawn": n, "of": len(found), "draw": purpose}, by)


def _add(study: ReadingStudy, series: Sequence[Series], how: Mapping[str, Any], by: User) -> int:
    if not series:
        raise Refused("No scan is left to add here. Take a filter away, or wait for sites to transfer more.")
    if study.scans.count() + len(series) > MOST_SCANS:
        raise Refused(f"A study reads at most {MOST_SCANS} scans. Draw a random sample instead.")
    said = latest_classifications(series)
    known = references(said.values())
    StudyScan.objects.bulk_create(
        StudyScan(
            study=study,
            series=one,
            digest_sha256=one.digest_sha256,
            classification=said[one.pk],
            **{module: known[one.pk][module].label for module in MODULES},
            **{f"{module}_source": known[one.pk][module].source for module in MODULES},
        )
        for one in series
    )
    record("readingstudy.scans_added", study, by=by, new={"n": len(series), **how})
    return len(series)


def remove_scans(study: ReadingStudy, scans: Sequence[int], *, by: User) -> int:
    """Take scans (primary keys) out of a draft; returns how many."""
    with _draft(study, by):
        found = study.scans.filter(pk__in=scans)
        removed = list(found.values_list("series__uuid", flat=True))
        if not removed:
            raise Refused("Tick the scans that the study should not read.")
        found.delete()
        record("readingstudy.scans_removed", study, by=by, old={"series": sorted(map(str, removed))})
    return len(removed)


def set_references(study: ReadingStudy, given: Mapping[int, Mapping[str, str]], *, by: User) -> int:
    """Enter reference labels per scan (primary key) and module; returns how many labels changed."""
    with _draft(study, by):
        scans = {scan.pk: scan for scan in study.scans.filter(pk__in=given).select_related("classification")}
        changed = 0
        for pk, scan in scans.items():
            old = {module: getattr(scan, module) for module in MODULES}
            new = {module: label for module, label in given[pk].items() if module in MODULES and label != old[module]}
            for module, label in new.items():
                if label and label not in labels_to_choose(module, scan.classification.answers[module]):
                    raise Refused("This is not a label that an analyst can give. Choose one from the list.")
                setattr(scan, module, label)
                setattr(scan, f"{module}_source", StudyScan.Source.ENTERED if label else "")
            if new:
                scan.save(update_fields=[name for module in new for name in (module, f"{module}_source")])
                before = {"series": str(scan.series_id), **{module: old[module] for module in new}}
                record("readingstudy.reference_entered", study, by=by, old=before, new=new)
                changed += len(new)
    return changed


def choose_readers(study: ReadingStudy, analysts: Sequence[User], *, by: User) -> None:
    """Let these analysts read, and no others."""
    with _draft(study, by):
        allowed = set(possible_readers(study))
        for analyst in analysts:
            if analyst not in allowed:
                raise Refused(
                    f"{analyst} cannot read here: readers are image analysts of the trial who do not manage it."
                )
        old = sorted(study.readers.values_list("analyst__username", flat=True))
        new = sorted(analyst.username for analyst in analysts)
        if old == new:
            return
        study.readers.exclude(analyst__in=analysts).delete()
        Reader.objects.bulk_create(
            (Reader(study=study, analyst=analyst) for analyst in analysts), ignore_conflicts=True
        )
        record("readingstudy.readers_chosen", study, by=by, old={"readers": old}, new={"readers": new})


@contextmanager
def _draft(study: ReadingStudy, by: User) -> Iterator[None]:
    """Hold the study in a transaction as long as its plan changes; refuses when it has started."""
    require(may_lead(by, study), NOT_THE_LEAD)
    with transaction.atomic():
        stands = ReadingStudy.objects.select_for_update().get(pk=study.pk).status
        if stands != ReadingStudy.Status.DRAFT:
            raise WrongState(f"This study is {stands}: what was planned is not changed after the start.")
        yield


def _sound(name: str, washout_days: int) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused("Give the study a name.")
    if not 0 <= washout_days <= LONGEST_WASHOUT_DAYS:
        raise Refused(f"The washout is 0 to {LONGEST_WASHOUT_DAYS} days.")
    return name
