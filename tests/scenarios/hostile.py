"""Texts that somebody might type to do harm, most with a mark by which they are known again."""

from itertools import chain
from pathlib import Path

MARK = "kanarek"
_SHELL = (
    "$({})",
    "`{}`",
    "; {}",
    "| {}",
    "&& {}",
    "|| {}",
    "\n{}\n",
    "> {}",
    "'; {} #",
    '"; {} #',
    "${{IFS}}{}",
    "%0a{}",
)
_SQL = (
    "' OR 1=1; --",
    "'; DROP TABLE audit; --",
    '" UNION SELECT 1',
    "NEAR(a b)",
    "text:*",
    "a* OR b",
    "^x",
    "')",
)
_TEMPLATES = (
    "{{ 7*7 }}",
    "{% for x in y %}",
    "{0.__class__}",
    "%(x)s",
    "${HOME}",
    "#{1}",
    "<%= 1 %>",
    "[[x]]",
)
_OPTIONS = (
    "-rf",
    "--delete",
    "-oProxyCommand=id",
    "--",
    "-",
    "--reason",
    "-e sh",
    "--discard=yes",
    "—delete",
    "-1x",
)
_CONTROLS = (
    "\x00",
    "\x07",
    "\x08",
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x9b2J",
    "\r",
    "\x7f",
    "\x0b",
    "\x85",
    "\t\t",
)
_LINES = ("\n", "\r\n", "\u2028", "\u2029", "\n\n\n", "\n- ", "\n> ", '\n{"event": "forged"}')
_BIDI = tuple("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200e\u200f\u061c")
_INVISIBLE = ("\u200b", "\ufeff", "\u00ad", "\u2060", "\U000e0041", "\u034f")
_HALVES = ("\ud800", "\udc00", "\ud83d", "\udfff\ud800")
_CALLS = (
    *("<!channel>", "<!here>", "<!everyone>", "<@U0CAT>", "<!subteam^S0EVERYBODY>", "<#C0GENERAL>", "@U0CAT"),
    *("@S0EVERYBODY", "`@U0CAT`", "x`@U0CAT", "@@U0CAT", "(@U0CAT)", "@channel", "@here", "&lt;!channel&gt;"),
    *(
        "<!date^0^{date}|x>",
        "@U0CAT,@U0CAT",
        "<mailto:eve@evil.example>",
        "<tel:1>",
        "\\<!here>",
        "@\u200bU0CAT",
    ),
)
_LINKS = (
    *(
        "<https://evil.example|Approve>",
        "https://evil.example",
        "<http://evil.example>",
        "[x](https://evil.example)",
    ),
    *(
        "javascript:alert(1)",
        "//evil.example",
        "file:///etc/passwd",
        "slack://user",
        "evil.example",
        "\uff28TTP://x",
    ),
)
_MARKUP = (
    "*bold*",
    "_it_",
    "~no~",
    "```code```",
    "`",
    "``",
    "> quote",
    ":tada:",
    "<b>",
    "&amp;",
    "<",
    ">",
    "&",
    "|",
)
_FORMULAS = (
    "=1+1",
    '=HYPERLINK("http://evil.example")',
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    ";=1",
    "=cmd|' /C calc'!A0",
)
_PATHS = (
    "../../etc/passwd",
    "/dev/zero",
    "C:\\x",
    "\\\\host\\x",
    "~root",
    "*",
    "?",
    "web/../web",
    ".",
    "..",
    "%2e%2e",
)
_NUMBERS = (
    "NaN",
    "Infinity",
    "1e9",
    "0x10",
    "٤",
    "\uff14",
    "½",
    "-0",
    "1_000",
    "9" * 40,
    "null",
    "None",
    "true",
    "[]",
    "{}",
)
_LONG = (
    "x" * 10_000,
    "@U0CAT " * 300,
    "\u0301" * 500,
    "👩‍👩‍👧‍👦" * 100,
    '"' * 1999,
    "\\" * 1500,
    "<" * 1900,
    "&" * 1900,
)


def texts(canary: Path) -> list[str]:
    """All of them; those for shells would make a file."""
    commands = (f"touch {canary}", f"touch {canary.name}", f"echo x >{canary}")
    shells = (form.format(command) for form in _SHELL for command in commands)
    rest = chain(
        *(_SQL, _TEMPLATES, _OPTIONS, _CONTROLS, _LINES, _BIDI, _INVISIBLE, _HALVES, _CALLS, _LINKS),
        *(_MARKUP, _FORMULAS, _PATHS, _NUMBERS, _LONG),
    )
    turned = [
        f"{MARK} {text}" if number % 2 else f"{text} {MARK}"
        for number, text in enumerate(chain(shells, rest))
    ]
    return [*turned, *(text for text in (*_OPTIONS, *_FORMULAS, *_CALLS) if text)]
