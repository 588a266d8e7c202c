"""A correction of the contract that fits nothing ends the start with one sentence."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def started(**env: str) -> subprocess.CompletedProcess[str]:
    names = ("KWAI_PATHS", "KWAI_FIELDS", "KWAI_STATUS_ROLES", "KWAI_RESULT_ROLES")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    run = [sys.executable, "-c", "from erp.settings import kwai; print(kwai.KWAI_FIELDS)"]
    return subprocess.run(run, env=kept | {"ERP_READ_ENV": "0"} | env, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("KWAI_PATHS", '{"no_call": "/x"}', "KWAI_PATHS: a chamada no_call não existe"),
        ("KWAI_FIELDS", '{"order.state": "x"}', "KWAI_FIELDS: o campo order.state não existe"),
        ("KWAI_FIELDS", '["order.status"]', "KWAI_FIELDS precisa ser um objeto JSON"),
        ("KWAI_FIELDS", "{order.status: x}", "KWAI_FIELDS não é um objeto JSON"),
        ("KWAI_STATUS_ROLES", '{"30": "payable"}', "KWAI_STATUS_ROLES: 30 usa o papel antigo payable"),
        ("KWAI_RESULT_ROLES", '{"448": "nothing"}', "KWAI_RESULT_ROLES: 'nothing', de 448"),
    ],
)
def test_a_correction_that_fits_nothing_ends_the_start(name: str, value: str, said: str) -> None:
    run = started(**{name: value})
    assert run.returncode != 0
    assert said in run.stderr.splitlines()[-1]


def test_a_correction_that_fits_is_taken() -> None:
    run = started(KWAI_FIELDS='{"order.status": "state"}')
    assert run.stdout.strip() == "{'order.status': 'state'}"
