"""Which role holds which permission, and which of them a route asks for.

Each app's `urls.py` names the permission beside the route; here they are gathered by name. A route without
one ends the start, and `PermissionMiddleware` refuses it to everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import cache
from typing import Any

from django.core.checks import CheckMessage, Error
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from erp.accounts.models import Role, User


class Permission(StrEnum):
    PUBLIC = "public"  # no login: the login page itself, the callback's redirect, health
    MEMBER = "member"  # any signed-in user of a company
    VIEW = "view"  # read business data
    OPERATE = "operate"  # daily work: receive, group, send
    OVERRIDE = "override"  # go on despite a warning of the fiscal checks, by name
    MANAGE = "manage"  # master data, integrations, users


# As the routes name them.
PUBLIC, MEMBER, VIEW, OPERATE, OVERRIDE, MANAGE = Permission


ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.MEMBER, Permission.VIEW}),
    Role.OPERATOR: frozenset({Permission.MEMBER, Permission.VIEW, Permission.OPERATE}),
    Role.ADMIN: frozenset(
        {
            Permission.MEMBER,
            Permission.VIEW,
            Permission.OPERATE,
            Permission.OVERRIDE,
            Permission.MANAGE,
        }
    ),
}


class Route(URLPattern):
    """An address that says what it asks of a user: `permission`, and `post` where a change asks for more."""

    def __init__(
        self,
        address: str,
        view: Callable[..., HttpResponseBase],
        name: str,
        permission: Permission,
        post: Permission,
        kwargs: dict[str, Any] | None,
    ) -> None:
        super().__init__(RoutePattern(address, name=name, is_endpoint=True), view, kwargs, name)
        self.permission, self.post = permission, post


def route(
    address: str,
    view: Callable[..., HttpResponseBase],
    name: str,
    permission: Permission,
    *,
    post: Permission | None = None,
    kwargs: dict[str, Any] | None = None,
) -> Route:
    """What `path()` is to Django, with the permission the page takes; `post` where changing takes another."""
    return Route(address, view, name, permission, post or permission, kwargs)


def routes() -> dict[str, Route]:
    """Every route of the product that names its permission, by its full name."""
    return _gathered(get_resolver())


def routes_check(**_: Any) -> list[CheckMessage]:
    """A system check: a page that forgot its permission, which nobody could open, ends the start."""
    return [
        Error(f"A rota {name} não diz quem pode abri-la: declare-a em urls.py com route(…, Permission.…).")
        for name, entry in _entries(get_resolver())
        if not isinstance(entry, Route)
    ]


@cache
def _gathered(resolver: URLResolver) -> dict[str, Route]:
    return {name: entry for name, entry in _entries(resolver) if isinstance(entry, Route)}


def _entries(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _entries(entry, f"{prefix}{entry.namespace}:" if entry.namespace else prefix)
        else:
            yield f"{prefix}{entry.name or entry.pattern}", entry


def permission_of(url_name: str, method: str = "GET") -> Permission | None:
    """What `url_name` asks of a user for `method`; None for a route that does not say it."""
    found = routes().get(url_name)
    if found is None:
        return None
    return found.permission if method in ("GET", "HEAD", "OPTIONS") else found.post


def may(user: User, url_name: str, method: str = "GET") -> bool:
    """True when the role of `user` opens `url_name`."""
    permission = permission_of(url_name, method)
    return permission is not None and holds(user, permission)


def holds(user: User, permission: Permission) -> bool:
    """True when the role of `user` has `permission`; what is public asks for no role and no login."""
    if permission is Permission.PUBLIC:
        return True
    return user.is_authenticated and user.company_id is not None and permission in ROLE_PERMISSIONS[user.role]
