from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeDoneView, PasswordChangeView
from django.urls import path, reverse_lazy

app_name = "accounts"
urlpatterns = [
    path("login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path(
        "password/",
        PasswordChangeView.as_view(success_url=reverse_lazy("accounts:password_changed")),
        name="password",
    ),
    path("password/done/", PasswordChangeDoneView.as_view(), name="password_changed"),
]
