"""Speaking to Kwai Shop: signatures, one call, one store's client, and what may be written when."""
