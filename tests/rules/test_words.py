"""The field's words, in American spelling: in names, docstrings, help texts, messages, templates and documents.

Names are held to more than sentences are: "file not found" is English, `found` is no name for a result. Public names
keep the spelling that they were published with: the command `alexnet neighbours` with its call and its records, the
value `centre` of `test_views`, and the option `--grey` beside `--gray`. What stands between backticks is code.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache

import pytest

from tests.rules.source import ROOT

PROSE = {
    r"\bpictures?\b": "image",
    r"\bprocessors?\b": "CPU",
    r"\bstart(ing)? values?\b": "initialization",
    r"(?<!standard )(?<!standard\n)\bdeviations?\b": "std, standard deviation",
    r"\btaken for whom\b": "confusion, most confused pairs",
    r"\b[wr]: \w": "true, predicted",
    r"\b(the|its|each|a) (right|said) (class|label)\b": "true, predicted",
    r"(?<!warning )(?<![.])\bfilters?\b": "kernel",
    r"\bshares? of\b": "fraction",
}
"""What is not written in a sentence, and what is instead."""

SPELLING = {
    r"colour": "color",
    r"grey": "gray",
    r"neighbour": "neighbor",
    r"centre": "center",
    r"(behavi|fav|hon|lab)our": "-or",
    r"labelled|modelled|travell|cancelled|cancelling": "one l",
    r"licence|defence": "-se",
    r"metre\b|metres\b": "meter",
    r"judgement|artefact|catalogue|programme\b|whilst|learnt": "judgment, artifact, catalog, program, while, learned",
    r"(normal|recogn|initial|optim|organ|general|regular|random|real|visual|minim|maxim|summar|util|emphas|character"
    r"|categor|standard|quant|serial|orthogonal|local|synchron|author|capital)is(e|ed|es|ing|ation)\b": "-ize",
    r"analyse(d|r)?\b|analysing": "analyze",
}
"""British spellings, in sentences and in names."""

NAME_WORDS = {
    "picture": "image", "pictures": "image", "processor": "cpu", "processors": "cpu", "deviation": "std",
    "deviations": "std", "wish": "a word for what is asked", "wishes": "a word for what is asked",
    "exam": "test", "exams": "test", "detour": "path", "detours": "path",
    "found": "what it is", "given": "what it is", "said": "what it is", "taken": "what it is",
}  # fmt: skip
"""Words that are part of no name. Tests are named by sentences, where the participles are English."""

PARTICIPLES = {"found", "given", "said", "taken"}
RIGHT = re.compile(r"^_?(is|num|are)_right$|^_?right_(class|label|one|ones)$")
PUBLIC = re.compile(r"neighbours?", re.IGNORECASE)
PUBLIC_IN_PROSE = re.compile(
    r"\b(alexnet|similar)\.neighbours\b|^ *neighbours: |\"centre\"|\bcentre(?= →)|(?<=one of )centre\b|https?://\S+",
    re.MULTILINE,
)


def tracked(*patterns: str) -> list[str]:
    """Paths of the project's files, below its root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file() and not name.endswith("test_words.py")]


def wrong_names(path: str, text: str) -> list[str]:
    """Names that a file gives to something and that are not the field's."""
    return sorted(
        {f"{path}:{line} {name}: {better}" for line, name in _given_names(text) if (better := _better(name))}
    )


def _given_names(text: str) -> Iterator[tuple[int, str]]:
    for node in _nodes(text):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name


@cache
def _nodes(text: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(text)))


@cache
def _better(name: str) -> str | None:
    """What to write instead of a name; None where it may stay."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    is_sentence = name.startswith("test_")
    for word in words:
        if word in NAME_WORDS and not (is_sentence and word in PARTICIPLES):
            return NAME_WORDS[word]
    if RIGHT.match(name):
        return "correct, or true and predicted"
    return next((better for wrong, better in SPELLING.items() if re.search(wrong, PUBLIC.sub("", name), re.I)), None)


def sentences(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Prose of a file with its lines: strings with a space in them from Python, everything else whole."""
    if not path.endswith((".py", ".pyi")):
        yield 1, text
        return
    for node in _nodes(text):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"\w \w", node.value):
            yield node.lineno, node.value
    for line, comment in enumerate(text.splitlines(), 1):
        if "  # " in comment or comment.lstrip().startswith("# "):
            yield line, comment.partition("# ")[2]


def wrong_words(path: str, text: str) -> list[str]:
    """Words in a file's sentences that style and spelling do not allow."""
    wrong = []
    for first, sentence in sentences(path, text):
        prose = re.sub(r"```.*?```|``.*?``|`[^`\n]*`", _blank, sentence, flags=re.DOTALL)
        prose = PUBLIC_IN_PROSE.sub(_blank, prose)
        for pattern, better in [*PROSE.items(), *SPELLING.items()]:
            for match in re.finditer(pattern, prose, re.IGNORECASE):
                line = first + prose.count("\n", 0, match.start())
                wrong.append(f"{path}:{line} {match[0]}: {better}")
    return wrong


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "_", match[0])


SOURCES = tracked("*.py", "*.pyi")
GENERATED = {"docs/api.md", "docs/commands.md", "docs/settings.md", "docs/variants.md"}
"""Made from docstrings and help texts, which are read where they stand."""
DOCUMENTS = [path for path in tracked("*.md", "*.j2", "Makefile", "pyproject.toml") if path not in GENERATED]


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.slow
def test_names_are_the_fields_words() -> None:
    assert len(SOURCES) > 300
    assert [line for path in SOURCES for line in wrong_names(path, _read(path))] == []


def test_files_and_folders_are_named_by_the_fields_words() -> None:
    parts = {part.partition(".")[0] for path in SOURCES for part in path.split("/")}
    assert [part for part in sorted(parts) if _better(part)] == []


@pytest.mark.slow
def test_sentences_use_the_fields_words_in_american_spelling() -> None:
    assert len(DOCUMENTS) > 15
    assert [line for path in [*SOURCES, *DOCUMENTS] for line in wrong_words(path, _read(path))] == []


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("found = 1", "what it is"),
        ("num_found: int = 1", "what it is"),
        ("def left_as_found(): ...", "what it is"),
        ("def draw(pictures): ...", "image"),
        ("class ExamResult: ...", "test"),
        ("self.processor = 1", "cpu"),
        ("is_right = True", "correct, or true and predicted"),
        ("grey_level = 1", "gray"),
        ("def test_picture_is_drawn(): ...", "image"),
        ("for centreOfMass in x: ...", "center"),
    ],
)
def test_a_wrong_name_is_seen(text: str, better: str) -> None:
    assert [line.split(": ")[1] for line in wrong_names("a.py", text)] == [better]


def test_public_names_and_sentences_of_tests_may_stay() -> None:
    text = "def neighbours(): ...\nclass Neighbour: ...\ndef test_file_is_found(): ...\nleft, right = 1, 2"
    assert wrong_names("a.py", text) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "def f():\n    '''Say what pictures show.'''"),
        ("a.py", "raise E('the processor multiplies it fast')"),
        ("a.py", "x = 1  # the centre of a patch"),
        ("a.py", "help = 'Start values of the layers.'"),
        ("a.md", "takes 0.39: a share of the time"),
        ("a.md", "the deviation of the\ncolour"),
        ("a.md", "Draw who is taken for whom."),
        ("a.j2", "<b>behaviour</b>"),
        ("a.py", "text = 'one filter of conv1, normalised'"),
    ],
)
def test_a_wrong_word_is_seen(path: str, text: str) -> None:
    assert wrong_words(path, text)


def test_code_and_plain_english_may_stay() -> None:
    text = (
        "`--grey`, `centre` and ``picture``:\n```\ncolour\n```\nthe file was not found; standard deviation, neighbors"
    )
    assert wrong_words("a.md", text) == []
    assert wrong_words("a.py", "x = ('centre', 'pictures', 'alexnet.neighbours(run, path)')") == []
