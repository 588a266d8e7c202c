"""The branch list of `pages.py`, routed, permitted and with a row template of its own."""

from __future__ import annotations

from typing import Any

import pytest

from erp.accounts.models import Branch, Company

ROW = (
    '<td>{{ object.name }}</td><td class="d-none d-md-table-cell">{{ object.tax_id }}</td>'
    '<td class="text-end">{{ object.state_code }}</td>'
)


@pytest.fixture
def branch_page(settings: Any) -> str:
    """The address of the branch list: everyone reads, operators act."""
    settings.ROOT_URLCONF = "tests.erp.web.pages"
    original = [dict(each) for each in settings.TEMPLATES]
    own = ("django.template.loaders.locmem.Loader", {"tests/branch_row.html": ROW})
    options = original[0]["OPTIONS"]
    settings.TEMPLATES = [original[0] | {"OPTIONS": options | {"loaders": [own, *options["loaders"]]}}]
    return "/filiais/"


@pytest.fixture
def branches(company: Company) -> list[Branch]:
    """Sixty branches, forty of São Paulo and twenty of Minas Gerais, named in order."""
    return Branch.objects.bulk_create(
        Branch(
            company=company,
            name=f"Filial {number:02d}",
            tax_id=f"{number:014d}",
            state_code="SP" if number < 40 else "MG",
            city="Campinas" if number < 40 else "Uberlândia",
        )
        for number in range(60)
    )
