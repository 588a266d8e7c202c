"""Import, link, unlink and carrier against a real database."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from erp.accounts.models import Branch, Company, Role, Store, StoreLifecycle, User
from erp.outbox.models import PushJob
from erp.outbox.statuses import FailureMode, JobState
from erp.sales.models import Carrier, Order, OrderEvent, OrderStatus, ShippingKind, ShippingMethod
from invoices.imports import invoices_import
from invoices.linking import InvoiceRefused, invoice_link, invoice_unlink
from invoices.models import Invoice, InvoiceDocument, InvoiceStatus
from invoices.placement import ImportOutcome, ImportResult
from invoices.services import invoice_carrier_set
from tests.invoices.conftest import RecordingFacts
from tests.invoices.factory import access_key, nfe_xml

REFERENCE = "9007199254740993123"
MakeOrder = Callable[..., Order]


@pytest.fixture
def load(company: Company, admin: User) -> Callable[..., ImportResult]:
    """`load(content)`: the result of importing that one file."""

    def importing(content: bytes, **options: object) -> ImportResult:
        (result,) = invoices_import(company=company, files=[("nota.xml", content)], user=admin, **options)  # type: ignore[arg-type]
        return result

    return importing


def stored() -> tuple[int, int]:
    return Invoice.objects.count(), InvoiceDocument.objects.count()


def test_a_note_with_its_order_is_stored_linked_and_announced(
    load: Callable[..., ImportResult], make_order: MakeOrder, facts: RecordingFacts, admin: User
) -> None:
    order = make_order()
    content = nfe_xml(order_reference=REFERENCE, number=77, series=3)
    result = load(content)
    invoice = Invoice.objects.get()
    assert (result.outcome, result.order, result.texts) == (ImportOutcome.LINKED, order, ())
    assert (invoice.order, invoice.store, invoice.status) == (order, order.store, InvoiceStatus.AUTHORISED)
    assert (invoice.access_key, invoice.number, invoice.series) == (access_key(number=77, series=3), 77, 3)
    assert (invoice.total, invoice.recipient_tax_id) == (17000, "52998224725")
    assert invoice.document.read() == content
    order.refresh_from_db()
    assert order.status == OrderStatus.INVOICED
    assert facts.authorised == [invoice.pk]
    event = OrderEvent.objects.get(order=order, kind="invoice_linked")
    assert (event.actor, event.link) == (admin, invoice.get_absolute_url())


def test_one_result_per_file_and_a_bad_one_stops_nobody(
    company: Company, admin: User, make_order: MakeOrder, facts: RecordingFacts
) -> None:
    make_order()
    good = nfe_xml(order_reference=REFERENCE)
    files = [("a.xml", b"lixo"), ("b.xml", good), ("b outra vez.xml", good), ("c.xml", nfe_xml(number=9))]
    results = invoices_import(company=company, files=files, user=admin)
    assert [(result.name, result.outcome.value) for result in results] == [
        ("a.xml", "refused"),
        ("b.xml", "linked"),
        ("b outra vez.xml", "already"),
        ("c.xml", "imported"),
    ]
    assert stored() == (2, 2)


def test_a_known_note_of_a_store_out_of_reach_is_not_shown(
    company: Company, admin: User, make_user: Callable[..., User], make_order: MakeOrder
) -> None:
    make_order()
    files = [("a.xml", nfe_xml(order_reference=REFERENCE))]
    invoices_import(company=company, files=files, user=admin)
    (result,) = invoices_import(company=company, files=files, user=make_user("operator", stores=[]))
    assert (result.outcome, result.invoice, result.order) == (ImportOutcome.ALREADY, None, None)
    assert "não tem acesso" in result.texts[0]


def test_a_note_whose_file_is_damaged_is_not_linked(
    load: Callable[..., ImportResult], make_order: MakeOrder, admin: User
) -> None:
    invoice = load(nfe_xml()).invoice
    assert invoice is not None
    damaged = invoice.document.read().replace(b"<vNF>170", b"<vNF>171")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE invoices_invoicedocument SET content = %s", [damaged])
    with pytest.raises(InvoiceRefused, match="danificado"):
        invoice_link(invoice_id=invoice.pk, order_id=make_order().pk, user=admin)


def test_a_refused_note_leaves_nothing_behind(
    load: Callable[..., ImportResult], make_order: MakeOrder
) -> None:
    make_order(buyer_tax_id="11144477735")
    result = load(nfe_xml(order_reference=REFERENCE))
    assert result.outcome is ImportOutcome.REFUSED
    assert "não é o do comprador" in result.texts[0]
    assert stored() == (0, 0)
    assert not OrderEvent.objects.exists()


def test_a_branch_may_have_issued_the_note(load: Callable[..., ImportResult], company: Company) -> None:
    branch = nfe_xml(company_tax_id="11222333000262")
    assert load(branch).outcome is ImportOutcome.REFUSED
    Branch.objects.create(
        company=company, name="Filial", tax_id="11222333000262", state_code="SP", city="Santos"
    )
    assert load(branch).outcome is ImportOutcome.IMPORTED


# Which order


def test_reference_in_an_item(load: Callable[..., ImportResult], make_order: MakeOrder) -> None:
    order = make_order(external_id="900719925474099")
    assert load(nfe_xml(item_reference="900719925474099")).order == order


def test_reference_in_the_additional_text_as_a_whole_word(
    load: Callable[..., ImportResult], make_order: MakeOrder
) -> None:
    order = make_order()
    assert load(nfe_xml(number=1, additional_text=f"Ref.{REFERENCE}0 x")).order is None
    assert load(nfe_xml(number=2, additional_text=f"Pedido Kwai: {REFERENCE}.")).order == order


def test_xped_wins_over_the_additional_text(load: Callable[..., ImportResult], make_order: MakeOrder) -> None:
    make_order(external_id="111111111")
    wanted = make_order(external_id="222222222")
    assert load(nfe_xml(order_reference="222222222", additional_text="troca do 111111111")).order == wanted


def test_our_number_counts_only_with_the_same_buyer_or_total(
    load: Callable[..., ImportResult], make_order: MakeOrder
) -> None:
    stranger = make_order(external_id="900111", buyer_tax_id="11144477735", total=999)
    ours = make_order(external_id="900222")
    result = load(nfe_xml(number=1, additional_text=f"Rua {stranger.number}, lote {ours.number}"))
    assert result.order == ours


def test_a_note_that_names_two_orders_waits_for_a_person(
    load: Callable[..., ImportResult], make_order: MakeOrder
) -> None:
    first, second = make_order(external_id="111111111"), make_order(external_id="222222222")
    result = load(nfe_xml(additional_text="111111111 e 222222222"))
    assert result.outcome is ImportOutcome.IMPORTED
    assert f"({first.number}, {second.number})" in result.texts[0]


def test_the_order_of_another_company_is_never_found(
    load: Callable[..., ImportResult], make_order: MakeOrder, other_company: Company
) -> None:
    theirs = Store.objects.create(company=other_company, name="Deles", lifecycle=StoreLifecycle.ACTIVE)
    foreign = make_order(company=other_company, store=theirs)
    assert load(nfe_xml(order_reference=REFERENCE)).order is None
    assert load(nfe_xml(number=2), order=foreign).outcome is ImportOutcome.REFUSED


def test_the_order_of_a_store_out_of_reach_is_not_found(
    company: Company, make_order: MakeOrder, make_user: Callable[..., User]
) -> None:
    make_order()
    outsider = make_user(Role.OPERATOR, username="fora", stores=[])
    (result,) = invoices_import(
        company=company, files=[("a", nfe_xml(order_reference=REFERENCE))], user=outsider
    )
    assert (result.outcome, result.order) == (ImportOutcome.IMPORTED, None)


def test_an_order_named_by_the_operator(load: Callable[..., ImportResult], make_order: MakeOrder) -> None:
    order = make_order()
    assert load(nfe_xml(), order=order).order == order


def test_importing_again_links_what_still_waits(
    load: Callable[..., ImportResult], make_order: MakeOrder
) -> None:
    content = nfe_xml(order_reference=REFERENCE)
    assert load(content).outcome is ImportOutcome.IMPORTED
    order = make_order()
    result = load(content)
    assert (result.outcome, result.order) == (ImportOutcome.LINKED, order)
    assert stored() == (1, 1)


def test_a_key_is_never_linked_to_two_orders(
    load: Callable[..., ImportResult], make_order: MakeOrder
) -> None:
    order, other = make_order(), make_order(external_id="2")
    content = nfe_xml(order_reference=REFERENCE)
    load(content)
    result = load(content, order=other)
    assert result.outcome is ImportOutcome.REFUSED
    assert "outro pedido" in result.texts[0]
    assert Invoice.objects.get().order == order


def test_same_key_with_other_content_is_refused(load: Callable[..., ImportResult]) -> None:
    load(nfe_xml())
    result = load(nfe_xml(additional_text="outro"))
    assert result.outcome is ImportOutcome.REFUSED
    assert "outro conteúdo" in result.texts[0]


def test_a_second_note_for_an_order_waits_until_the_first_is_cancelled(
    load: Callable[..., ImportResult], make_order: MakeOrder
) -> None:
    order = make_order()
    first = load(nfe_xml(order_reference=REFERENCE)).invoice
    second = load(nfe_xml(order_reference=REFERENCE, number=124))
    assert (second.outcome, second.order) == (ImportOutcome.IMPORTED, None)
    assert "já tem a NF-e 123" in second.texts[0]
    assert first is not None
    Invoice.objects.filter(pk=first.pk).update(status=InvoiceStatus.CANCELLED, cancelled_at=first.issued_at)
    again = load(nfe_xml(order_reference=REFERENCE, number=124))
    assert (again.outcome, again.order) == (ImportOutcome.LINKED, order)


def test_a_note_of_a_cancelled_order_is_kept_without_it(
    load: Callable[..., ImportResult], make_order: MakeOrder
) -> None:
    order = make_order(status=OrderStatus.CANCELLED)
    result = load(nfe_xml(order_reference=REFERENCE))
    assert (result.outcome, result.order) == (ImportOutcome.IMPORTED, None)
    assert "está cancelado" in result.texts[0]
    assert load(nfe_xml(order_reference=REFERENCE), order=order).outcome is ImportOutcome.REFUSED


def test_a_shipped_order_keeps_its_situation(
    load: Callable[..., ImportResult], make_order: MakeOrder
) -> None:
    order = make_order(status=OrderStatus.SHIPPED)
    assert load(nfe_xml(order_reference=REFERENCE)).outcome is ImportOutcome.LINKED
    order.refresh_from_db()
    assert order.status == OrderStatus.SHIPPED


def test_hostile_file_names_are_stored_clean(company: Company, admin: User) -> None:
    files = [("a\x00\ud800\n" + "x" * 500 + ".xml", nfe_xml())]
    (result,) = invoices_import(company=company, files=files, user=admin)
    assert result.outcome is ImportOutcome.IMPORTED
    assert InvoiceDocument.objects.get().file_name == ("a" + "x" * 500)[:120]


@pytest.mark.django_db(transaction=True)
def test_the_same_file_from_many_hands_is_stored_once(
    company: Company, admin: User, make_order: MakeOrder, facts: RecordingFacts
) -> None:
    make_order()
    content = nfe_xml(order_reference=REFERENCE)
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        try:
            (result,) = invoices_import(company=company, files=[("a", content)], user=admin)
            outcomes.append(result.outcome.value)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already"] * 3 + ["linked"]
    assert len(facts.authorised) == 1


@pytest.mark.django_db(transaction=True)
def test_two_people_linking_one_note_to_two_orders_end_with_one_link(
    company: Company, admin: User, make_order: MakeOrder, facts: RecordingFacts
) -> None:
    invoices_import(company=company, files=[("a", nfe_xml())], user=admin)
    invoice = Invoice.objects.get()
    orders = [make_order(external_id=f"90000{n}") for n in range(2)]
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def work(order: Order) -> None:
        start.wait()
        try:
            invoice_link(invoice_id=invoice.pk, order_id=order.pk, user=admin)
            outcomes.append("linked")
        except InvoiceRefused:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[order]) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["linked", "refused"]
    assert facts.authorised == [invoice.pk]
    assert OrderEvent.objects.filter(kind="invoice_linked").count() == 1


# Carrier


@pytest.fixture
def carrier(company: Company) -> Carrier:
    return Carrier.objects.create(company=company, name="Rápido", code="RAPIDO", tax_id="11444777000161")


@pytest.fixture
def method(company: Company, carrier: Carrier) -> ShippingMethod:
    return ShippingMethod.objects.create(
        company=company, name="Rápido normal", kind=ShippingKind.CARRIER, carrier=carrier
    )


def test_carrier_and_method_come_from_transp(
    load: Callable[..., ImportResult], make_order: MakeOrder, carrier: Carrier, method: ShippingMethod
) -> None:
    make_order()
    invoice = load(nfe_xml(order_reference=REFERENCE, carrier_tax_id=carrier.tax_id)).invoice
    assert invoice is not None
    assert (invoice.carrier, invoice.shipping_method) == (carrier, method)


def test_unknown_carrier_stays_empty_and_the_orders_method_is_taken(
    load: Callable[..., ImportResult], make_order: MakeOrder, company: Company
) -> None:
    pac = ShippingMethod.objects.create(company=company, name="PAC", kind=ShippingKind.CORREIOS)
    make_order(shipping_method=pac)
    invoice = load(
        nfe_xml(order_reference=REFERENCE, carrier_tax_id="12345678000195", carrier_name="Outra")
    ).invoice
    assert invoice is not None
    assert (invoice.carrier, invoice.shipping_method) == (None, pac)


def test_carrier_of_another_company_is_not_taken(
    load: Callable[..., ImportResult], other_company: Company
) -> None:
    theirs = Carrier.objects.create(company=other_company, name="T", code="T", tax_id="11444777000161")
    invoice = load(nfe_xml(carrier_tax_id=theirs.tax_id)).invoice
    assert invoice is not None
    assert invoice.carrier is None
    with pytest.raises(InvoiceRefused):
        invoice_carrier_set(invoice_id=invoice.pk, carrier_id=theirs.pk, shipping_method_id=None, user=None)


def test_choosing_a_method_brings_its_carrier_and_a_line_of_history(
    load: Callable[..., ImportResult], make_order: MakeOrder, method: ShippingMethod, admin: User
) -> None:
    order = make_order()
    invoice = load(nfe_xml(order_reference=REFERENCE)).invoice
    assert invoice is not None
    choice = {"invoice_id": invoice.pk, "carrier_id": None, "shipping_method_id": method.pk, "user": admin}
    assert invoice_carrier_set(**choice)  # type: ignore[arg-type]
    assert not invoice_carrier_set(**choice)  # type: ignore[arg-type]
    invoice.refresh_from_db()
    assert (invoice.carrier, invoice.shipping_method) == (method.carrier, method)
    assert OrderEvent.objects.filter(order=order, kind="invoice_carrier").count() == 1


# Linking by hand


def test_link_by_hand_announces_once(
    load: Callable[..., ImportResult], make_order: MakeOrder, facts: RecordingFacts, admin: User
) -> None:
    invoice = load(nfe_xml()).invoice
    order = make_order()
    assert invoice is not None
    assert facts.authorised == []
    assert invoice_link(invoice_id=invoice.pk, order_id=order.pk, user=admin) == ()
    assert invoice_link(invoice_id=invoice.pk, order_id=order.pk, user=admin) == ()
    assert facts.authorised == [invoice.pk]


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"buyer_tax_id": "11144477735"}, "comprador"), ({"status": OrderStatus.CANCELLED}, "cancelado")],
)
def test_link_by_hand_is_judged_too(
    load: Callable[..., ImportResult], make_order: MakeOrder, fields: dict[str, object], words: str
) -> None:
    invoice = load(nfe_xml()).invoice
    assert invoice is not None
    with pytest.raises(InvoiceRefused, match=words):
        invoice_link(invoice_id=invoice.pk, order_id=make_order(**fields).pk, user=None)
    assert Invoice.objects.get().order is None


def test_a_cancelled_note_is_not_linked(load: Callable[..., ImportResult], make_order: MakeOrder) -> None:
    invoice = load(nfe_xml()).invoice
    assert invoice is not None
    Invoice.objects.update(status=InvoiceStatus.CANCELLED, cancelled_at=invoice.issued_at)
    with pytest.raises(InvoiceRefused, match="cancelada"):
        invoice_link(invoice_id=invoice.pk, order_id=make_order().pk, user=None)


def test_unlink_and_link_to_the_right_order(load: Callable[..., ImportResult], make_order: MakeOrder) -> None:
    wrong, right = make_order(), make_order(external_id="2")
    invoice = load(nfe_xml(order_reference=REFERENCE)).invoice
    assert invoice is not None
    invoice_unlink(invoice_id=invoice.pk, user=None)
    invoice_unlink(invoice_id=invoice.pk, user=None)
    assert OrderEvent.objects.filter(order=wrong, kind="invoice_unlinked").count() == 1
    invoice_link(invoice_id=invoice.pk, order_id=right.pk, user=None)
    invoice.refresh_from_db()
    assert (invoice.order, invoice.store) == (right, right.store)


def test_a_cancelled_note_stays_with_its_order(
    load: Callable[..., ImportResult], make_order: MakeOrder
) -> None:
    """It is what keeps the order from leaving without a note."""
    make_order()
    invoice = load(nfe_xml(order_reference=REFERENCE)).invoice
    assert invoice is not None
    Invoice.objects.update(status=InvoiceStatus.CANCELLED, cancelled_at=invoice.issued_at)
    with pytest.raises(InvoiceRefused, match="cancelada"):
        invoice_unlink(invoice_id=invoice.pk, user=None)


@pytest.mark.parametrize("status", [OrderStatus.READY_TO_SHIP, OrderStatus.SHIPPED, OrderStatus.DELIVERED])
def test_unlink_is_refused_once_the_order_left(
    load: Callable[..., ImportResult], make_order: MakeOrder, status: OrderStatus
) -> None:
    make_order(status=status)
    invoice = load(nfe_xml(order_reference=REFERENCE)).invoice
    assert invoice is not None
    with pytest.raises(InvoiceRefused):
        invoice_unlink(invoice_id=invoice.pk, user=None)


@pytest.mark.parametrize(
    ("state", "refused"),
    [
        (JobState.DONE, True),
        (JobState.PENDING, True),
        (JobState.BLOCKED, False),
        (JobState.CANCELLED, False),
    ],
)
def test_unlink_is_refused_while_the_channel_has_it_or_is_about_to(
    load: Callable[..., ImportResult], make_order: MakeOrder, state: JobState, refused: bool
) -> None:
    order = make_order()
    invoice = load(nfe_xml(order_reference=REFERENCE)).invoice
    assert invoice is not None
    PushJob.objects.create(
        store=order.store,
        kind="send_invoice",
        subject=f"order:{REFERENCE}",
        idempotency_key="k",
        state=state,
        failure_mode=FailureMode.REJECTED if state is JobState.BLOCKED else "",
        finished_at=invoice.issued_at if state in (JobState.DONE, JobState.CANCELLED) else None,
        payload={"invoice_id": invoice.pk},
    )
    if refused:
        with pytest.raises(InvoiceRefused):
            invoice_unlink(invoice_id=invoice.pk, user=None)
    else:
        invoice_unlink(invoice_id=invoice.pk, user=None)
    invoice.refresh_from_db()
    assert (invoice.order is None) is not refused
