"""The management SDK's client with a pipeline of our own: what each request goes through, and nothing besides.

The SDK's pipeline does more than is asked for. When ARM says that a resource provider is not registered, it registers the one
that the answer names (a write, even in a plan) and looks every ten seconds, for ever; it fails on media types that it does not
know, though the answer is read elsewhere (arm.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reconciler.azure.errors import hide

if TYPE_CHECKING:
    from azure.mgmt.cognitiveservices import CognitiveServicesManagementClient


class _Hidden:
    """A credential whose tokens are kept out of every text."""

    def __init__(self, credential: Any) -> None:
        self._credential = credential

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Return a token; raises what the credential raises."""
        found = self._credential.get_token(*scopes, **options)
        hide(found.token)
        return found


def control_client(
    url: str, subscription: str, transport: Any, check: Callable[[str], None], credential: Any, scope: str | None
) -> CognitiveServicesManagementClient:
    """Return the client of ARM at `url`. `check` is given the address of each request first, and raises to forbid it.

    `credential` is an azure-core TokenCredential whose tokens of `scope` are sent; without a scope it is a text that is sent as
    it is, since azure-core refuses to send a bearer token over plain http.
    """
    from azure.core.pipeline.policies import HeadersPolicy, RequestIdPolicy, SansIOHTTPPolicy, UserAgentPolicy
    from azure.mgmt.cognitiveservices import CognitiveServicesManagementClient, __version__
    from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

    class Checked(SansIOHTTPPolicy[Any, Any]):
        """ARM's lists and operations name addresses; the credential goes to no other host."""

        def on_request(self, request: Any) -> None:
            check(request.http_request.url)

    signed: Any = (
        HeadersPolicy({"Authorization": f"Bearer {credential}"})
        if scope is None
        else ARMChallengeAuthenticationPolicy(_Hidden(credential), scope)
    )
    unused: Any = object()
    agent = UserAgentPolicy(sdk_moniker=f"mgmt-cognitiveservices/{__version__}")
    return CognitiveServicesManagementClient(
        unused,  # what signs is in the pipeline
        subscription,
        base_url=url,
        transport=transport,
        authentication_policy=signed,
        policies=[Checked(), RequestIdPolicy(), agent, signed],
    )
