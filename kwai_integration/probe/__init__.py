"""Comparing the contract with what a merchant's account really answers: reads only, personal data masked."""
