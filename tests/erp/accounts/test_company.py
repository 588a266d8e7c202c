"""*Empresa*: fiscal data, the branches, and what the database refuses by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from erp.accounts.models import AuditEntry, Branch, Company, User

SignIn = Callable[[User], Client]
COMPLETE = {
    "name": "Loja Exemplo Comércio Ltda",
    "trade_name": "Loja Exemplo",
    "state_registration": "110.042.490.114",
    "tax_regime": "1",
    "fiscal_environment": "homologation",
    "postal_code": "01310-100",
    "street": "Avenida Paulista",
    "number": "1000",
    "complement": "",
    "district": "Bela Vista",
    "city": "São Paulo",
    "state_code": "SP",
    "city_code": "3550308",
    "invoice_issuer": "imported",
    "invoice_series": "1",
    "intermediary_tax_id": "12.345.678/0001-95",
    "default_origin": "0",
    "default_icms_code": "102",
    "default_cfop": "5102",
    "default_cfop_interstate": "6108",
    "branches-TOTAL_FORMS": "1",
    "branches-INITIAL_FORMS": "0",
}


def test_an_administrator_fills_in_the_company(admin: User, sign_in: SignIn, company: Company) -> None:
    answer = sign_in(admin).post(reverse("company"), COMPLETE)
    assert answer.status_code == 302
    company.refresh_from_db()
    assert (company.state_registration, company.postal_code) == ("110042490114", "01310100")
    assert (company.intermediary_tax_id, company.default_icms_code) == ("12345678000195", "102")
    assert "state_registration" in AuditEntry.objects.get(action="company.changed").data["fields"]


def test_nothing_but_the_name_and_the_place_is_demanded(admin: User, sign_in: SignIn) -> None:
    kept = (
        "name",
        "city",
        "state_code",
        "fiscal_environment",
        "invoice_issuer",
        "invoice_series",
        "branches",
    )
    least = {name: value for name, value in COMPLETE.items() if name.startswith(kept) and name != "city_code"}
    assert sign_in(admin).post(reverse("company"), least).status_code == 302


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("state_registration", "x", "inscrição estadual"),
        ("city_code", "3304557", "começam com 35"),
        ("city_code", "3550309", "Nenhum município"),
        ("default_icms_code", "00", "CSOSN"),
        ("default_cfop", "6102", "começa com 5"),
        ("default_cfop_interstate", "5102", "começa com 6"),
        ("invoice_series", "890", "889"),
        ("intermediary_tax_id", "12345678000190", "CNPJ inválido"),
    ],
)
def test_a_wrong_code_is_explained_and_nothing_saved(
    name: str, typed: str, said: str, admin: User, sign_in: SignIn, company: Company
) -> None:
    answer = sign_in(admin).post(reverse("company"), {**COMPLETE, "trade_name": "Outra", name: typed})
    assert said in answer.content.decode()
    company.refresh_from_db()
    assert company.trade_name == "Loja Exemplo"


def test_a_demonstration_stays_in_homologation(admin: User, sign_in: SignIn, settings: Any) -> None:
    settings.ERP_DEMO = True
    answer = sign_in(admin).post(reverse("company"), {**COMPLETE, "fiscal_environment": "production"})
    assert "fica em homologação" in answer.content.decode()


def test_a_branch_is_added(admin: User, sign_in: SignIn, company: Company) -> None:
    branch = {"name": "Filial Santos", "tax_id": "11.222.333/0002-62", "city": "Santos", "state_code": "SP"}
    posted = {f"branches-0-{name}": value for name, value in branch.items()}
    assert sign_in(admin).post(reverse("company"), COMPLETE | posted).status_code == 302
    assert Branch.objects.get().tax_id == "11222333000262"
    assert company.tax_ids() == {"11222333000181", "11222333000262"}


def test_a_branch_is_no_company(admin: User, sign_in: SignIn, other_company: Company) -> None:
    branch = {"name": "x", "tax_id": other_company.tax_id, "city": "Santos", "state_code": "SP"}
    posted = {f"branches-0-{name}": value for name, value in branch.items()}
    assert (
        "já é de uma empresa" in sign_in(admin).post(reverse("company"), COMPLETE | posted).content.decode()
    )


def test_the_database_knows_the_regimes(company: Company) -> None:
    with pytest.raises(IntegrityError, match="company_known_tax_regime"):
        Company.objects.filter(pk=company.pk).update(tax_regime="9")


def test_the_database_keeps_foreign_series_out(company: Company) -> None:
    with pytest.raises(IntegrityError, match="company_own_invoice_series"):
        Company.objects.filter(pk=company.pk).update(invoice_series=890)
