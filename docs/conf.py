"""Sphinx: docs/index.rst, with the reference from the docstrings. Built by `tox run -e docs`."""

from importlib import metadata
from posixpath import dirname, join, normpath

import click
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from corsgate._flask_commands import command as flask_cors
from corsgate.cli import main

project = "corsgate"
release = metadata.version(project)

extensions = ["sphinx.ext.autodoc", "sphinx.ext.doctest"]
html_theme = "furo"
html_show_copyright = False
html_show_sphinx = False

smartquotes = False
# Docstrings write code between single backticks.
default_role = "code"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 88

nitpicky = True
# What is documented elsewhere; there is no network to look where.
nitpick_ignore = [
    ("py:class", "Flask"),
    ("py:class", "HttpRequest"),
    ("py:class", "WSGIApplication"),
    ("py:class", "flask.app.Flask"),
    ("py:class", "timedelta"),
    ("py:class", "_Target"),  # whatever is decorated
    ("py:class", "collections.abc.Mapping"),
    ("py:exc", "ImproperlyConfigured"),
]


class Help(SphinxDirective):
    """What `--help` prints, of a command and of all below it."""

    def run(self):
        return [*_help(main, "corsgate"), *_help(flask_cors, "flask cors")]


def _help(command, name, parent=None):
    context = click.Context(command, parent, name, terminal_width=80)
    yield nodes.literal_block(text=f"$ {name} --help\n{command.get_help(context)}")
    for word in getattr(command, "list_commands", lambda _: [])(context):
        yield from _help(command.get_command(context, word), f"{name} {word}")


def _make_readable(app, what, name, obj, options, signature, returned):
    """`Policy` takes other names only to say what they are called here."""
    if not signature:
        return None
    signature = signature.replace(", **unknown: Unpack[_NoOptions]", "")
    return signature.replace("<object object>", "..."), returned


def _link_pages(app, doctree):
    """To GitHub the pages are files, here they are what is made of them."""
    for link in doctree.findall(nodes.reference):
        page, end, anchor = link.get("refuri", "").partition(".rst")
        if (
            end
            and "://" not in page
            and normpath(join(dirname(app.env.docname), page)) in app.env.found_docs
        ):
            link["refuri"] = f"{page}.html{anchor}"


def setup(app):
    app.add_directive("help", Help)
    app.connect("autodoc-process-signature", _make_readable)
    app.connect("doctree-read", _link_pages)
