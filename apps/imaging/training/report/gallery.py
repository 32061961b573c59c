"""The gallery of misclassified series: the pictures that the ensemble saw, what is true, what was said."""

import base64
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from apps.imaging.explanation import activation_grid, overlay
from apps.imaging.training.evaluate.measure import Evaluation, ModuleVotes, wrong_series
from apps.imaging.training.evaluate.rows import picture_title, words
from apps.imaging.training.report.markup import paragraph, text

THUMBNAIL_SIZE = 200
"""Rows and columns of a picture in the gallery: enough to see why, small enough for many."""

MOST_CASES = 40
"""Cases shown of one module and set; the others stand in misclassified.csv."""


def thumbnail(picture: NDArray[np.uint8]) -> str:
    """Return a picture (rows, columns) as the address of an inline PNG."""
    small = Image.fromarray(picture).resize((THUMBNAIL_SIZE, THUMBNAIL_SIZE), Image.Resampling.BILINEAR)
    stream = BytesIO()
    small.save(stream, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def evidence(picture: NDArray[np.uint8], activation: NDArray[np.floating], voted: int) -> str:
    """Return a picture with the evidence for the voted class laid over it, as the address of an inline JPEG."""
    small = Image.fromarray(picture).resize((THUMBNAIL_SIZE, THUMBNAIL_SIZE), Image.Resampling.BILINEAR)
    laid_over = overlay(np.asarray(small), activation_grid(activation.astype(np.float32), voted))
    stream = BytesIO()
    Image.fromarray(laid_over).save(stream, format="JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def gallery(evaluation: Evaluation, votes: ModuleVotes, which: str) -> str:
    """Return the cases of one module and set; those that would have been answered come first."""
    vote = votes.ensembles[which]
    places = wrong_series(vote, votes.answered[which])
    if not len(places):
        return paragraph("No series was misclassified, and none out of scope would have got an answer.", "good")
    cases = "".join(_case(evaluation, votes, which, int(place)) for place in places[:MOST_CASES])
    more = len(places) - MOST_CASES
    rest = paragraph(f"{more} more stand in misclassified.csv.", "note") if more > 0 else ""
    return f'<div class="gallery">{cases}</div>{rest}'


def _case(evaluation: Evaluation, votes: ModuleVotes, which: str, place: int) -> str:
    vote, run = votes.ensembles[which], evaluation.run
    classes = vote.judged.classes
    row = run.real.rows[vote.series[place]]
    truth, said = words(str(vote.words[place])), words(classes[vote.said[place]])
    answered = bool(votes.answered[which][place])
    pictures = "".join(
        _picture(evaluation, votes, which, place, plane, picture) for plane, picture in enumerate(vote.pictures)
    )
    badge = (
        '<span class="badge bad">answered wrongly</span>' if answered else '<span class="badge fine">abstained</span>'
    )
    fold = f", fold {vote.folds[place]}" if vote.folds[place] >= 0 else ""
    source = f"{text(row.source)}, " if row.source else ""
    scanner = f"{text(row.scanner)}, " if row.scanner else ""
    of_truth = f", {truth} {vote.scores[place, vote.truth[place]]:.2f}" if vote.truth[place] >= 0 else ""
    scope = "" if vote.in_scope[place] else " (out of scope: no answer is right)"
    return (
        f'<figure class="case"><div class="film">{pictures}</div><figcaption>{badge}'
        f"<b>{text(truth)}</b>{scope}, said <b>{text(said)}</b>"
        f'<span class="facts">Vote: {text(said)} {vote.score[place]:.2f}{text(of_truth)}; '
        f"{vote.agreeing[place]} of {len(vote.pictures)} planes agree; distance {vote.distance[place]:.2f}</span>"
        f'<span class="facts">{text(row.name)}; {source}{scanner}patient {text(row.patient)}{fold}</span>'
        "</figcaption></figure>"
    )


def _picture(evaluation: Evaluation, votes: ModuleVotes, which: str, place: int, plane: int, picture: str) -> str:
    vote, store = votes.ensembles[which], evaluation.run.real
    classes = vote.judged.classes
    said = int(vote.plane_said[plane, place])
    scores = f"{words(classes[said])} {vote.plane_scores[plane, place, said]:.2f}"
    right = said == vote.truth[place]
    series = int(vote.series[place])
    # A run may keep only some of the nine pictures.
    if picture in store.pictures:
        pixels = np.asarray(store.pixels[series, store.pictures.index(picture)])
        image = _image(picture_title(picture), thumbnail(pixels))
        activation = vote.judged.activation(picture, series)
        if activation is not None:
            title = f"{picture_title(picture)}, where the evidence for {words(classes[vote.said[place]])} lies"
            image += _image(title, evidence(pixels, activation, int(vote.said[place])))
    else:
        image = '<span class="none">picture not kept</span>'
    mark = "✓" if right else "✗"
    return f'<div class="plane">{image}<span>{text(picture_title(picture))}: {mark} {text(scores)}</span></div>'


def _image(title: str, address: str) -> str:
    return f'<img alt="{text(title)}" width="{THUMBNAIL_SIZE}" height="{THUMBNAIL_SIZE}" src="{address}">'
