"""What stock refuses."""

from __future__ import annotations

from erp.refusals import Refusal

DEFAULT_WAREHOUSE = Refusal(
    "warehouse.is_default",
    "Este é o depósito padrão. Para trocar, marque outro como padrão.",
    "This is the default warehouse. To change that, make another one the default.",
)
DEFAULT_INACTIVE = Refusal(
    "warehouse.default_inactive",
    "O depósito padrão precisa estar ativo.",
    "The default warehouse has to be active.",
)
WAREHOUSE_IN_USE = Refusal(
    "warehouse.in_use",
    "O depósito {warehouse} ainda tem saldo ou reservas. Zere-os antes de desativar.",
    "Warehouse {warehouse} still has a balance or reservations. Empty it before you switch it off.",
)
WAREHOUSE_INACTIVE = Refusal(
    "warehouse.inactive",
    "Este depósito não está ativo. Escolha outro.",
    "This warehouse is not active. Choose another one.",
)
NO_QUANTITY = Refusal(
    "stock.quantity_not_positive",
    "Informe uma quantidade maior que zero.",
    "The quantity has to be greater than zero.",
)
NOT_ENOUGH = Refusal(
    "stock.not_enough",
    "Há só {on_hand} no depósito {warehouse}. Confira a quantidade; se o saldo está errado, faça um balanço.",
    "There are only {on_hand} in warehouse {warehouse}. Check the quantity; if the balance is wrong, count it.",
)
