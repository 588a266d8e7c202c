"""Every constraint the code relies on, violated once; and the bytes that never change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError

from erp.accounts.models import AppendOnlyError, Company, Role, Store, User
from erp.sales.models import Order
from invoices.imports import invoices_import
from invoices.models import (
    DocumentDamaged,
    Invoice,
    InvoiceDocument,
    InvoiceEvent,
    InvoiceStatus,
    RefusedFile,
    WarningConsent,
)
from tests.invoices.factory import access_key, nfe_xml

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def make_invoice(company: Company) -> Callable[..., Invoice]:
    def make(**fields: Any) -> Invoice:
        values = {
            "company": company,
            "access_key": access_key(),
            "number": 123,
            "series": 1,
            "environment": "homologation",
            "issued_at": NOW,
            "authorized_at": NOW,
            "authorization_protocol": "135200000000123",
            "issuer_tax_id": company.tax_id,
            "total": 17000,
        }
        return Invoice.objects.create(**(values | fields))

    return make


def violates(name: str, make: Callable[..., object], **fields: object) -> None:
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        make(**fields)
    if connection.vendor == "postgresql" or "CHECK" in str(error.value):
        assert name in str(error.value)


def test_key_is_unique(make_invoice: Callable[..., Invoice]) -> None:
    make_invoice()
    violates("invoice_unique_access_key", make_invoice, number=124)


def test_one_note_in_force_per_order(
    make_invoice: Callable[..., Invoice], make_order: Callable[..., Order], store: Store
) -> None:
    link = {"order": make_order(), "store": store}
    make_invoice(**link, status=InvoiceStatus.CANCELLED, cancelled_at=NOW)
    make_invoice(**link, access_key=access_key(number=2))
    violates("invoice_one_in_force_per_order", make_invoice, **link, access_key=access_key(number=3))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("invoice_access_key_length", {"access_key": "35"}),
        ("invoice_known_status", {"status": "sent"}),
        ("invoice_known_environment", {"environment": "test"}),
        ("invoice_total_not_negative", {"total": -1}),
        ("invoice_cancelled_has_time", {"status": "cancelled"}),
        ("invoice_cancelled_has_time", {"cancelled_at": NOW}),
        ("invoice_danfe_issued_has_time", {"status": "danfe_issued"}),
    ],
)
def test_rules_of_one_row(make_invoice: Callable[..., Invoice], name: str, fields: dict[str, object]) -> None:
    violates(name, make_invoice, **fields)


def test_a_pending_note_wants_an_order_and_is_not_linked(
    make_invoice: Callable[..., Invoice], make_order: Callable[..., Order], store: Store
) -> None:
    order = make_order()
    violates("invoice_pending_is_not_linked", make_invoice, status="pending", order=order, store=store)
    violates("invoice_wanted_while_pending", make_invoice, wanted_order=order, store=store)
    violates("invoice_wanted_while_pending", make_invoice, status="pending", wanted_order=order)


def test_a_consent_is_given_once(
    make_invoice: Callable[..., Invoice], make_order: Callable[..., Order], admin: User
) -> None:
    consent = {"invoice": make_invoice(), "code": "total", "text": "…", "actor": admin}
    make = WarningConsent.objects.create
    make(**consent)
    violates("consent_once_per_file_warning", make, **consent)
    order = make_order()
    make(**consent, order=order)
    violates("consent_once_per_order_warning", make, **consent, order=order)


def test_an_event_is_kept_once(company: Company) -> None:
    make = InvoiceEvent.objects.create
    values = {
        "company": company,
        "access_key": access_key(),
        "kind": "110111",
        "sequence": 1,
        "environment": "homologation",
        "registered_at": NOW,
        "content": b"<x/>",
        "sha256": "0" * 64,
    }
    make(**values)
    violates("invoiceevent_once", make, **values)
    violates("invoiceevent_access_key_length", make, **values | {"access_key": "35"})
    violates("invoiceevent_known_kind", make, **values | {"kind": "210200"})
    violates("invoiceevent_known_environment", make, **values | {"environment": "test", "sequence": 2})
    violates("invoiceevent_has_digest", make, **values | {"sha256": "0", "sequence": 3})


def test_a_refused_file_is_kept_once_and_true(company: Company, make_order: Callable[..., Order]) -> None:
    make = RefusedFile.objects.create
    values = {
        "company": company,
        "sha256": "0" * 64,
        "size": 3,
        "content": b"abc",
        "file_name": "a.xml",
        "last_sent_at": NOW,
    }
    make(**values)
    violates("refusedfile_once_per_company", make, **values)
    other = values | {"sha256": "1" * 64}
    violates("refusedfile_has_digest", make, **values | {"sha256": "1"})
    violates("refusedfile_size_is_true", make, **other | {"size": 4})
    violates("refusedfile_was_sent", make, **other | {"times": 0})
    violates("refusedfile_order_has_store", make, **other | {"order": make_order()})


def test_a_linked_note_has_its_store(
    make_invoice: Callable[..., Invoice], make_order: Callable[..., Order]
) -> None:
    violates("invoice_linked_has_store", make_invoice, order=make_order())


def test_document_size_and_digest_are_true(make_invoice: Callable[..., Invoice]) -> None:
    invoice = make_invoice()
    make = InvoiceDocument.objects.create
    violates("document_size_is_true", make, invoice=invoice, content=b"abc", sha256="0" * 64, size=2)
    violates("document_has_digest", make, invoice=invoice, content=b"abc", sha256="0", size=3)


@pytest.fixture
def document(company: Company, admin: User) -> InvoiceDocument:
    invoices_import(company=company, files=[("a.xml", nfe_xml())], user=admin)
    return InvoiceDocument.objects.get()


def test_a_document_cannot_be_changed_or_deleted(document: InvoiceDocument) -> None:
    document.content = b"x"
    with pytest.raises(AppendOnlyError):
        document.save()
    with pytest.raises(AppendOnlyError):
        document.delete()
    with pytest.raises(AppendOnlyError):
        InvoiceDocument.objects.filter(pk=document.pk).update(content=b"x")


def test_damage_is_noticed_on_read(document: InvoiceDocument) -> None:
    content = document.read()
    damaged = content.replace(b"<vNF>170", b"<vNF>171")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE invoices_invoicedocument SET content = %s", [damaged])
    with pytest.raises(DocumentDamaged):
        InvoiceDocument.objects.get().read()


def test_every_status_has_a_tab_and_a_colour() -> None:
    assert {status.group for status in InvoiceStatus} == {"pending", "issued", "rejected", "cancelled"}
    assert all(status.colour and status.label for status in InvoiceStatus)


def test_visible_notes_are_those_of_ones_stores_and_those_without_order(
    make_invoice: Callable[..., Invoice],
    make_order: Callable[..., Order],
    make_user: Callable[..., User],
    operator: User,
    other_company: Company,
    store: Store,
) -> None:
    waiting = make_invoice()
    linked = make_invoice(access_key=access_key(number=2), order=make_order(), store=store)
    outsider = make_user(Role.OPERATOR, username="fora", stores=[])
    foreigner = User.objects.create_user("x", company=other_company, role=Role.ADMIN)
    assert set(Invoice.objects.visible_to(operator)) == {waiting, linked}
    assert set(Invoice.objects.visible_to(outsider)) == {waiting}
    assert not Invoice.objects.visible_to(foreigner).exists()


def test_a_replaced_note_has_no_order(
    make_invoice: Callable[..., Invoice], make_order: Callable[..., Order], store: Store
) -> None:
    newer = make_invoice()
    link = {"order": make_order(), "store": store, "replaced_by": newer}
    violates("invoice_replaced_has_no_order", make_invoice, access_key=access_key(number=2), **link)


def test_nothing_deletes_a_note(
    make_invoice: Callable[..., Invoice], make_order: Callable[..., Order], store: Store
) -> None:
    """132 months from the issue; after them too, because nobody has asked for the opposite."""
    order = make_order()
    invoice = make_invoice(order=order, store=store, issued_at=datetime(2010, 1, 1, tzinfo=UTC))
    for rows in (invoice, Invoice.objects.all(), Invoice.objects.filter(pk=invoice.pk)):
        with pytest.raises(AppendOnlyError):
            rows.delete()
    for owner in (order, store, invoice.company):
        with pytest.raises(ProtectedError):
            owner.delete()
    assert Invoice.objects.get() == invoice
