from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeDoneView
from django.urls import path

from apps.accounts.views import ChangePassword

app_name = "accounts"
urlpatterns = [
    path("login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", ChangePassword.as_view(), name="password"),
    path("password/done/", PasswordChangeDoneView.as_view(), name="password_changed"),
]
