"""The worklist by keyboard."""

import pytest
from playwright.sync_api import Page, expect

from apps.reviews.models import ReviewCase, SavedView
from tests.browser.keys import press
from tests.browser.test_analyst import SignIn, sign_in  # noqa: F401 - a fixture
from tests.cast import Cast
from tests.factories import claimed_case, waiting_case

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_case_is_taken_over_by_keyboard(page: Page, cast: Cast, sign_in: SignIn) -> None:  # noqa: F811
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.abel)
    waiting_case(cast.chens_visit, by=cast.chen)
    ReviewCase.objects.filter(pk=case.pk).update(priority=2)
    SavedView.objects.create(user=cast.anna, name="Odd ones", query="standing=open&ai_disagrees=on")
    page.set_viewport_size({"width": 1400, "height": 800})
    sign_in("anna")
    press(page, "j")
    press(page, "t")
    reason = page.get_by_label("Reason")
    expect(reason).to_be_focused()
    page.keyboard.type("Abel is ill")
    page.get_by_role("button", name="Take the case over").press("Enter")
    expect(page.get_by_role("heading", name="101-001 Week 8")).to_be_visible()
    assert ReviewCase.objects.get(pk=case.pk).holder == cast.anna


def test_the_analyst_is_warned_before_an_idle_case_goes_back(page: Page, cast: Cast, sign_in: SignIn) -> None:  # noqa: F811
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    sign_in("anna")
    page.clock.install()
    press(page, "n")
    expect(page.get_by_role("heading", name="101-001 Week 8")).to_be_visible()
    page.wait_for_load_state()
    warning = page.get_by_text("this case goes back to the queue in 3 minutes")
    page.clock.run_for("11:30")
    expect(warning).to_be_hidden()
    page.clock.run_for("01:00")
    expect(warning).to_be_visible()
    assert ReviewCase.objects.get(pk=case.pk).holder == cast.anna


def test_every_step_from_list_to_wall_and_back_keeps_filters_by_keyboard(
    page: Page,
    cast: Cast,
    sign_in: SignIn,  # noqa: F811
) -> None:
    waiting_case(cast.visit, by=cast.carla)
    case = waiting_case(cast.chens_visit, by=cast.chen)
    ReviewCase.objects.filter(pk=case.pk).update(priority=1)
    SavedView.objects.create(user=cast.anna, name="Urgent ones", query="standing=open&priority=on")
    sign_in("anna")
    press(page, "1")
    expect(page.get_by_label("High or urgent")).to_be_checked()
    press(page, "w")
    expect(page.get_by_role("heading", name="Wall")).to_be_visible()
    expect(page.get_by_label("High or urgent")).to_be_checked()
    press(page, "j")
    press(page, "Enter")
    expect(page.get_by_role("heading", name="102-001 Week 8")).to_be_visible()
    assert "priority=on" in page.url
