"""Finding rows by what people type: any part of a name without accents, numbers, keys and codes.

Knows no app but accounts. Each app says in its `search.py` where its rows are looked for, as `TextSource`s
and small indexed queries; its lists and the search box ask the same function. What is found comes as ids of
one table, so that no statement joins tables in an OR (docs/adr/0010-how-typed-words-are-found.md).
"""
