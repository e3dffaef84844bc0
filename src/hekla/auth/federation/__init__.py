"""Signing in with others: this application as a client of OAuth 2.0 and OpenID Connect.

``flow`` is the protocol, without I/O; ``metadata`` and ``exchange`` ask the other provider through
``fetch``, the one seam; ``identities`` keeps who is whom; ``face`` has the addresses. Authlib would
keep the state between two requests in a session of its own, where it is good more than once; here
it is taken once, with what follows from it, in the database.
"""
