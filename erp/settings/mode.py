"""What `manage.py up` must know before any other setting is read."""

from __future__ import annotations

from erp.settings.environment import shared_env

env = shared_env()

ERP_DEMO = env.flag("ERP_DEMO", False)
# Where `manage.py up` lets the ERP and the simulated Kwai listen.
ERP_PORT = env.whole("ERP_PORT", 8000, 1, 65_535)
SANDBOX_PORT = env.whole("SANDBOX_PORT", 8100, 1, 65_535)
if ERP_DEMO and ERP_PORT == SANDBOX_PORT:
    env.refuse(
        "SANDBOX_PORT", "é a mesma porta que ERP_PORT: escreva outra, por exemplo, `SANDBOX_PORT=8100`"
    )
