"""Pages for the tests of the list scaffold: the company's branches, beside every real route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.urls import include, path

from erp.accounts.models import Branch, User
from erp.accounts.permissions import OPERATE, VIEW, route
from erp.channels import RowOutcome, RowResult, row_refused
from erp.refusals import Refusal
from erp.web.lists import (
    ChoiceFilter,
    Column,
    DateFilter,
    Empty,
    Link,
    ListAction,
    ListPage,
    Tab,
    since,
)


class BranchList(ListPage[Branch]):
    title = "Filiais"
    pretitle = "Cadastros"
    columns = (
        Column("Nome", "name"),
        Column("CNPJ", "tests/branch_tax_id.html", shown_from="md"),
        Column("UF", "state_code", numeric=True, css="fw-bold", stack_label="UF"),
    )
    order_by = ("name",)
    tabs = (Tab("", "todas"), Tab("sp", "paulistas", Q(state_code="SP")))
    filters = (
        ChoiceFilter("uf", "UF", "state_code", choices=[("SP", "São Paulo"), ("MG", "Minas Gerais")]),
        DateFilter("desde", "Desde", since("company__created_at")),
    )
    search_fields = ("name", "city")
    empty = Empty("Nenhuma filial", "Cadastre a primeira.", Link("Nova filial", "/nova/"))
    actions = (
        ListAction("check", "conferir cadastro", icon="check", in_bar=True),
        ListAction("close", "encerrar filial", tone="danger", confirm="Encerrar as filiais marcadas?"),
        ListAction("export", "baixar planilha", download=True, in_row=False),
        ListAction("forbidden", "apagar tudo", permission="catalog:product_create"),
    )

    def queryset(self) -> QuerySet[Branch]:
        return Branch.objects.filter(company_id=cast(User, self.request.user).company_id)

    def check(self, action: str, ids: Sequence[int]) -> Mapping[int, str]:
        if action != "close":
            return {}
        mineiras = Branch.objects.filter(pk__in=ids, state_code="MG")
        return dict.fromkeys(mineiras.values_list("pk", flat=True), "Há notas em aberto. Conclua-as antes.")

    def run(self, action: str, ids: Sequence[int]) -> Iterable[RowResult] | HttpResponse:
        if action == "export":
            return HttpResponse("nome;uf", content_type="text/csv")
        reasons = self.check(action, ids)
        return [
            row_refused(pk, Refusal("test.reason", reasons[pk], ""))
            if pk in reasons
            else RowResult(pk, RowOutcome.DONE)
            for pk in ids
        ]

    def row_label(self, obj: Branch) -> str:
        return f"filial {obj}"

    def row_url(self, obj: Branch) -> str:
        return f"/filiais/{obj.pk}/"


urlpatterns = [
    route("filiais/", BranchList.as_view(), "branches", VIEW, post=OPERATE),
    path("", include("erp.urls")),
]
