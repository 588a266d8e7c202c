"""*Trabalhos*: the list, one page for each with its rows, and the part that shows how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from erp.channels import RowOutcome
from erp.web.lists import LIVE_SECONDS, Column, Count, Empty, ListPage, Tab
from erp.web.requests import user_of
from erp.work.models import Work, WorkRow
from erp.work.progress import WorkPart, row_extras, work_part
from erp.work.services import work_resume, work_stop


class WorkList(ListPage[Work]):
    title = "Trabalhos"
    pretitle = "Configurações"
    columns = (
        Column("Trabalho", "work/cells/work_name.html"),
        Column("Pedido por", "asked_by", shown_from="md"),
        Column("Quando", "created_at|timestamp", shown_from="md", css="text-nowrap"),
        Column("Andamento", "work/cells/work_progress.html", numeric=True, css="text-nowrap"),
        Column("Situação", "work/cells/work_state.html"),
    )
    order_by = ("-created_at", "-pk")
    tabs = (
        Tab("", "todos"),
        Tab("open", "em andamento", Q(finished_at__isnull=True)),
        Tab("failed", "com recusas", Q(failed__gt=0)),
    )
    empty = Empty(
        "Nenhum trabalho por aqui",
        "O que demora, como enviar muitas notas de uma vez, aparece aqui com o andamento e o resultado.",
    )
    poll_seconds = LIVE_SECONDS

    def watched(self) -> list[QuerySet[Work]]:
        return [Work.objects.visible_to(user_of(self.request))]

    def queryset(self) -> QuerySet[Work]:
        return Work.objects.visible_to(user_of(self.request)).select_related("asked_by")

    def row_url(self, obj: Work) -> str:
        return obj.get_absolute_url()


class WorkPage(ListPage[WorkRow]):
    """One work: how far it is, and its rows."""

    pretitle = "Trabalhos"
    columns = (
        Column("Item", "work/cells/row_name.html", css="text-break"),
        Column("Resultado", "work/cells/outcome.html"),
        Column("Detalhe", "work/cells/row_detail.html", css="wide-cell"),
    )
    template_name = "work/work.html"
    order_by = ("position", "pk")
    tabs = (Tab("", "todos"), Tab("failed", "recusados", Q(outcome=RowOutcome.REFUSED)))

    @cached_property
    def work(self) -> Work:
        return work_visible(self.request, self.kwargs["pk"])

    @cached_property
    def part(self) -> WorkPart:
        return work_part(self.work, user=user_of(self.request), rows=False)

    @property
    def title(self) -> str:  # type: ignore[override]
        return str(self.work)

    @property
    def poll_seconds(self) -> int:
        return LIVE_SECONDS if self.part.is_live else 0

    def queryset(self) -> QuerySet[WorkRow]:
        return WorkRow.objects.filter(work=self.work)

    def watched(self) -> list[QuerySet[Work]]:
        return [Work.objects.filter(pk=self.work.pk)]

    def counts(self, found: QuerySet[WorkRow]) -> dict[str, Count]:
        """Kept by the work itself: nothing to count."""
        return {"": Count(self.work.total), "failed": Count(self.work.failed)}

    def extras(self, objects: list[WorkRow]) -> Mapping[int, Any]:
        return row_extras(self.work, objects, user_of(self.request))

    def extra_context(self) -> dict[str, Any]:
        return {"part": self.part}


@require_safe
def work_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part alone, as it asks for itself; `?rows=1` with the first rows."""
    return _part(request, work_visible(request, pk))


@require_POST
def work_stop_view(request: HttpRequest, pk: int) -> HttpResponse:
    work = work_visible(request, pk)
    work_stop(work=work)
    return _answer(request, work)


@require_POST
def work_resume_view(request: HttpRequest, pk: int) -> HttpResponse:
    work = work_visible(request, pk)
    work_resume(work=work)
    return _answer(request, work)


def work_visible(request: HttpRequest, pk: int) -> Work:
    """The work, or 404 for one out of the user's reach."""
    return get_object_or_404(Work.objects.visible_to(user_of(request)).select_related("asked_by"), pk=pk)


def _answer(request: HttpRequest, work: Work) -> HttpResponse:
    """The part again where htmx asked, else the work's page."""
    if "HX-Request" not in request.headers:
        return redirect(work)
    work.refresh_from_db()
    return _part(request, work)


def _part(request: HttpRequest, work: Work) -> HttpResponse:
    rows = "rows" in request.GET
    return render(request, "work/part.html", {"part": work_part(work, user=user_of(request), rows=rows)})
