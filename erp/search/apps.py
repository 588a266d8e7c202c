from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "erp.search"
    label = "search"
    verbose_name = "Busca"

    def ready(self) -> None:
        from django.db.models import CharField, Field, ForeignObject, TextField

        from erp.search.lookups import AnyOf, Holds, IndexHolds

        for lookup in (Holds, IndexHolds):
            CharField.register_lookup(lookup)
            TextField.register_lookup(lookup)
        # A foreign key takes no lookups of other fields.
        for kind in (Field, ForeignObject):
            kind.register_lookup(AnyOf)
