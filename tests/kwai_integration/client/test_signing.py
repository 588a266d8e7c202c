"""Vectors of contract section 1."""

from __future__ import annotations

from kwai_integration.client.signing import signature

PATH = "/rest/open/api/trade/queryOrderList"
SECRET = "SIGNSECRET_demo_0001"
PARAMS = {
    "appKey": "ks700000000000000001",
    "merchantId": "123",
    "ts": "1767312000123",
    "version": "1.0",
    "accessToken": "AT_demo_0001",
}
LEFT_OUT = "92ff5992d210628d92cc3e425bae78087caf78befc66effda65d55b93901e190"
SIGNED = "0df097fe1ed879aaf487b95750f4c2bf999dec86b58f602f174028fc56294f60"


def test_access_token_is_left_out_by_default():
    assert signature(path=PATH, params=PARAMS, secret=SECRET) == LEFT_OUT


def test_access_token_can_be_signed():
    assert signature(path=PATH, params=PARAMS, secret=SECRET, sign_access_token=True) == SIGNED


def test_an_earlier_sign_is_never_part_of_the_signature():
    assert signature(path=PATH, params=PARAMS | {"sign": "stale"}, secret=SECRET) == LEFT_OUT


def test_order_of_the_parameters_does_not_matter():
    reversed_params = dict(reversed(PARAMS.items()))
    assert signature(path=PATH, params=reversed_params, secret=SECRET) == LEFT_OUT


def test_values_are_signed_decoded():
    plain = signature(path=PATH, params=PARAMS | {"name": "a b&ç"}, secret=SECRET)
    encoded = signature(path=PATH, params=PARAMS | {"name": "a%20b%26%C3%A7"}, secret=SECRET)
    assert plain != encoded


def test_host_and_secret_change_the_signature():
    assert signature(path=PATH, params=PARAMS, secret=SECRET, host="127.0.0.1:8100") != LEFT_OUT
    assert signature(path=PATH, params=PARAMS, secret="APPSECRET_demo_0001") != LEFT_OUT
