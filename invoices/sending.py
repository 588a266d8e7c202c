"""*Enviar dados da NFe para e-commerce*: the menu greys by `send_problems` and the command asks it again."""

from __future__ import annotations

from collections.abc import Sequence

from erp import channels
from erp.accounts.models import User
from erp.channels import ChannelAction, RowOutcome, RowResult
from invoices.models import ISSUED, Invoice, InvoiceStatus

NOT_LINKED = "A nota está sem pedido. Vincule-a ao pedido na página da nota."
GONE = "A nota não existe mais. Atualize a página."


def send_problems(ids: Sequence[int]) -> dict[int, str]:
    """Why a note cannot be sent, per id; an empty text means it can. A constant number of queries."""
    rows = Invoice.objects.filter(pk__in=ids).values_list("pk", "status", "order_id")
    own = {pk: _own_problem(InvoiceStatus(status), order_id) for pk, status, order_id in rows}
    sendable = [pk for pk, problem in own.items() if not problem]
    asked = channels.check(ChannelAction.SEND_INVOICE, sendable) if sendable else {}
    return {pk: own.get(pk, GONE) or asked.get(pk, "") for pk in ids}


def invoices_send(*, ids: Sequence[int], user: User | None) -> list[RowResult]:
    """Hand the notes to the sales channel; one result per id, in order."""
    problems = send_problems(ids)
    sendable = [pk for pk in ids if not problems[pk]]
    sent = channels.run(ChannelAction.SEND_INVOICE, sendable, user=user) if sendable else []
    results = {result.id: result for result in sent}
    return [results.get(pk) or RowResult(pk, RowOutcome.REFUSED, problems[pk]) for pk in ids]


def _own_problem(status: InvoiceStatus, order_id: int | None) -> str:
    if status not in ISSUED:
        return f"A nota está {status.label.lower()}. Só notas autorizadas são enviadas."
    return "" if order_id is not None else NOT_LINKED
