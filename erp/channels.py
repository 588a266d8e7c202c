"""The one inversion: what the rooms tell sales channels, and what screens may ask of them.

A marketplace implements `SalesChannel` and registers itself at start-up; screens and services call
the functions of this module and never know which channel answers. A room that only wants to hear
facts (expedition opens shipments for authorised notes) registers `Facts` alone, see ADR 0002.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.functional import lazy

from erp.choices import ColouredChoices
from erp.refusals import Refusal, RefusedError

if TYPE_CHECKING:
    from erp.accounts.models import User


class ChannelAction(StrEnum):
    """Commands; the comment names whose ids they take."""

    ARRANGE_SHIPMENT = "arrange_shipment"  # shipments
    SEND_TRACKING = "send_tracking"  # shipments
    SEND_INVOICE = "send_invoice"  # invoices
    CONFIRM_DELIVERY = "confirm_delivery"  # shipments
    REFRESH_STATUS = "refresh_status"  # orders


class RowOutcome(ColouredChoices):
    """How one row of a command ended."""

    DONE = "done", "green", "feito"
    QUEUED = "queued", "blue", "na fila de envio"
    ALREADY_QUEUED = "already_queued", "secondary", "já na fila"
    ALREADY_DONE = "already_done", "secondary", "já estava feito"
    REFUSED = "refused", "red", "recusado"

    def counted(self, count: int) -> str:
        """`1 feito`, `3 feitos`, `3 na fila de envio`."""
        return f"{count} {_PLURALS.get(self, self.label) if count > 1 else self.label}"


_PLURALS = {
    RowOutcome.DONE: "feitos",
    RowOutcome.ALREADY_DONE: "já estavam feitos",
    RowOutcome.REFUSED: "recusados",
}


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row of a command; `text` is Portuguese and says what to do next. Screens
    fill `label` and `url` with the row's name and page."""

    id: int
    outcome: RowOutcome
    text: str = ""
    label: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        if self.outcome is RowOutcome.REFUSED and not isinstance(self.text, Refusal):
            raise TypeError("A refused row says why by a Refusal, which has a code.")

    @property
    def code(self) -> str:
        """The stable name of the refusal; empty for every other outcome."""
        return self.text.code if isinstance(self.text, Refusal) else ""

    @property
    def english(self) -> str:
        """The text as programs of other languages show it."""
        return self.text.english if isinstance(self.text, Refusal) else self.text


def row_done(row_id: int, text: str) -> RowResult:
    return RowResult(row_id, RowOutcome.DONE, text)


def row_already(row_id: int, text: str) -> RowResult:
    return RowResult(row_id, RowOutcome.ALREADY_DONE, text)


def row_refused(row_id: int, refusal: Refusal) -> RowResult:
    return RowResult(row_id, RowOutcome.REFUSED, refusal)


@dataclass(frozen=True, slots=True)
class Badge:
    """A marker for lists: what the channel has confirmed, waits for or refused. `icon` stands before the
    label; `symbol` is what lists show instead of both and tells which thing the marker is about."""

    label: str
    colour: str
    icon: str = ""
    title: str = ""
    link: str = ""
    symbol: str = ""

    @property
    def bare(self) -> Badge:
        """What it has in common with the marker of another order."""
        return replace(self, title="", link="")


@dataclass(frozen=True, slots=True)
class PanelStep:
    """A button of a channel's card: POSTs to `url`, or is greyed with `reason`."""

    label: str
    icon: str
    url: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PageWarning:
    """Something about an order that must be seen before anybody acts, with the page that ends it."""

    text: str
    label: str = ""
    url: str = ""


class Owner(StrEnum):
    """Who acts next on an order; the value is what follows *agora é*."""

    YOU = "você"
    CHANNEL = "o e-commerce"
    ERP = "o ERP"
    CARRIER = "o transportador"
    BUYER = "o comprador"
    NOBODY = ""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What happens next with an order and who does it; `button` and `url` lead an operator to the page where
    it is done, both or the url alone empty when there is no such page."""

    owner: Owner
    text: str
    button: str = ""
    icon: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """Rows (label, value) of a channel's card on the order page, with its badges and next steps; `short` is
    what people call the channel in a sentence. `warnings` are shown above the whole page."""

    title: str
    rows: Sequence[tuple[str, str]]
    badges: Sequence[Badge] = field(default_factory=tuple)
    link: str = ""
    steps: Sequence[PanelStep] = ()
    next: NextStep | None = None
    short: str = ""
    warnings: Sequence[PageWarning] = ()

    @property
    def turn(self) -> str:
        """*agora é o* and the channel's name, or an empty text when nothing is left to do."""
        if self.next is None or self.next.owner is Owner.NOBODY:
            return ""
        return f"agora é {self.short if self.next.owner is Owner.CHANNEL and self.short else self.next.owner}"

    @property
    def is_yours(self) -> bool:
        return self.next is not None and self.next.owner is Owner.YOU


@dataclass(frozen=True, slots=True)
class Logistics:
    """The delivery service of a marketplace: what people call it, and the code of the *transportadora* that
    stands for it among those of a company."""

    name: str
    carrier_code: str


@dataclass(frozen=True, slots=True)
class ShippingCode:
    """Carrier and number of a parcel as its marketplace has them. The number is never empty, the code and the
    name of the carrier may be."""

    carrier_code: str
    carrier_name: str
    number: str


class LabelKind(StrEnum):
    """What printers take; the value is the ending of the file."""

    PDF = "pdf"
    ZPL = "zpl"


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A shipping label of the marketplace, byte for byte."""

    content: bytes = field(repr=False)
    kind: LabelKind


class LabelNotReady(Exception):
    """The marketplace does not hand out this label now; asking again helps. The text is Portuguese and shown;
    `seconds` says how long to wait at least, None leaves that to the caller."""

    def __init__(self, text: str, *, seconds: float | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.seconds = seconds


class LabelRefused(RefusedError):
    """The marketplace will not hand out this label."""


class InvoiceStage(ColouredChoices):
    """How far a note has come at its channel. Sent is not accepted: the platform may still refuse it."""

    NOT_SENT = "not_sent", "secondary", "não enviada"
    QUEUED = "queued", "blue", "aguardando envio"
    FAILED = "failed", "red", "envio parado"
    SENT = "sent", "purple", "enviada, em análise"
    ACCEPTED = "accepted", "green", "aceita"
    REFUSED = "refused", "red", "recusada"


@dataclass(frozen=True, slots=True)
class InvoiceState:
    """What a channel knows of one note. `reason` is the platform's or the queue's own text, unchanged;
    `is_refused` says that the platform refused the note itself, at the upload or after it: then another
    note, or the same one after a correction there, is what helps."""

    stage: InvoiceStage
    badges: Sequence[Badge] = ()
    reason: str = ""
    is_refused: bool = False
    channel: str = ""


class Facts:
    """Told in the caller's transaction; implementations may only write rows. Batch-shaped."""

    def price_changed(self, sku_ids: Sequence[int]) -> None: ...
    def stock_changed(self, sku_ids: Sequence[int]) -> None: ...
    def order_status_changed(self, order_ids: Sequence[int]) -> None: ...
    def order_shipper_changed(self, order_ids: Sequence[int]) -> None: ...
    def order_terms_changed(self, order_ids: Sequence[int]) -> None: ...
    def orders_released(self, order_ids: Sequence[int]) -> None: ...
    def order_handover_settled(self, order_ids: Sequence[int], reason: str) -> None: ...
    def invoice_authorised(self, ids: Sequence[int]) -> None: ...
    def invoice_cancelled(self, ids: Sequence[int]) -> None: ...
    def shipment_concluded(self, ids: Sequence[int]) -> None: ...
    def shipment_cancelled(self, ids: Sequence[int]) -> None: ...
    def shipment_delivered(self, ids: Sequence[int]) -> None: ...


class SalesChannel(Protocol):
    """Commands, checks and badges of one marketplace. Each answers only for ids of its own stores."""

    key: str
    label: str
    logistics: Logistics | None
    stores_url_name: str  # of the page where a shop of it is connected

    def check(self, action: ChannelAction, ids: Sequence[int]) -> dict[int, Refusal]:
        """Per own id why `action` cannot be done, or an empty text; a constant number of queries."""
        ...

    def run(self, action: ChannelAction, ids: Sequence[int], *, user: User | None) -> dict[int, RowResult]:
        """Do `action` for the own ids among `ids`."""
        ...

    def badges(self, order_ids: Sequence[int]) -> dict[int, list[Badge]]:
        """Markers per order, in a constant number of queries."""
        ...

    def badge_counts(self, rows: QuerySet[Any], by: str) -> dict[Any, Counter[Badge]]:
        """Per value of the field `by` of `rows`, each of which has an `order`: how many of their orders carry
        each marker, without its title and link. The database counts: a group may hold thousands of
        orders."""
        ...

    def invoice_states(self, ids: Sequence[int]) -> dict[int, InvoiceState]:
        """Per own linked note, in a constant number of queries."""
        ...

    def invoices_in(self, stage: InvoiceStage) -> Q:
        """The condition that keeps, of rows of `Invoice`, the own ones at `stage`."""
        ...

    def watched(self, user: User) -> Sequence[QuerySet[Any]]:
        """Stamped rows (`erp.stamps`) within the reach of `user`, of which any newer one may change a
        badge."""
        ...

    def panel(self, order_id: int) -> Panel | None:
        """The card for the order page, or None for an order of somebody else."""
        ...

    def shipping_codes(self, order_ids: Sequence[int]) -> dict[int, ShippingCode]:
        """Per own order the tracking code the channel holds, which its logistics assigned or we sent; one
        query. Orders without one are missing."""
        ...

    def shippers_reported(self, order_ids: Sequence[int]) -> set[int]:
        """The own orders of which the channel itself says who carries them; one query."""
        ...

    def shipping_label(self, shipment_id: int) -> LabelFile | None:
        """Fetch the label of an own shipment; None for a shipment of somebody else. Calls the platform, so
        no transaction may be open. Raises LabelNotReady, LabelRefused."""
        ...


_facts: list[Facts] = []
_channels: dict[str, SalesChannel] = {}

NO_CHANNEL = Refusal(
    "order.no_channel",
    "Este pedido não veio de um e-commerce: não há para onde enviar.",
    "This order came from no marketplace: there is nowhere to send it.",
)


def listen(facts: Facts) -> None:
    """Register a listener of facts; called from `AppConfig.ready()`."""
    _facts.append(facts)


def register(channel: SalesChannel) -> None:
    """Register a sales channel; called from `AppConfig.ready()`."""
    _channels[channel.key] = channel


def stock_changed(sku_ids: Iterable[int]) -> None:
    _tell("stock_changed", sku_ids)


def price_changed(sku_ids: Iterable[int]) -> None:
    _tell("price_changed", sku_ids)


def order_status_changed(order_ids: Iterable[int]) -> None:
    _tell("order_status_changed", order_ids)


def order_shipper_changed(order_ids: Iterable[int]) -> None:
    """A person said who carries these orders."""
    _tell("order_shipper_changed", order_ids)


def order_terms_changed(order_ids: Iterable[int]) -> None:
    """By when these orders are to be sent, or their *forma de envio* (that of their note included)."""
    _tell("order_terms_changed", order_ids)


def orders_released(order_ids: Iterable[int]) -> None:
    """What kept these orders from moving on has ended."""
    _tell("orders_released", order_ids)


def order_handover_settled(order_ids: Iterable[int], *, reason: str) -> None:
    """A person said what became of the parcels of these closed orders, in the words of `reason`."""
    if found := list(order_ids):
        for facts in _facts:
            facts.order_handover_settled(found, reason)


def invoice_authorised(ids: Iterable[int]) -> None:
    _tell("invoice_authorised", ids)


def invoice_cancelled(ids: Iterable[int]) -> None:
    _tell("invoice_cancelled", ids)


def shipment_concluded(ids: Iterable[int]) -> None:
    _tell("shipment_concluded", ids)


def shipment_cancelled(ids: Iterable[int]) -> None:
    _tell("shipment_cancelled", ids)


def shipment_delivered(ids: Iterable[int]) -> None:
    _tell("shipment_delivered", ids)


def check(action: ChannelAction, ids: Sequence[int]) -> dict[int, Refusal]:
    """Why `action` cannot be done, per id; an empty text means it can."""
    reasons = dict.fromkeys(ids, NO_CHANNEL)
    for channel in _channels.values():
        reasons.update(channel.check(action, ids))
    return reasons


def run(action: ChannelAction, ids: Sequence[int], *, user: User | None) -> list[RowResult]:
    """One result per id, in the order of `ids`."""
    results = {id_: row_refused(id_, NO_CHANNEL) for id_ in ids}
    for channel in _channels.values():
        results.update(channel.run(action, ids, user=user))
    return [results[id_] for id_ in ids]


def badges(order_ids: Sequence[int]) -> dict[int, list[Badge]]:
    found: dict[int, list[Badge]] = {order_id: [] for order_id in order_ids}
    for channel in _channels.values():
        for order_id, own in channel.badges(order_ids).items():
            found[order_id].extend(own)
    return found


def badge_counts(rows: QuerySet[Any], by: str) -> dict[Any, Counter[Badge]]:
    found: dict[Any, Counter[Badge]] = defaultdict(Counter)
    for channel in _channels.values():
        for value, counted in channel.badge_counts(rows, by).items():
            found[value].update(counted)
    return found


def watched(user: User) -> list[QuerySet[Any]]:
    """The rows that badges and invoice states are read from."""
    return [rows for channel in _channels.values() for rows in channel.watched(user)]


def invoice_states(ids: Sequence[int]) -> dict[int, InvoiceState]:
    """Notes of no channel, or without an order, are missing."""
    found: dict[int, InvoiceState] = {}
    for channel in _channels.values():
        found.update(channel.invoice_states(ids))
    return found


def invoices_in(stage: InvoiceStage) -> Q:
    """The notes at `stage`, of every channel; none without a channel."""
    condition = Q(pk__in=())
    for channel in _channels.values():
        condition |= channel.invoices_in(stage)
    return condition


def panel(order_id: int) -> Panel | None:
    panels = (channel.panel(order_id) for channel in _channels.values())
    return next((panel for panel in panels if panel is not None), None)


def labels() -> list[str]:
    """What people call each channel."""
    return [channel.label for channel in _channels.values()]


def label(key: str = "") -> str:
    """What people call the channel of a store; without `key` all of them."""
    return _channels[key].label if key in _channels else " / ".join(labels()) or "e-commerce"


def _worded(text: str) -> str:
    return text.format(channel=label())


# `{channel}` in a text of a form or a list, which is declared before the channels have registered.
worded = lazy(_worded, str)


def stores_url() -> str:
    """The page where a shop is connected; empty without a channel."""
    return next((reverse(channel.stores_url_name) for channel in _channels.values()), "")


def logistics() -> list[Logistics]:
    """The delivery services of every channel that has one."""
    return [channel.logistics for channel in _channels.values() if channel.logistics]


def logistics_name(key: str = "") -> str:
    """What people call the delivery service of that channel; without `key` of any channel."""
    own = _channels[key].logistics if key in _channels else None
    if own:
        return own.name
    return " / ".join(each.name for each in logistics()) or "Envio do e-commerce"


def shipping_codes(order_ids: Sequence[int]) -> dict[int, ShippingCode]:
    """Carrier and number that the channels hold; orders without a number are missing."""
    found: dict[int, ShippingCode] = {}
    for channel in _channels.values():
        found.update(channel.shipping_codes(order_ids))
    return found


def shippers_reported(order_ids: Sequence[int]) -> set[int]:
    """Orders whose channel itself says who carries them: there is nothing to choose."""
    return {pk for channel in _channels.values() for pk in channel.shippers_reported(order_ids)}


def shipping_label(shipment_id: int) -> LabelFile:
    """Fetch the label from the channel of the shipment. Raises LabelNotReady, LabelRefused."""
    for channel in _channels.values():
        if file := channel.shipping_label(shipment_id):
            return file
    raise LabelRefused(NO_CHANNEL)


def _tell(fact: str, ids: Iterable[int]) -> None:
    known = list(dict.fromkeys(ids))
    if known:
        for listener in _facts:
            getattr(listener, fact)(known)
