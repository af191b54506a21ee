"""Which variables look secret: tokens and passwords do, and what everyday programs live by does not."""

from __future__ import annotations

import pytest

from leashtui.audit.variables import looks_secret, named

GITHUB = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_TOKEN", "whatever-it-is"),
        ("github_token", "whatever-it-is"),
        ("DB_PASSWORD", "hunter2"),
        ("PGPASSWORD", "1234"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjE"),
        ("STRIPE_SECRET_KEY", "sk_live_abcdefghijklmnop1"),
        ("npm_config__authToken", "npm_x"),
        ("DJANGO_SECRET_KEY", "abc def"),
        ("SENTRY_DSN", "https://0123456789abcdef@o1.ingest.sentry.io/2"),
        ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0/B0/xyz"),
        ("DATABASE_URL", "postgres://app:s3cr3tpw@db.example.com:5432/app"),
        ("FOO", GITHUB),
        ("EXTRA_ARGS", f"--header 'Authorization: Bearer {GITHUB}'"),
        ("DEPLOY", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"),
        ("DOCKER_AUTH_CONFIG", '{"auths": {"r": {"auth": "eDp5"}}}'),
        ("AzureWebJobsConnectionString", "AccountName=x;AccountKey=abc="),
        ("VSCODE_GIT_IPC_AUTH_TOKEN", "0f2c"),
    ],
)
def test_secret(name: str, value: str) -> None:
    assert looks_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/usr/bin:/opt/sk-learn-contrib-2024-build/bin"),
        ("PWD", "/home/dev/proj"),
        ("GIT_AUTHOR_NAME", "Ann Key"),
        ("SSH_AUTH_SOCK", "/run/user/1000/keyring/ssh"),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus"),
        ("XAUTHORITY", "/home/dev/.Xauthority"),
        ("SSL_CERT_FILE", "/etc/ssl/cert.pem"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/home/dev/key.json"),
        ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D"),
        ("CI", "true"),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SHA", "ffac537e6cbbf934b08745a378932722df287a53"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("MAX_OUTPUT_TOKENS", "32000000"),
        ("STARSHIP_SESSION_KEY", "1827364518273645"),
        ("KITTY_PUBLIC_KEY", "1:abcdefghijkl"),
        ("HTTPS_PROXY", "http://me:proxypass@proxy.example.com:3128"),
        ("KEYCLOAK_TOKEN", "https://login.example.com/token"),
        ("DATABASE_URL", "postgres://postgres:postgres@localhost/test"),
        ("PDO_DSN", "mysql:host=localhost;dbname=x"),
        ("KUBECONFIG", "/home/dev/.kube/config"),
        ("REDIS_URL", "redis://:password@redis:6379"),
        ("USE_TOKEN", "yes"),
        ("API_KEY", ""),
        ("LS_COLORS", "rs=0:di=01;34"),
    ],
)
def test_ordinary(name: str, value: str) -> None:
    assert not looks_secret(name, value)


def test_names_with_a_star() -> None:
    assert named("TF_TOKEN_app_terraform_io", ["TF_TOKEN_*"])
    assert not named("TF_LOG", ["TF_TOKEN_*"])
