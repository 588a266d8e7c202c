"""What operators type into the forms of sales becomes canonical, or one clear error."""

from __future__ import annotations

import pytest

from erp.accounts.models import Company
from erp.sales.forms import BuyerForm, CarrierForm, DeliveryAddressForm
from erp.sales.models import Carrier

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("typed", "tax_id", "kind"),
    [
        ("529.982.247-25", "52998224725", "cpf"),
        ("12.abc.345/01de-35", "12ABC34501DE35", "cnpj"),
        ("", "", ""),
    ],
)
def test_a_buyers_number_is_kept_canonical_with_its_kind(typed: str, tax_id: str, kind: str) -> None:
    form = BuyerForm({"name": "Ana", "tax_id": typed, "phone": ""})
    assert form.is_valid(), form.errors
    assert (form.cleaned_data["tax_id"], form.cleaned_data["tax_id_kind"]) == (tax_id, kind)


@pytest.mark.parametrize("typed", ["529.982.247-26", "111.111.111-11", "123"])
def test_a_wrong_number_of_a_buyer_is_refused(typed: str) -> None:
    form = BuyerForm({"name": "Ana", "tax_id": typed, "phone": ""})
    assert list(form.errors) == ["tax_id"]


def test_a_carriers_cnpj_is_kept_canonical(company: Company) -> None:
    fields = {"name": "Rápida", "code": "RAPIDA", "tax_id": "11.222.333/0001-81", "is_active": "on"}
    form = CarrierForm(fields, instance=Carrier(), company=company)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["tax_id"] == "11222333000181"
    wrong = CarrierForm({**fields, "tax_id": "11.222.333/0001-82"}, instance=Carrier(), company=company)
    assert list(wrong.errors) == ["tax_id"]


@pytest.mark.parametrize(("typed", "kept"), [("01310-100", "01310100"), ("01310100", "01310100")])
def test_a_cep_is_kept_as_eight_digits(typed: str, kept: str) -> None:
    form = DeliveryAddressForm({"postal_code": typed, "state_code": "SP"})
    form.is_valid()
    assert form.cleaned_data["postal_code"] == kept
    assert "postal_code" in DeliveryAddressForm({"postal_code": "0131", "state_code": "SP"}).errors
