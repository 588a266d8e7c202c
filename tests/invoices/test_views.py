"""The notes' pages as a browser without script uses them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.accounts.models import Company, Role, User
from erp.channels import Badge, ChannelAction, InvoiceStage, InvoiceState
from erp.sales.models import Order, OrderStatus, ShippingKind, ShippingMethod
from invoices.imports import invoices_import
from invoices.models import Invoice, InvoiceStatus, RefusedFile
from tests.invoices.conftest import FakeShop
from tests.invoices.factory import access_key, nfe_xml
from tests.invoices.intake.test_archives import zipped

REFERENCE = "9007199254740993123"
REFUSED = InvoiceState(
    InvoiceStage.REFUSED,
    [Badge("enviada", "purple"), Badge("recusada", "red")],
    "CPF <b>divergente</b>",
    is_refused=True,
    channel="Loja de teste",
)
MakeOrder = Callable[..., Order]


@pytest.fixture
def client(operator: User, sign_in: Callable[[User], Client]) -> Client:
    return sign_in(operator)


@pytest.fixture
def invoice(company: Company, admin: User, make_order: MakeOrder) -> Invoice:
    """A note linked to the order `REFERENCE`."""
    make_order()
    invoices_import(company=company, files=[("a.xml", nfe_xml(order_reference=REFERENCE))], user=admin)
    return Invoice.objects.get()


@pytest.fixture
def waiting(company: Company, admin: User) -> Invoice:
    invoices_import(company=company, files=[("b.xml", nfe_xml(number=900))], user=admin)
    return Invoice.objects.get(number=900)


def upload(client: Client, *contents: tuple[str, bytes], **data: object) -> str:
    files = [SimpleUploadedFile(name, content, "text/xml") for name, content in contents]
    return client.post(reverse("invoices:upload"), {"files": files, **data}, follow=True).content.decode()


def test_upload_answers_for_every_file(client: Client, make_order: MakeOrder) -> None:
    order = make_order()
    page = upload(
        client,
        ("boa.xml", nfe_xml(order_reference=REFERENCE)),
        ("sem-protocolo.xml", b"<NFe xmlns='http://www.portalfiscal.inf.br/nfe'/>"),
        ("<b>nome</b>.xml", b"texto"),
    )
    assert "vinculada" in page
    assert reverse("sales:order", args=[order.pk]) in page
    assert "sem protocolo" in page
    assert "<b>nome" not in page
    assert Invoice.objects.get().order == order


def test_upload_without_files_says_so(client: Client) -> None:
    assert "Nenhum arquivo escolhido" in upload(client)


def test_upload_of_a_zip_answers_for_every_member(client: Client) -> None:
    files = {"a.xml": nfe_xml(), "b.xml": b"lixo", "c.pdf": b"%PDF"}
    page = upload(client, ("lote.zip", zipped(files)))
    assert [name in page for name in ("lote.zip/a.xml", "lote.zip/b.xml", "lote.zip/c.pdf")] == [True] * 3
    assert "sem pedido" in page
    assert "nada foi lido deste arquivo" in page
    assert RefusedFile.objects.get().file_name == "lote.zip/b.xml"


def test_the_pages_script_is_answered_with_rows_alone(client: Client) -> None:
    page = upload(client, ("a.xml", nfe_xml()), fragment="1")
    assert page.count("a.xml") == 1
    assert "<html" not in page


def test_upload_of_a_huge_file_is_refused_without_reading_it_all(client: Client) -> None:
    assert "passa de 2 MB" in upload(client, ("grande.xml", b"<a>" + b"x" * 3_000_000 + b"</a>"))


def test_upload_for_one_order(client: Client, make_order: MakeOrder) -> None:
    order = make_order()
    assert (
        f'value="{order.pk}"' in client.get(reverse("invoices:upload"), {"order": order.pk}).content.decode()
    )
    upload(client, ("a.xml", nfe_xml()), order=order.pk)
    assert Invoice.objects.get().order == order


@pytest.mark.parametrize("text", ["x", "0", "99999999999999999999", "-1", "1 or 1"])
def test_upload_for_an_order_out_of_reach(client: Client, text: str) -> None:
    assert client.get(reverse("invoices:upload"), {"order": text}).status_code == 404


def test_list_tabs_and_filters(client: Client, invoice: Invoice, waiting: Invoice, shop: FakeShop) -> None:
    shop.states = {invoice.pk: REFUSED}
    url = reverse("invoices:list")
    everything = client.get(url).content.decode()
    assert f"Marcar {invoice}" in everything
    assert f"Marcar {waiting}" in everything
    assert "sem pedido" in everything
    for query, shown in (
        ({"tab": "issued"}, {invoice, waiting}),
        ({"tab": "pending"}, set()),
        ({"remote": REFERENCE[:8]}, {invoice}),
        ({"store": invoice.store_id}, {invoice}),
        ({"sent": "refused"}, {invoice}),
        ({"sent": "accepted"}, set()),
        ({"environment": "homologation"}, {invoice, waiting}),
        ({"environment": "production"}, set()),
        ({"since": "2026-11-20", "until": "2026-11-20"}, {invoice, waiting}),
        ({"since": "2026-11-21"}, set()),
        ({"q": "900"}, {waiting}),
        ({"q": " ".join(access_key()[n : n + 4] for n in range(0, 44, 4))}, {invoice}),
        ({"q": REFERENCE}, {invoice}),
    ):
        page = client.get(url, query).content.decode()
        assert {each for each in (invoice, waiting) if f"Marcar {each}" in page} == shown, query


def test_list_never_prints_a_whole_cpf(client: Client, invoice: Invoice, shop: FakeShop) -> None:
    for url in (reverse("invoices:list"), invoice.get_absolute_url()):
        page = client.get(url).content.decode()
        assert "***.982.247-**" in page
        assert "52998224725" not in page


def test_list_costs_the_same_for_many_rows(
    client: Client, company: Company, admin: User, shop: FakeShop
) -> None:
    def queries() -> int:
        cache.clear()
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(reverse("invoices:list")).status_code == 200
        return len(captured)

    invoices_import(company=company, files=[("a", nfe_xml(number=1))], user=admin)
    one = queries()
    invoices_import(company=company, files=[("a", nfe_xml(number=n)) for n in range(2, 12)], user=admin)
    assert queries() == one


def test_sending_answers_per_row(client: Client, invoice: Invoice, waiting: Invoice, shop: FakeShop) -> None:
    page = client.post(
        reverse("invoices:list"), {"action": "send_invoice", "ids": [invoice.pk, waiting.pk, 999]}
    ).content.decode()
    assert shop.asked == [(ChannelAction.SEND_INVOICE, [invoice.pk])]
    assert "na fila" in page
    assert "Vincule-a ao pedido" in page


def test_menu_greys_with_the_channels_reason(client: Client, invoice: Invoice, shop: FakeShop) -> None:
    shop.refused = {invoice.pk: "A loja está desconectada."}
    page = client.get(reverse("invoices:list"), {"row": invoice.pk}).content.decode()
    assert "enviar dados da NFe para e-commerce" in page
    assert "A loja está desconectada." in page


def test_a_cancelled_note_is_not_sent(client: Client, invoice: Invoice, shop: FakeShop) -> None:
    Invoice.objects.update(status=InvoiceStatus.CANCELLED, cancelled_at=invoice.issued_at)
    client.post(reverse("invoices:list"), {"action": "send_invoice", "ids": [invoice.pk]})
    assert shop.asked == []


def test_detail_shows_the_checks(client: Client, invoice: Invoice, shop: FakeShop) -> None:
    page = client.get(invoice.get_absolute_url()).content.decode()
    assert invoice.access_key in page
    assert "Conteúdo igual ao assinado" in page
    assert "Falhou:" not in page


def test_quantities_are_written_as_people_write_them(
    client: Client, company: Company, admin: User, shop: FakeShop
) -> None:
    for number, quantity in ((901, "100.0000"), (902, "2.5000"), (903, "0.0010")):
        content = nfe_xml(
            number=number,
            content=lambda text, quantity=quantity: text.replace("<qCom>1.0000", f"<qCom>{quantity}"),
        )
        (result,) = invoices_import(company=company, files=[("a.xml", content)], user=admin)
        assert result.invoice is not None
        page = client.get(result.invoice.get_absolute_url()).content.decode()
        shown = {"100.0000": "100", "2.5000": "2,5", "0.0010": "0,001"}[quantity]
        assert f'<td class="text-end">{shown}</td>' in page


def test_detail_judges_the_note_beside_its_order_as_it_is_today(
    client: Client, invoice: Invoice, shop: FakeShop
) -> None:
    page = client.get(invoice.get_absolute_url()).content.decode()
    assert "Total do pedido" in page
    assert "Aviso:" not in page
    Order.objects.update(total=1)
    page = client.get(invoice.get_absolute_url()).content.decode()
    assert "Aviso:" in page
    assert "1 com aviso" in page


def test_detail_says_when_the_environment_of_the_company_changed(
    client: Client, invoice: Invoice, company: Company, shop: FakeShop
) -> None:
    Company.objects.filter(pk=company.pk).update(fiscal_environment="production")
    assert "Falhou:" in client.get(invoice.get_absolute_url()).content.decode()


def test_markup_in_the_note_is_text_on_the_page(
    client: Client, company: Company, admin: User, shop: FakeShop
) -> None:
    def hostile(text: str) -> str:
        return text.replace("Camiseta Basica", "&lt;script&gt;alert(1)&lt;/script&gt;")

    invoices_import(company=company, files=[("a", nfe_xml(content=hostile))], user=admin)
    page = client.get(Invoice.objects.get().get_absolute_url()).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_xml_is_the_original_as_a_download(client: Client, invoice: Invoice) -> None:
    response = client.get(reverse("invoices:xml", args=[invoice.pk]))
    assert response.content == nfe_xml(order_reference=REFERENCE)
    assert response["Content-Disposition"] == f'attachment; filename="{invoice.access_key}-procNFe.xml"'
    assert response["Content-Type"] == "application/xml"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_damaged_file_is_said_not_served(client: Client, invoice: Invoice, shop: FakeShop) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE invoices_invoicedocument SET sha256 = %s", ["0" * 64])
    response = client.get(reverse("invoices:xml", args=[invoice.pk]), follow=True)
    assert response.redirect_chain == [(invoice.get_absolute_url(), 302)]
    assert "danificado" in response.content.decode()


def test_link_and_unlink(client: Client, waiting: Invoice, make_order: MakeOrder, shop: FakeShop) -> None:
    order = make_order()
    link, unlink = (reverse(f"invoices:{name}", args=[waiting.pk]) for name in ("link", "unlink"))
    page = client.post(link, {"order": "404"}, follow=True).content.decode()
    assert "Pedido não encontrado" in page
    page = client.post(link, {"order": REFERENCE}, follow=True).content.decode()
    assert f"Nota vinculada ao pedido {order.number}" in page
    assert "Desvincular" in page
    client.post(unlink)
    client.post(link, {"order": str(order.number)})
    waiting.refresh_from_db()
    assert waiting.order == order


def test_carrier_form(client: Client, invoice: Invoice, company: Company, shop: FakeShop) -> None:
    method = ShippingMethod.objects.create(company=company, name="PAC", kind=ShippingKind.CORREIOS)
    url = reverse("invoices:carrier", args=[invoice.pk])
    assert "PAC" in client.get(url).content.decode()
    page = client.post(url, {"shipping_method": method.pk, "carrier": ""}, follow=True).content.decode()
    assert "Transporte salvo." in page
    invoice.refresh_from_db()
    assert invoice.shipping_method == method


def test_other_peoples_notes_do_not_exist(
    invoice: Invoice, make_user: Callable[..., User], sign_in: Callable[[User], Client]
) -> None:
    outsider = sign_in(make_user(Role.OPERATOR, username="fora", stores=[]))
    for name in ("detail", "xml", "xml_view", "carrier", "correct"):
        assert outsider.get(reverse(f"invoices:{name}", args=[invoice.pk])).status_code == 404
    for name in ("link", "unlink"):
        assert outsider.post(reverse(f"invoices:{name}", args=[invoice.pk])).status_code == 404


def test_a_viewer_reads_and_changes_nothing(
    invoice: Invoice, viewer: User, sign_in: Callable[[User], Client], shop: FakeShop
) -> None:
    client = sign_in(viewer)
    assert client.get(reverse("invoices:list")).status_code == 200
    assert client.get(invoice.get_absolute_url()).status_code == 200
    assert client.get(reverse("invoices:upload")).status_code == 403
    sending = {"action": "send_invoice", "ids": [invoice.pk]}
    assert client.post(reverse("invoices:list"), sending).status_code == 403
    assert client.post(reverse("invoices:unlink", args=[invoice.pk])).status_code == 403


def test_sent_and_refused_are_two_markers_with_the_reason(
    client: Client, invoice: Invoice, shop: FakeShop
) -> None:
    shop.states = {invoice.pk: REFUSED}
    for url in (reverse("invoices:list"), invoice.get_absolute_url()):
        page = client.get(url).content.decode()
        assert "enviada" in page
        assert "recusada" in page
        assert "CPF &lt;b&gt;divergente" in page
    menu = client.get(reverse("invoices:list"), {"row": invoice.pk}).content.decode()
    assert reverse("invoices:correct", args=[invoice.pk]) in menu


def test_correcting_replaces_the_note_and_sends_the_new_one(
    client: Client, invoice: Invoice, shop: FakeShop
) -> None:
    shop.states = {invoice.pk: REFUSED}
    order, url = invoice.order, reverse("invoices:correct", args=[invoice.pk])
    assert order is not None
    assert "O motivo, com as palavras de lá" in client.get(url).content.decode()
    corrected = SimpleUploadedFile("b.xml", nfe_xml(number=124), "text/xml")
    page = client.post(url, {"file": corrected}, follow=True).content.decode()
    newer = Invoice.objects.get(number=124)
    assert f"{newer} tomou o lugar da {invoice}" in page
    assert shop.asked == [(ChannelAction.SEND_INVOICE, [newer.pk])]
    assert newer.order == order
    old = client.get(invoice.get_absolute_url()).content.decode()
    assert "tomou o lugar desta nota" in old
    assert "substituída" in client.get(reverse("invoices:list")).content.decode()
    assert order.events.filter(kind="invoice_replaced").count() == 1


def test_correcting_by_sending_the_same_note_again(client: Client, invoice: Invoice, shop: FakeShop) -> None:
    url = reverse("invoices:correct", args=[invoice.pk])
    page = client.post(url, {"again": "1"}, follow=True).content.decode()
    assert shop.asked == [(ChannelAction.SEND_INVOICE, [invoice.pk])]
    assert "na fila" in page
    shop.refused = {invoice.pk: "A loja está desconectada."}
    assert "A loja está desconectada." in client.get(url).content.decode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"texto", "XML"),
        (nfe_xml(order_reference=REFERENCE), "mesma nota"),
        (nfe_xml(number=125, recipient_tax_id="11144477735"), "destinatário"),
        (None, "Escolha o XML"),
    ],
    ids=["no note", "the same note", "of somebody else", "no file"],
)
def test_correcting_with_a_wrong_file_changes_nothing(
    client: Client, invoice: Invoice, shop: FakeShop, content: bytes | None, said: str
) -> None:
    url = reverse("invoices:correct", args=[invoice.pk])
    data = {"file": SimpleUploadedFile("b.xml", content, "text/xml")} if content else {}
    page = client.post(url, data, follow=True).content.decode()
    assert said in page
    assert shop.asked == []
    assert Invoice.objects.get().order == invoice.order


def test_a_shipped_order_takes_no_other_note(client: Client, invoice: Invoice, shop: FakeShop) -> None:
    Order.objects.update(status=OrderStatus.SHIPPED)
    url = reverse("invoices:correct", args=[invoice.pk])
    page = client.post(url, {"file": SimpleUploadedFile("b.xml", nfe_xml(number=124), "text/xml")})
    assert "não aceita mais outra nota" in page.content.decode()
    assert Invoice.objects.get().order == invoice.order


def test_a_note_without_order_has_nothing_to_correct(
    client: Client, waiting: Invoice, shop: FakeShop
) -> None:
    page = client.get(reverse("invoices:correct", args=[waiting.pk]), follow=True).content.decode()
    assert "não está vinculada" in page


def test_correcting_with_a_warning_waits_for_consent(
    client: Client, invoice: Invoice, shop: FakeShop
) -> None:
    url = reverse("invoices:correct", args=[invoice.pk])
    dearer = SimpleUploadedFile("b.xml", nfe_xml(number=124, total=18000), "text/xml")
    page = client.post(url, {"file": dearer}, follow=True).content.decode()
    assert "espera confirmação antes de tomar o lugar" in page
    assert shop.asked == []
    invoice.refresh_from_db()
    assert invoice.order is not None


def test_the_tab_of_refused_files(client: Client, invoice: Invoice, shop: FakeShop, company: Company) -> None:
    upload(client, ("<i>sem-protocolo</i>.xml", b"<NFe xmlns='http://www.portalfiscal.inf.br/nfe'/>"))
    row = RefusedFile.objects.get()
    url = reverse("invoices:list")
    for tab in ("rejected", "all"):
        page = client.get(url, {"tab": tab}).content.decode()
        assert 'rejeitadas <span class="tab-count">1</span>' in page
        assert 'emitidas <span class="tab-count">1</span>' in page
    page = client.get(url, {"tab": "rejected"}).content.decode()
    assert "sem protocolo" in page
    assert "<i>sem" not in page
    assert f"Marcar {invoice}" not in page
    assert "Nada encontrado" in client.get(url, {"tab": "rejected", "q": "outro"}).content.decode()
    response = client.get(reverse("invoices:refused_file", args=[row.pk]))
    assert response.content == b"<NFe xmlns='http://www.portalfiscal.inf.br/nfe'/>"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")


def test_refused_files_cost_the_same_for_many_rows(client: Client, shop: FakeShop) -> None:
    def queries() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as captured:
            assert client.get(reverse("invoices:list"), {"tab": "rejected"}).status_code == 200
        return len(captured)

    upload(client, ("a.xml", b"a"))
    queries()
    one = queries()
    upload(client, *((f"{n}.xml", f"texto {n}".encode()) for n in range(10)))
    assert RefusedFile.objects.count() == 11
    assert queries() == one


def test_other_peoples_refused_files_do_not_exist(
    client: Client, shop: FakeShop, other_company: Company
) -> None:
    upload(client, ("a.xml", b"a"))
    RefusedFile.objects.update(company=other_company)
    assert (
        client.get(reverse("invoices:refused_file", args=[RefusedFile.objects.get().pk])).status_code == 404
    )
    page = client.get(reverse("invoices:list"), {"tab": "rejected"}).content.decode()
    assert "Nenhum arquivo recusado" in page


def test_the_xml_can_be_read_on_a_page(client: Client, company: Company, admin: User, shop: FakeShop) -> None:
    def hostile(text: str) -> str:
        return text.replace("Camiseta Basica", "&lt;script&gt;alert(1)&lt;/script&gt;")

    invoices_import(company=company, files=[("a", nfe_xml(content=hostile))], user=admin)
    note = Invoice.objects.get()
    page = client.get(reverse("invoices:xml_view", args=[note.pk])).content.decode()
    assert "&lt;xProd&gt;&amp;lt;script&amp;gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "\n  &lt;NFe" in page
    with connection.cursor() as cursor:
        cursor.execute("UPDATE invoices_invoicedocument SET sha256 = %s", ["0" * 64])
    page = client.get(reverse("invoices:xml_view", args=[note.pk]), follow=True).content.decode()
    assert "danificado" in page


def test_a_pending_note_is_found_by_the_order_it_waits_for(
    client: Client, company: Company, admin: User, make_order: MakeOrder, shop: FakeShop
) -> None:
    order = make_order()
    dearer = nfe_xml(order_reference=REFERENCE, total=18000)
    invoices_import(company=company, files=[("a.xml", dearer)], user=admin)
    note = Invoice.objects.get(status=InvoiceStatus.PENDING)
    for query in ({"remote": REFERENCE[:9]}, {"q": REFERENCE}, {"tab": "pending"}):
        page = client.get(reverse("invoices:list"), query).content.decode()
        assert f"Marcar {note}" in page
        assert "espera confirmação" in page
        assert reverse("sales:order", args=[order.pk]) in page
