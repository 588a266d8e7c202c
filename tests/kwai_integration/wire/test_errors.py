from __future__ import annotations

import pytest

from kwai_integration.wire import errors

FAMILY = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, errors.KwaiError)
]


@pytest.mark.parametrize("kind", FAMILY)
def test_every_error_says_in_portuguese_what_happened(kind):
    error = kind(call="ship_order", write=True, code=999, text="motivo da plataforma")
    assert str(error).endswith("Resposta: motivo da plataforma")
    assert len(str(kind(call="ship_order", write=True, code=999))) > 20


def test_platform_text_is_cut():
    error = errors.BusinessRefused(call="ship_order", write=True, text="x" * 2000)
    assert len(error.text) == 500


@pytest.mark.parametrize(
    ("kind", "actor"),
    [
        (errors.ConsentRevoked, errors.Actor.MERCHANT),
        (errors.MerchantInvalid, errors.Actor.MERCHANT),
        (errors.PermissionMissing, errors.Actor.MERCHANT),
        (errors.AppInvalid, errors.Actor.ADMINISTRATOR),
        (errors.SignatureInvalid, errors.Actor.ADMINISTRATOR),
        (errors.ClockWrong, errors.Actor.ADMINISTRATOR),
        (errors.SecretInvalid, errors.Actor.ADMINISTRATOR),
        (errors.KwaiAccessUnclear, errors.Actor.DEVELOPER),
        (errors.BusinessRefused, errors.Actor.OPERATOR),
        (errors.NotFound, errors.Actor.OPERATOR),
        (errors.UnknownResult, errors.Actor.DEVELOPER),
        (errors.KwaiOutcomeUnknown, errors.Actor.NOBODY),
    ],
)
def test_who_must_act(kind, actor):
    assert kind.actor is actor


def test_unknown_result_names_its_code():
    assert "(777)" in str(errors.UnknownResult(call="ship_order", write=True, code=777))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (errors.AppInvalid, "KWAI_APP_KEY"),
        (errors.SignatureInvalid, "KWAI_SIGN_SECRET"),
        (errors.SecretInvalid, "KWAI_APP_SECRET"),
        (errors.ClockWrong, "relógio do servidor"),
        (errors.KwaiAccessUnclear, "(448)"),
    ],
)
def test_what_the_administrator_must_look_at_is_named(kind, words):
    assert words in str(kind(call="list_orders", write=False, code=448))
