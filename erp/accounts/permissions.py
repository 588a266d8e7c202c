"""The one permission table: URL name -> permission, and which role holds which permission.

`PermissionMiddleware` refuses a URL name that is missing here, and a test walks every URL with
every role, so a new route cannot be forgotten.
"""

from __future__ import annotations

from enum import StrEnum

from erp.accounts.models import Role, User


class Permission(StrEnum):
    PUBLIC = "public"  # no login: the login page itself, the callback's redirect, health
    MEMBER = "member"  # any signed-in user of a company
    VIEW = "view"  # read business data
    OPERATE = "operate"  # daily work: receive, group, send
    OVERRIDE = "override"  # go on despite a warning of the fiscal checks, by name
    MANAGE = "manage"  # master data, integrations, users


ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.MEMBER, Permission.VIEW}),
    Role.OPERATOR: frozenset({Permission.MEMBER, Permission.VIEW, Permission.OPERATE}),
    Role.ADMIN: frozenset(
        {
            Permission.MEMBER,
            Permission.VIEW,
            Permission.OPERATE,
            Permission.OVERRIDE,
            Permission.MANAGE,
        }
    ),
}

# A page that shows to VIEW and changes by POST names both: (GET, POST).
URL_PERMISSIONS: dict[str, Permission | tuple[Permission, Permission]] = {
    "login": Permission.PUBLIC,
    "logout": Permission.PUBLIC,
    "setup": Permission.PUBLIC,
    "company": Permission.MANAGE,
    "web:healthz": Permission.PUBLIC,
    "web:readyz": Permission.PUBLIC,
    "users": Permission.MANAGE,
    "user_create": Permission.MANAGE,
    "user": Permission.MANAGE,
    "user_password_link": Permission.MANAGE,
    "password_set": Permission.PUBLIC,
    "web:home": Permission.MEMBER,
    "web:search": Permission.VIEW,
    # Each condition asks for the permission of its source besides.
    "attention:condition": Permission.MEMBER,
    # Which works: `WorkQuerySet.visible_to`, by the permission of their kind.
    "work:list": Permission.VIEW,
    "work:work": Permission.VIEW,
    "work:progress": Permission.VIEW,
    "work:stop": Permission.VIEW,
    "work:resume": Permission.VIEW,
    "catalog:products": Permission.VIEW,
    "catalog:product_create": Permission.MANAGE,
    "catalog:product": (Permission.VIEW, Permission.MANAGE),
    "stock:balances": Permission.VIEW,
    "stock:sku": Permission.VIEW,
    "stock:entry": Permission.OPERATE,
    "stock:exit": Permission.OPERATE,
    "stock:count": Permission.OPERATE,
    "stock:warehouses": Permission.VIEW,
    "stock:warehouse_create": Permission.MANAGE,
    "stock:warehouse": (Permission.VIEW, Permission.MANAGE),
    "kwai:stores": Permission.VIEW,
    "kwai:store_add": Permission.MANAGE,
    "kwai:store": Permission.VIEW,
    "kwai:store_connection": Permission.VIEW,
    "kwai:store_connect": Permission.MANAGE,
    "kwai:store_account": Permission.MANAGE,
    "kwai:reauthorise": Permission.MANAGE,
    "kwai:store_switch": Permission.MANAGE,
    "kwai:store_disconnect": Permission.MANAGE,
    "kwai:store_discard": Permission.MANAGE,
    "kwai:store_guide": Permission.VIEW,
    "kwai:store_live": Permission.MANAGE,
    "kwai:store_step": (Permission.VIEW, Permission.MANAGE),
    "kwai:oauth_callback": Permission.MANAGE,
    "kwai:webhook": Permission.PUBLIC,
    "kwai:orders": (Permission.VIEW, Permission.OPERATE),
    "kwai:order": Permission.VIEW,
    "kwai:links": Permission.VIEW,
    "kwai:link": Permission.OPERATE,
    "kwai:jobs": (Permission.VIEW, Permission.OPERATE),
    "kwai:job": Permission.VIEW,
    "kwai:job_first": Permission.OPERATE,
    "kwai:tour": Permission.VIEW,
    "kwai:tour_fold": Permission.VIEW,
    "sales:orders": Permission.VIEW,
    "sales:order": Permission.VIEW,
    "sales:orders_shipping": Permission.OPERATE,
    "sales:order_shipping": Permission.OPERATE,
    "sales:order_shipper": Permission.OPERATE,
    "sales:order_buyer": Permission.OPERATE,
    "sales:order_address": Permission.OPERATE,
    "sales:order_proposal": Permission.OPERATE,
    "sales:order_stock": Permission.OPERATE,
    "sales:order_release": Permission.OPERATE,
    "sales:order_handover": Permission.OPERATE,
    "sales:carriers": Permission.VIEW,
    "sales:carrier_create": Permission.MANAGE,
    "sales:carrier": (Permission.VIEW, Permission.MANAGE),
    "sales:shipping_methods": Permission.VIEW,
    "sales:shipping_method_create": Permission.MANAGE,
    "sales:shipping_method": (Permission.VIEW, Permission.MANAGE),
    "sales:payment_methods": Permission.VIEW,
    "sales:payment_method_create": Permission.MANAGE,
    "sales:payment_method": (Permission.VIEW, Permission.MANAGE),
    "invoices:list": (Permission.VIEW, Permission.OPERATE),
    "invoices:unlinked": (Permission.VIEW, Permission.OPERATE),
    "invoices:months": Permission.VIEW,
    "invoices:export": Permission.MANAGE,
    "invoices:upload": Permission.OPERATE,
    "invoices:issue": Permission.OPERATE,
    "invoices:cancel": Permission.OPERATE,
    "invoices:detail": Permission.VIEW,
    "invoices:xml": Permission.VIEW,
    "invoices:xml_view": Permission.VIEW,
    "invoices:refused_file": Permission.VIEW,
    "invoices:printout": (Permission.VIEW, Permission.OPERATE),
    "invoices:correct": Permission.OPERATE,
    "invoices:carrier": Permission.OPERATE,
    "invoices:link": Permission.OPERATE,
    "invoices:proceed": Permission.OVERRIDE,
    "invoices:unlink": Permission.OPERATE,
    "expedition:list": (Permission.VIEW, Permission.OPERATE),
    "expedition:include": Permission.OPERATE,
    "expedition:tracking_import": Permission.OPERATE,
    "expedition:scan": Permission.OPERATE,
    "expedition:group": Permission.VIEW,
    "expedition:group_codes": Permission.OPERATE,
    "expedition:group_conclude": Permission.OPERATE,
    "expedition:group_arrange": Permission.OPERATE,
    "expedition:group_labels": Permission.OPERATE,
    "expedition:group_remove": Permission.OPERATE,
    "expedition:group_expected": Permission.OPERATE,
    "expedition:group_discard": Permission.OPERATE,
    "expedition:shipment": Permission.VIEW,
    "expedition:shipment_packages": Permission.OPERATE,
    "expedition:shipment_arrange": Permission.OPERATE,
    "expedition:shipment_label": Permission.OPERATE,
    "expedition:shipment_carrier": Permission.OPERATE,
    "expedition:shipment_expected": Permission.OPERATE,
    "expedition:shipment_cancel": Permission.OPERATE,
}


def permission_of(url_name: str, method: str = "GET") -> Permission | None:
    """What `url_name` asks of a user for `method`; None when the route has no entry."""
    entry = URL_PERMISSIONS.get(url_name)
    if isinstance(entry, tuple):
        return entry[0] if method in ("GET", "HEAD", "OPTIONS") else entry[1]
    return entry


def may(user: User, url_name: str, method: str = "GET") -> bool:
    """True when the role of `user` opens `url_name`."""
    permission = permission_of(url_name, method)
    return permission is not None and holds(user, permission)


def holds(user: User, permission: Permission) -> bool:
    """True when the role of `user` has `permission`; what is public asks for no role and no login."""
    if permission is Permission.PUBLIC:
        return True
    return user.is_authenticated and user.company_id is not None and permission in ROLE_PERMISSIONS[user.role]
