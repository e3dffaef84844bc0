"""The WSGI callable."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.apps.django_site.settings"
os.environ["BENCH_URLCONF"] = "benchmarks.apps.ninja.urls"

from django.core.wsgi import get_wsgi_application

app = get_wsgi_application()
