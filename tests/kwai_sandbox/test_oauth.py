"""Consent, tokens and rotation (contract section 2)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from kwai_sandbox.server import RunningSandbox
from tests.kwai_sandbox.conftest import MERCHANT, OTHER_MERCHANT, Answer, Caller, send

LIST = ("product/listItem", {"currentPage": 1, "pageSize": 10})
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def consent(sandbox: RunningSandbox, **changes: str) -> dict[str, str]:
    return {
        "appKey": sandbox.credentials.app_key,
        "scope": "user_info,merchant_item,merchant_order",
        "redirect_uri": "127.0.0.1:8000/kwai/oauth/callback/",
        "status": "state-1",
    } | changes


def decide(sandbox: RunningSandbox, decision: str, **changes: str) -> Answer:
    form = consent(sandbox, **changes) | {"decision": decision}
    return send(sandbox.url, "POST", "/shop/b/authorize", urlencode(form).encode(), FORM)


def test_the_page_offers_the_sellers_and_both_buttons(sandbox: RunningSandbox) -> None:
    page = send(sandbox.url, "GET", f"/shop/b/authorize?{urlencode(consent(sandbox))}")
    assert page.status == 200
    for text in (
        "Loja Aurora",
        "Casa Ipê",
        ">autorizar</button>",
        ">recusar</button>",
        "Termos da autorização",
    ):
        assert text in page.text


def test_consent_returns_a_code_that_works_once(sandbox: RunningSandbox) -> None:
    answer = decide(sandbox, "autorizar", merchantId=OTHER_MERCHANT)
    address = urlsplit(answer.headers["Location"])
    query = parse_qs(address.query)
    assert (answer.status, address.scheme, address.netloc) == (303, "http", "127.0.0.1:8000")
    assert query["status"] == ["state-1"]
    caller = Caller(sandbox, OTHER_MERCHANT)
    first = caller.oauth("token", "authorization_code", code=query["code"][0])
    assert first.data["merchantId"] == int(OTHER_MERCHANT)
    assert first.data["shopName"] == "Casa Ipê"
    assert first.data["scopes"] == "user_info,merchant_item,merchant_order"
    assert (first.data["expiresIn"], first.data["refreshTokenExpiresIn"]) == (604_800, 31_536_000)
    assert caller.oauth("token", "authorization_code", code=query["code"][0]).result == 401


def test_refusing_returns_the_state_without_a_code(sandbox: RunningSandbox) -> None:
    target = decide(sandbox, "recusar", merchantId=MERCHANT).headers["Location"]
    assert parse_qs(urlsplit(target).query) == {"status": ["state-1"]}


def test_other_hosts_are_returned_to_by_https_and_keep_their_query(sandbox: RunningSandbox) -> None:
    target = decide(sandbox, "recusar", merchantId=MERCHANT, redirect_uri="erp.example.com/back?x=1").headers[
        "Location"
    ]
    assert target == "https://erp.example.com/back?x=1&status=state-1"


@pytest.mark.parametrize("changes", [
    {"appKey": "unknown"}, {"redirect_uri": "http://127.0.0.1/back"}, {"redirect_uri": ""}, {"scope": "everything"},
    {"merchantId": "999"},
])  # fmt: skip
def test_a_wrong_link_is_refused_with_a_page(sandbox: RunningSandbox, changes: dict[str, str]) -> None:
    answer = decide(sandbox, "autorizar", **({"merchantId": MERCHANT} | changes))
    assert answer.status == 400
    assert "Location" not in answer.headers


def test_markup_in_the_link_stays_text(sandbox: RunningSandbox) -> None:
    query = urlencode(consent(sandbox, status='"><script>'))
    page = send(sandbox.url, "GET", f"/shop/b/authorize?{query}")
    assert "<script>" not in page.text


def test_refresh_rotates_and_kills_both_old_tokens(seller: Caller) -> None:
    access, refresh = seller.access_token, seller.refresh_token
    seller.keep(seller.refresh().data)
    assert seller.post(*LIST).result == 200
    assert Caller(seller.sandbox, MERCHANT, access).post(*LIST).result == 444
    seller.sandbox.control("PUT", "settings", {"reusedRefreshEndsConsent": False})
    assert Caller(seller.sandbox, MERCHANT, refresh_token=refresh).refresh().result == 401
    assert seller.post(*LIST).result == 200


def test_a_replaced_refresh_token_that_comes_again_ends_the_consent(seller: Caller) -> None:
    old = Caller(seller.sandbox, MERCHANT, refresh_token=seller.refresh_token)
    for _ in range(2):
        seller.keep(seller.refresh().data)
    assert old.refresh().result == 402
    assert seller.post(*LIST).result == 402
    assert seller.refresh().result == 402
    assert [grant["revoked"] for grant in seller.sandbox.control("GET", "grants")["grants"]] == [True]


def test_a_new_consent_forgets_the_tokens_of_the_old_one(seller: Caller) -> None:
    old = Caller(seller.sandbox, MERCHANT, refresh_token=seller.refresh_token)
    seller.keep(seller.refresh().data)
    seller.connect()
    assert old.refresh().result == 401
    assert seller.post(*LIST).result == 200


def test_an_unknown_refresh_token_ends_nothing(seller: Caller) -> None:
    assert Caller(seller.sandbox, MERCHANT, refresh_token="RT_unknown").refresh().result == 401
    assert seller.post(*LIST).result == 200


def test_expiry_revocation_and_another_merchant(seller: Caller) -> None:
    control = seller.sandbox.control
    control("PATCH", f"grants/{MERCHANT}", {"expired": "access"})
    assert seller.post(*LIST).result == 444
    control("PUT", "settings", {"refreshAnswersMerchantId": OTHER_MERCHANT})
    answer = seller.refresh().data
    assert answer["merchantId"] == int(OTHER_MERCHANT)
    seller.keep(answer)
    control("DELETE", f"grants/{MERCHANT}")
    assert seller.post(*LIST).result == 402
    assert seller.refresh().result == 402


def test_a_wrong_app_and_an_old_code_are_refused(sandbox: RunningSandbox) -> None:
    caller = Caller(sandbox, MERCHANT)
    sandbox.control("PUT", "settings", {"codeSeconds": 0})
    code = sandbox.control("POST", "grants", {"merchantId": MERCHANT})["code"]
    assert caller.oauth("token", "authorization_code", code=code, appSecret="wrong").result == 441
    assert caller.oauth("token", "authorization_code", code=code, appKey="ks7").result == 440
    assert caller.oauth("token", "refresh_token", code=code).result == 422
    assert caller.oauth("token", "authorization_code", code=code).result == 401
