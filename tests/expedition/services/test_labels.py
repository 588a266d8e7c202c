"""Labels wanted, fetched, kept and erased; what a worker that dies leaves behind."""

from __future__ import annotations

import os
import stat
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from erp.channels import LabelFile, LabelKind, LabelNotReady, LabelRefused, RowOutcome, ShippingCode
from erp.sales.models import OrderEvent, OrderStatus, ShippedBy, ShippingMethod
from expedition import tasks
from expedition.models import LabelState, Shipment, ShippingLabel
from expedition.services import labels, shipments_channel_codes_set
from expedition.services.labels import (
    GIVE_UP_AFTER,
    LONGEST_WAIT,
    LabelDamaged,
    label_fetch,
    label_read,
    labels_due,
    labels_erase,
    labels_fetch_again,
    labels_sweep,
)
from tests.expedition.conftest import RecordingChannel, reload

pytestmark = pytest.mark.django_db(transaction=True)
Open = Callable[..., Shipment]


def numbered(open_shipment: Open, method: ShippingMethod, number: str = "KE1BR") -> Shipment:
    """A parcel that the marketplace carries and has numbered."""
    shipment = open_shipment(method, shipped_by=ShippedBy.CHANNEL)
    shipments_channel_codes_set(codes={shipment.order_id: ShippingCode("TOTAL", "Total Express", number)})
    return reload(shipment)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def label(
    open_shipment: Open, kwai_envios: ShippingMethod, channel: RecordingChannel
) -> Callable[[], ShippingLabel]:
    numbered(open_shipment, kwai_envios)
    return lambda: ShippingLabel.objects.get()


Label = Callable[[], ShippingLabel]


def test_a_number_asks_for_its_label_and_only_its_owner_reads_it(
    label: Label, channel: RecordingChannel, labels_dir: Path
) -> None:
    assert labels_due() == [label().pk]
    assert label_fetch(label().pk)
    row = label()
    path = labels_dir / row.file_name
    assert label_read(row) == path.read_bytes() == b"%PDF-1.4"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(labels_dir.stat().st_mode) == 0o700
    assert (row.state, row.kind, row.lease_token, labels_due()) == (LabelState.READY, "pdf", None, [])
    assert not label_fetch(row.pk), "once is enough"
    assert channel.labels_asked == [row.shipment_id]


@pytest.mark.parametrize("seconds", [None, 1.0, 600.0, 10.0**9])
def test_not_ready_waits_as_long_as_asked_within_bounds(
    label: Label, channel: RecordingChannel, seconds: float | None
) -> None:
    channel.file = LabelNotReady("Ainda não.", seconds=seconds)
    before = timezone.now()
    assert not label_fetch(label().pk)
    row = label()
    waited = row.not_before - before
    assert (row.state, row.error, row.lease_token) == (LabelState.WANTED, "Ainda não.", None)
    assert (
        timedelta(seconds=min(max(5, seconds or 0), 86_400) - 1)
        < waited
        <= LONGEST_WAIT + timedelta(seconds=9)
    )


def test_one_that_never_comes_is_given_up_and_asked_for_again(
    label: Label, channel: RecordingChannel
) -> None:
    channel.file = LabelNotReady("Ainda não.")
    ShippingLabel.objects.update(wanted_at=timezone.now() - GIVE_UP_AFTER - timedelta(seconds=1))
    label_fetch(label().pk)
    assert (label().state, label().error) == (LabelState.FAILED, "Ainda não.")
    channel.file = LabelFile(b"^XA^XZ", LabelKind.ZPL)
    (row,) = labels_fetch_again(shipment_ids=[label().shipment_id])
    assert row.outcome is RowOutcome.DONE
    assert label_fetch(label().pk)
    assert label().kind == "zpl"


def test_a_refusal_stays_with_its_reason(label: Label, channel: RecordingChannel, labels_dir: Path) -> None:
    channel.file = LabelRefused("Já foi coletado.")
    assert not label_fetch(label().pk)
    assert (label().state, label().error, files(labels_dir)) == (LabelState.FAILED, "Já foi coletado.", [])


def test_a_worker_that_died_is_followed_by_another(label: Label, channel: RecordingChannel) -> None:
    ShippingLabel.objects.update(
        lease_token="0d0f9f5e-1111-4111-8111-111111111111",
        lease_until=timezone.now() + ShippingLabel.lease_length() - timedelta(seconds=5),
    )
    assert (labels_due(), label_fetch(label().pk)) == ([], False), "somebody is at it"
    ShippingLabel.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert label_fetch(label().pk)


@pytest.mark.parametrize("column", ["not_before", "lease_until"])
def test_what_a_wrong_clock_wrote_holds_nothing_back(
    label: Label, channel: RecordingChannel, column: str
) -> None:
    lease = "0d0f9f5e-1111-4111-8111-111111111111" if column == "lease_until" else None
    late = timezone.now() + timedelta(days=30)
    ShippingLabel.objects.update(**{"lease_token": lease, column: late})
    assert label_fetch(label().pk)


def test_who_lost_the_lease_writes_nothing(
    label: Label, channel: RecordingChannel, labels_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = channel.shipping_label

    def slow(shipment_id: int) -> LabelFile | None:
        file = answer(shipment_id)
        ShippingLabel.objects.update(lease_token="0d0f9f5e-1111-4111-8111-111111111111")
        return file

    monkeypatch.setattr(channel, "shipping_label", slow)
    assert not label_fetch(label().pk)
    assert (label().state, files(labels_dir)) == (LabelState.WANTED, [])


def test_a_folder_that_cannot_be_written_is_tried_again(
    label: Label, channel: RecordingChannel, labels_dir: Path
) -> None:
    labels_dir.parent.mkdir(exist_ok=True)
    labels_dir.write_text("a file where the folder should be")
    assert not label_fetch(label().pk)
    assert label().state == LabelState.WANTED
    assert "guardar a etiqueta" in label().error


def test_a_reissued_number_takes_a_new_label_and_the_old_file_goes(
    label: Label, channel: RecordingChannel, labels_dir: Path
) -> None:
    label_fetch(label().pk)
    (before,) = files(labels_dir)
    order_id = label().shipment.order_id
    shipments_channel_codes_set(codes={order_id: ShippingCode("", "", "KE2BR")})
    assert (label().state, label().number) == (LabelState.WANTED, "KE2BR")
    channel.file = LabelFile(b"%PDF-1.7", LabelKind.PDF)
    assert label_fetch(label().pk)
    (after,) = files(labels_dir)
    assert after != before
    assert label_read(label()) == b"%PDF-1.7"


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_a_damaged_file_is_noticed_and_fetched_again(
    label: Label, channel: RecordingChannel, labels_dir: Path, harm: str
) -> None:
    label_fetch(label().pk)
    path = labels_dir / label().file_name
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(b"%PDF-9")
    with pytest.raises(LabelDamaged):
        label_read(label())
    (row,) = labels_fetch_again(shipment_ids=[label().shipment_id])
    assert row.outcome is RowOutcome.DONE
    assert label_fetch(label().pk)
    assert label_read(label()) == b"%PDF-1.4"


def test_a_whole_one_is_not_fetched_again(label: Label, channel: RecordingChannel) -> None:
    label_fetch(label().pk)
    (row,) = labels_fetch_again(shipment_ids=[label().shipment_id])
    assert (row.outcome, label().state) == (RowOutcome.ALREADY_DONE, LabelState.READY)


@pytest.mark.parametrize(
    ("status", "days", "erased"),
    [
        (OrderStatus.DELIVERED, 31, True),
        (OrderStatus.DELIVERED, 29, False),
        (OrderStatus.CANCELLED, 31, True),
        (OrderStatus.SHIPPED, 31, False),
    ],
)
def test_files_are_erased_thirty_days_after_the_end(
    label: Label,
    channel: RecordingChannel,
    labels_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: OrderStatus,
    days: int,
    erased: bool,
) -> None:
    label_fetch(label().pk)
    order = label().shipment.order
    order.status = status
    order.save()
    OrderEvent.objects.create(order=order, kind="status", text="…", data={"to": status.value})
    later = timezone.now() + timedelta(days=days)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert labels_erase() == erased
    assert (label().state == LabelState.ERASED, files(labels_dir) == []) == (erased, erased)
    assert labels_erase() == 0


@pytest.mark.parametrize(("days", "erased"), [(31, True), (29, False)])
def test_a_label_of_an_order_closed_on_the_way_is_erased_too(
    label: Label, channel: RecordingChannel, labels_dir: Path, days: int, erased: bool
) -> None:
    label_fetch(label().pk)
    order = label().shipment.order
    order.status, order.closed_at = OrderStatus.SHIPPED, timezone.now() - timedelta(days=days)
    order.save()
    assert labels_erase() == erased
    assert (files(labels_dir) == []) == erased


@pytest.mark.parametrize("dies_at", ["replace", "settle"])
def test_what_a_dead_worker_left_is_swept(
    label: Label, channel: RecordingChannel, labels_dir: Path, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    def die(*args: object, **values: object) -> None:
        raise SystemExit

    wanted = label().pk
    with monkeypatch.context() as dying:
        dying.setattr(*{"replace": (Path, "replace"), "settle": (labels, "_settle")}[dies_at], die)
        with pytest.raises(SystemExit):
            label_fetch(wanted)
    (left,) = files(labels_dir)
    assert left.endswith(".part") == (dies_at == "replace")
    ShippingLabel.objects.revoke()
    assert label_fetch(label().pk)
    (labels_dir / "LEIA-ME.txt").write_text("de outra pessoa")
    assert labels_sweep() == 0, "young ones may still get their row"
    two_days_ago = time.time() - 2 * 86_400
    for name in files(labels_dir):
        os.utime(labels_dir / name, (two_days_ago, two_days_ago))
    tasks.labels_erase()
    assert files(labels_dir) == sorted([label().file_name, "LEIA-ME.txt"])


def test_sweeping_asks_once_for_many_files(label: Label, labels_dir: Path) -> None:
    assert labels_sweep() == 0, "no folder yet"
    labels_dir.mkdir(exist_ok=True)
    for _ in range(labels.BATCH + 1):
        path = labels_dir / f"{uuid.uuid4().hex}.pdf"
        path.touch()
        os.utime(path, (0, 0))
    with CaptureQueriesContext(connection) as queries:
        assert labels_sweep() == labels.BATCH + 1
    assert len(queries) == 2


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"state": "odd"}, "label_known_state"),
        ({"kind": "png"}, "label_known_kind"),
        ({"state": "ready"}, "label_ready_has_file"),
        ({"state": "erased", "file_name": "x"}, "label_erased_has_none"),
        ({"lease_until": timezone.now()}, "label_lease_has_end"),
        ({"number": ""}, "label_names_number"),
    ],
)
def test_constraints(label: Label, values: dict[str, object], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        ShippingLabel.objects.update(**values)
