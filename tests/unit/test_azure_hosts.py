"""Where a credential may go: decided from the URL alone, before a credential exists."""

from __future__ import annotations

import pytest

from reconciler.azure.clouds import CLOUDS, data_endpoint, management_endpoint
from reconciler.core.fault import Refused

PUBLIC = CLOUDS["public"]


@pytest.mark.parametrize(
    ("url", "clean", "scope"),
    [
        (
            "https://acme.openai.azure.com/",
            "https://acme.openai.azure.com",
            "https://cognitiveservices.azure.com/.default",
        ),
        (
            "https://acme.openai.azure.com/openai/v1/",
            "https://acme.openai.azure.com",
            "https://cognitiveservices.azure.com/.default",
        ),
        (
            "https://ACME.openai.azure.com",
            "https://acme.openai.azure.com",
            "https://cognitiveservices.azure.com/.default",
        ),
        (
            "https://acme.services.ai.azure.com/api/projects/p",
            "https://acme.services.ai.azure.com/api/projects/p",
            "https://ai.azure.com/.default",
        ),
        ("http://127.0.0.1:8585/acme", "http://127.0.0.1:8585/acme", None),
        ("http://localhost:1", "http://localhost:1", None),
        ("http://[::1]:80", "http://[::1]:80", None),
    ],
)
def test_hosts_that_the_cloud_owns(url: str, clean: str, scope: str | None) -> None:
    endpoint = data_endpoint(url, PUBLIC, {}, None)
    assert (endpoint.url, endpoint.scope) == (clean, scope)


@pytest.mark.parametrize(
    ("reason", "url"),
    [
        ("a stranger", "https://evil.example"),
        ("a suffix trick", "https://acme.openai.azure.com.evil.example"),
        ("no dot before the suffix", "https://evilopenai.azure.com"),
        ("the suffix itself", "https://openai.azure.com"),
        ("a deeper label", "https://a.b.openai.azure.com"),
        ("in the fragment", "https://evil.example/#.openai.azure.com"),
        ("in the query", "https://evil.example/?x=.openai.azure.com"),
        ("in the user name", "https://acme.openai.azure.com@evil.example"),
        ("an empty user name", "https://@acme.openai.azure.com"),
        ("a backslash", "https://evil.example\\.openai.azure.com"),
        ("a letter that looks like one of ours", "https://\N{CYRILLIC SMALL LETTER A}cme.openai.azure.com"),
        ("a dot that an HTTP client makes of it", "https://evil\N{IDEOGRAPHIC FULL STOP}example.openai.azure.com"),
        ("an escaped dot", "https://evil%2eexample.openai.azure.com"),
        ("an escaped slash", "https://evil%2f.openai.azure.com"),
        ("a line feed", "https://acme.openai.azure.com\n.evil.example"),
        ("plain http", "http://acme.openai.azure.com"),
        ("another port", "https://acme.openai.azure.com:8443"),
        ("an address", "https://10.0.0.1"),
        ("not loopback", "http://127.0.0.1.evil.example"),
        ("another cloud", "https://acme.openai.azure.us"),
        ("a trailing dot", "https://acme.openai.azure.com."),
        ("no host", "https://"),
        ("another scheme", "ftp://acme.openai.azure.com"),
        ("a broken port", "https://acme.openai.azure.com:x"),
        ("https on loopback", "https://127.0.0.1"),
    ],
)
def test_hosts_that_are_refused(reason: str, url: str) -> None:
    with pytest.raises(Refused) as caught:
        data_endpoint(url, PUBLIC, {}, None)
    assert caught.value.faults[0].remedy, reason


def test_only_the_environment_widens_it() -> None:
    environ = {"RECONCILER_TRUSTED_HOSTS": "gateway.example, other.example"}
    assert data_endpoint("https://gateway.example/x", PUBLIC, environ, None).scope is not None
    with pytest.raises(Refused):
        data_endpoint("http://gateway.example/x", PUBLIC, environ, None)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_each_cloud_has_one_control_plane(cloud: str) -> None:
    assert management_endpoint(None, CLOUDS[cloud], {}, None).url == CLOUDS[cloud].management
    for other in set(CLOUDS) - {cloud}:
        with pytest.raises(Refused):
            management_endpoint(CLOUDS[other].management, CLOUDS[cloud], {}, None)
