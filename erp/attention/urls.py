from django.urls import path

from erp.attention import views

app_name = "attention"
urlpatterns = [path("avisos/<int:pk>/", views.condition, name="condition")]
