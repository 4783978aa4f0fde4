"""Somebody who is logged in on a running stack, for measurements of what people and their pages cost."""

from __future__ import annotations

import re

import requests

from bench.stack import Stack

OPERATOR = "operator"


def log_in(stack: Stack) -> requests.Session:
    """Log in with the password that the first start printed."""
    said = (stack.home / "said.txt").read_text(encoding="utf-8")
    password = re.search(r"password \(shown this once\): (\S+)", said)
    if password is None:
        raise SystemExit("the stack told no password")
    session = requests.Session()
    address = f"http://127.0.0.1:{stack.port}/admin/login/?next=/"
    session.get(address, timeout=30).raise_for_status()
    fields = {
        "username": OPERATOR,
        "password": password[1],
        "csrfmiddlewaretoken": session.cookies["csrftoken"],
        "next": "/",
    }
    answer = session.post(address, data=fields, headers={"Referer": address}, timeout=60)
    if "sessionid" not in session.cookies:
        raise SystemExit(f"the login answers {answer.status_code}")
    return session


def cookie_header(session: requests.Session) -> str:
    """Give the cookies as a header, for clients that are no session."""
    return "; ".join(f"{each.name}={each.value}" for each in session.cookies)
