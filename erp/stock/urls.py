from erp.accounts.permissions import MANAGE, OPERATE, VIEW, route
from erp.stock.models import MovementKind
from erp.stock.views import balances, warehouses

app_name = "stock"
urlpatterns = [
    route("estoque/", balances.BalanceList.as_view(), "balances", VIEW),
    route("estoque/<int:pk>/", balances.sku_detail, "sku", VIEW),
    route(
        "estoque/<int:pk>/entrada/", balances.sku_move, "entry", OPERATE, kwargs={"kind": MovementKind.ENTRY}
    ),
    route("estoque/<int:pk>/saida/", balances.sku_move, "exit", OPERATE, kwargs={"kind": MovementKind.EXIT}),
    route(
        "estoque/<int:pk>/balanco/", balances.sku_move, "count", OPERATE, kwargs={"kind": MovementKind.COUNT}
    ),
    route("depositos/", warehouses.WarehouseList.as_view(), "warehouses", VIEW),
    route("depositos/incluir/", warehouses.warehouse_edit, "warehouse_create", MANAGE),
    route("depositos/<int:pk>/", warehouses.warehouse_edit, "warehouse", VIEW, post=MANAGE),
]
