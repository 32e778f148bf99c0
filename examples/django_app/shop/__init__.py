"""The demonstration shop as a Django project."""
