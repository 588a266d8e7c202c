"""Notes with warnings wait; *seguir mesmo assim* is permitted, recorded, and only for what was read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from erp.accounts.models import AuditEntry, Company, User
from erp.sales.models import Order, OrderEvent, OrderStatus
from invoices.imports import invoice_replace, invoices_import
from invoices.linking import InvoiceRefused, invoice_link, invoice_proceed, invoice_unlink, invoice_warnings
from invoices.models import Invoice, InvoiceStatus, WarningConsent
from invoices.placement import ImportOutcome, ImportResult
from invoices.sending import send_problems
from tests.invoices.conftest import RecordingFacts
from tests.invoices.factory import nfe_xml

REFERENCE = "9007199254740993123"
MakeOrder = Callable[..., Order]


@pytest.fixture
def load(company: Company, admin: User) -> Callable[..., ImportResult]:
    def importing(content: bytes, order: Order | None = None) -> ImportResult:
        (result,) = invoices_import(company=company, files=[("nota.xml", content)], user=admin, order=order)
        return result

    return importing


@pytest.fixture
def held(load: Callable[..., ImportResult], make_order: MakeOrder) -> Invoice:
    """A note that waits because its order's total differs."""
    make_order(total=16000)
    result = load(nfe_xml(order_reference=REFERENCE))
    assert result.outcome is ImportOutcome.HELD
    assert result.invoice is not None
    return result.invoice


def codes(invoice: Invoice) -> list[str]:
    return [check.code for check in invoice_warnings(invoice)]


def test_a_note_with_warnings_is_stored_and_goes_nowhere(held: Invoice, facts: RecordingFacts) -> None:
    order = Order.objects.get()
    assert (held.status, held.order, held.wanted_order, held.store) == ("pending", None, order, order.store)
    assert codes(held) == ["total"]
    assert order.status == OrderStatus.APPROVED
    assert facts.authorised == []
    assert "pendente" in send_problems([held.pk])[held.pk]
    with pytest.raises(InvoiceRefused, match="não espera"):
        invoice_proceed(invoice_id=held.pk + 1, codes=["total"], user=held.created_by)  # type: ignore[arg-type]


def test_going_on_links_and_says_who_when_and_why(held: Invoice, admin: User, facts: RecordingFacts) -> None:
    order = invoice_proceed(invoice_id=held.pk, codes=["total"], user=admin)
    held.refresh_from_db()
    assert (held.status, held.order, held.wanted_order) == (InvoiceStatus.AUTHORISED, order, None)
    assert facts.authorised == [held.pk]
    consent = WarningConsent.objects.get()
    assert (consent.code, consent.order, consent.actor) == ("total", order, admin)
    assert "R$ 170,00" in consent.text
    entry = AuditEntry.objects.get(action="invoice.proceed")
    assert (entry.actor, entry.data["codes"]) == (admin, ["total"])
    assert OrderEvent.objects.get(order=order, kind="invoice_proceed").actor == admin


def test_only_the_warnings_that_were_read_are_consented(held: Invoice, admin: User) -> None:
    with pytest.raises(InvoiceRefused, match="avisos novos"):
        invoice_proceed(invoice_id=held.pk, codes=["schema"], user=admin)
    held.refresh_from_db()
    assert held.status == InvoiceStatus.PENDING
    assert not WarningConsent.objects.exists()


def test_going_on_twice_links_once(held: Invoice, admin: User, facts: RecordingFacts) -> None:
    invoice_proceed(invoice_id=held.pk, codes=["total"], user=admin)
    with pytest.raises(InvoiceRefused, match="não espera"):
        invoice_proceed(invoice_id=held.pk, codes=["total"], user=admin)
    assert facts.authorised == [held.pk]


def test_an_order_that_was_corrected_needs_no_consent(held: Invoice, admin: User) -> None:
    Order.objects.update(total=17000)
    assert codes(held) == []
    assert invoice_proceed(invoice_id=held.pk, codes=[], user=admin) == Order.objects.get()


def test_an_order_that_took_another_note_refuses(
    held: Invoice, load: Callable[..., ImportResult], admin: User
) -> None:
    assert load(nfe_xml(number=9, total=16000), Order.objects.get()).outcome is ImportOutcome.LINKED
    with pytest.raises(InvoiceRefused, match="já tem"):
        invoice_proceed(invoice_id=held.pk, codes=["total"], user=admin)


def test_the_same_file_again_says_that_it_waits(held: Invoice, load: Callable[..., ImportResult]) -> None:
    result = load(nfe_xml(order_reference=REFERENCE))
    assert (result.outcome, result.invoice) == (ImportOutcome.ALREADY, held)
    assert Invoice.objects.count() == 1


def test_a_warning_about_the_file_waits_without_an_order_and_is_asked_once(
    load: Callable[..., ImportResult], make_order: MakeOrder, admin: User
) -> None:
    old = nfe_xml(content=lambda text: text.replace("<natOp>", "<natOpp></natOpp><natOp>"))
    invoice = load(old).invoice
    assert invoice is not None
    assert (invoice.status, codes(invoice)) == ("pending", ["schema"])
    assert invoice_proceed(invoice_id=invoice.pk, codes=["schema"], user=admin) is None
    invoice.refresh_from_db()
    assert invoice.status == InvoiceStatus.AUTHORISED
    assert invoice_link(invoice_id=invoice.pk, order_id=make_order().pk, user=admin) == ()


def test_linking_by_hand_waits_too_and_consent_counts_for_that_order_only(
    load: Callable[..., ImportResult], make_order: MakeOrder, admin: User
) -> None:
    invoice = load(nfe_xml()).invoice
    assert invoice is not None
    first, second = make_order(total=16000), make_order(external_id="77", total=15000)
    assert len(invoice_link(invoice_id=invoice.pk, order_id=first.pk, user=admin)) == 1
    invoice_proceed(invoice_id=invoice.pk, codes=["total"], user=admin)
    invoice_unlink(invoice_id=invoice.pk, user=admin)
    assert len(invoice_link(invoice_id=invoice.pk, order_id=second.pk, user=admin)) == 1
    invoice_unlink(invoice_id=invoice.pk, user=admin)
    invoice.refresh_from_db()
    assert (invoice.status, invoice.wanted_order, invoice.store) == ("authorised", None, None)
    assert invoice_link(invoice_id=invoice.pk, order_id=first.pk, user=admin) == ()


def test_a_corrected_note_with_warnings_takes_the_place_only_after_consent(
    load: Callable[..., ImportResult], make_order: MakeOrder, admin: User
) -> None:
    order = make_order()
    refused = load(nfe_xml(), order).invoice
    assert refused is not None
    result = invoice_replace(
        invoice=refused, name="b.xml", content=nfe_xml(number=9, total=16000), user=admin
    )
    refused.refresh_from_db()
    newer = result.invoice
    assert newer is not None
    assert (result.outcome, refused.order, newer.wanted_order) == (ImportOutcome.HELD, order, order)
    invoice_proceed(invoice_id=newer.pk, codes=["total"], user=admin)
    for each in (refused, newer):
        each.refresh_from_db()
    assert (refused.order, refused.replaced_by, newer.order) == (None, newer, order)


def test_the_page_shows_the_warnings_and_goes_on(
    held: Invoice, admin: User, operator: User, viewer: User, sign_in: Callable[[User], Client]
) -> None:
    url, proceed = held.get_absolute_url(), reverse("invoices:proceed", args=[held.pk])
    for user in (operator, viewer):
        page = sign_in(user).get(url).content.decode()
        assert "difere do total do pedido" in page
        assert proceed not in page
        assert sign_in(user).post(proceed, {"code": ["total"]}).status_code == 403
    assert proceed in sign_in(admin).get(url).content.decode()
    sign_in(admin).post(proceed, {"code": ["total"]})
    held.refresh_from_db()
    assert held.order is not None


def test_the_page_lets_the_note_go(held: Invoice, operator: User, sign_in: Callable[[User], Client]) -> None:
    sign_in(operator).post(reverse("invoices:unlink", args=[held.pk]))
    held.refresh_from_db()
    assert (held.status, held.wanted_order) == (InvoiceStatus.AUTHORISED, None)
