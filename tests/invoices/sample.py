"""A note to try the demonstration with, until a fiscal system issues them: a valid NF-e of the demonstration
company, signed with a throwaway key, for homologation only.

    .venv/bin/python -m tests.invoices.sample --pedido 2600000000000000004 --cpf 59838675636 --total 166,20 > nota.xml

The three values stand on the order's page.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime

from erp.money import money_parse
from tests.invoices.factory import nfe_xml

DEMO_TAX_ID = "11222333000181"


def main(arguments: list[str]) -> bytes:
    parser = argparse.ArgumentParser(description="XML de NF-e para experimentar a demonstração")
    parser.add_argument("--pedido", required=True, help="número do pedido no Kwai")
    parser.add_argument("--cpf", required=True, help="CPF do comprador")
    parser.add_argument("--total", required=True, help="total do pedido, como 166,20")
    asked = parser.parse_args(arguments)
    return nfe_xml(
        company_tax_id=DEMO_TAX_ID,
        recipient_tax_id="".join(c for c in asked.cpf if c.isdigit()),
        total=money_parse(asked.total),
        number=int(time.time()) % 900_000_000 + 1,
        series=1,
        order_reference=asked.pedido,
        environment="homologation",
        issued_at=datetime.now(UTC),
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(main(sys.argv[1:]))
