"""A server that behaves like Pipedrive as far as this project uses it: limits, errors and webhooks included.

Nothing here is imported by the product. What the server does and does not do is said by the modules' docstrings; the
rules come from Pipedrive's OpenAPI files and its guides on rate limits, webhooks v2 and OAuth.
"""
