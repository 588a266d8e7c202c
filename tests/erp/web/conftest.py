"""The branch list of `pages.py`, routed, permitted and with a cell template of its own."""

from __future__ import annotations

from typing import Any

import pytest

from erp.accounts.models import Branch, Company

CELL = '\n<a href="{{ row.url }}">{{ object.tax_id }}</a>\n'


@pytest.fixture
def branch_page(settings: Any) -> str:
    """The address of the branch list: everyone reads, operators act."""
    settings.ROOT_URLCONF = "tests.erp.web.pages"
    original = [dict(each) for each in settings.TEMPLATES]
    own = ("django.template.loaders.locmem.Loader", {"tests/branch_tax_id.html": CELL})
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
