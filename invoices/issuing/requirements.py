"""What an order lacks for a note, item by item, in Portuguese. Pure: knows neither Django nor models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from erp.brazil.documents import DocumentInvalid, is_masked, postal_code_parse, tax_id_parse
from erp.brazil.fiscal import (
    ORIGINS,
    cfop_parse,
    city_code_parse,
    gtin_is_valid,
    icms_code_check,
    ncm_parse,
)
from erp.brazil.money import money_format
from invoices.issuing.draft import Draft, DraftItem, DraftPlace, Emitter, Recipient

MAX_ITEMS: Final = 990


class Where(StrEnum):
    """The page that holds the field."""

    ORDER = "order"
    BUYER = "buyer"
    ADDRESS = "address"
    SHIPPING = "shipping"
    COMPANY = "company"
    PRODUCT = "product"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing to do before a note can be made. `id` is a product's or an order's, `field` the model's."""

    where: Where
    id: int
    field: str
    text: str


def lacks(draft: Draft) -> tuple[Lack, ...]:
    """Everything any issuer needs and `draft` has not, in the order it is best put right.

    What stands against the order itself comes alone: filling in fields would not help.
    """
    found = tuple(_order(draft))
    if not found:
        found = (*_emitter(draft), *_recipient(draft.recipient, draft.order_id), *_items(draft))
    return tuple(dict.fromkeys(found))


def _order(draft: Draft) -> Iterator[Lack]:
    def lack(text: str) -> Lack:
        return Lack(Where.ORDER, draft.order_id, "", text)

    if draft.frozen_reason:
        yield lack(draft.frozen_reason)
    if draft.invoice:
        yield lack(f"O pedido já tem a {draft.invoice}.")
    elif draft.shipped:
        yield lack("O pedido já foi enviado: importe o XML da nota que foi com ele.")
    if not draft.approved:
        yield lack("O pedido ainda não está pago: espere o pagamento.")
    if not draft.items:
        yield lack("O pedido não tem itens.")
    if len(draft.items) > MAX_ITEMS:
        yield lack(f"O pedido tem mais de {MAX_ITEMS} itens, o máximo de uma nota.")
    summed = draft.items_total + draft.freight - draft.discount
    if summed != draft.total:
        yield lack(
            f"Itens, frete e descontos somam {money_format(summed)}, e o total do pedido é "
            f"{money_format(draft.total)}. Emita esta nota no seu emissor."
        )
    if draft.discount > draft.items_total:
        yield lack("Os descontos passam do valor dos itens. Emita esta nota no seu emissor.")


def _emitter(draft: Draft) -> Iterator[Lack]:
    def lack(field: str, text: str) -> Lack:
        return Lack(Where.COMPANY, 0, field, f"Empresa: {text}")

    emitter: Emitter = draft.emitter
    if not emitter.state_registration:
        yield lack("state_registration", "falta a inscrição estadual (IE).")
    if not emitter.tax_regime:
        yield lack("tax_regime", "falta o regime tributário (CRT).")
    for field, text in _place(emitter.place):
        yield lack(field, text)
    if draft.store and not emitter.intermediary_tax_id:
        yield lack("intermediary_tax_id", "falta o CNPJ do intermediador (o marketplace).")


def _recipient(recipient: Recipient, order_id: int) -> Iterator[Lack]:
    if not recipient.name or is_masked(recipient.name):
        yield Lack(Where.BUYER, order_id, "name", "Comprador: falta o nome.")
    try:
        tax_id_parse(recipient.tax_id)
    except DocumentInvalid:
        known = "falta o CPF ou CNPJ." if not recipient.tax_id else "o CPF ou CNPJ é inválido."
        yield Lack(Where.BUYER, order_id, "tax_id", f"Comprador: {known}")
    if recipient.problem:
        # One sentence instead of seven: the platform hides or did not say where the parcel goes.
        yield Lack(Where.ADDRESS, order_id, "", recipient.problem)
        return
    for field, text in _place(recipient.place):
        yield Lack(Where.ADDRESS, order_id, field, f"Endereço: {text}")


_PARTS: Final = (
    ("street", "o logradouro", 2),
    ("number", "o número (S/N se não houver)", 1),
    ("district", "o bairro", 2),
    ("city", "a cidade", 2),
    ("state_code", "a UF", 2),
)


def _place(place: DraftPlace) -> Iterator[tuple[str, str]]:
    """`(field, text)` of what an address lacks; the schema wants two letters of each name."""
    for field, name, shortest in _PARTS:
        value = getattr(place, field)
        if len(value.strip()) < shortest or is_masked(value):
            yield field, f"falta {name}."
    try:
        postal_code_parse(place.postal_code)
    except DocumentInvalid:
        yield "postal_code", "falta o CEP."
    if place.city and place.state_code:
        try:
            city_code_parse(place.city_code, place.state_code)
        except DocumentInvalid as error:
            missing = f"falta o código IBGE de {place.city}/{place.state_code}."
            yield "city_code", str(error) if place.city_code else missing


def _items(draft: Draft) -> Iterator[Lack]:
    for item in draft.items:
        for field, text in (*_goods(item), *_taxation(item, draft)):
            yield Lack(Where.PRODUCT, item.product_id, field, f"{item.code}: {text}")


def _goods(item: DraftItem) -> Iterator[tuple[str, str]]:
    if not item.ncm:
        yield "ncm", "falta o NCM."
    elif not _passes(ncm_parse, item.ncm):
        yield "ncm", "o NCM é inválido."
    if item.gtin and not gtin_is_valid(item.gtin):
        yield "gtin", "o GTIN é inválido: corrija ou deixe vazio."
    if not item.unit:
        yield "unit", "falta a unidade."


def _taxation(item: DraftItem, draft: Draft) -> Iterator[tuple[str, str]]:
    if item.origin not in ORIGINS:
        yield "origin", "falta a origem da mercadoria."
    if not item.icms_code:
        yield "icms_code", "falta o CST/CSOSN."
    elif draft.emitter.tax_regime:
        try:
            icms_code_check(item.icms_code, draft.emitter.tax_regime)
        except DocumentInvalid as error:
            yield "icms_code", str(error)
    if not item.cfop:
        where = "para outro estado" if draft.interstate else "dentro do estado"
        yield ("cfop_interstate" if draft.interstate else "cfop"), f"falta o CFOP {where}."
    elif not _passes(lambda text: cfop_parse(text, "6" if draft.interstate else "5"), item.cfop):
        yield "cfop", "o CFOP não combina com o estado do comprador."


def _passes(parse: Callable[[str], str], text: str) -> bool:
    try:
        parse(text)
    except DocumentInvalid:
        return False
    return True
