from django.urls import path

from erp.catalog import views

app_name = "catalog"
urlpatterns = [
    path("", views.SkuList.as_view(), name="products"),
    path("incluir/", views.product_create, name="product_create"),
    path("<int:pk>/", views.product_edit, name="product"),
]
