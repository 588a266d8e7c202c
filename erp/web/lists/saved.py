"""Views of a list that a person keeps under a name."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import NoReverseMatch, reverse

from erp.accounts.models import User
from erp.web.models import SavedView

MOST_VIEWS = 30
LONGEST_NAME = 60
LONGEST_QUERY = 500


@dataclass(frozen=True, slots=True)
class ShownView:
    """One saved view as its list offers it."""

    pk: int
    name: str
    url: str
    is_current: bool


def list_address(url_name: str) -> str | None:
    """The address of a list; None for a name that is no address of its own."""
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return None


def saved_views(user: User, url_name: str, query: str) -> list[ShownView]:
    """Those of the person for a list, by name; `query` is that of the view at hand."""
    address = list_address(url_name) or ""
    own = SavedView.objects.filter(user=user, url_name=url_name).order_by("name")[:MOST_VIEWS]
    return [
        ShownView(row.pk, row.name, f"{address}?{row.query}" if row.query else address, row.query == query)
        for row in own
    ]


def view_save(*, user: User, url_name: str, name: str, query: str) -> str:
    """Keep the view `query` of a list as `name`, in place of one of that name; the problem, or an empty
    text."""
    name = " ".join(name.replace("\x00", "").split())
    if not name:
        return "Dê um nome à visão e salve de novo."
    if len(name) > LONGEST_NAME:
        return f"O nome pode ter até {LONGEST_NAME} letras. Encurte e salve de novo."
    if len(query) > LONGEST_QUERY:
        return "Esta busca é longa demais para ser salva. Tire algum filtro e salve de novo."
    own = SavedView.objects.filter(user=user, url_name=url_name)
    if not own.filter(name=name).exists() and own.count() >= MOST_VIEWS:
        return f"Esta lista já tem {MOST_VIEWS} visões. Apague uma antes de salvar outra."
    SavedView.objects.update_or_create(user=user, url_name=url_name, name=name, defaults={"query": query})
    return ""


def view_delete(*, user: User, pk: int) -> SavedView | None:
    """Forget a view; the one that was, or None when it was gone."""
    row = SavedView.objects.filter(user=user, pk=pk).first()
    if row is not None:
        SavedView.objects.filter(pk=row.pk).delete()
    return row


def query_kept(values: QueryDict, leave: tuple[str, ...]) -> str:
    """The query of an address without the names in `leave`, each name once, in a steady order."""
    return urlencode(
        [(name, str(values[name])) for name in sorted(values) if name not in leave and values[name]]
    )
