"""What is taken for a secret and what is not. No value here is a key of anything: all are made by a small formula."""

from __future__ import annotations

import json
import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.datasets.secrets import kinds_in, might_hold

ALNUM = string.ascii_letters + string.digits


def made(length: int, alphabet: str = ALNUM, seed: int = 7) -> str:
    """Make a value that looks random, and is the same in each run; no such string stands in this file."""
    source = random.Random(seed)
    return "".join(source.choice(alphabet) for _ in range(length))


B64 = ALNUM + "+/"
TOKEN = ".".join(("eyJ" + made(30), "eyJ" + made(60, seed=8), made(43, ALNUM + "-_", 9)))
PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "\n".join(made(64, B64, seed) for seed in range(3))
SECRETS = [
    (PEM, "a private key", "a block as a file has it"),
    (PEM.replace("RSA ", ""), "a private key", "PKCS 8"),
    (PEM.replace("RSA ", "OPENSSH "), "a private key", "of ssh"),
    (PEM.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n\n"), "a private key", "with a header"),
    ("sk-" + made(48), "an OpenAI API key", "the older form"),
    ("sk-proj-" + made(120, ALNUM + "-_"), "an OpenAI API key", "of a project"),
    ("OPENAI_API_KEY=sk-svcacct-" + made(120), "an OpenAI API key", "of a service account"),
    ("sk-ant-api03-" + made(90, ALNUM + "-_"), "an Anthropic API key", "of another vendor"),
    (
        f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={made(86, B64)}==;EndpointSuffix=core.windows.net",
        "an Azure account key",
        "a connection string",
    ),
    (f"Endpoint=sb://a/;SharedAccessKey={made(43, B64)}=", "an Azure access key", "of a service bus"),
    (
        f"https://a.blob.core.windows.net/b?sv=2022-11-02&sig={made(43)}%3D&se=2026",
        "a shared access signature",
        "an address that opens a blob",
    ),
    (f"{made(52)}JQQJ99AC{made(16)}{'A'}{made(7)}", "an Azure AI services key", "the marked form"),
    (made(76, B64) + "+ASt" + made(5) + "Q==", "an Azure key", "a marked key of a storage account"),
    (made(42) + "AzSeA" + made(5), "an Azure AI Search key", "the marked form"),
    ("AKIA" + made(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), "an AWS access key", "a long-lived key"),
    ("ASIA" + made(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), "an AWS access key", "a key of a session"),
    ("aws_secret_access_key = " + made(40, B64), "an AWS secret access key", "a credentials file"),
    ('"SecretAccessKey": "' + made(40, B64) + '"', "an AWS secret access key", "an answer of its service"),
    ("AZURE_CLIENT_SECRET=abc8Q~" + made(34), "a client secret of Microsoft Entra", "the marked form"),
    (
        "postgresql://app:" + made(16) + "@db.internal:5432/app",
        "the address of a database with its password",
        "as programs are given it",
    ),
    ("mongodb+srv://app:" + made(16) + "@c0.mongodb.net", "the address of a database with its password", "two words"),
    *((start + made(36), "a GitHub token", f"the form {start}") for start in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    ("github_pat_" + made(22) + "_" + made(59), "a GitHub token", "the fine-grained form"),
    ("xoxb-" + made(12, string.digits) + "-" + made(24), "a Slack token", "of a bot"),
    ("AIza" + made(35, ALNUM + "-_"), "a Google API key", "the one form"),
    (TOKEN, "a JSON Web Token", "three parts"),
    ("hf_" + made(34, string.ascii_letters), "a Hugging Face token", "letters only"),
    ("Authorization: Bearer " + made(40), "a bearer token", "a header"),
    ("Server=a;User Id=b;Password=" + made(12) + "!9aZ;", "a password", "a connection string"),
    ("Server=a;Uid=b;Pwd=" + made(12) + "!9aZ;", "a password", "the short word"),
    ("api-key: " + made(32, "0123456789abcdef"), "an API key", "the header of Azure OpenAI"),
    ('AZURE_OPENAI_API_KEY="' + made(32, "0123456789abcdef") + '"', "an API key", "the usual variable"),
]


def row(text: str) -> bytes:
    return json.dumps(
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "yes"}]}
    ).encode()


@pytest.mark.parametrize(("text", "kind", "reason"), SECRETS)
@pytest.mark.parametrize("around", ["{}", "see\n{}\nthere", "\t{}", 'x = "{}"', "'{}'", "`{}`", "é {} é"], ids=repr)
def test_likely_secrets_are_found(text: str, kind: str, reason: str, around: str) -> None:
    line = row(around.replace("{}", text))
    (found,) = kinds_in(line)
    assert found[0] == kind, reason
    assert 0 < found[1] < len(line)
    assert might_hold(b"some line\n" + line + b"\nanother\n")


@pytest.mark.parametrize(("text", "kind", "reason"), SECRETS)
def test_likely_secrets_are_found_in_json_inside_json(text: str, kind: str, reason: str) -> None:
    """The arguments of a tool call are JSON in a string, so that each escape is escaped."""
    (found,) = kinds_in(row(json.dumps({"value": f"first\n{text}", "next": 1})))
    assert found[0] == kind, reason


@pytest.mark.parametrize("written", [("/", "\\/"), ("+", "\\u002B"), ("+", "\\u002b")])
def test_base64_may_be_escaped(written: tuple[str, str]) -> None:
    line = row(f"AccountKey={made(86, B64)}==").replace(*(each.encode() for each in written))
    assert kinds_in(line)[0][0] == "an Azure account key"


def test_an_ampersand_may_be_escaped() -> None:
    line = row(f"https://a.example/b?se=1&sig={made(43)}%3D").replace(b"&", b"\\u0026")
    assert kinds_in(line)[0][0] == "a shared access signature"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("set OPENAI_API_KEY=sk-XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "crosses for characters"),
        ("sk-your-key-goes-here-please-1234", "words for a key"),
        ("sk-<your-key>", "a place to fill"),
        ("sk-proj-" + "a1" * 30, "two characters again and again"),
        ("a task-oriented, risk-averse-and-well-considered-plan-number-2", "words with hyphens"),
        ("sk-button-primary-large-rounded-2", "the name of a style"),
        ("the variable mask-9f8e7d6c5b4a39281706f5e4d3c2b1a0", "the end of another word"),
        ("AccountKey=<key>;", "a place to fill"),
        ("AccountKey=your-account-key-goes-in-this-place-of-the-string", "words"),
        (
            "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
            "the published key of the storage emulator",
        ),
        ("AKIAIOSFODNN7EXAMPLE", "the key of Amazon's documentation"),
        ("MAKIAABCDEFGHIJKLMNOP", "letters inside a word"),
        ("ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "crosses"),
        ("xoxb-your-token-here", "words"),
        (
            "-----BEGIN RSA PRIVATE KEY----- starts a PEM file, and -----END RSA PRIVATE KEY----- ends it",
            "an explanation",
        ),
        ("-----BEGIN PUBLIC KEY-----\n" + made(64, B64), "a public key"),
        ("-----BEGIN CERTIFICATE-----\n" + made(64, B64), "a certificate"),
        ("Authorization: Bearer YOUR_ACCESS_TOKEN_GOES_HERE", "words"),
        ("Bearer <token>", "a place to fill"),
        ("the bearer of this letter-of-recommendation-from-the-mayor", "a person"),
        ("password=hunter2", "too short and too plain"),
        ("password = getpass.getpass()", "a call"),
        ('password=os.environ["DB_PASSWORD_1"]', "a variable"),
        ("Password=${DB_PASSWORD};", "a variable of a shell"),
        ("Password={your_password};", "as Azure's portal shows it"),
        ("Pwd=P@ssw0rd!", "the password of all examples"),
        ("pwd = /srv/team/projects", "a folder"),
        ("eyJ is how base64 of an object begins, as in eyJhbGciOiJub25lIn0", "half a token"),
        ("hf_hub_download, hf_transformers", "names of a library"),
        ("api key: the commit 1234567890abcdef1234567890abcdef", "a hash and not the key"),
        ("sig=abc&x=1", "a short value"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "the key of Amazon's documentation"),
        ("aws_secret_access_key = <40 characters>", "a place to fill"),
        ("postgres://user:password@localhost:5432/app", "words"),
        ("postgresql://postgres:postgres@localhost/app", "the usual one of a container"),
        ("redis://localhost:6379/0", "no password"),
        ("mysql://root:${MYSQL_PASSWORD}@db/app", "a variable"),
        ("a hash " + made(64, "0123456789abcdef"), "any hash"),
        (made(5000, B64), "an image"),
        ("Was ist ein JSON-Objekt? Ein Objekt ist {}.", "plain words"),
        ("", "nothing"),
    ],
)
def test_what_only_looks_like_it_is_no_finding(text: str, reason: str) -> None:
    assert kinds_in(row(text)) == [], reason


def test_several_secrets_of_a_line_are_told_in_order() -> None:
    line = row(f"ghp_{made(36)} and hf_{made(34)} and ghp_{made(36, seed=3)}")
    found = kinds_in(line)
    assert [kind for kind, _ in found] == ["a GitHub token", "a Hugging Face token", "a GitHub token"]
    assert [line[at : at + 3] for _, at in found] == [b"ghp", b"hf_", b"ghp"]


def test_one_secret_is_told_once() -> None:
    assert [kind for kind, _ in kinds_in(row(f"Authorization: Bearer {TOKEN}"))] == ["a bearer token"]


def test_bytes_that_are_no_text_are_searched_too() -> None:
    key = f"ghp_{made(36)}".encode()
    assert might_hold(b"\xff\xfe " + key)
    assert kinds_in(b"\xff\xfe " + key)
    assert kinds_in(b"\xff\xfe nothing") == []


PIECES = st.sampled_from(
    [text.encode() for text, _, _ in SECRETS] + [b"\\n", b" ", b"\xff", b'"', b"\\", b"sk-", b"eyJ", b"=="]
)


@given(st.lists(st.one_of(PIECES, st.binary(max_size=4))).map(b"".join), st.binary(max_size=20))
def test_the_quick_look_misses_nothing(line: bytes, other: bytes) -> None:
    if kinds_in(line):
        assert might_hold(line)
        assert might_hold(other + b"\n" + line + b"\n" + other)


@pytest.mark.parametrize(
    "unit",
    [
        b"sk-",
        b"eyJ",
        b"eyJaaaaaaaaa.eyJ",
        b"Bearer ",
        b"password=",
        b"AccountKey=",
        b"sig=",
        b"postgres://a:",
        b"8Q~",
        b"-----BEGIN PRIVATE KEY-----",
    ],
)
def test_the_time_grows_with_the_length_only(unit: bytes) -> None:
    line = unit * (400_000 // len(unit)) + f" ghp_{made(36)}".encode()
    start = time.process_time()
    assert kinds_in(line)
    assert time.process_time() - start < 5
