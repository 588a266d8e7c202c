"""Every field name of the wire contract, in requests, answers and pushes (contract sections 2 to 4).

Not among them: the common query parameters and those of OAuth, and the envelope `result`, `message`, `data`.
"""

from __future__ import annotations

OAUTH = {
    "merchantId", "shopName", "accessToken", "refreshToken", "expiresIn", "refreshTokenExpiresIn",
    "scopes",
}  # fmt: skip
LISTS = {
    "page", "size", "timeFrom", "timeTo", "timeRangeField", "total", "orderList", "orderInfoDetailList",
    "refundList", "currentPage", "pageSize", "sort", "totalCount", "itemList", "retryAfter",
}  # fmt: skip
ORDER = {
    "orderId", "orderStatus", "currency", "country", "createTime", "updateTime", "paidTime",
    "totalAmount", "shippingFee", "productPlatformDiscount", "productSellerDiscount", "orderItemView",
    "itemName", "skuName", "skuNumber", "skuQuantity", "skuPrice", "receiverAddressInfo", "shipByTime",
    "cancelReason", "buyerRemark", "shippingType", "carrierCode", "carrierName", "trackingNumber",
    "payments", "method", "amount", "invoiceStatus", "invoiceRefusalReason", "holdReason", "canceledAt",
    "refundStatus", "shippedAt", "estimatedDeliveryAt", "deliveredAt", "invoice",
}  # fmt: skip
ADDRESS = {
    "name", "cpf", "phone", "zipCode", "state", "city", "district", "street", "number", "complement",
}  # fmt: skip
WRITES = {
    "accessKey", "number", "series", "issuedAt", "totalAmount", "xml", "handover", "trackingUrl",
    "reason", "format", "content", "fileName", "url",
}  # fmt: skip
REFUND = {"refundId", "status", "amount", "reason"}
ITEM = {
    "itemId", "skuId", "title", "number", "activeStatus", "refusalReason", "salePrice", "stock",
    "saleCountry", "skus", "skuSpecDesc", "specification", "promotionalPrice", "promotionStartsAt",
    "promotionEndsAt", "description", "categoryId", "images", "attributes", "ncm", "gtin", "package",
    "height", "width", "length", "grossWeight", "handlingDays", "parentId", "leaf", "attributeId",
    "required", "type", "values",
}  # fmt: skip
PUSH = {"eventId", "event", "bizId", "appKey", "info", "test"}
FIELDS = frozenset(OAUTH | LISTS | ORDER | ADDRESS | WRITES | REFUND | ITEM | PUSH)
