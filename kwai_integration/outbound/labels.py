"""The label of a parcel of Kwai Envios, for the worker that keeps it (contract section 4)."""

from __future__ import annotations

from erp.channels import LabelFile, LabelKind, LabelNotReady, LabelRefused
from expedition.models import Shipment
from kwai_integration import refusals
from kwai_integration.connection import NotConnected, client_for
from kwai_integration.models import CHANNEL_KEY, KwaiSettings
from kwai_integration.outbound.permits import roles_for
from kwai_integration.wire import errors
from kwai_integration.wire.codes import SHIPPED_ROLES, KwaiRole, LabelFormat

KINDS = {LabelFormat.PDF: LabelKind.PDF, LabelFormat.ZPL: LabelKind.ZPL}
# Without a connection nothing changes by itself within seconds.
DISCONNECTED_SECONDS = 300.0


def shipping_label(shipment_id: int) -> LabelFile | None:
    """Fetch the label in the format its store wants; None for a shipment of another channel.

    Raises LabelNotReady for whatever may be otherwise in a while, LabelRefused once the parcel has left.
    """
    own = Shipment.objects.filter(pk=shipment_id, store__channel=CHANNEL_KEY)
    shipment = own.select_related("order", "store").first()
    if shipment is None:
        return None
    if not shipment.store.is_active:
        raise LabelNotReady("A integração desta loja não está ativa.", seconds=DISCONNECTED_SECONDS)
    _role_check(shipment)
    wanted = LabelFormat(
        KwaiSettings.objects.values_list("label_format", flat=True).get(pk=shipment.store_id)
    )
    try:
        client = client_for(shipment.store_id, share="push")
        content = client.shipping_label(shipment.order.external_id, wanted)
    except NotConnected as error:
        raise LabelNotReady(str(error), seconds=DISCONNECTED_SECONDS) from None
    except errors.KwaiError as error:
        raise LabelNotReady(error.text or str(error), seconds=error.retry_after) from None
    return LabelFile(content, KINDS[wanted])


def _role_check(shipment: Shipment) -> None:
    order = shipment.order
    role = roles_for([order])[order.store_id].get(order.remote_status)
    if role in SHIPPED_ROLES:
        raise LabelRefused(refusals.LABEL_TOO_LATE)
    if role is KwaiRole.CLOSED:
        raise LabelRefused(refusals.LABEL_CLOSED)
