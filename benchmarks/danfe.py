"""How long drawing takes: one DANFE, one label, fifty labels in one PDF, and a note of 100 items.

    .venv/bin/python -m benchmarks.danfe

The baseline of the same run is the library alone, fed directly; the product adds the validation and,
for many, the merge. The last line is one JSON object of medians in milliseconds.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings.test")

import django

django.setup()

from brazilfiscalreport import danfe

from invoices.intake.files import CompanyFacts
from invoices.intake.validation import judge
from invoices.printing.printouts import InvoicePrintout, PrintableInvoice, invoices_draw
from tests.invoices.factory import COMPANY_TAX_ID, nfe_xml

COMPANY = CompanyFacts(frozenset({COMPANY_TAX_ID}), "homologation")


def print_invoices(content: bytes, printout: InvoicePrintout, copies: int = 1) -> None:
    """What printing does to files that have been read."""
    for _ in range(copies):
        if not judge(content, company=COMPANY).accepted:
            raise SystemExit("the validation refuses the benchmark's note")
    invoices_draw(invoices=[PrintableInvoice(content, 1, is_cancelled=False)] * copies, printout=printout)


def median_ms(work: Callable[[], object], times: int) -> float:
    work()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return round(statistics.median(taken), 1)


def main() -> dict[str, float]:
    small, long = nfe_xml(), nfe_xml(items=100)
    text = small.decode()
    figures = {
        "danfe_ms": median_ms(lambda: print_invoices(small, InvoicePrintout.DANFE), 20),
        "danfe_library_ms": median_ms(lambda: bytes(danfe.Danfe(xml=text).output()), 20),
        "label_ms": median_ms(lambda: print_invoices(small, InvoicePrintout.LABEL), 20),
        "label_library_ms": median_ms(lambda: bytes(danfe.DanfeEtiqueta(xml=text).output()), 20),
        "labels_50_ms": median_ms(lambda: print_invoices(small, InvoicePrintout.LABEL, 50), 3),
        "danfe_100_items_ms": median_ms(lambda: print_invoices(long, InvoicePrintout.DANFE), 3),
    }
    return figures | {"ratio_naive": round(figures["danfe_ms"] / figures["danfe_library_ms"], 2)}


if __name__ == "__main__":
    print(json.dumps(main()))
