"""What the frame of every page needs."""

from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest

from apps.accounts.models import Role
from apps.accounts.permissions import roles_of
from apps.notices.models import Notice
from apps.ui.words import ROLES

THEME_COOKIE = "coreqc_theme"
THEMES = ("light", "dark")


@dataclass(frozen=True)
class Workspace:
    """A place in the top bar."""

    role: str
    name: str
    url_name: str
    icon: str
    app: str
    key: str


WORKSPACES = (
    Workspace("crc", "My visits", "intake:visits", "calendar", "intake", "g v"),
    Workspace("analyst", "Worklist", "reviews:worklist", "inbox", "reviews", "g w"),
    Workspace("analyst", "Readings", "studies:readings", "eye", "studies", "g r"),
    Workspace("trial_manager", "Compliance", "compliance:overview", "chart", "compliance", "g c"),
    Workspace("trial_manager", "Studies", "studies:studies", "layers", "studies", "g s"),
    Workspace("crc", "Queries", "queries:list", "question", "queries", "g q"),
    Workspace("analyst", "Queries", "queries:list", "question", "queries", "g q"),
    Workspace("trial_manager", "Queries", "queries:list", "question", "queries", "g q"),
    Workspace("administrator", "Admin", "admin:index", "settings", "admin", "g a"),
)
"""In the order in which a person with several roles lands on them."""


class Frame:
    """The frame of a page; each part is worked out when a template first asks for it."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def roles(self) -> frozenset[str]:
        """The person's roles anywhere."""
        return roles_of(self._request.user)

    @cached_property
    def workspaces(self) -> list[Workspace]:
        """The workspaces that the person may open, one that several roles have once."""
        mine = [workspace for workspace in WORKSPACES if workspace.role in self.roles]
        return list({workspace.url_name: workspace for workspace in mine}.values())

    @property
    def has_notices(self) -> bool:
        """Whether notices come to this person: they tell coordinators what became of what their site sent."""
        return Role.CRC in self.roles

    @cached_property
    def unread_notices(self) -> int:
        """How many notices the person has not read."""
        return Notice.objects.visible_to(self._request.user).unread().count()

    @property
    def role_words(self) -> str:
        """The person's roles in words."""
        return ", ".join(words for role, words in ROLES.items() if role in self.roles)

    @property
    def here(self) -> str:
        """The app that the page belongs to."""
        match = self._request.resolver_match
        return match.app_names[0] if match and match.app_names else ""

    @property
    def theme(self) -> str:
        """The theme that the person chose in this browser; empty follows the system and the page."""
        chosen = self._request.COOKIES.get(THEME_COOKIE, "")
        return chosen if chosen in THEMES else ""


def frame(request: HttpRequest) -> dict[str, Frame]:
    """Give templates the `frame`."""
    return {"frame": Frame(request)}
