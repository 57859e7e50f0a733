"""Comments in the fields of a header (RFC 5322 section 3.2.2): taken out in one way, whatever the field is."""

from __future__ import annotations


def without_comments(text: str, *, stray: bool) -> str | None:
    """The text with spaces in place of its comments. Comments nest, and none begins within quotes.

    None: a comment or a quotation does not end. With `stray` a bracket that closes nothing is text; without it, None.
    """
    if "(" not in text and (stray or ")" not in text):
        return text
    kept: list[str] = []
    depth, quoted, at = 0, False, 0
    while at < len(text):
        one = text[at]
        if one == "\\" and (quoted or depth):
            kept.append("" if depth else text[at : at + 2])
            at += 2
            continue
        at += 1
        if one == '"' and not depth:
            quoted = not quoted
        elif one == "(" and not quoted:
            depth += 1
        elif one == ")" and not quoted and (depth or not stray):
            depth -= 1
            if depth < 0:
                return None
            kept.append(" ")
            continue
        if not depth:
            kept.append(one)
    return None if depth or quoted else "".join(kept)
