"""Labels as files for the browser."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpResponse

from erp.accounts.models import User
from erp.channels import LabelKind, RowResult
from expedition import marketplace, refusals
from expedition.models import Shipment
from expedition.printing import LabelsRefused, Printout, label_problem, labels_print


def labels_answer(
    shipments: Sequence[Shipment], with_danfe: bool, actor: User
) -> list[RowResult] | HttpResponse:
    """The file, or why each row is not on paper."""
    if not shipments:
        return []
    try:
        return printout_response(labels_print(shipments=shipments, with_danfe=with_danfe, actor=actor))
    except LabelsRefused as refused:
        by_id = {each.pk: each for each in shipments}
        return [marketplace.named(row, by_id[row.id]) for row in refused.results]


def group_label_problem(members: Sequence[Shipment]) -> str:
    """A group is printed as a whole: what its first member lacks greys it."""
    if not members:
        return refusals.GROUP_EMPTY
    return next((f"{each}: {problem}" for each in members if (problem := label_problem(each))), "")


def printout_response(printout: Printout) -> HttpResponse:
    """A PDF is shown by the browser, which prints it; ZPL is a file for the printer's own program. Both hold
    personal data, so nothing on the way keeps them."""
    is_pdf = printout.kind is LabelKind.PDF
    return HttpResponse(
        printout.content,
        content_type="application/pdf" if is_pdf else "application/octet-stream",
        headers={
            "Content-Disposition": f'{"inline" if is_pdf else "attachment"}; filename="{printout.file_name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
