"""Mapped orders -> rows of `erp.sales`: created (`create`), or followed by the ownership rules (`follow`)."""
