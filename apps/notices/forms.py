from django import forms


class MailForm(forms.Form):
    by_mail = forms.BooleanField(label="Send me notices by e-mail", required=False)
