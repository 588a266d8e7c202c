"""What the administration of users refuses."""

from __future__ import annotations

from erp.refusals import Refusal

LAST_ADMINISTRATOR = Refusal(
    "user.last_administrator",
    "É preciso um administrador ativo que já tenha senha: torne outra pessoa administradora antes de mudar esta.",
    "An active administrator with a password has to remain: make somebody else administrator first.",
)
NAME_TAKEN = Refusal(
    "user.name_taken",
    "Já existe um usuário chamado {username}. Escolha outro nome.",
    "There is a user named {username}. Choose another name.",
)
