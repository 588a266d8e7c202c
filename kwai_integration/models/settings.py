"""Options of one Kwai store that only this app reads; each names its reader."""

from __future__ import annotations

from django.db import models

from erp.accounts.models import Store


class KwaiSettings(models.Model):
    store = models.OneToOneField(
        Store, on_delete=models.CASCADE, primary_key=True, related_name="kwai_settings"
    )
    # Read by inbound.poll and inbound.plan: receive right after staging, without a click.
    auto_receive = models.BooleanField("sincronização automática dos pedidos", default=False)
    # Read by inbound.receive when the platform's situation lies behind ours.
    allow_backwards = models.BooleanField("permite retroceder situação dos pedidos", default=False)
    # Read by outbound.channel on the facts of the same name.
    auto_send_invoice = models.BooleanField("enviar dados da NF-e ao autorizar", default=False)
    auto_send_tracking = models.BooleanField("enviar rastreamento ao concluir", default=False)
    auto_confirm_delivery = models.BooleanField("marcar como entregue no Kwai", default=False)
