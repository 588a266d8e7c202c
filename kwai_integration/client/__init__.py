"""Speaking to Kwai Shop: signatures, codes, errors, the endpoint table, one call, one store's client."""
