"""`portcullis approval`: whether a pull request has the approvals that its access diff demands."""

from __future__ import annotations

from pathlib import Path

import click

from policies.plain import one_line
from rotation.terminal import JSON, emit, say


@click.command("approval")
@click.option("--pull", "number", type=click.IntRange(min=1), required=True, help="Number of the pull request.")
@click.option(
    "--diff", "diff_file", metavar="FILE", required=True, help="What `access diff --json` printed, or - for stdin."
)
@click.option(
    "--repository",
    metavar="OWNER/NAME",
    envvar="GITHUB_REPOSITORY",
    required=True,
    help="Else the variable GITHUB_REPOSITORY.",
)
@click.option(
    "--comment",
    "comment_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Say it on the pull request, above what `access diff --markdown` printed: one comment, edited by each run.",
)
@click.option("--status", "set_status", is_flag=True, help="Set the commit status portcullis/approval on the head.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Once approved, write the operator's token for what was approved there (0600).",
)
@click.option(
    "--plan",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The saved plan (`pulumi preview --save-plan`) that the token is for, too.",
)
@click.option("--opa-url", envvar="OPA_URL", default="", help="The OPA server; by default the variable OPA_URL.")
@JSON
def command(
    number: int,
    diff_file: str,
    repository: str,
    comment_file: Path | None,
    set_status: bool,
    token_file: Path | None,
    plan: Path | None,
    opa_url: str,
    as_json: bool,
) -> None:
    """Ask GitHub who approved the head commit, and OPA whether that is whom policy demands for what widens.

    The owner of each secret approves; security too in production, by a wildcard, or of what is new, which names its
    owner itself; two of security for break-glass, and for the code that compiles it. A review of an older commit, a
    dismissed one, and one of who opened the pull request or wrote a commit of it do not count; where GitHub does not
    know who wrote one, none does. The pull request must go to the default branch, and the diff be from its base commit
    to its head commit, both whole ids.
    GITHUB_TOKEN reads the pull request (and writes comment and status); PORTCULLIS_TEAMS_TOKEN reads the organization's
    teams where that token cannot. Exit 1 when an approval is missing: each is named.

    The token of --token-file is for a pull request that is merged. It lives half an hour and says what it is for:
    `pulumi up` refuses it for other declarations than those of the head commit, which must be what is checked out here.
    It is made with the approver's, the file that PORTCULLIS_APPROVER_TOKEN_FILE names; without an approval, or an
    answer, there is none.

    \b
    Examples:
      portcullis access diff "$BASE" "$HEAD" --json > diff.json
      portcullis approval --pull 7 --repository tradepulse/tradepulse-infra --diff diff.json
      portcullis approval --pull 7 --diff diff.json --comment comment.md --status
      portcullis approval --pull 7 --diff diff.json --token-file ./apply.token --plan plan.json
    """
    from containment.adapters.github_reviews import GithubReviews
    from containment.adapters.opa import Opa
    from containment.judgement import opa_url as named
    from policies.errors import InputError
    from policies.thresholds import security_team
    from rotation.approving import token, verdict
    from rotation.approving.question import question, read_diff, teams

    if plan and not token_file:
        raise InputError("--plan says what a token is for: give --token-file too")
    diff = read_diff(diff_file)
    shown = verdict.read_comment(comment_file) if comment_file else None
    github = GithubReviews.from_environment(repository)
    request = token.Request.of(token_file, plan) if token_file else None
    pull = github.pull(number)
    bound = request.metadata(pull) if request else {}
    members = {team: github.members(team) for team in teams(diff, security_team())}
    asked = question(diff, pull, github.written(number), github.reviews(number), members)
    decision = Opa(opa_url or named()).decide("portcullis.approval", asked)
    if set_status:
        github.set_status(pull.head, verdict.CONTEXT, decision.allow, verdict.description(decision.reasons))
    if shown:
        text, marker = shown
        github.say(number, marker, verdict.comment(text, decision.reasons))
    issued = request.issue(bound) if request and decision.allow else None
    if as_json:
        told = {"pull": number, "head": pull.head, "allow": decision.allow, "missing": decision.reasons}
        emit({**told, **({"token": issued} if request else {})})
    elif decision.allow:
        say(f"{pull.head[:12]} has every approval that policy demands")
        if issued:
            say(f"its token, for {issued['ttl']} s and the declarations {issued['declarations']}: {issued['file']}")
    else:
        for reason in decision.reasons:
            say(f"missing  {one_line(reason)}")
    if not decision.allow:
        raise SystemExit(1)
