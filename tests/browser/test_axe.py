"""axe finds nothing serious on the pages of the review desk, dark and light, wide and narrow."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from apps.imageqc.models import SlotMatch
from apps.reviews.models import ReviewCase, SavedView
from tests.browser.test_analyst import SignIn, sign_in  # noqa: F401 - a fixture
from tests.cast import Cast
from tests.factories import add_series, claimed_case, waiting_case
from tests.queries.scenes import asked
from tests.reviews.test_earlier_visits import decided, scanned, visit_before

pytestmark = pytest.mark.django_db(transaction=True)

SEEN = [("dark", 1400), ("light", 390)]


def serious(page: Page) -> list[tuple[str, str]]:
    """Return what axe holds serious or critical: its rule and the element."""
    found = Axe().run(page).response["violations"]
    grave = [issue for issue in found if issue["impact"] in ("serious", "critical")]
    return [(issue["id"], node["html"][:200]) for issue in grave for node in issue["nodes"]]


@pytest.fixture
def desk(cast: Cast, page: Page, sign_in: SignIn) -> ReviewCase:  # noqa: F811
    """A lab at work, of everything something; Anna has a case with an earlier visit, and is signed in."""
    other_hand = claimed_case(cast.chens_visit, by=cast.chen, analyst=cast.abel)
    ReviewCase.objects.filter(pk=other_hand.pk).update(priority=2, abstained=True)
    decided(visit_before(cast, "Screening", 8), cast, ConvolutionKernel="B30f")
    hidden = waiting_case(visit_before(cast, "Week 4", 4), by=cast.carla)
    ReviewCase.objects.filter(pk=hidden.pk).update(
        arm=ReviewCase.Arm.HIDDEN, due_at=hidden.due_at - timedelta(days=9), resubmitted=True
    )
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    scanned(case, ConvolutionKernel="B70f")
    match = SlotMatch.objects.get(submission=case.submission, required__slot="chest")
    finding = {"code": "contrast", "severity": "block", "sentence": "It looks like a scan without contrast."}
    match.state, match.findings = "problem", [finding | {"expected": "with", "found": "without", "where": ""}]
    match.save()
    add_series(case.submission, number=9, description="Lung thin", body_part=None)
    SavedView.objects.create(user=cast.anna, name="Odd ones", query="standing=open&ai_disagrees=on")
    sign_in("anna")
    return case


def look(page: Page, theme: str, width: int, address: str) -> None:
    origin = "/".join(page.url.split("/")[:3])
    page.context.add_cookies([{"name": "coreqc_theme", "value": theme, "url": origin}])
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(origin + address)
    page.wait_for_load_state()


Opens = Callable[[Page], None]


def save_a_view(page: Page) -> None:
    page.get_by_text("Save or change views").click()


def keys(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.locator("#keys-dialog")).to_be_visible()


def nothing(page: Page) -> None:
    pass


@pytest.mark.parametrize(("theme", "width"), SEEN)
@pytest.mark.parametrize(
    ("query", "words", "opens"),
    [
        ("", "Overdue by", nothing),
        ("", "Odd ones", save_a_view),
        ("", "Odd ones", keys),
        ("?standing=decided&subject=nobody", "No case matches these filters.", nothing),
    ],
)
def test_the_worklist(
    page: Page, desk: ReviewCase, theme: str, width: int, query: str, words: str, opens: Opens
) -> None:
    look(page, theme, width, reverse("reviews:worklist") + query)
    expect(page.get_by_text(words).first).to_be_visible()
    opens(page)
    assert serious(page) == []


@pytest.mark.parametrize(("theme", "width"), SEEN)
@pytest.mark.parametrize(
    ("query", "words"),
    [("", "Differs"), ("?unused=on&plane=axial", "series 9, Lung thin"), ("?standing=site", "Nothing waits.")],
)
def test_the_wall(page: Page, desk: ReviewCase, theme: str, width: int, query: str, words: str) -> None:
    look(page, theme, width, reverse("reviews:wall") + query)
    expect(page.get_by_text(words).first).to_be_visible()
    assert serious(page) == []


@pytest.mark.parametrize(("theme", "width"), SEEN)
@pytest.mark.parametrize("arm", ReviewCase.Arm.values)
def test_a_case(page: Page, desk: ReviewCase, theme: str, width: int, arm: str) -> None:
    ReviewCase.objects.filter(pk=desk.pk).update(arm=arm)
    look(page, theme, width, reverse("reviews:case", args=[desk.pk]))
    expect(page.get_by_text("Kernel not as at Screening").first).to_be_visible()
    page.get_by_text("Side by side").first.click()
    assert serious(page) == []


@pytest.mark.parametrize(("theme", "width"), SEEN)
def test_queries(page: Page, cast: Cast, desk: ReviewCase, theme: str, width: int) -> None:
    query = asked(cast, desk)
    for address, words in (
        (reverse("queries:list"), query.subject),
        (reverse("queries:query", args=[query.uuid]), query.subject),
        (reverse("reviews:case", args=[desk.pk]), query.subject),
    ):
        look(page, theme, width, address)
        expect(page.get_by_text(words).first).to_be_visible()
        assert serious(page) == [], address


def test_a_button_without_a_name_and_faint_words_are_found(page: Page, desk: ReviewCase) -> None:
    look(page, "dark", 1400, reverse("reviews:worklist"))
    page.evaluate("""() => {
      const main = document.querySelector("main");
      main.append(document.createElement("button"));
      const faint = Object.assign(document.createElement("p"), { textContent: "Hardly to be read" });
      faint.style.cssText = "color: #333; background: #222";
      main.append(faint);
    }""")
    assert {rule for rule, _ in serious(page)} == {"button-name", "color-contrast"}
