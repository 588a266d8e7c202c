from erp.accounts.permissions import MEMBER, route
from erp.attention import views

app_name = "attention"
urlpatterns = [
    # Each condition asks for the permission of its source besides.
    route("avisos/<int:pk>/", views.condition, "condition", MEMBER),
]
