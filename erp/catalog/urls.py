from erp.accounts.permissions import MANAGE, VIEW, route
from erp.catalog import views

app_name = "catalog"
urlpatterns = [
    route("", views.SkuList.as_view(), "products", VIEW),
    route("incluir/", views.product_create, "product_create", MANAGE),
    route("<int:pk>/", views.product_edit, "product", VIEW, post=MANAGE),
]
