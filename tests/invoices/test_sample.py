from __future__ import annotations

from erp.accounts.models import FiscalEnvironment
from invoices.intake.files import CompanyFacts
from invoices.intake.gate import judge
from tests.invoices.sample import DEMO_TAX_ID, main


def test_the_sample_note_passes_the_gate() -> None:
    xml = main(["--pedido", "2600000000000000004", "--cpf", "598.386.756-36", "--total", "166,20"])
    company = CompanyFacts(tax_ids=frozenset({DEMO_TAX_ID}), environment=FiscalEnvironment.HOMOLOGATION)
    verdict = judge(xml, company=company)
    assert verdict.accepted, verdict.refusals
    assert verdict.reading is not None
    assert verdict.reading.total == 16620
