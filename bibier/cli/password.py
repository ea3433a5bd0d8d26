"""python -m bibier password: make the entry of a person who may sign in."""

from __future__ import annotations

import argparse
import getpass
import sys


def add(commands: argparse._SubParsersAction) -> None:
    """Describe the command to the parser."""
    password = commands.add_parser("password", help="make an entry for `python app.py --auth FILE`")
    password.add_argument("name", metavar="NAME", help="the name to sign in with")
    password.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    password.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the entry; the password is typed twice without being shown, or comes as the first line of a pipe."""
    from bibier.errors import InputError
    from bibier.i18n.messages import Message
    from bibier.security import passwords

    if not passwords.fit(options.name):  # before anything is asked
        raise InputError("passwords-name", limit=passwords.NAME_LIMIT)
    if sys.stdin.isatty():
        questions = (Message(key).text(options.language) for key in ("password-ask", "password-again"))
        first, second = map(getpass.getpass, questions)
        if first != second:
            raise InputError("passwords-differ")
    else:
        first = sys.stdin.readline().rstrip("\r\n")
    print(passwords.entry(options.name, first))
    return 0
