"""The demonstration issuer (`ERP_DEMO=1`): notes that walk the whole loop and no authority has ever seen."""
