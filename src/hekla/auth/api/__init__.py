"""The endpoints below ``/auth``, a file for each part of sign-in."""
