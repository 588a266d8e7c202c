"""What other apps add to the shell from `AppConfig.ready()`: sidebar entries, home panels, search sources.

Everything names a URL and is shown only to those whose role may open it (`erp.accounts.permissions`). What
needs a person is not registered here but in `erp.attention.register`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from erp.accounts.models import User
from erp.accounts.permissions import may
from erp.web.requests import board_of

# Hits of one source that the search box shows.
MOST_HITS = 10
SECTIONS = ("início", "cadastros", "vendas", "configurações")


@dataclass(frozen=True)
class SidebarEntry:
    """A link of the sidebar. `attention` is the key of the register whose count stands beside it."""

    section: str
    label: str
    url_name: str
    icon: str
    order: int = 50
    attention: str = ""


@dataclass(frozen=True)
class HomePanel:
    """Something as wide as the home page, above its cards. `context` answers None to show nothing."""

    template: str
    url_name: str
    context: Callable[[HttpRequest], dict[str, Any] | None]


@dataclass(frozen=True)
class SearchHit:
    label: str
    url: str
    text: str = ""


@dataclass(frozen=True)
class SearchSource:
    """A kind of thing the search box finds: `search` gets the typed text and answers its first hits.

    One more than `MOST_HITS` says that there are more. `url_name` is the list of these things, which finds
    the same with `?q=`, with `query` added to its address.
    """

    label: str
    url_name: str
    icon: str
    search: Callable[[HttpRequest, str], Iterable[SearchHit]]
    order: int = 50
    query: str = ""


@dataclass(frozen=True)
class SearchGroup:
    """What one source found; `url` is the list of all of it."""

    source: SearchSource
    hits: Sequence[SearchHit]
    has_more: bool
    url: str


@dataclass(frozen=True)
class SidebarLink:
    label: str
    url: str
    icon: str
    badge: str
    active: bool


_sidebar: dict[str, SidebarEntry] = {}
_panels: dict[str, HomePanel] = {}
_sources: dict[str, SearchSource] = {}


def sidebar_register(
    *,
    section: str,
    label: str,
    url_name: str,
    icon: str,
    order: int = 50,
    attention: str = "",
) -> None:
    """Add a link to a section of the sidebar; registering a URL name again replaces its entry.

    Raises ValueError for a section that is not one of `SECTIONS`.
    """
    if section not in SECTIONS:
        raise ValueError(f"unknown sidebar section {section!r}; known: {SECTIONS}")
    _sidebar[url_name] = SidebarEntry(section, label, url_name, icon, order, attention)


def home_panel_register(
    *, template: str, url_name: str, context: Callable[[HttpRequest], dict[str, Any] | None]
) -> None:
    """Put a template of your own on top of the home page, for those who may open `url_name`."""
    _panels[template] = HomePanel(template, url_name, context)


def search_source_register(
    *,
    label: str,
    url_name: str,
    icon: str,
    search: Callable[[HttpRequest, str], Iterable[SearchHit]],
    order: int = 50,
    query: str = "",
) -> None:
    """Let the search box find one more kind of thing; `url_name` says whose permission it takes."""
    _sources[label] = SearchSource(label, url_name, icon, search, order, query)


def sidebar_for(request: HttpRequest) -> list[tuple[str, list[SidebarLink]]]:
    """The sections with something in them for this user, in order, each with its links."""
    entries = sorted(
        (entry for entry in _sidebar.values() if _opens(request, entry.url_name)),
        key=lambda entry: (entry.order, entry.label),
    )
    active = _active_url(request, [reverse(entry.url_name) for entry in entries])
    figures = board_of(request).figures({entry.attention for entry in entries})
    sections = [
        (section, [_link(entry, figures, active) for entry in entries if entry.section == section])
        for section in SECTIONS
    ]
    return [(section, links) for section, links in sections if links]


def home_panels_for(request: HttpRequest) -> list[tuple[str, dict[str, Any]]]:
    """Templates with their context, in the order they were registered."""
    found = (
        (panel.template, panel.context(request))
        for panel in _panels.values()
        if _opens(request, panel.url_name)
    )
    return [(template, context) for template, context in found if context is not None]


def search_for(request: HttpRequest, text: str) -> list[SearchGroup]:
    """What the sources found that this user may see."""
    groups = (_group(request, source, text) for source in search_sources(request))
    return [group for group in groups if group.hits]


def search_sources(request: HttpRequest) -> list[SearchSource]:
    """What is looked through for this user, in order."""
    sources = sorted(_sources.values(), key=lambda source: (source.order, source.label))
    return [source for source in sources if _opens(request, source.url_name)]


def _group(request: HttpRequest, source: SearchSource, text: str) -> SearchGroup:
    hits = list(source.search(request, text))
    query = "&".join(filter(None, (source.query, urlencode({"q": text}))))
    return SearchGroup(source, hits[:MOST_HITS], len(hits) > MOST_HITS, f"{reverse(source.url_name)}?{query}")


def _opens(request: HttpRequest, url_name: str) -> bool:
    return isinstance(request.user, User) and may(request.user, url_name)


def _link(entry: SidebarEntry, figures: Mapping[str, str], active: str) -> SidebarLink:
    url = reverse(entry.url_name)
    return SidebarLink(entry.label, url, entry.icon, figures.get(entry.attention, ""), url == active)


def _active_url(request: HttpRequest, urls: list[str]) -> str:
    """The entry whose address is the longest beginning of this page's, so that a detail marks its list."""
    return max((url for url in urls if _covers(url, request.path)), key=len, default="")


def _covers(url: str, path: str) -> bool:
    return path == url or (url != reverse("web:home") and path.startswith(url))
