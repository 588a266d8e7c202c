from erp.celery import app as celery_app

# The image carries no pyproject.toml; a test holds the two together.
__version__ = "0.1.0"
__all__ = ["__version__", "celery_app"]
