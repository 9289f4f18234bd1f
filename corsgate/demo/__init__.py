"""`corsgate demo`: a small laboratory for CORS, as servers on this machine and pages for a browser.

It teaches and is no part of what serves: nothing but the command imports it.
"""
