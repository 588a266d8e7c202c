"""Shipping labels of the marketplace: wanted, fetched by a worker, kept as files, erased.

Rows are the truth: a worker claims one with a lease, fetches with no transaction open, writes the file and
settles fenced by the lease. One that died leaves an expired lease and at most a file nobody names.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import uuid
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from erp import channels, clock
from erp.channels import LabelFile, LabelNotReady, LabelRefused, RowResult, row_already, row_done, row_refused
from erp.leases import LeasedQuerySet
from erp.rows import rows_update
from erp.sales.models import OrderEvent, OrderStatus
from erp.scheduling import wake_after_commit
from expedition import refusals
from expedition.models import LabelState, Shipment, ShippingLabel

DELAYS = (5, 15, 60, 300, 1200)
LAST_DELAY = 3600
LONGEST_WAIT = timedelta(hours=24)
# The marketplace hands a label out until the pickup: after so long without one somebody must look.
GIVE_UP_AFTER = timedelta(hours=72)
KEPT_AFTER_ARRIVAL = timedelta(days=30)
ORPHAN_AFTER = timedelta(days=1)
# Nothing else in the folder is ours to remove.
LABEL_FILE = re.compile(r"[0-9a-f]{32}\.[a-z]+(\.part)?")
ARRIVED = (OrderStatus.DELIVERED, OrderStatus.CANCELLED)
BATCH = 200
BROKEN = "O ERP não conseguiu guardar a etiqueta. Confira o espaço em disco e a pasta das etiquetas."


class LabelDamaged(Exception):
    """The stored file is missing or is not the one that was fetched."""


def labels_want(*, shipments: Collection[Shipment]) -> None:
    """Fetch a label for each numbered shipment that has none with its present number, in two statements."""
    numbered = [each for each in shipments if each.channel_number]
    known = {row.shipment_id: row for row in ShippingLabel.objects.filter(shipment__in=numbered)}
    stale = [each for each in numbered if each.pk in known and known[each.pk].number != each.channel_number]
    for shipment in stale:
        known[shipment.pk].number = shipment.channel_number
    rows_update([known[each.pk] for each in stale], ["number"])
    _restart([known[each.pk].pk for each in stale])
    ShippingLabel.objects.bulk_create(
        [
            ShippingLabel(shipment=each, number=each.channel_number)
            for each in numbered
            if each.pk not in known
        ],
        ignore_conflicts=True,
    )
    if numbered:
        labels_wake()


def labels_fetch_again(*, shipment_ids: Sequence[int]) -> list[RowResult]:
    """*Buscar etiqueta de novo*: try at once what was not obtained or is damaged."""
    shipments = {each.pk: each for each in Shipment.objects.filter(pk__in=shipment_ids).for_screens()}
    results = {pk: _again_result(shipments.get(pk), pk) for pk in shipment_ids}
    asked = [row.pk for pk in shipments if (row := shipments[pk].label_row) and results[pk].text == AGAIN]
    _restart(asked)
    labels_wake()
    return [results[pk] for pk in shipment_ids]


AGAIN = "Na fila: a etiqueta é buscada em instantes."


def _again_result(shipment: Shipment | None, pk: int) -> RowResult:
    row = shipment.label_row if shipment else None
    if shipment is None or row is None:
        return row_refused(pk, refusals.SHIPMENT_GONE if shipment is None else refusals.LABEL_UNKNOWN)
    if row.state == LabelState.READY and _is_whole(row):
        return row_already(pk, "A etiqueta já está aqui: use imprimir etiqueta.")
    return row_done(pk, AGAIN)


def _restart(ids: Sequence[int]) -> None:
    ShippingLabel.objects.filter(pk__in=ids).revoke(
        state=LabelState.WANTED,
        attempts=0,
        error="",
        wanted_at=Now(),
        not_before=Now(),
    )


def labels_wake() -> None:
    """Tell a worker that labels are to be fetched."""
    wake_after_commit("expedition.tasks.labels_fetch")


def labels_due(*, limit: int = BATCH) -> list[int]:
    """Labels to fetch now, the longest waiting first; those of dead workers included."""
    return list(_due().order_by("not_before", "pk").values_list("pk", flat=True)[:limit])


def _due() -> LeasedQuerySet[ShippingLabel]:
    """Wanted, not waiting and in nobody's hands."""
    return ShippingLabel.objects.free().filter(
        clock.reached("not_before", LONGEST_WAIT), state=LabelState.WANTED
    )


def label_fetch(label_id: int) -> bool:
    """Fetch one label if it is still due; True when its file is here. Never raises for what the marketplace
    answers: that stands in the row."""
    row = _claimed(label_id)
    if row is None:
        return False
    try:
        file = channels.shipping_label(row.shipment_id)
        return _settle_file(row, file)
    except LabelNotReady as error:
        _settle_later(row, error.text, error.seconds)
    except LabelRefused as error:
        _settle(row, state=LabelState.FAILED, error=error.refusal[:500])
    except OSError:
        _settle_later(row, BROKEN, None)
    return False


def _claimed(label_id: int) -> ShippingLabel | None:
    token = _due().filter(pk=label_id).claim(attempts=F("attempts") + 1)
    return ShippingLabel.objects.filter(pk=label_id).held(token).first()


def _settle_file(row: ShippingLabel, file: LabelFile) -> bool:
    """The file first, then the row that names it; what the row named before goes last."""
    name = f"{uuid.uuid4().hex}.{file.kind}"
    _write(name, file.content)
    written = _settle(
        row,
        state=LabelState.READY,
        kind=file.kind,
        file_name=name,
        sha256=hashlib.sha256(file.content).hexdigest(),
        fetched_at=Now(),
        printed_at=None,
        erased_at=None,
        error="",
    )
    _unlink(row.file_name if written else name)
    return written


def _settle_later(row: ShippingLabel, text: str, seconds: float | None) -> None:
    now = timezone.now()
    if min(row.wanted_at, now) + GIVE_UP_AFTER < now:
        _settle(row, state=LabelState.FAILED, error=text[:500])
        return
    own = DELAYS[row.attempts - 1] if row.attempts <= len(DELAYS) else LAST_DELAY
    wait = min(timedelta(seconds=max(own, seconds or 0)), LONGEST_WAIT)
    _settle(row, error=text[:500], not_before=clock.after(wait))


def _settle(row: ShippingLabel, **values: object) -> bool:
    """Fenced by the lease: who lost it, or whose number was replaced meanwhile, writes nothing."""
    return ShippingLabel.objects.filter(pk=row.pk, number=row.number).release(row.lease_token, **values)


def label_read(row: ShippingLabel) -> bytes:
    """The file of a READY label. Raises LabelDamaged."""
    try:
        content = (Path(settings.LABELS_DIR) / row.file_name).read_bytes()
    except OSError:
        raise LabelDamaged from None
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise LabelDamaged
    return content


def _is_whole(row: ShippingLabel) -> bool:
    try:
        label_read(row)
    except LabelDamaged:
        return False
    return True


@transaction.atomic
def labels_printed(*, ids: Sequence[int]) -> None:
    """Remember the first print of each."""
    ShippingLabel.objects.filter(pk__in=ids, printed_at__isnull=True).update(printed_at=Now())


def labels_erase() -> int:
    """Erase the files of orders that arrived, or ended otherwise, more than 30 days ago; returns how many of
    one batch. A label holds a buyer's name and address, and nobody prints it any more."""
    limit = timezone.now() - KEPT_AFTER_ARRIVAL
    ended = OrderEvent.objects.filter(kind="status", data__to__in=list(ARRIVED), at__lt=limit)
    arrived = Q(shipment__order__status__in=ARRIVED, shipment__order__in=ended.values("order_id"))
    # The marketplace closed it after the dispatch: it stays *Enviado*, and nothing arrives any more.
    closed = Q(shipment__order__closed_at__lt=limit)
    old = ShippingLabel.objects.filter(~Q(file_name=""), arrived | closed)
    rows = list(old.order_by("pk")[:BATCH])
    for row in rows:
        _unlink(row.file_name)
    ShippingLabel.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=LabelState.ERASED, file_name="", erased_at=Now()
    )
    return len(rows)


def labels_sweep() -> int:
    """Remove the files no row names, left by workers that died between file and row; returns how many. Young
    ones may still get their row."""
    folder = Path(settings.LABELS_DIR)
    limit = (timezone.now() - ORPHAN_AFTER).timestamp()
    old = [each for each in folder.iterdir() if _modified(each) < limit] if folder.is_dir() else []
    swept = 0
    for start in range(0, len(old), BATCH):
        batch = old[start : start + BATCH]
        named = ShippingLabel.objects.filter(file_name__in=[each.name for each in batch])
        known = set(named.values_list("file_name", flat=True))
        for each in batch:
            if each.name not in known:
                each.unlink(missing_ok=True)
                swept += 1
    return swept


def _modified(path: Path) -> float:
    """When a label was written; never for what is none or is gone by now."""
    try:
        return path.stat().st_mtime if LABEL_FILE.fullmatch(path.name) else math.inf
    except FileNotFoundError:
        return math.inf


def _write(name: str, content: bytes) -> None:
    """Readable by nobody else, and whole or not there."""
    folder = Path(settings.LABELS_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    partial = folder / f"{name}.part"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    partial.replace(folder / name)


def _unlink(name: str) -> None:
    if name:
        (Path(settings.LABELS_DIR) / name).unlink(missing_ok=True)
