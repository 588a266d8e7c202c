"""One note per order, whoever clicks, dies or answers late; and a sequence without holes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from erp.accounts.issuers import issuer_choices
from erp.accounts.models import Company, Counter, User
from erp.channels import RowOutcome
from erp.sales.models import Order, OrderStatus
from invoices.imports import invoices_import
from invoices.issuing import issuers, services
from invoices.issuing.demonstration.issuer import DemonstrationIssuer
from invoices.issuing.draft import Draft
from invoices.issuing.drafts import drafts_read
from invoices.issuing.issuers import (
    Answer,
    Authorised,
    BuildRefused,
    IssueRefused,
    IssuerUnavailable,
    Numbering,
    Queued,
    SignedInvoice,
)
from invoices.issuing.models import InvoiceIssue, InvoiceNumberGap, IssueState
from invoices.linking import InvoiceRefused
from invoices.models import Invoice, InvoiceStatus
from invoices.placement import ImportOutcome
from tests.invoices.conftest import RecordingFacts
from tests.invoices.factory import nfe_xml

ReadyOrder = Callable[..., Order]


class Killed(BaseException):
    """The process dies here."""


class Authority(DemonstrationIssuer):
    """A SEFAZ of ours: answers from a list (an exception is raised), then as the demonstration does.
    `asked` holds what it was called with."""

    key = "authority"
    answers_at_once = False

    def __init__(self, *answers: Answer | BaseException) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, bytes]] = []
        self.known: Answer | None = None

    def send(self, note: SignedInvoice) -> Answer:
        self.asked.append(("send", note.content))
        return self._next(note)

    def find(self, note: SignedInvoice, receipt: str) -> Answer | None:
        self.asked.append((f"find {receipt}".strip(), note.content))
        return self.known

    def _next(self, note: SignedInvoice) -> Answer:
        answer = self.answers.pop(0) if self.answers else super().send(note)
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def authority(demonstration: DemonstrationIssuer, company: Company) -> Callable[..., Authority]:
    """`authority(answer, …)`: the company's issuer from now on."""

    def choose(*answers: Answer | BaseException) -> Authority:
        chosen = Authority(*answers)
        issuers.issuer_register(chosen)
        Company.objects.filter(pk=company.pk).update(invoice_issuer=chosen.key)
        company.refresh_from_db()
        return chosen

    return choose


def issue(company: Company, *orders: Order, user: User | None = None) -> list[Any]:
    return services.invoices_issue(company=company, order_ids=[order.pk for order in orders], user=user)


def later(**changes: Any) -> None:
    """Leases and waits run out."""
    past = timezone.now() - timedelta(hours=1)
    InvoiceIssue.objects.update(**{"not_before": past, **changes})
    InvoiceIssue.objects.filter(lease_until__isnull=False).update(lease_until=past)


def sweep() -> None:
    for issue_id in services.issues_due():
        services.issue_advance(issue_id)


def test_a_click_makes_the_note_links_it_and_tells_the_rooms(
    demonstration: DemonstrationIssuer,
    ready_order: ReadyOrder,
    company: Company,
    operator: User,
    facts: RecordingFacts,
) -> None:
    order = ready_order()
    (result,) = issue(company, order, user=operator)
    invoice = Invoice.objects.get()
    assert (result.outcome, result.url) == (RowOutcome.DONE, invoice.get_absolute_url())
    assert (invoice.order, invoice.total, invoice.number) == (order, order.total, 1)
    assert invoice.created_by == operator
    order.refresh_from_db()
    assert order.status == OrderStatus.INVOICED
    assert facts.authorised == [invoice.pk]
    row = InvoiceIssue.objects.get()
    assert (row.state, row.invoice, row.lease_token) == (IssueState.AUTHORISED, invoice, None)
    assert bytes(row.content) == b""


def test_asking_again_makes_no_second(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, company: Company
) -> None:
    order = ready_order()
    issue(company, order)
    (again,) = issue(company, order)
    assert (again.outcome, Invoice.objects.count()) == (RowOutcome.REFUSED, 1)
    assert "já tem a NF-e 1" in again.text


def test_numbers_follow_one_another_and_skip_notes_made_elsewhere(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, company: Company
) -> None:
    issue(company, ready_order(external_id="1"), ready_order(external_id="2"))
    Invoice.objects.filter(number=2).update(number=40)
    issue(company, ready_order(external_id="3"), ready_order(external_id="4"))
    assert list(Invoice.objects.order_by("pk").values_list("number", flat=True)) == [1, 40, 41, 42]


def test_what_is_lacking_is_said_and_nothing_is_begun(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, company: Company
) -> None:
    Company.objects.filter(pk=company.pk).update(state_registration="")
    (result,) = issue(company, ready_order(address={"district": ""}))
    assert result.outcome == RowOutcome.REFUSED
    assert "inscrição estadual" in result.text
    assert "falta o bairro" in result.text
    assert not InvoiceIssue.objects.exists()


def test_a_company_that_imports_is_told_so(ready_order: ReadyOrder, company: Company) -> None:
    (result,) = issue(company, ready_order())
    assert result.outcome == RowOutcome.REFUSED
    assert not InvoiceIssue.objects.exists()


def test_without_the_demonstration_a_company_that_chose_it_imports(
    ready_order: ReadyOrder, company: Company
) -> None:
    """The suite runs without ERP_DEMO: what nobody registered cannot be chosen."""
    company.invoice_issuer = "demonstration"
    assert issuers.issuer_of(company).key == "imported"
    assert [key for key, _ in issuer_choices()] == ["imported"]


@pytest.mark.parametrize("place", ["send", "take_in", "settle"])
def test_a_killed_process_leaves_one_note(
    place: str,
    demonstration: DemonstrationIssuer,
    ready_order: ReadyOrder,
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = ready_order()

    def dies(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patched:
        if place == "send":
            patched.setattr(demonstration, "send", dies, raising=False)
        elif place == "take_in":
            patched.setattr(services, "invoices_import", dies)
        else:
            patched.setattr(services, "_is_ours", dies)
        with pytest.raises(Killed):
            issue(company, order)
    assert InvoiceIssue.objects.get().number == 1
    sweep()
    assert InvoiceIssue.objects.get().state == IssueState.QUEUED  # its lease still runs
    later()
    sweep()
    assert InvoiceIssue.objects.get().state == IssueState.AUTHORISED
    assert Invoice.objects.get().number == 1
    assert Counter.objects.get(name="nfe:homologation:1").value == 1


def test_a_process_killed_before_the_number_leaves_no_hole(
    demonstration: DemonstrationIssuer,
    ready_order: ReadyOrder,
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = ready_order()

    def dies(*args: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(demonstration, "build", dies, raising=False)
        with pytest.raises(Killed):
            issue(company, order)
    assert InvoiceIssue.objects.get().number is None
    later()
    sweep()
    assert Invoice.objects.get().number == 1


def test_a_late_answer_is_fetched_by_its_receipt(
    authority: Callable[..., Authority], ready_order: ReadyOrder, company: Company
) -> None:
    sefaz = authority(Queued("R1", 30))
    (result,) = issue(company, ready_order())
    assert result.outcome == RowOutcome.QUEUED
    sweep()
    assert InvoiceIssue.objects.get().state == IssueState.SENT
    sweep()
    assert len(sefaz.asked) == 1  # not before its time
    note = SignedInvoice(InvoiceIssue.objects.get().access_key, sefaz.asked[0][1])
    sefaz.known = DemonstrationIssuer().send(note)
    later()
    sweep()
    assert [asked for asked, _ in sefaz.asked] == ["send", "find R1"]
    assert InvoiceIssue.objects.get().state == IssueState.AUTHORISED


def test_an_unknown_outcome_is_looked_up_before_sending_the_same_bytes_again(
    authority: Callable[..., Authority], ready_order: ReadyOrder, company: Company
) -> None:
    sefaz = authority(IssuerUnavailable("A SEFAZ não respondeu."))
    issue(company, ready_order())
    sweep()
    row = InvoiceIssue.objects.get()
    assert (row.state, row.reason) == (IssueState.SENT, "A SEFAZ não respondeu.")
    later()
    sweep()
    assert [asked for asked, _ in sefaz.asked] == ["send", "find", "send"]
    assert len({content for _, content in sefaz.asked}) == 1
    assert Invoice.objects.count() == 1


def test_a_refusal_gives_its_number_to_the_next_note(
    authority: Callable[..., Authority], ready_order: ReadyOrder, company: Company
) -> None:
    authority(IssueRefused("778", "NCM inexistente"))
    first = ready_order(external_id="1")
    issue(company, first)
    sweep()
    row = InvoiceIssue.objects.get()
    assert (row.state, row.reason_code, row.number) == (IssueState.REFUSED, "778", 1)
    assert "NCM inexistente" in first.events.get(kind="invoice_issue_refused").text
    assert InvoiceNumberGap.objects.get().number == 1
    issue(company, first, ready_order(external_id="2"))
    sweep()
    assert sorted(Invoice.objects.values_list("number", flat=True)) == [1, 2]
    assert not InvoiceNumberGap.objects.exists()
    assert list(InvoiceIssue.objects.filter(order=first).values_list("attempt", flat=True)) == [1, 2]


def test_a_refusal_that_spent_the_number_leaves_it_spent(
    authority: Callable[..., Authority], ready_order: ReadyOrder, company: Company
) -> None:
    authority(IssueRefused("302", "Uso denegado", number_is_free=False))
    order = ready_order()
    issue(company, order)
    sweep()
    issue(company, order)
    sweep()
    assert Invoice.objects.get().number == 2
    assert not InvoiceNumberGap.objects.exists()


def test_an_order_cancelled_while_it_waits_takes_no_number(
    authority: Callable[..., Authority], ready_order: ReadyOrder, company: Company
) -> None:
    sefaz = authority()
    order = ready_order()
    issue(company, order)
    Order.objects.filter(pk=order.pk).update(status=OrderStatus.CANCELLED)
    sweep()
    row = InvoiceIssue.objects.get()
    assert (row.state, row.number, sefaz.asked) == (IssueState.REFUSED, None, [])
    assert "cancelado" in row.reason
    assert not Counter.objects.filter(name__startswith="nfe:", value__gt=0).exists()


def test_what_cannot_be_built_gives_the_number_back(
    demonstration: DemonstrationIssuer,
    ready_order: ReadyOrder,
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuses(draft: Draft, numbering: Numbering) -> SignedInvoice:
        raise BuildRefused("Não dá.")

    monkeypatch.setattr(demonstration, "build", refuses, raising=False)
    (result,) = issue(company, ready_order())
    assert (result.outcome, result.text) == (RowOutcome.REFUSED, "Não dá.")
    assert not Counter.objects.filter(name__startswith="nfe:", value__gt=0).exists()


def test_a_spent_series_is_said(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, company: Company
) -> None:
    Counter.objects.create(company=company, name="nfe:homologation:1", value=999_999_999)
    (result,) = issue(company, ready_order())
    assert "A numeração da série acabou" in result.text
    assert Counter.objects.get(name="nfe:homologation:1").value == 999_999_999


def test_a_note_the_validation_refuses_ends_the_attempt_with_its_reasons(
    demonstration: DemonstrationIssuer,
    ready_order: ReadyOrder,
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = demonstration.send

    def spoilt(note: SignedInvoice) -> Answer:
        answer = real(note)
        assert isinstance(answer, Authorised)
        return Authorised(answer.document.replace(b"<cStat>100<", b"<cStat>110<"))

    monkeypatch.setattr(demonstration, "send", spoilt, raising=False)
    (result,) = issue(company, ready_order())
    assert result.outcome == RowOutcome.REFUSED
    assert "denegado" in result.text
    assert not Invoice.objects.exists()


def test_a_note_that_waits_for_consent_is_in_the_way_of_another(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, company: Company, admin: User
) -> None:
    """SEFAZ has authorised it: making a second would tax the sale twice."""
    order = ready_order()
    content = nfe_xml(number=900, total=order.total + 500)
    (held,) = invoices_import(company=company, files=[("n.xml", content)], user=admin, order=order)
    assert held.outcome == ImportOutcome.HELD
    (result,) = issue(company, order)
    assert (result.outcome, Invoice.objects.count()) == (RowOutcome.REFUSED, 1)
    assert "já tem a NF-e 900 série 1, que espera confirmação" in result.text
    assert services.issue_request(order_id=order.pk, issuer=demonstration, user=None) == (None, False)


def test_a_cancelled_note_makes_room_for_the_next(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, company: Company
) -> None:
    order = ready_order()
    issue(company, order)
    Invoice.objects.update(status=InvoiceStatus.CANCELLED, cancelled_at=timezone.now())
    (result,) = issue(company, order)
    assert result.outcome == RowOutcome.DONE
    assert sorted(Invoice.objects.values_list("number", flat=True)) == [1, 2]


def test_cancelling_here_keeps_the_event_and_frees_the_order(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, company: Company, operator: User
) -> None:
    order = ready_order()
    issue(company, order)
    invoice = Invoice.objects.get()
    said = services.invoice_cancel(invoice=invoice, reason="Comprador desistiu", user=operator)
    assert "foi cancelada" in said
    invoice.refresh_from_db()
    assert invoice.status == InvoiceStatus.CANCELLED
    with pytest.raises(InvoiceRefused, match="não foi feita aqui"):
        services.invoice_cancel(invoice=invoice, reason="Comprador desistiu", user=operator)
    (result,) = issue(company, order)
    assert result.outcome == RowOutcome.DONE


def test_an_imported_note_is_cancelled_where_it_was_made(
    ready_order: ReadyOrder, company: Company, operator: User, demonstration: DemonstrationIssuer
) -> None:
    issue(company, ready_order())
    InvoiceIssue.objects.all().delete()
    with pytest.raises(InvoiceRefused, match="não foi feita aqui"):
        services.invoice_cancel(invoice=Invoice.objects.get(), reason="Comprador desistiu", user=operator)


def test_a_page_of_orders_is_judged_in_a_constant_number_of_queries(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder
) -> None:
    def counted(orders: Sequence[Order]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            drafts_read([order.pk for order in orders])
        return len(captured)

    orders = [ready_order(external_id=str(number)) for number in range(12)]
    assert counted(orders[:1]) == counted(orders) == 4


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"attempt": 2}, "issue_one_open_per_order"),
        ({"attempt": 1, "state": "refused"}, "issue_unique_attempt"),
        ({"attempt": 2, "state": "lost"}, "issue_known_state"),
        ({"attempt": 2, "state": "authorised"}, "issue_authorised_has_invoice"),
        ({"attempt": 2, "state": "refused", "number": 5}, "issue_number_with_note"),
    ],
)
def test_the_database_keeps_attempts_apart(
    changes: dict[str, Any], constraint: str, ready_order: ReadyOrder, company: Company
) -> None:
    same = {"company": company, "order": ready_order(), "issuer": "x", "environment": "homologation"}
    InvoiceIssue.objects.create(**same, attempt=1)
    with pytest.raises(IntegrityError, match=_shown(constraint)), transaction.atomic():
        InvoiceIssue.objects.create(**same | changes)


def test_the_database_gives_a_number_once(ready_order: ReadyOrder, company: Company) -> None:
    same = {
        "company": company,
        "issuer": "x",
        "environment": "homologation",
        "series": 1,
        "number": 1,
        "content": b"x",
        "attempt": 1,
    }
    InvoiceIssue.objects.create(**same, order=ready_order(external_id="1"))
    with pytest.raises(IntegrityError, match=_shown("issue_unique_number")), transaction.atomic():
        InvoiceIssue.objects.create(**same, order=ready_order(external_id="2"))


def test_the_database_keeps_a_gap_once(company: Company) -> None:
    gap = {"company": company, "environment": "homologation", "series": 1, "number": 1}
    InvoiceNumberGap.objects.create(**gap)
    with pytest.raises(IntegrityError), transaction.atomic():
        InvoiceNumberGap.objects.create(**gap)


def _shown(constraint: str) -> str:
    """SQLite names the columns of a broken unique index, not the index."""
    columns = {
        "issue_one_open_per_order": "order_id",
        "issue_unique_attempt": "attempt",
        "issue_unique_number": "number",
    }
    return f"{constraint}|{columns[constraint]}" if constraint in columns else constraint


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_make_one_note(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, company: Company
) -> None:
    order, validation = ready_order(), threading.Barrier(4)
    outcomes: list[RowOutcome] = []

    def click() -> None:
        validation.wait()
        outcomes.extend(result.outcome for result in issue(company, order))
        connection.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    later()
    sweep()
    assert Invoice.objects.get().number == 1
    assert InvoiceIssue.objects.get().state == IssueState.AUTHORISED
