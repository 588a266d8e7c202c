from erp.accounts.permissions import VIEW, route
from erp.work import views

app_name = "work"
# Which works a user reaches is `WorkQuerySet.visible_to`, by the permission of their kind.
urlpatterns = [
    route("", views.WorkList.as_view(), "list", VIEW),
    route("<int:pk>/", views.WorkPage.as_view(), "work", VIEW),
    route("<int:pk>/andamento/", views.work_progress, "progress", VIEW),
    route("<int:pk>/parar/", views.work_stop_view, "stop", VIEW),
    route("<int:pk>/continuar/", views.work_resume_view, "resume", VIEW),
]
