from django.urls import path

from erp.stock.models import MovementKind
from erp.stock.views import balances, warehouses

app_name = "stock"
urlpatterns = [
    path("estoque/", balances.BalanceList.as_view(), name="balances"),
    path("estoque/<int:pk>/", balances.sku_detail, name="sku"),
    path("estoque/<int:pk>/entrada/", balances.sku_move, {"kind": MovementKind.ENTRY}, name="entry"),
    path("estoque/<int:pk>/saida/", balances.sku_move, {"kind": MovementKind.EXIT}, name="exit"),
    path("estoque/<int:pk>/balanco/", balances.sku_move, {"kind": MovementKind.COUNT}, name="count"),
    path("depositos/", warehouses.WarehouseList.as_view(), name="warehouses"),
    path("depositos/incluir/", warehouses.warehouse_edit, name="warehouse_create"),
    path("depositos/<int:pk>/", warehouses.warehouse_edit, name="warehouse"),
]
