from __future__ import annotations

import pytest

from kwai_integration.client import codes
from kwai_integration.client.codes import Role
from kwai_integration.client.transport import RESULT_ERRORS


@pytest.mark.parametrize(
    ("code", "role"),
    [
        ("10", Role.AWAITING_PAYMENT),
        ("30", Role.PAYABLE),
        ("40", Role.SHIPPED),
        ("50", Role.DELIVERED),
        ("70", Role.DELIVERED),
        ("80", Role.CANCELLED),
    ],
)
def test_role_of_each_assumed_status(code, role):
    assert codes.status_roles({})[code] is role


def test_unknown_status_has_no_role_and_says_so():
    assert "35" not in codes.status_roles({})
    assert codes.status_label("35") == "Não mapeada (35)"
    assert codes.status_label("30") == "Pago"


def test_overrides_correct_and_add_roles_without_touching_the_defaults():
    roles = codes.status_roles({"70": "cancelled", "35": "payable"})
    assert (roles["70"], roles["35"], roles["30"]) == (Role.CANCELLED, Role.PAYABLE, Role.PAYABLE)
    assert codes.DEFAULT_STATUS_ROLES["70"] is Role.DELIVERED


def test_wrong_role_is_named():
    with pytest.raises(ValueError, match="posted"):
        codes.status_roles({"35": "posted"})


def test_every_result_but_ok_has_its_error_and_label():
    assert set(RESULT_ERRORS) == set(codes.Result) - {codes.Result.OK}
    assert set(codes.RESULT_LABELS) == set(codes.Result)


def test_only_a_known_end_closes_a_refund():
    assert {"0", "60", "70"} == codes.REFUND_NOT_RUNNING
