"""The demonstration: the guided tour and its texts."""
