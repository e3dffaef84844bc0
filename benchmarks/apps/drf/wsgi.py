"""The WSGI callable."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.apps.django_site.settings"
os.environ["BENCH_URLCONF"] = "benchmarks.apps.drf.urls"

from django.core.wsgi import get_wsgi_application
from django.db import connection

app = get_wsgi_application()

with connection.cursor() as cursor:
    cursor.execute("PRAGMA synchronous")
    if cursor.fetchone() != (2,):
        raise RuntimeError("what is committed would not be durable")
