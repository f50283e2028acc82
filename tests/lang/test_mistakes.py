"""Every mistake in a text has a code, a place and a message; `«...»` marks the place in the programs below."""

import re
from pathlib import Path

import pytest

from snc.diagnostics import DataError, SpecError
from snc.lang import mistakes_foreign
from snc.lang.mistakes import LONGEST
from snc.lang.parse import parse, tokens
from snc.lang.read import read
from snc.source import Source

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "tests" / "golden" / "errors"
PAGE = (ROOT / "docs" / "diagnostics.md").read_text(encoding="utf-8")


def codes_in_use() -> set[str]:
    code = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "snc/lang").glob("mistakes*.py"))
    named = set(re.findall(r'say\(\s*"([a-z-]+)"', code))
    signs = {sign.code for sign in mistakes_foreign.SIGNS}
    words = {code for code, _ in mistakes_foreign.WORDS.values()}
    return named | signs | words | {"stray-character"}


def diagnosed(text: str, name: str = "x.snc"):
    with pytest.raises(SpecError) as raised:
        parse(Source(name, text))
    (diagnostic,) = raised.value.diagnostics
    return diagnostic


def marked(program: str) -> tuple[str, int, int]:
    start = program.index("«")
    end = program.index("»") - 1
    return program.replace("«", "").replace("»", ""), start, end


BODY = """
prime                   «v'» = x
prime                   «v''» = x
augmented-assignment    v «+=» 3
augmented-assignment    v«++»
augmented-assignment    v «**=» 2
augmented-assignment    v «/=» a + b
power-operator          v = x «**» 2
power-operator          v = (a + b) «**» 2
number-format           v = «.5» * x
number-format           v = «5.» * x
number-format           v = «5.»
number-format           v = f(«1.2.3»)
single-quotes           v = f(«'train'»)
unclosed-string         v = f(«"train)»
unclosed-string         «"A text»
triple-quotes           «\"""»doc\"""
logic-sign              v = x «&&» y
logic-sign              v = x «&» y
logic-sign              v = x «||» y
logic-sign              v = «!»x
logic-sign              v = «~»x
semicolon               v = x«;»
semicolon               v = x«;» w = y
braces                  v = «{»a}
slash-slash             v = x «//» 2
slash-slash             «//» a remark
slash-slash             v = x «/*» a remark */
arrow                   v «->» x
arrow                   v = x «|>» f
arrow                   v = x «→» f
definition-sign         v «:=» x
definition-sign         v «<-» x
definition-sign         v «==» x
comparison-sign         v = a «=>» b
comparison-sign         v = a «=<» b
comparison-sign         v = a «<>» b
comparison-sign         v = a «===» b
comparison-sign         v = where(b + 1 «=» c, 2, 3)
two-comparisons         v = a < b «<» c
line-continuation       v = a «\\»
no-if                   u = x «if» v > 0 else y
no-if                   u = 0 «if» v > 0 else y
no-if                   u = v «?» 1 : 2
no-if                   «elif» v > 0:
no-loop                 «while» v > 0:
no-loop                 «for» i in range(3):
no-loop                 «for» i in 1..3:
no-return               «return» v
no-print                «print»(v)
no-pass                 «pass»
no-del                  «del» v
no-global               «global» v
no-def                  f = «lambda» x: x
no-import               «import» numpy
no-class                «class» A:
extra-bracket           v = f(x)«)»
extra-bracket           v = x«]»
mismatched-bracket      v = f(x«]»
mismatched-bracket      v = [x«)»
unclosed-bracket        v = f«(»x
unclosed-bracket        v = f«(»g(x)
unclosed-bracket        v = «[»1, 2
colon-for-equals        epochs«:» 100
colon-for-equals        v = f(b«:» 3)
missing-equals          epochs«» 100
missing-equals          loss«» mean(x)
missing-equals          init v«» 3
missing-equals          gradient weight«» signal
missing-equals          expect accuracy«» > 90
two-equals              a = b «=» 2
two-statements          a = 1 «b» = 2
two-statements          a = x «b» = 2
two-statements          a = x «output» y
left-of-equals          «x»[0] = 3
left-of-equals          «x» + 1 = y
value-alone             «f»(x)
value-alone             «x»
value-alone             «x» + 1
not-a-statement         «gradiant» weight = 3
not-a-statement         «let» x = 3
not-a-statement         «param» tau = 10 ms
not-a-statement         «3» = x
nested-declaration      «rule» b():
nested-declaration      «use» shd: rsnn
reserved-word           «output» = s
reserved-word           «input» = 3
reserved-word           v = f(«each» = 3)
reserved-word           v = f(«not» = 3)
reserved-word           v = «last» + 3
each-needs-a-list       update = «each» step
brackets-around-not     v = a == «not» b
missing-value           v «=»
missing-value           v = a «+»
missing-value           v = a + «*» b
missing-value           v = f(a,«,»b)
missing-value           v = («)»
missing-value           v = f(«,»a)
missing-value           update = «every»
missing-value           during = «last»
missing-value           output a «|»
missing-comma           v = f(a «b»)
missing-comma           v = f("a" «"b"»)
missing-comma           v = [1 «2»]
missing-operator        v = leak «u»[t-1]
missing-operator        v = (leak «u»)
percent-sign            v = b «%» c
percent-sign            v = 5 «%» 3
no-slices               v = x[1«:»3]
no-slices               v = x[1«,» 3]
missing-by              learn h «stllr»()
missing-by              learn h«:» stllr()
missing-by              learn h «=» stllr()
not-a-clause            learn h by stllr() «form» backprop(loss)
missing-name            learn «by» stllr()
missing-name            init «(»x) = 3
missing-name            a.«3» = 2
missing-name            random r[x] = bernoulli(0.9) every«»
missing-name            record h.u,«»
expect-a-number         expect accuracy = «mean»(x)
stray-character         expect accuracy = 78 «±» 2 %
stray-character         v = x «×» y
stray-character         v = x «@» y
stray-character         v = «$»x
stray-character         v =«\xa0»x
stray-character         v = «“»x”
unexpected-end          cite«»
unexpected-text         a = b «"text"»
unexpected-text         use = b «every» step
"""

WHOLE = {
    "empty-file": ["«»", "«»# only a remark\n", "«»\n\n"],
    "stray-character": [
        "snc 1\n«\x0c»use a: b\n",
        "snc 1\n# a remark \x1b[31m\n".replace("\x1b", "«\x1b»"),
        "snc 1«\r»use a: b\r",
    ],
    "not-text": ["snc 1\n«\0»"],
    "missing-version": ["«network» a():\n    x = 1\n", "# a\n«snc»\n", "«snc1»\n", "«{»"],
    "unknown-version": ["snc «2»\n", "\n# a\nsnc «1.0»\n"],
    "second-version": ["snc 1\n«snc» 1\n"],
    "two-statements": ["snc 1 «rule» f():\n    x = 1\n"],
    "mixed-indentation": [
        "snc 1\nrule a():\n    x = 1\n«\t»y = 2\n",
        "snc 1\nrule a():\n\tx = 1\n«    »y = 2\n",
        "snc 1\nrule a():\n«    \t»x = 1\n",
    ],
    "wrong-indentation": [
        "snc 1\nrule a():\n        x = 1\n    «y» = 2\n",
        "snc 1\nrule a():\n        # x\n        x = (1\n  + 2)\n    «y» = 2\n",
    ],
    "unexpected-indentation": [
        "snc 1\nrule a():\n    x = 1\n      «y» = 2\n",
        "snc 1\n  «use» a: b\n",
    ],
    "line-continuation": [
        "snc 1\nrule a():\n    x = y\n        «|» z\n",
        "snc 1\nrule a():\n    x = y\n    «|» z\n",
        "snc 1\nrule a():\n    x = y\n        «and» z\n",
    ],
    "empty-body": [
        "snc 1\n«rule a():»\n",
        "snc 1\n«rule a():»\n    # nothing\n\nrule b():\n    x = 1\n",
        "snc 1\nrule a():\n    «train:»\n    x = 3\n",
    ],
    "missing-colon": [
        "snc 1\nrule plain()«»\n    x = 1\n",
        "snc 1\nnetwork net«»  # a remark\n    x = 1\n",
        "snc 1\nblock net(x)«»\n    x = 1\n",
        "snc 1\nexperiment a«»\n    x = 1\n",
        "snc 1\nexperiment a = b with«»\n    x = 1\n",
        "snc 1\nexperiment a:\n    train«»\n        x = 1\n",
        "snc 1\nexperiment a:\n    phase one«»\n        x = 1\n",
    ],
    "missing-with": [
        "snc 1\nexperiment a = b()«»\n    x = 1\n",
        "snc 1\nexperiment a = b()«:»\n    x = 1\n",
    ],
    "missing-base": ["snc 1\nexperiment a «with»:\n    x = 1\n"],
    "body-on-same-line": [
        "snc 1\nrule f(): «x» = 3\n",
        "snc 1\nexperiment f: «train»: x = 3\n",
    ],
    "function-body": [
        "snc 1\nfunction f(x)«:»\n    output x\n",
        'snc 1\nfunction f(x) = x\n    «"»doc"\n',
    ],
    "missing-equals": ["snc 1\nfunction f(x)«»\n", "snc 1\nfunction f(x)«» x^2\n"],
    "no-annotations": ["snc 1\nrule f(a«:» float):\n    x = 1\n"],
    "outside-a-body": [
        "snc 1\n«x» = 3\n",
        "snc 1\nrule a():\n    x = 3\n«learn» x by y()\n",
        'snc 1\n«"A text"»\n',
        "snc 1\n«train»:\n    x = 3\n",
    ],
    "not-a-declaration": ["snc 1\n«rul» a():\n    x = 3\n", "snc 1\n«foo»\n", "snc 1\n«(»a)\n"],
    "no-def": ["snc 1\n«def» f(x):\n    v = 3\n"],
    "no-class": ["snc 1\n«class» A:\n    v = 3\n"],
    "no-import": ["snc 1\n«import» numpy\n", "snc 1\n«from» shd import rsnn\n"],
    "use-names": ["snc 1\nuse shd«»\n"],
    "missing-name": [
        "snc 1\nuse shd: «*»\n",
        "snc 1\nrule «(»a):\n    x = 1\n",
        "snc 1\nrule «2»f():\n    x = 1\n",
        "snc 1\nrule f(«2»a):\n    x = 1\n",
        "snc 1\nrule f(a,«,» b):\n    x = 1\n",
    ],
    "unclosed-bracket": [
        "snc 1\nrule a():\n    x = f«(»a, b\n    y = g(x)\n",
        "snc 1\nrule a():\n    x = «[»1, 2\n\nrule b():\n    x = 1\n",
        "snc 1\nrule a«(»b, c\n    x = 3\n",
    ],
    "missing-comma": ["snc 1\nrule a():\n    x = f(a,\n          b\n          «c»)\n    y = 2\n"],
    "too-deep": ["snc 1\nfunction f(x) = " + "-" * 96 + "«-»" + "-" * 40 + "x\n"],
}


def body_cases() -> list[tuple[str, str]]:
    rows = (line.split(None, 1) for line in BODY.replace('\\"', '"').split("\n") if line)
    return [(code, f"snc 1\n\nnetwork net():\n    input x[3]\n    {text}\n") for code, text in rows]


CASES = body_cases() + [(code, program) for code, programs in WHOLE.items() for program in programs]


@pytest.mark.parametrize(("code", "program"), CASES)
def test_a_mistake_has_its_code_and_is_shown_where_it_is(code: str, program: str) -> None:
    text, start, end = marked(program)
    diagnostic = diagnosed(text)
    assert diagnostic.code == code
    if code != "too-deep":
        assert (diagnostic.span.start, diagnostic.span.end) == (start, end)


@pytest.mark.parametrize(("code", "program"), CASES)
def test_a_message_is_short_and_speaks_of_the_text_only(code: str, program: str) -> None:
    message = diagnosed(marked(program)[0]).message
    assert "\n" not in message
    assert not message.endswith(".") or message.endswith("...")
    assert len(message) < 140
    assert not re.search(r"Token|_NEWLINE|LPAR|RPAR|lark|None", message)


def test_every_code_has_a_case() -> None:
    assert codes_in_use() - {code for code, _ in CASES} == {"too-long"}


def test_every_code_has_a_program_in_the_corpus() -> None:
    assert codes_in_use() - {path.stem for path in CORPUS.glob("*.snc")} == {"too-long"}


def parse_stage() -> list[Path]:
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(CORPUS.glob("*.snc"))}
    return [path for path, text in texts.items() if "\n# stage: parse\n" in text]


@pytest.mark.parametrize("path", parse_stage(), ids=lambda path: path.stem)
def test_a_program_of_the_corpus_gets_the_answer_in_its_first_line(path: Path) -> None:
    source = read(path)
    diagnostic = diagnosed(source.text)
    assert f"# error[{diagnostic.code}]: {diagnostic.message}" == source.line(1)
    assert diagnostic.code == path.stem


def examples(code: str) -> list[str]:
    section = re.search(rf"^## {code}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert section, f"docs/diagnostics.md has no section {code}"
    found = re.findall(r"```snc\n(.*?)```", section[1], re.DOTALL)
    return [text.replace("<TAB>", "\t").replace("<NUL>", "\0") for text in found]


@pytest.mark.parametrize("code", sorted(codes_in_use() - {"too-long"}))
def test_the_page_of_a_code_shows_it_and_its_remedy(code: str) -> None:
    wrong, right = examples(code)
    first = "" if "snc 1" in right.split("\n")[0] else "snc 1\n"
    alone = code in ("empty-file", "not-text", "missing-version", "unknown-version")
    assert diagnosed(("" if alone else first) + wrong).code == code
    assert parse(Source("x", first + right)).version == "1"


# Messages that show the user's own text -----------------------------------------------------------


def message_of(statement: str) -> str:
    return diagnosed(f"snc 1\nneuron n(i):\n{statement}\n").message


def test_augmented_assignment_shows_the_statement_it_would_be() -> None:
    assert "`total = total[t-1] - 2 * i`" in message_of("    total -= 2 * i")


def test_if_shows_the_where_with_its_own_condition_and_values() -> None:
    text = "    if x >= 2:\n        y = 3\n    output y"
    assert message_of(text) == "there is no `if`; write `y = where(x >= 2, 3, x)`"


def test_a_power_shows_its_own_base_and_exponent() -> None:
    assert message_of("    v = speed ** 3") == "powers are written `speed^3`"


def test_a_missing_colon_shows_the_header() -> None:
    text = "snc 1\nblock b(x, n = 3)\n    output x\n"
    assert diagnosed(text).message == "a `:` is missing after `block b(x, n = 3)`"


def test_a_long_header_is_shown_by_kind_and_name() -> None:
    arguments = ", ".join(f"argument{n} = {n}" for n in range(20))
    text = f"snc 1\nblock b({arguments})\n    output x\n"
    assert diagnosed(text).message == "a `:` is missing after `block b`"


def test_a_word_near_a_statement_is_suggested() -> None:
    diagnostic = diagnosed("snc 1\nrule r():\n    gradent weight = x\n")
    assert diagnostic.help == "did you mean `gradient`?"


def test_a_mismatched_bracket_shows_the_other_one() -> None:
    diagnostic = diagnosed("snc 1\nfunction f(x) = (x]\n")
    (other,) = diagnostic.related
    assert (other.span.text, other.span.column, other.text) == ("(", 17, "opened here")


# Texts as such ------------------------------------------------------------------------------------


def test_a_text_that_is_far_too_long_is_answered_without_parsing() -> None:
    assert diagnosed("snc 1\n" + "x" * LONGEST).code == "too-long"


@pytest.mark.parametrize("nest", ["-" * 5000 + "x", "x" + " + x" * 5000, "f(" * 5000 + ")" * 5000])
def test_nesting_without_end_is_a_diagnostic_and_no_crash(nest: str) -> None:
    assert diagnosed(f"snc 1\nfunction g(x) = {nest}\n").code == "too-deep"


def test_brackets_alone_do_not_count_as_nesting() -> None:
    assert parse(Source("x", f"snc 1\nfunction g(x) = {'(' * 500}x{')' * 500}\n")).declarations


def test_tokens_of_a_wrong_text_are_refused_like_its_tree() -> None:
    for text in ("snc 1\nfunction f(x) = x)\n", "snc 1\nrule r():\n        x = 1\n    y = 2\n"):
        with pytest.raises(SpecError) as raised:
            tokens(Source("x", text))
        assert raised.value.diagnostics[0].code == diagnosed(text).code


# Files --------------------------------------------------------------------------------------------


def refused(path: Path | str) -> DataError:
    with pytest.raises(DataError) as raised:
        read(path)
    return raised.value


def test_a_file_is_read_without_its_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.snc"
    path.write_bytes(b"\xef\xbb\xbfsnc 1\r\n")
    source = read(path)
    assert (source.text, source.name, source.path) == ("snc 1\r\n", str(path), path)


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "gesture.snc").write_text("snc 1\n")
    for wrong in ("gestrue.snc", "gesture"):
        error = refused(tmp_path / wrong)
        assert error.code == "no-such-file"
        assert error.help == f"did you mean `{tmp_path / 'gesture.snc'}`?"


def test_a_missing_file_like_no_other_lists_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "gesture.snc").write_text("snc 1\n")
    assert refused(tmp_path / "zzzzz.snc").help == f"specs in `{tmp_path}`: gesture.snc"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "no" / "a.snc").help == f"there is no folder `{tmp_path / 'no'}`"


def test_a_folder_is_no_spec(tmp_path: Path) -> None:
    (tmp_path / "a.snc").write_text("snc 1\n")
    error = refused(tmp_path)
    assert (error.code, error.help) == ("not-a-file", f"specs in `{tmp_path}`: a.snc")


def test_a_file_that_is_not_utf_8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.snc"
    path.write_bytes("snc 1\n# é\n".encode("latin-1"))
    error = refused(path)
    assert error.code == "not-text"
    assert "line 2 has the byte 0xe9" in error.message


def test_a_huge_file_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.snc"
    path.write_bytes(b"x" * (LONGEST + 1))
    assert refused(path).code == "too-long"


def test_a_path_no_system_can_open_is_refused() -> None:
    assert refused("a\0b.snc").code == "cannot-read"
