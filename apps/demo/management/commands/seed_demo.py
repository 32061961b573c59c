"""Fills the demo: a trial, its people, and visits in every state, all through the services and the ensemble."""

import os
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.demo.management.commands.demo import DEFAULT_PASSWORD
from apps.demo.seeding.desks import Deed, one_by_one, side_by_side
from apps.demo.seeding.drop import READY_SCANS, guide, lay_out
from apps.demo.seeding.playing import is_played, play
from apps.demo.seeding.stage import ANALYST_OF_SITE, set_stage
from apps.demo.seeding.stories import STORIES, Story
from apps.demo.seeding.work import WorkFailed, take_up_again, work_alone
from apps.imaging.errors import BadBundle


class Command(BaseCommand):
    help = "Fill the demo of this folder. A second run changes nothing; one that was interrupted is completed."

    stories: Sequence[Story] = STORIES
    ready_scans = READY_SCANS

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--inline", action="store_true", help="use this process alone, not one for each analyst")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = _folder() / "demo-scans"
        today = set_stage(timezone.localdate(), os.environ.get("DEMO_PASSWORD") or DEFAULT_PASSWORD)
        deeds = self._deeds(folder, today)
        if deeds:
            self._do(deeds, inline=options["inline"])
        else:
            self._say("The demo data is there already.")
        self._say(guide(folder))

    def _deeds(self, folder: Path, today: date) -> list[Deed]:
        """Return what an empty demo lacks, or what an interrupted run left undone."""
        deeds = []
        for story in self.stories:
            if not is_played(story):
                analyst = ANALYST_OF_SITE[story.subject.split("-")[0]]
                deeds.append(Deed(analyst, f"{story}: {story.sentence}", partial(play, story, today, analyst=analyst)))
        for ready in self.ready_scans:
            if not (folder / ready.folder).exists():
                deeds.append(Deed("anna", f"Scans to drop: {ready.folder}", partial(lay_out, ready, folder, today)))
        return deeds

    def _do(self, deeds: Sequence[Deed], *, inline: bool) -> None:
        began = time.monotonic()
        self._say("Making the demo data from phantom CT, once; this takes about two minutes ...")
        take_up_again()
        work_alone()
        try:
            for count, deed in enumerate((one_by_one if inline else side_by_side)(deeds), start=1):
                self._say(f"  {count:>2}/{len(deeds)}  {deed.words}")
        except (WorkFailed, BadBundle) as error:
            raise CommandError(f"{error} Once that is mended, the next run goes on from here.") from error
        self._say(f"The demo data took {time.monotonic() - began:.0f} s.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _folder() -> Path:
    """Return the folder of the embedded shape; an installation that serves people has none and is left alone."""
    folder: Path | None = getattr(settings, "VAR_DIR", None)
    if folder is None:
        raise CommandError("The demo data has passwords that everybody knows: it is for `make demo` on one machine.")
    return folder
