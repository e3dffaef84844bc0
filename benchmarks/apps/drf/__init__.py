"""Django REST framework: model serializers and generic views."""
