"""Pressing a key as a person does: on a page whose scripts have run."""

from playwright.sync_api import Page


def press(page: Page, key: str) -> None:
    """Press `key` once the page has loaded: its words are there before its scripts, and nobody would be listening."""
    page.wait_for_load_state()
    page.keyboard.press(key)
