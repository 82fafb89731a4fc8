"""Whether a token was made for what it is about to apply: pure. An approval writes on the token what was approved."""

from __future__ import annotations

from collections.abc import Mapping

from policies.errors import InputError

DECLARATIONS, PLAN, PULL, HEAD = "declarations", "plan", "pull", "head"
"""Of the token's metadata: the digest of the declarations, the SHA-256 of the saved Pulumi plan where there is one, the
pull request, and its commit that was approved."""

ASK = "have it approved, check out what was approved and ask for its token: portcullis approval --token-file"


class Unapproved(InputError):
    """This token is for other declarations, another plan, or for none; nothing was changed."""


def require(metadata: Mapping[str, str], loaded: str, plan: str | None, *, required: bool) -> None:
    """`loaded`: the digest of the declarations that are applied; `plan`: that of the saved plan, None where none is
    named. A token that says nothing serves unless `required`. Raises Unapproved with the remedy."""
    whose = f"pull request {metadata.get(PULL) or '?'} at {(metadata.get(HEAD) or '?')[:12]}"
    approved = metadata.get(DECLARATIONS)
    if approved is None:
        if required:
            raise Unapproved(
                f"this stack applies what was approved, and the token in VAULT_TOKEN was made for no approval "
                f"(these declarations are {loaded}); {ASK}; to lock down without it: portcullis contain"
            )
        return
    if approved != loaded:
        raise Unapproved(f"{whose} was approved with the declarations {approved}, and these are {loaded}; {ASK}")
    if PLAN in metadata and plan is None:
        raise Unapproved(
            f"{whose} was approved with the saved plan {metadata[PLAN]}; apply it: "
            f"PORTCULLIS_PLAN=FILE pulumi up --plan FILE"
        )
    if PLAN in metadata and metadata[PLAN] != plan:
        raise Unapproved(f"{whose} was approved with the saved plan {metadata[PLAN]}, and this is {plan}; {ASK} --plan")
