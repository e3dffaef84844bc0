"""The Django project that the Django REST framework and Django Ninja peers share."""
