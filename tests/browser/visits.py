"""How a coordinator moves on the pages of the site, by role, label and text."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.cast import PASSWORD


def sign_in_on(page: Page, server: object, username: str) -> None:
    page.goto(f"{server}/visits/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="My visits")).to_be_visible()


def open_visit(page: Page) -> None:
    page.get_by_role("link", name="101-001").click()
    expect(page.get_by_role("heading", name="101-001, Week 8")).to_be_visible()
    # The heading is there before the scripts are: a key pressed now would find nobody listening.
    page.wait_for_load_state()


def choose_folder(page: Page, folder: Path) -> None:
    # Which of the two forms this browser gets is known when the scripts have come.
    page.locator("#scan[data-ready]").wait_for()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(folder)


def slot(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))
