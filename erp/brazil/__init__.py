"""What is Brazilian and knows no table of ours: money, documents, fiscal codes, cities."""
