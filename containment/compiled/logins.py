"""What may be set on a login role, value by value: pure. A login is a token too, so whoever writes policies must not
decide who logs in (docs/adr/0007)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import Any

from containment import names
from containment.compiled import locked
from containment.incidents import generations
from policies.model import AuthMethod, CiRole, Estate, TokenType, Workload

Values = dict[str, list[Any]]
"""By parameter, each value that it may be set to; none listed is any."""


def may_set(values: Values) -> dict[str, Any]:
    """Without `create`: a role keeps what it is not told."""
    return {"capabilities": ["read", "update"], "allowed_parameters": values}


def ttls() -> Values:
    return {"token_ttl": [], "token_max_ttl": []}


def jwt(claims: Iterable[Mapping[str, Any]]) -> Values:
    """Whoever may bind a role to other claims logs in by it with a token that the issuer signs for anybody."""
    return {**ttls(), "bound_claims": list(claims), "user_claim": ["sub"], "role_type": ["jwt"]}


def declared_claims(estate: Estate) -> list[dict[str, str]]:
    """Claims of every JWT role, each set of them once."""
    bound = dict.fromkeys(i.bound_claims for i in identities(estate) if i.bound_claims)
    return [dict(claims) for claims in bound]


def login_role(identity: Workload | CiRole) -> dict[str, Any]:
    """What Pulumi sets on a login role, and no value by which anybody else could log in: an AppRole goes on asking for
    a secret_id, a JWT role for the declared claims, which the Terraform provider writes as lists. The latter is made by
    an administrator (`operators.jwt_role`), since whoever makes one may leave the claims out."""
    values: Values = {**ttls(), "token_policies": attachable(identity)}
    values |= {name: [] for name in ("token_explicit_max_ttl", "token_num_uses", "token_bound_cidrs")}
    if isinstance(identity, Workload) and identity.auth is AuthMethod.APPROLE:
        values |= {name: [] for name in ("secret_id_ttl", "secret_id_num_uses", "secret_id_bound_cidrs")}
        values |= {"token_type": [identity.tokens.value], "bind_secret_id": [True], "local_secret_ids": [False]}
        return {"capabilities": ["create", "read", "update", "delete"], "allowed_parameters": values}
    tokens = identity.tokens if isinstance(identity, Workload) else TokenType.SERVICE
    claims: list[Mapping[str, Any]] = [locked.OFF_CLAIMS, dict(identity.bound_claims)]
    claims += [{name: [v.strip() for v in value.split(",")] for name, value in c.items()} for c in claims]
    values |= {
        **jwt(claims),
        "token_type": [tokens.value],
        "bound_audiences": [[names.AUDIENCE]],
        **{name: [""] for name in ("bound_subject", "groups_claim")},
        **{name: [False] for name in ("user_claim_json_pointer", "verbose_oidc_logging")},
        "bound_claims_type": ["string"],
        **{name: [] for name in ("clock_skew_leeway", "expiration_leeway", "not_before_leeway")},
    }
    return {"capabilities": ["read", "update", "delete"], "allowed_parameters": values}


def attachable(identity: Workload | CiRole) -> list[list[str]]:
    """What may be attached to one role: the server compares the whole list, in whatever order a client sends it."""
    generation = (tuple(names.token_policies(identity, number)) for number in range(generations.COUNT))
    return [list(order) for policies in dict.fromkeys(generation) for order in permutations(policies)]


def identities(estate: Estate) -> list[Workload | CiRole]:
    return [*estate.workloads, *estate.ci_roles]
