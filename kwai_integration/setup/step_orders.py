"""*Pedidos*: which orders come in and how, and what is sent back without a click."""

from __future__ import annotations

from typing import Any, cast

from django import forms

from erp.accounts.models import Store
from erp.sales.models import ShippedBy
from kwai_integration.models import HISTORY_DAYS, StepKey, SyncCursor
from kwai_integration.setup.step import Level, SetupCheck, StepDefinition, StepForm
from kwai_integration.situations import situations
from kwai_integration.wire.codes import (
    HANDOVER_LABELS,
    LABEL_FORMAT_LABELS,
    LOGISTICS_LABEL,
    KwaiRole,
)

HISTORY_LABELS = {0: "não importar"}


UNKNOWN_CHOICES = [
    (ShippedBy.UNKNOWN.value, "perguntar"),
    (ShippedBy.CHANNEL.value, f"sempre {LOGISTICS_LABEL}"),
    (ShippedBy.SELLER.value, "sempre transportadora própria"),
]


def history_label(days: int) -> str:
    return HISTORY_LABELS.get(days, f"dos últimos {days} dias")


class OrdersForm(StepForm):
    auto_receive = forms.BooleanField(
        label="Sincronização automática dos pedidos (OMS)",
        required=False,
        help_text=(
            "Ligada, os pedidos entram sozinhos em Pedidos de venda. Desligada, esperam em Pedidos no "
            "e-commerce até alguém usar receber pedidos."
        ),
    )
    history_days = forms.TypedChoiceField(
        label="Pedidos anteriores à ativação",
        choices=[(days, history_label(days)) for days in HISTORY_DAYS],
        coerce=int,
        help_text="Vale para a primeira leitura, ao ativar.",
    )
    import_roles = forms.MultipleChoiceField(
        label="Receber pedidos nestas situações",
        choices=[],
        widget=forms.CheckboxSelectMultiple,
        help_text=(
            "Um pedido em outra situação espera em Pedidos no e-commerce e segue quando mudar. "
            "Pedido já recebido acompanha o Kwai sempre."
        ),
        error_messages={"required": "Marque ao menos uma situação; sem nenhuma, nada seria recebido."},
    )
    format_names = forms.BooleanField(
        label="Formatar nome dos contatos no recebimento dos pedidos",
        required=False,
        help_text="ANA DE SOUZA vira Ana de Souza.",
    )
    import_freight = forms.BooleanField(
        label="Importar valor do frete nos pedidos",
        required=False,
        help_text=(
            "Desligado, frete e total do pedido ficam sem o frete pago na plataforma. "
            "Vale para pedidos recebidos ou atualizados a partir de agora."
        ),
    )
    unknown_shipping = forms.ChoiceField(
        label="Pedido em que o Kwai não informa quem envia",
        choices=UNKNOWN_CHOICES,
        help_text=(
            "Perguntar: nenhum envio é programado e nenhum código é enviado até alguém dizer na página do "
            "pedido. Nota fiscal e entrega seguem."
        ),
    )
    auto_arrange = forms.BooleanField(
        label="Programar envio quando a NF-e for aceita",
        required=False,
        help_text=f"Só {LOGISTICS_LABEL}. Desligado, use programar envio na expedição.",
    )
    arrange_handover = forms.ChoiceField(
        label="Como o pacote chega ao transportador", choices=list(HANDOVER_LABELS.items())
    )
    label_format = forms.ChoiceField(label="Formato das etiquetas", choices=list(LABEL_FORMAT_LABELS.items()))
    auto_send_invoice = forms.BooleanField(
        label="Enviar dados da NF-e ao autorizar",
        required=False,
        help_text="Chave, número e XML vão ao Kwai assim que a nota é autorizada.",
    )
    auto_send_tracking = forms.BooleanField(
        label="Enviar rastreamento ao concluir",
        required=False,
        help_text="O código vai ao Kwai quando a PLP ou a coleta é concluída.",
    )
    auto_confirm_delivery = forms.BooleanField(
        label="Marcar como entregue no Kwai",
        required=False,
        help_text="Quando a entrega é marcada no ERP.",
    )

    def __init__(self, data: Any = None, *, store: Store) -> None:
        super().__init__(data, store=store)
        table = situations()
        roles = cast("forms.MultipleChoiceField", self.fields["import_roles"])
        roles.choices = [(role.value, table.role_label(role)) for role in KwaiRole]
        if SyncCursor.objects.filter(pk=store.pk).exists():
            self.fields["history_days"].disabled = True
            self.fields["history_days"].help_text = "A primeira leitura já aconteceu; não muda mais."

    def current(self) -> dict[str, Any]:
        options = self.store.kwai_settings
        return {name: getattr(options, name) for name in self.base_fields}

    def save(self) -> str:
        options = self.store.kwai_settings
        for name, value in self.cleaned_data.items():
            setattr(options, name, value)
        options.save(update_fields=list(self.cleaned_data))
        return ""


class OrdersStep(StepDefinition):
    key = StepKey.ORDERS
    form_class = OrdersForm
    template = "kwai/step_orders.html"

    def checks(self, store: Store) -> list[SetupCheck]:
        options = store.kwai_settings
        texts = {
            True: "Automático: cada pedido entra sozinho em Pedidos de venda.",
            False: "Com um clique: os pedidos esperam em Pedidos no e-commerce por receber pedidos.",
        }
        return [SetupCheck(Level.OK, "Recebimento", texts[options.auto_receive], self.key, "id_auto_receive")]
