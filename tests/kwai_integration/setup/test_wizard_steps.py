"""The way through the steps: leave and come back, mistakes, two people at once, back and forth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from erp.accounts.models import AuditEntry, Company, Role, Store, User
from kwai_integration.models import KwaiSettings, SetupStep
from tests.kwai_integration.codes import CLOSED, PAID
from tests.kwai_integration.setup.conftest import Person

pytestmark = pytest.mark.django_db


def test_installing_opens_the_first_step(
    company: Company, admin: User, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(admin)
    client.post(reverse("kwai:store_add"))
    client.post(reverse("kwai:store_add"))
    assert list(Store.objects.order_by("pk").values_list("name", flat=True)) == ["Kwai Shop", "Kwai Shop 2"]
    page = client.get(reverse("kwai:stores")).text
    assert page.count("Em configuração (etapa 1 de 5)") == 2
    assert page.count("Não conectada") == 2


def test_kwai_is_found_by_its_name_and_says_what_it_does_not_offer(ana: Person) -> None:
    found = ana.client.get(reverse("kwai:store_add"), {"q": "KWAI"}).text
    assert "Efetuar cotações de fretes" in found
    assert "não oferecido" in found
    assert "Nenhum canal com esse nome" in ana.client.get(reverse("kwai:store_add"), {"q": "outro"}).text


def test_saving_leads_to_the_next_step_and_back_to_the_one_before(ana: Person) -> None:
    ways = []
    for step in ("conexao", "produtos", "pedidos", "mapeamentos"):
        ways.append(ana.post(step)["Location"])
    assert ways == [ana.address(step) for step in ("produtos", "pedidos", "mapeamentos", "revisao")]
    assert ana.resume() == "revisao"
    assert ana.post("revisao", "back")["Location"] == ana.address("mapeamentos")
    assert "etapa 5 de 5" in ana.open("revisao").text


def test_leaving_comes_back_to_the_same_step_after_logout_and_on_another_browser(
    ana: Person, admin: User, bruno: Person
) -> None:
    ana.post("conexao")
    ana.post("produtos")
    left = ana.post("pedidos", "later", history_days="7", auto_receive="on")
    assert left["Location"] == reverse("kwai:stores")
    ana.client.logout()
    assert ana.client.get(reverse("kwai:store", args=[ana.store.pk]))["Location"].startswith(reverse("login"))
    again = Person(Client(), ana.store)
    again.client.force_login(admin)
    for person in (again, bruno):
        assert person.resume() == "pedidos"
        form = person.open("pedidos").context["form"]
        assert (form["history_days"].value(), form["auto_receive"].value()) == (7, True)
    assert "Em configuração (etapa 3 de 5)" in again.client.get(reverse("kwai:stores")).text


def test_leaving_half_typed_keeps_what_was_typed_as_a_draft(ana: Person, admin: User) -> None:
    ana.post("pedidos", "later", history_days="7", import_roles=None)
    assert KwaiSettings.objects.get().history_days == 30
    again = Person(Client(), ana.store)
    again.client.force_login(admin)
    assert again.resume() == "pedidos"
    page = again.open("pedidos")
    assert "rascunho" in page.text
    assert page.context["form"]["history_days"].value() == "7"
    assert "Marque ao menos uma situação" in page.text
    assert again.post("pedidos", history_days="7").status_code == 302
    assert KwaiSettings.objects.get().history_days == 7
    assert SetupStep.objects.get(step="orders").draft == {}
    assert "rascunho" not in again.open("pedidos").text


def test_going_back_half_typed_keeps_it_too(ana: Person) -> None:
    back = ana.post("pedidos", "back", import_roles=None)
    assert back["Location"] == ana.address("produtos")
    assert "rascunho" in ana.open("pedidos").text


@pytest.mark.parametrize(
    ("step", "changes", "told"),
    [
        ("conexao", {"name": ""}, "obrigatório"),
        ("conexao", {"name": "x" * 81}, "80"),
        ("conexao", {"name": "Outra"}, "Já existe uma integração chamada Outra"),
        ("produtos", {"warehouse": "987654"}, "Faça uma escolha válida"),
        ("produtos", {"stock_exit_at": "never"}, "Faça uma escolha válida"),
        ("pedidos", {"history_days": "31"}, "Faça uma escolha válida"),
        ("pedidos", {"history_days": "'; DROP"}, "Faça uma escolha válida"),
        ("pedidos", {"import_roles": ["invented"]}, "Faça uma escolha válida"),
        ("mapeamentos", {f"situation:{PAID}": "lost"}, "Faça uma escolha válida"),
        ("mapeamentos", {"shipping:SELLER": "987654"}, "Faça uma escolha válida"),
        ("mapeamentos", {"new_situation_code": "99"}, "Escolha o que 99 significa"),
        ("mapeamentos", {"new_payment_code": "P" * 61}, "60"),
        ("mapeamentos", {"new_situation_target": "open"}, "Digite o código"),
    ],
)
def test_an_invalid_value_is_told_at_its_field_and_nothing_is_saved(
    ana: Person, company: Company, step: str, changes: dict[str, Any], told: str
) -> None:
    Store.objects.create(company=company, name="Outra")
    answer = ana.post(step, **changes)
    assert answer.status_code == 422
    assert told in answer.text
    assert "Nada foi salvo ainda" in answer.text
    assert "rascunho" not in answer.text
    assert not SetupStep.objects.filter(version__gt=0).exists()
    assert not AuditEntry.objects.filter(action="store.settings").exists()
    assert ana.resume() == "conexao"


def test_a_warehouse_or_method_of_another_company_cannot_be_chosen(
    ana: Person, other_company: Company
) -> None:
    from erp.sales.models import ShippingMethod
    from erp.stock.models import Warehouse

    theirs = Warehouse.objects.create(company=other_company, name="Alheio")
    method = ShippingMethod.objects.create(company=other_company, name="Alheia", kind="other")
    assert ana.post("produtos", warehouse=theirs.pk).status_code == 422
    assert ana.post("mapeamentos", **{"shipping:SELLER": method.pk}).status_code == 422
    assert "Alheia" not in ana.open("mapeamentos").text


def test_the_second_of_two_people_is_told_and_overwrites_nothing(ana: Person, bruno: Person) -> None:
    seen = bruno.version("pedidos")
    ana.post("pedidos", history_days="7")
    late = bruno.post("pedidos", version=seen, history_days="90", format_names="on")
    assert late.status_code == 409
    assert "salvou esta etapa" in late.text
    assert "admin" in late.text
    assert "Pedidos anteriores à ativação" in late.text
    assert late.context["form"]["history_days"].value() == "90"
    assert (KwaiSettings.objects.get().history_days, KwaiSettings.objects.get().format_names) == (7, False)
    sure = bruno.post("pedidos", version=late.context["version"], history_days="90")
    assert sure.status_code == 302
    assert KwaiSettings.objects.get().history_days == 90


def test_two_people_at_different_steps_do_not_disturb_each_other(ana: Person, bruno: Person) -> None:
    seen = bruno.version("produtos")
    ana.post("pedidos", history_days="7")
    assert bruno.post("produtos", version=seen, stock_exit_at="shipped").status_code == 302


def test_the_second_who_only_leaves_keeps_a_draft(ana: Person, bruno: Person) -> None:
    seen = bruno.version("pedidos")
    ana.post("pedidos", history_days="7")
    assert bruno.post("pedidos", "later", version=seen, history_days="90").status_code == 302
    assert KwaiSettings.objects.get().history_days == 7
    # The draft still belongs to the page of then: saving it meets the conflict.
    assert bruno.post("pedidos", history_days="90").status_code == 409


def test_back_forward_and_refresh_repeat_nothing_and_lose_nothing(ana: Person) -> None:
    first = ana.version("pedidos")
    ana.post("pedidos", version=first, history_days="7")
    # A refresh sends the same post again; going back sends an old page of one's own.
    assert ana.post("pedidos", version=first, history_days="7").status_code == 302
    assert AuditEntry.objects.filter(action="store.settings").count() == 1
    assert ana.post("pedidos", version=first, history_days="0").status_code == 302
    assert KwaiSettings.objects.get().history_days == 0
    page = ana.open("pedidos")
    assert "no-store" in page["Cache-Control"]
    assert page.context["form"]["history_days"].value() == 0


def test_changes_are_audited_with_both_values_and_without_secrets(ana: Person, admin: User) -> None:
    ana.post("pedidos", history_days="7", auto_receive="on")
    ana.post("mapeamentos", **{f"situation:{PAID}": "open", f"situation:{CLOSED}": ""})
    first, second = AuditEntry.objects.filter(action="store.settings", actor=admin).order_by("pk")
    assert first.data == {
        "step": "orders",
        "from": {"auto_receive": False, "history_days": 30},
        "to": {"auto_receive": True, "history_days": 7},
    }
    assert second.data["from"] == {f"situation:{PAID}": "Aprovado", f"situation:{CLOSED}": "Cancelado"}
    assert second.data["to"] == {f"situation:{PAID}": "Em aberto", f"situation:{CLOSED}": None}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_who_may_not_manage_reads_the_steps(
    draft: Store, make_user: Callable[..., User], sign_in: Callable[[User], Client], role: str
) -> None:
    person = Person(sign_in(make_user(role, stores=[draft])), draft)
    page = person.open("pedidos")
    assert page.status_code == 200
    assert "salvar e avançar" not in page.text
    assert "<fieldset disabled>" in page.text
    assert person.post("pedidos", version=0).status_code == 403


def test_an_unknown_step_does_not_exist(ana: Person) -> None:
    assert ana.client.get(ana.address("conexao").replace("conexao", "precos")).status_code == 404


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("setup_step_known", {"step": "prices"}),
        ("setup_step_unique", {"step": "orders"}),
        ("setup_step_saved_by_somebody", {"step": "review", "version": 1}),
    ],
)
def test_rows_of_steps_keep_their_rules(draft: Store, name: str, changes: dict[str, Any]) -> None:
    SetupStep.objects.create(store=draft, step="orders")
    with pytest.raises(IntegrityError), transaction.atomic():
        SetupStep.objects.create(store=draft, **changes)
    assert name in {constraint.name for constraint in SetupStep._meta.constraints}


@pytest.mark.parametrize("changes", [{"history_days": 31}, {"setup_step": "prices"}])
def test_options_keep_their_rules(draft: Store, changes: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        KwaiSettings.objects.filter(pk=draft.pk).update(**changes)
