"""Spreadsheets of people, CSV and XLSX: read into rows of text, written so that no cell runs as a formula."""
