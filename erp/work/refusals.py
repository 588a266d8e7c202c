"""What the machinery itself says of a row."""

from __future__ import annotations

from erp.refusals import Refusal

ROW_FAILED = Refusal(
    "work.row_failed",
    "O ERP falhou nesta linha e nada dela foi gravado. Tente de novo; se repetir, avise o suporte.",
    "The ERP failed at this row and wrote nothing of it. Try again; tell the support if it repeats.",
)
ROW_ENDS_WORKER = Refusal(
    "work.row_ends_worker",
    "O processamento parou várias vezes nesta linha, que foi deixada de lado. Avise o suporte.",
    "Workers ended several times at this row, which was left aside. Tell the support.",
)
