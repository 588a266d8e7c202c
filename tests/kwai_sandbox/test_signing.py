"""The contract's own vectors (sections 1 and 4)."""

from __future__ import annotations

import pytest

from kwai_sandbox.signing import AppCredentials, credentials_load, signature, signature_matches

PATH = "/rest/open/api/trade/queryOrderList"
QUERY = {
    "appKey": "ks700000000000000001",
    "merchantId": "123",
    "ts": "1767312000123",
    "version": "1.0",
    "accessToken": "AT_demo_0001",
}


def credentials(*, sign_access_token: bool = False) -> AppCredentials:
    return AppCredentials(
        "ks700000000000000001",
        "APPSECRET",
        "SIGNSECRET_demo_0001",
        "AAECAwQFBgcICQoLDA0ODw==",
        sign_access_token=sign_access_token,
    )


def test_access_token_is_left_out_by_default() -> None:
    expected = "92ff5992d210628d92cc3e425bae78087caf78befc66effda65d55b93901e190"
    assert signature(PATH, QUERY, credentials()) == expected
    assert signature_matches(PATH, QUERY | {"sign": expected}, credentials())


def test_access_token_can_be_signed() -> None:
    expected = "0df097fe1ed879aaf487b95750f4c2bf999dec86b58f602f174028fc56294f60"
    assert signature(PATH, QUERY, credentials(sign_access_token=True)) == expected


def test_a_wrong_or_missing_signature_does_not_match() -> None:
    assert not signature_matches(PATH, QUERY | {"sign": "92FF"}, credentials())
    assert not signature_matches(PATH, QUERY, credentials())


def test_secrets_come_from_the_environment_and_stay_out_of_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KWAI_APP_SECRET", raising=False)
    monkeypatch.setenv("KWAI_SIGN_SECRET", "from-environment")
    stored = {"app_key": "ks1", "app_secret": "stored", "sign_secret": "stored", "message_key": "AAAA"}
    loaded = credentials_load(stored)
    assert (loaded.sign_secret, loaded.app_secret) == ("from-environment", "stored")
    assert "stored" not in repr(loaded)
    assert "from-environment" not in repr(loaded)
