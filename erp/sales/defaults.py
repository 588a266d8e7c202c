"""What a new company starts with under *cadastros*."""

from __future__ import annotations

from erp import channels
from erp.accounts.models import Company
from erp.sales.models import Carrier, PaymentMethod, ShippingKind, ShippingMethod

PAYMENT_METHODS = ("Pix", "Cartão de crédito", "Cartão de débito", "Boleto", "Saldo da plataforma")


def company_defaults_create(company: Company) -> None:
    """Correios and the delivery services of the channels with their usual methods, one carrier to start
    from, and the common ways to be paid. Delivery days are business days and only a first guess."""
    correios = Carrier.objects.create(
        company=company,
        name="Correios",
        code="CORREIOS",
        tracking_url="https://rastreamento.correios.com.br/app/index.php?objetos={codigo}",
    )
    own = [
        (each.name, Carrier.objects.create(company=company, name=each.name, code=each.carrier_code))
        for each in channels.logistics()
    ]
    carrier = Carrier.objects.create(company=company, name="Transportadora", code="TRANSPORTADORA")
    ShippingMethod.objects.bulk_create(
        ShippingMethod(company=company, name=name, kind=kind, carrier=owner, delivery_days=days)
        for name, kind, owner, days in (
            ("Correios PAC", ShippingKind.CORREIOS, correios, 8),
            ("Correios SEDEX", ShippingKind.CORREIOS, correios, 3),
            ("Transportadora", ShippingKind.CARRIER, carrier, 6),
            *((name, ShippingKind.MARKETPLACE, owner, 7) for name, owner in own),
        )
    )
    PaymentMethod.objects.bulk_create(PaymentMethod(company=company, name=name) for name in PAYMENT_METHODS)
