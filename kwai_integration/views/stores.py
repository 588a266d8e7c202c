"""*Integrações*: install Kwai, connect in a new tab, activate, switch off."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from erp.accounts.permissions import may
from erp.web.requests import company_of, ids_of, text_of, user_of
from kwai_integration.setup.activation import activation_try
from kwai_integration.setup.consent import (
    ConsentRefused,
    consent_confirm,
    consent_finish,
    consent_offer,
    consent_start,
    offers_drop,
)
from kwai_integration.setup.stores import (
    StoreRefused,
    store_deactivate,
    store_discard,
    store_disconnect,
    store_install,
)
from kwai_integration.setup.wizard import STEPS, step_current
from kwai_integration.views.cards import app_missing, connection_facts, store_cards
from kwai_integration.views.scope import kwai_stores

# What the integration offers, in the words of the help article.
RESOURCES = (
    ("Receber pedidos", True),
    ("Sincronizar situações dos pedidos da plataforma no ERP", True),
    ("OMS: pedidos entram sozinhos", True),
    ("Enviar dados das NF-es", True),
    ("Enviar rastreamentos", True),
    ("Enviar situação de entregue para os pedidos", True),
    ("Efetuar cotações de fretes", False),
)
CHANNEL_NAMES = "kwai shop"


@require_safe
def store_list(request: HttpRequest) -> HttpResponse:
    """One card per Kwai store: its lifecycle and, apart from it, its connection. `?store=` picks some."""
    named = ids_of(request.GET.getlist("store"))
    stores = kwai_stores(request).filter(pk__in=named) if named else kwai_stores(request)
    context = {
        "cards": store_cards(list(stores)),
        "is_filtered": bool(named),
        "may_manage": may(user_of(request), "kwai:store_add"),
    }
    return render(request, "kwai/stores.html", context)


def store_add(request: HttpRequest) -> HttpResponse:
    """*adicionar integração*: search, what Kwai offers, *instalar*."""
    user = user_of(request)
    if request.method == "POST":
        store = store_install(company=company_of(request), user=user)
        return redirect("kwai:store", pk=store.pk)
    text = text_of(request.GET, "q")
    context = {
        "q": text,
        "found": text.lower() in CHANNEL_NAMES,
        "resources": RESOURCES,
        "installed": list(kwai_stores(request)),
        "step_count": len(STEPS),
    }
    return render(request, "kwai/store_add.html", context)


@require_safe
def store_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Where the wizard was left, or the first tab."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    step = STEPS[0] if store.activated_at else step_current(store)
    return redirect("kwai:store_step", pk=pk, step=step.slug)


@require_safe
def store_guide(request: HttpRequest, pk: int) -> HttpResponse:
    """*Como usar no dia a dia*."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    return render(request, "kwai/store_guide.html", {"store": store})


@require_safe
def store_connection(request: HttpRequest, pk: int) -> HttpResponse:
    """The connection card alone: the waiting tab asks for it until the account is connected."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    offer = consent_offer(store=store, user=user_of(request))
    may_manage = may(user_of(request), "kwai:store_connect", "POST")
    context = {"store": store, "offer": offer, "may_manage": may_manage, **connection_facts(store)}
    return render(request, "kwai/connection.html", context)


@require_POST
def store_connect(request: HttpRequest, pk: int) -> HttpResponse:
    """Opened in a new tab by *conectar com Kwai*."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    if missing := app_missing():
        return render(request, "kwai/callback.html", {"problem": missing}, status=409)
    session_key = request.session.session_key or ""
    try:
        return redirect(consent_start(store=store, user=user_of(request), session_key=session_key))
    except ConsentRefused as error:
        return render(request, "kwai/callback.html", {"problem": str(error)}, status=409)


@require_safe
def oauth_callback(request: HttpRequest) -> HttpResponse:
    """Kwai sends the browser back here with `code` and `status` (contract section 2)."""
    user = user_of(request)
    try:
        asked = consent_finish(
            status=request.GET.get("status", ""),
            code=request.GET.get("code", ""),
            user=user,
            session_key=request.session.session_key or "",
        )
    except ConsentRefused as error:
        return render(request, "kwai/callback.html", {"problem": str(error)}, status=409)
    offer = consent_offer(store=asked.store, user=user)
    store = get_object_or_404(kwai_stores(request), pk=asked.store_id)
    return render(request, "kwai/callback.html", {"store": store, "offer": offer})


@require_POST
def store_account(request: HttpRequest, pk: int) -> HttpResponse:
    """*usar esta conta* or *escolher outra conta*, asked for in the tab of the consent or in the first."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    in_consent_tab = "callback" in request.POST
    if request.POST.get("do") != "use":
        offers_drop(store=store)
        messages.info(request, "Nenhuma conta foi ligada. Use conectar com Kwai e entre com a conta certa.")
        return redirect("kwai:store", pk=pk)
    try:
        consent_confirm(store=store, user=user_of(request))
    except ConsentRefused as error:
        if in_consent_tab:
            return render(request, "kwai/callback.html", {"problem": str(error)}, status=409)
        messages.error(request, str(error))
        return redirect("kwai:store", pk=pk)
    if in_consent_tab:
        store = get_object_or_404(kwai_stores(request), pk=pk)
        return render(request, "kwai/callback.html", {"store": store})
    return redirect("kwai:store", pk=pk)


@require_POST
def store_disconnected(request: HttpRequest, pk: int) -> HttpResponse:
    """*desconectar*: nothing but the tokens goes."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    store_disconnect(store=store, user=user_of(request))
    messages.success(
        request, "Loja desconectada. Configurações e envios em espera ficam guardados até conectar de novo."
    )
    return redirect("kwai:store_step", pk=pk, step=STEPS[0].slug)


@require_POST
def store_discarded(request: HttpRequest, pk: int) -> HttpResponse:
    """*descartar*: a draft leaves the cards."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    try:
        store_discard(store=store, user=user_of(request))
    except StoreRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Integração {store.name} descartada.")
    return redirect("kwai:stores")


@require_POST
def store_switch(request: HttpRequest, pk: int) -> HttpResponse:
    """*ativar* and *desativar*."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    user = user_of(request)
    if request.POST.get("to") == "inactive":
        store_deactivate(store=store, user=user)
        messages.success(request, "Integração desativada. Configurações e envios em espera ficam guardados.")
        return redirect("kwai:store", pk=pk)
    try:
        refused = activation_try(store=store, user=user)
    except StoreRefused as error:
        messages.error(request, str(error))
        return redirect("kwai:store", pk=pk)
    if refused:
        reasons = " ".join(f"{check.title}: {check.text}" for check in refused)
        messages.error(request, f"A integração não foi ativada. {reasons}")
        return redirect(reverse("kwai:store_step", args=[pk, "revisao"]) + "?verificar=1")
    messages.success(request, "Integração ativa. Os pedidos chegam em instantes a Pedidos no e-commerce.")
    return redirect("kwai:store_guide", pk=pk)
