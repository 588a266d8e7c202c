from django.urls import path

from erp.work import views

app_name = "work"
urlpatterns = [
    path("", views.WorkList.as_view(), name="list"),
    path("<int:pk>/", views.WorkPage.as_view(), name="work"),
    path("<int:pk>/andamento/", views.work_progress, name="progress"),
    path("<int:pk>/parar/", views.work_stop_view, name="stop"),
    path("<int:pk>/continuar/", views.work_resume_view, name="resume"),
]
