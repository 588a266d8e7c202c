"""Options of one Kwai store that only this app reads; each names its reader."""

from __future__ import annotations

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from erp.accounts.models import Store, User
from erp.sales.models import ShippedBy
from erp.stamps import Stamped, StampedQuerySet
from erp.stock.models import Warehouse
from kwai_integration.wire.codes import (
    HANDOVER_LABELS,
    LABEL_FORMAT_LABELS,
    Handover,
    KwaiRole,
    LabelFormat,
)

# *Importar pedidos dos últimos*: none, or that many days (days of `KwaiSettings.history_days`).
HISTORY_DAYS = (0, 7, 30, 90)
HANDOVERS = [(str(value), label) for value, label in HANDOVER_LABELS.items()]
LABEL_FORMATS = [(str(value), label) for value, label in LABEL_FORMAT_LABELS.items()]


class StepKey(models.TextChoices):
    """Steps of the wizard in their order; after activation they are the tabs of the store."""

    CONNECTION = "connection", "Conexão"
    PRODUCTS = "products", "Produtos"
    ORDERS = "orders", "Pedidos"
    MAPPINGS = "mappings", "Mapeamentos"
    REVIEW = "review", "Revisão e ativação"


def every_role() -> list[str]:
    return [role.value for role in KwaiRole]


class KwaiSettings(Stamped):
    store = models.OneToOneField(
        Store, on_delete=models.CASCADE, primary_key=True, related_name="kwai_settings"
    )
    # Read by setup.wizard: where *continuar depois* left off, on whatever computer.
    setup_step = models.CharField(max_length=12, choices=StepKey.choices, default=StepKey.CONNECTION)
    # Read by setup.stores when the first import begins: where the watermark starts.
    history_days = models.PositiveSmallIntegerField(
        "pedidos anteriores à ativação", default=30, validators=[MaxValueValidator(90)]
    )
    # Read by inbound.import_filter: roles of the remote situation in which a new order is received (a list of
    # `KwaiRole` values). An order received once follows the platform whatever stands here.
    import_roles = models.JSONField("situações importadas", default=every_role)
    # Read by inbound.poll and inbound.plan: receive right after staging, without a click.
    auto_receive = models.BooleanField("sincronização automática dos pedidos", default=False)
    # Read by inbound.orders when the platform's situation lies behind ours.
    allow_backwards = models.BooleanField("permite retroceder situação dos pedidos", default=False)
    # Read by inbound.orders: how names of buyers and recipients are written.
    format_names = models.BooleanField("formatar nome dos contatos no recebimento dos pedidos", default=False)
    # Read by inbound.orders: without it an order counts without the freight, which the platform keeps.
    import_freight = models.BooleanField("importar valor do frete nos pedidos", default=True)
    # Read by inbound.orders: where the orders of this store reserve. Empty: the company's default.
    warehouse = models.ForeignKey(
        Warehouse,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="depósito a ser considerado na integração",
    )
    # Read by inbound.orders: who carries the parcel of a new order that does not say so.
    unknown_shipping = models.CharField(
        "envio não informado pelo Kwai", max_length=8, choices=ShippedBy.choices, default=ShippedBy.UNKNOWN
    )
    # Read by outbound.automation when the platform has accepted a note.
    auto_arrange = models.BooleanField("programar envio quando a NF-e for aceita", default=False)
    # Read by outbound.handlers.arrange: who moves the parcel to the carrier.
    arrange_handover = models.CharField(
        "entrega ao transportador", max_length=8, choices=HANDOVERS, default=Handover.PICKUP.value
    )
    # Read by outbound.labels.
    label_format = models.CharField(
        "formato da etiqueta", max_length=3, choices=LABEL_FORMATS, default=LabelFormat.PDF.value
    )
    # Read by inbound.judging: `KwaiOrder` rows up to this id have been judged under the present table of
    # codes; None when there is nothing to judge.
    judged_up_to = models.BigIntegerField(null=True)
    judged_moved = models.PositiveIntegerField(default=0)
    # Read by outbound.automation on the facts of the same name.
    auto_send_invoice = models.BooleanField("enviar dados da NF-e ao autorizar", default=False)
    auto_send_tracking = models.BooleanField("enviar rastreamento ao concluir", default=False)
    auto_confirm_delivery = models.BooleanField("marcar como entregue no Kwai", default=False)

    objects = StampedQuerySet["KwaiSettings"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(unknown_shipping__in=ShippedBy.values), name="kwai_settings_known_shipper"
            ),
            models.CheckConstraint(
                condition=Q(arrange_handover__in=[str(each) for each in Handover]),
                name="kwai_settings_known_handover",
            ),
            models.CheckConstraint(
                condition=Q(label_format__in=[str(each) for each in LabelFormat]),
                name="kwai_settings_known_label",
            ),
            models.CheckConstraint(
                condition=Q(history_days__in=HISTORY_DAYS), name="kwai_settings_known_history"
            ),
            models.CheckConstraint(
                condition=Q(setup_step__in=StepKey.values), name="kwai_settings_known_step"
            ),
        ]


class SetupStep(models.Model):
    """What somebody did in one step of one store: how often it was saved, by whom, and what was left
    unfinished. `version` is what tells two people at the same step apart."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="setup_steps")
    step = models.CharField(max_length=12, choices=StepKey.choices)
    version = models.PositiveIntegerField(default=0)
    saved_at = models.DateTimeField(null=True)
    saved_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    # The typed fields (name to list of texts) of somebody who left before they were valid; no secrets.
    draft = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "step"], name="setup_step_unique"),
            models.CheckConstraint(condition=Q(step__in=StepKey.values), name="setup_step_known"),
            models.CheckConstraint(
                condition=Q(version=0) | (Q(saved_at__isnull=False) & Q(saved_by__isnull=False)),
                name="setup_step_saved_by_somebody",
            ),
        ]
