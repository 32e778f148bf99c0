"""Reading JavaScript just far enough to leave out what cannot run: comments and plain data.

This is no parser, and it must never take live code for dead. Where it cannot be told for sure what
something is (is this slash a division or the start of a regular expression?), everything from
there on counts as code. The time is linear.
"""

from __future__ import annotations

import re

__all__ = ["guards", "without_comments", "without_data"]

# A comment may begin here. "//" behind a colon or a quote is nearly always part of an address; a
# comment there is only read as code.
_MAY_COMMENT = re.compile(rb"//(?<![:\"'`/\\]//)")

# Where it begins a line, "-->" is a comment too, and "<!--" everywhere (ECMAScript B.1.1), but not
# in modules; U+2028 and U+2029 end lines; after ESC some old encodings write letters in ASCII; a
# hashbang is a comment. Such scripts are read as they are.
_UNSURE = re.compile(rb"<!--|-->|\xe2\x80[\xa8\xa9]|\x1b|\A#!")

_PLAIN = re.compile(rb"[^/\"'`{}]*+")
_STRINGS = {
    b'"': re.compile(rb"\"(?:[^\"\\\n\r]++|\\(?:\r\n|.))*+\"", re.S),
    b"'": re.compile(rb"'(?:[^'\\\n\r]++|\\(?:\r\n|.))*+'", re.S),
}
_TEMPLATE = re.compile(rb"(?:[^`\\$]++|\\.|\$(?!\{))*+(`|\$\{)", re.S)
_LINE = re.compile(rb"[^\n\r]*+")
_REGEX = re.compile(
    rb"/(?:[^/\\\[\n\r]++|\\[^\n\r]|\[(?:[^\]\\\n\r]++|\\[^\n\r])*+\])++/[A-Za-z]*+"
)
_LAST_WORD = re.compile(rb"([.#]?)\s*+([\w$\\\x80-\xff]++)\Z")
_TAIL = 64
# A regular expression may follow these, a division cannot.
_BEFORE_REGEX = frozenset(b"return typeof case in delete void throw new do else instanceof".split())
# And these are words of the language here, and names there.
_EITHER = frozenset(b"await default of yield".split())


def without_comments(code: bytes) -> bytes:
    """The code with each comment made a space, or a line end if it has one in it."""
    if not (b"/*" in code or _MAY_COMMENT.search(code)) or _UNSURE.search(code):
        return code
    if not code.isascii():  # in other encodings a byte that looks like ASCII may be half a letter
        try:
            code.decode("utf-8")
        except UnicodeDecodeError:
            return code
    kept: list[bytes] = []
    start = 0
    for begin, end in _comments(code):
        kept += (code[start:begin], b"\n" if b"\n" in code[begin:end] else b" ")
        start = end
    return b"".join([*kept, code[start:]])


def _comments(code: bytes) -> list[tuple[int, int]]:
    """Where comments are, up to the first place that cannot be told for sure."""
    found: list[tuple[int, int]] = []
    before = b""  # the last piece of code that was no comment and no space
    open_braces: list[int] = []  # within each ${ that is open
    position = 0
    while True:
        plain = _PLAIN.match(code, position)
        if plain is None or plain.end() == len(code):
            return found
        before = plain[0].rstrip()[-_TAIL:] or before
        position = plain.end()
        sign = code[position : position + 1]
        end = position + 1
        if sign == b"/" and code[end : end + 1] in (b"/", b"*"):
            end = _end(code, position)
            if end:
                found.append((position, end))
        elif sign == b"/":
            end = _after_slash(code, position, before)
            before = b"/" if end == position + 1 else b'"'
        elif sign in _STRINGS:
            string = _STRINGS[sign].match(code, position)
            end = string.end() if string else 0
            before = b'"'
        elif sign == b"`" or (sign == b"}" and open_braces and not open_braces[-1]):
            template = _TEMPLATE.match(code, end)
            if sign == b"}":
                open_braces.pop()
            if template is not None and template[1] == b"${":
                open_braces.append(0)
                before = b"{"
            else:
                before = b'"'
            end = template.end() if template else 0
        else:
            if open_braces:
                open_braces[-1] += 1 if sign == b"{" else -1
            before = sign
        if not end:
            return found
        position = end


def _end(code: bytes, comment: int) -> int:
    """Where a comment ends; 0 when it does not."""
    if code.startswith(b"//", comment):
        line = _LINE.match(code, comment)
        return line.end() if line else 0
    end = code.find(b"*/", comment + 2)
    return 0 if end < 0 else end + 2


def _after_slash(code: bytes, slash: int, before: bytes) -> int:
    """Where to read on after a slash that begins no comment; 0 when it cannot be told."""
    last = before[-1:]
    word = _LAST_WORD.search(before)
    if word is not None:
        # A property may have the name of a keyword.
        regex = not word[1] and word[2] in _BEFORE_REGEX
        unsure = word[2] in _EITHER or word.start() == 0 == len(before) - _TAIL
    else:
        regex = last not in (b"]", b'"', b")", b"}")
        unsure = last in (b")", b"}", b".") or before.endswith((b"++", b"--"))
    if unsure:
        # A regular expression ends on its line; a slash that is the only one is a division.
        line = _LINE.match(code, slash)
        return 0 if line is None or b"/" in line[0][1:] else slash + 1
    if not regex:
        return slash + 1
    literal = _REGEX.match(code, slash)
    return literal.end() if literal else 0


# A script that does nothing but give objects to names runs nothing and fetches nothing. What such
# an object holds is data: no call, no assignment, no template, nothing that takes a value out of it
# again ({…}.x), and no "import", the statement that needs no parentheses. An object that is put
# into a property that fetches (image.src) is no address there.
_NAME = rb"[A-Za-z_$][\w$]*+"
_STRING = rb"(?:\"(?:[^\"\\\n\r]++|\\.)*+\"|'(?:[^'\\\n\r]++|\\.)*+')"
_UNUSED = rb"(?!\s*+[.\[(`?])"
_NUMBER = rb"[-+!]?[0-9.]++(?:[eE][-+]?[0-9]++)?+"
_WORD = rb"(?!(?:import|export|from)(?![\w$]))" + _NAME + rb"(?!\s*+[.\[(`=?])"
_ITEM = rb"(?:[\s:,{\[]++|(?:[}\]]|%b|%b)%b|%b)" % (_STRING, _NUMBER, _UNUSED, _WORD)
_TARGET = rb"%b(?:\s*+\.\s*+%b|\[\s*+%b\s*+\])*+" % (_NAME, _NAME, _STRING)
_QUEUE = rb"(?:(?:self|window)\.)?__next_f"  # Next.js sends its pages in pieces
_HEADS = (
    # name = {…}, a.b = c = {…}, a.b = a.b || {…}, a = JSON.parse("{…}")
    rb"(?:%b\s*+=\s*+)++(?:%b\s*+\|\|\s*+)?+(?:JSON\.parse\(\s*+(?=[\"']\s*+(?:\[\s*+)?\{)|(?=(?:\[\s*+)?\{))"
    % (_TARGET, _TARGET),
    rb"(?:\(\s*+%b\s*+=\s*+%b\s*+\|\|\s*+\[\s*+\]\s*+\)|%b)\.push\(\s*+(?=\[)"
    % (_QUEUE, _QUEUE, _QUEUE),
)
_DATA = re.compile(rb"(%b)((?:%b)++)(?:\)%b)?+" % (b"|".join(_HEADS), _ITEM, _UNUSED), re.S)
_SCALAR = re.compile(
    rb"(?:(?:window|self)\.)?+%b(?<!location)\s*+=\s*+(?:%b|%b)%b|[\"']use strict[\"']"
    % (_NAME, _STRING, _NUMBER, _UNUSED),
    re.S,
)
_BETWEEN = re.compile(rb"[\s;,]*+(?:(?:var|let|const)\s++)?+")


def without_data(code: bytes) -> tuple[bytes, bytes]:
    """The code and the data of a script that does nothing but assign.

    Returns:
        What stands outside and inside its objects; of every other script everything, and nothing.
    """
    kept: list[bytes] = []
    data: list[bytes] = []
    position = 0
    while True:
        between = _BETWEEN.match(code, position)
        position = between.end() if between else position
        if position == len(code):
            return b";".join(kept), b";".join(data)
        statement = _DATA.match(code, position)
        if statement is not None:
            kept.append(statement[1])
            data.append(statement[2])
        else:
            statement = _SCALAR.match(code, position)
            if statement is None:
                return code, b""
            kept.append(statement[0])
        position = statement.end()


def guards(name: bytes) -> re.Pattern[bytes]:
    """An expression for code that asks whether the function ``name`` is there at all."""
    word = re.escape(name)
    window = rb"(?:window|self|globalThis)\s*+(?:\.|\?\.)\s*+"
    return re.compile(
        rb"typeof\s*+\(?\s*+(?:%(window)b)?%(word)b(?![\w$])"
        rb"|(?<![\w$.])%(window)b%(word)b\s*+(?:\)|&&|\?|[!=]==?)"
        rb"|(?<![\w$.])%(word)b\s*+(?:&&|\?\.)"
        rb"|(?<![\w$.])if\s*+\(\s*+!?+%(word)b\s*+[)&]"
        rb"|[\"']%(word)b[\"']\s*+in\s" % {b"window": window, b"word": word}
    )
