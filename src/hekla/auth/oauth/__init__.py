"""Hekla as a provider of OAuth 2.1 and OpenID Connect: other systems sign in with it.

What is asked is read and judged by pure functions (``authorization``, ``client``, ``pkce``,
``redirects``, ``scopes``); ``grants`` and ``device`` do what was decided, in the database;
``face`` speaks HTTP. Authlib's provider core is synchronous and asks the application for rows in
the middle of its decisions, so that nothing could be judged and kept in one transaction: hence
this is Hekla's own. RFC 9700 is the checklist.
"""
