"""The words of Kwai's wire (codes, paths, field names, errors, values), below `mapping` and `client`."""
