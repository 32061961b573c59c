"""Required series against the series at hand: which one stands for which slot, and what the person is told.

The board is the assignment of series to slots with the smallest total cost. What a series costs in a slot:

=========================================================================  ========
the body part is at the border of abdomen and pelvis                             30
the body part is not sure (less for a high score of the slot's body part)  30 to 50
the contrast is not sure                                                         20
the contrast is the other one                                                    60
the abdomen without the pelvis, where the pelvis is asked for                    60
no pictures could be made                                                        50
the abdomen with the pelvis, where the abdomen is asked for                       5
each other finding that blocks (slice thickness, coverage, ...)                  10
each other finding that warns                                                     2
each 10 mm between the slices (the thinner of two equal series wins)              1
a short scan, less the longer it is up to 500 mm (the longer wins)         0 to 0.5
=========================================================================  ========

A series whose coverage is answered (`apps.imaging.coverage`) can stand for several slots that ask for different parts
of the body: a scan from the chest to the pelvis fills the slot for the chest and the one for abdomen and pelvis. Where
its label is another, it costs as much as the abdomen with the pelvis where the abdomen is asked for; a series of that
part alone is preferred. One that ends before the slot's regions do costs as much as the abdomen without the pelvis.

An empty slot costs 1000, so that a mandatory slot is served first; an optional one 50, so that it is not filled with
a series of the other contrast. Another body part, and what is no CT scan at all
(`why_never_a_slot`), never stands for a slot unless the person put it there.
"""

from collections.abc import Collection, Mapping, Sequence

from apps.imaging.slots.board import SlotBoard, SlotState, SlotStatus, UnusedSeries
from apps.imaging.slots.fit import EMPTY_COST, EMPTY_OPTIONAL_COST, NEVER, Candidate, Table, slot_findings
from apps.imaging.slots.sentences import (
    chosen_sentence,
    found_sentence,
    missing_sentence,
    shared_sentence,
    why_unused,
)
from apps.imaging.spec import ImagingSpec, SeriesSpec

__all__ = [
    "Candidate",
    "SlotBoard",
    "SlotState",
    "SlotStatus",
    "UnusedSeries",
    "match",
    "slot_findings",
]


def match(
    spec: ImagingSpec,
    candidates: Sequence[Candidate],
    chosen: Mapping[str, str | Collection[str] | None] | None = None,
) -> SlotBoard:
    """Put the series at hand into the slots of the specification.

    Parameters
    ----------
    spec
        The required series.
    candidates
        The series at hand, in any order; the board does not depend on it.
    chosen
        What the person decided: key of a series -> the slot or slots it is to fill, or None when it is not to be
        used. It is kept even where the series does not fit; the slot then says so. Of two series chosen for one slot,
        the better one stands. A series may stand for slots beyond those, where it covers what they ask for.

    Raises
    ------
    ValueError
        When two candidates have the same key, or `chosen` names a slot or a series that does not exist.
    """
    table = Table(spec, candidates)
    decided = {key: _slots(slots) for key, slots in (chosen or {}).items()}
    _refuse_unknown(table, decided)
    placed = _place_chosen(table, decided)
    by_person = set(placed)
    free_slots = [required for required in spec.series if required.slot not in placed]
    placed |= _assign(table, free_slots, decided)
    slots = tuple(_state(table, required, placed, by_person) for required in spec.series)
    used = set(placed.values())
    unused = sorted(
        (candidate for key, candidate in table.candidates.items() if key not in used),
        key=lambda candidate: (candidate.digest.series_number or 0, candidate.key),
    )
    return SlotBoard(
        slots=slots,
        unused=tuple(
            UnusedSeries(candidate.key, why_unused(table, candidate, placed, decided)) for candidate in unused
        ),
    )


def _slots(chosen: str | Collection[str] | None) -> tuple[str, ...]:
    """Return the slots that a person chose for one series, none where it is left out."""
    if chosen is None:
        return ()
    return (chosen,) if isinstance(chosen, str) else tuple(chosen)


def _refuse_unknown(table: Table, chosen: Mapping[str, Sequence[str]]) -> None:
    known = {required.slot for required in table.spec.series}
    for key, slots in chosen.items():
        if key not in table.candidates:
            raise ValueError(f"{key!r} is none of the series at hand")
        for slot in slots:
            if slot not in known:
                raise ValueError(f"{slot!r} is no slot of {table.spec.name} {table.spec.version}")


def _place_chosen(table: Table, chosen: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return slot -> key for what the person decided; of several for one slot the one that costs least."""
    placed: dict[str, str] = {}
    for key in table.candidates:
        for slot in chosen.get(key, ()):
            if slot not in placed or table.fit(slot, key).cost < table.fit(slot, placed[slot]).cost:
                placed[slot] = key
    return placed


def _assign(table: Table, slots: Sequence[SeriesSpec], chosen: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return slot -> key of the cheapest assignment; a slot is left empty where that is cheaper.

    Each part of a series that a slot can take is there once; of a series that a person placed, the parts that are left.
    """
    offers = {
        (required.slot, key): part
        for required in slots
        for key in table.candidates
        if (part := _offered(table, required.slot, key, chosen)) is not None
    }
    parts = sorted({(key, part) for (_, key), part in offers.items()})
    if not parts:
        return {}
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    costs = np.full((len(slots), len(parts) + len(slots)), NEVER)
    for row, required in enumerate(slots):
        for column, (key, part) in enumerate(parts):
            if offers.get((required.slot, key)) == part:
                costs[row, column] = table.fit(required.slot, key).cost
        costs[row, len(parts) + row] = EMPTY_OPTIONAL_COST if required.optional else EMPTY_COST
    rows, columns = linear_sum_assignment(costs)
    return {slots[row].slot: parts[column][0] for row, column in zip(rows, columns, strict=True) if column < len(parts)}


def _offered(table: Table, slot: str, key: str, chosen: Mapping[str, Sequence[str]]) -> str | None:
    """Return the part of a series that a slot can take, None where it cannot have the series."""
    if not table.fit(slot, key).possible:
        return None
    if key in chosen and (not chosen[key] or not table.may_share(key, slot, chosen[key])):
        return None
    return table.part(slot, key)


def _state(table: Table, required: SeriesSpec, placed: Mapping[str, str], by_person: set[str]) -> SlotState:
    """Return one slot of the board with its sentence."""
    key = placed.get(required.slot)
    fit = None if key is None else table.fit(required.slot, key)
    better = None
    if fit is None or fit.status is SlotStatus.PROBLEM:
        better = _better(table, required, placed)
    if key is None:
        sentence = missing_sentence(table, required, placed, better)
    elif required.slot in by_person:
        sentence = chosen_sentence(table, required, key, better)
    else:
        sentence = found_sentence(table, required, key)
    if key is not None:
        sentence = " ".join(filter(None, (sentence, shared_sentence(table, required, key, placed))))
    return SlotState(
        slot=required.slot,
        title=required.title,
        optional=required.optional,
        status=SlotStatus.MISSING if fit is None else fit.status,
        sentence=sentence,
        series=key,
        chosen_by_person=required.slot in by_person,
        findings=() if fit is None else fit.findings,
        suggestion=better,
    )


def _better(table: Table, required: SeriesSpec, placed: Mapping[str, str]) -> str | None:
    """Return the key of the best series that would be ok in this slot and is not ok where it is now."""
    needed: dict[str, list[str]] = {}
    for slot, key in placed.items():
        if table.fit(slot, key).status is SlotStatus.OK:
            needed.setdefault(key, []).append(slot)
    fitting = [
        key
        for key in table.candidates
        if (key not in needed or table.may_share(key, required.slot, needed[key]))
        and table.fit(required.slot, key).possible
        and table.fit(required.slot, key).status is SlotStatus.OK
    ]
    return min(fitting, key=lambda key: (table.fit(required.slot, key).cost, key), default=None)
