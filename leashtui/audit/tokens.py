"""The forms of well-known services' tokens: for each, text that it always holds, and the pattern it fits.

Knows forms as their makers document them. Refuses to know where a token stands. Invariant: a token holds one of its
row's texts, so that a pattern is tried only where it can match.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Form(NamedTuple):
    """label: for the mark. holds: one of these is in every match. pattern: begins where a word begins."""

    label: str
    holds: tuple[str, ...]
    pattern: re.Pattern[str]


def _form(label: str, holds: str, pattern: str) -> Form:
    return Form(label, tuple(holds.split()), re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})"))


FORMS = (
    _form("github-token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}"),
    _form(
        "gitlab-token",
        "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glimt- glagent-",
        r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent)-[\w-]{16,}",
    ),
    _form(
        "api-key",
        "sk- k_live_ k_test_ k_prod_ AIza gsk_",
        r"sk-(?=[\w-]{0,60}\d)[\w-]{16,}|[spr]k_(?:live|test|prod)_[A-Za-z0-9]{16,}|AIza[\w-]{30,}|gsk_[A-Za-z0-9]{20,}",
    ),
    _form(
        "api-key",
        "lin_api_ r8_ pplx- xai- nvapi- tgp_v1_ csk- phx_ whsec_ ntn_ tvly- lsv2_ re_ fw_ secret_",
        r"(?:lin_api_|r8_|pplx-|xai-|nvapi-|tgp_v1_|csk-|phx_|whsec_|ntn_|tvly-|lsv2_(?:pt|sk)_)[\w-]{20,}|"
        r"re_(?=\w{0,40}\d)[A-Za-z0-9]{6,10}_[A-Za-z0-9]{20,}|fw_[A-Za-z0-9]{22,}|secret_[A-Za-z0-9]{40,}",
    ),
    _form(
        "api-key",
        "PMAK- NRAK- NRII- key- SK",
        r"PMAK-[a-f0-9]{20,}-[a-f0-9]{20,}|NRAK-[A-Z0-9]{20,}|NRII-[\w-]{20,}|key-[a-f0-9]{32}(?!\w)|"
        r"SK[a-f0-9]{32}(?!\w)",
    ),
    _form(
        "aws-key",
        "AKIA ASIA ABIA ACCA ABSK",
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])|ABSK[A-Za-z0-9+/]{40,}={0,2}",
    ),
    _form("slack-token", "xox xapp-", r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"),
    _form(
        "webhook",
        "hooks.slack.com/ /api/webhooks/",
        r"hooks\.slack\.com/(?:services|workflows)/[\w/+-]{20,}|discord(?:app)?\.com/api/webhooks/[\w/-]{30,}",
    ),
    _form(
        "package-token",
        "npm_ pypi- dckr_ rubygems_ cio",
        r"npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|dckr_(?:pat|oat)_[\w-]{16,}|rubygems_[a-f0-9]{40,}|"
        r"cio[A-Za-z0-9]{32}(?!\w)",
    ),
    _form("huggingface-token", "hf_ api_org_", r"(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    _form("jwt", "eyJ", r"eyJ[\w-]{10,600}\.eyJ[\w-]{10,}\.[\w-]*"),
    _form("bot-token", ":AA", r"\d{8,10}:AA[\w-]{32,}"),
    _form("bot-token", "MT Mj MD Mz ND NT Nz Nj OD OT", r"(?:M[TjDz]|N[DTzj]|O[DT])[\w-]{20,26}\.[\w-]{6}\.[\w-]{27,}"),
    _form(
        "cloud-token",
        "SG. _v1_ shpat_ shpca_ shppa_ shpss_ ya29. 1//0 GOCSPX- hvs. hvb. hvr. AGE-SECRET-KEY-1",
        r"SG\.[\w-]{16,}\.[\w-]{16,}|do[opr]_v1_[a-f0-9]{32,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{20,}|ya29\.[\w-]{20,}|"
        r"1//0[\w-]{30,}|GOCSPX-[\w-]{20,}|hv[sbr]\.[\w-]{20,}|AGE-SECRET-KEY-1[0-9A-Z]{40,}",
    ),
    _form(
        "cloud-token",
        "dp. pul- dapi glsa_ glc_ pscale_ figd_ .atlasv1. sntrys_ sntryu_",
        r"dp\.(?:pt|st|sa|ct|scim|audit)\.[\w.-]{20,}|pul-[a-f0-9]{40}|dapi[a-f0-9]{32}|glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|"
        r"glc_[A-Za-z0-9+/]{32,}={0,2}|pscale_(?:tkn|pw|oauth)_[\w.-]{20,}|figd_[\w-]{20,}|"
        r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,}|sntry[su]_[\w+/=-]{20,}",
    ),
    _form(
        "cloud-token",
        "EAAA sq0 tskey- sbp_ sb_secret_ nfp_ nop_ vci_ vck_ vcp_ vcr_ HRKU- fm1_ fm2_ ATATT3 ATCTT3 ATBB CFPAT-",
        r"EAAA[\w-]{60}|sq0(?:atp|csp)-[\w-]{20,}|tskey-[a-z]{2,12}-[\w-]{16,}|sbp_[a-f0-9]{40}|sb_secret_[\w-]{20,}|"
        r"n[fo]p_[A-Za-z0-9]{36,}|vc[ikpr]_[A-Za-z0-9]{24,}|HRKU-[\w-]{30,}|fm[12]_[\w=+/-]{40,}|"
        r"AT[AC]TT3[\w=-]{40,}|ATBB[A-Za-z0-9]{28,}|CFPAT-[\w-]{40,}",
    ),
    _form(
        "cloud-token",
        "ops_eyJ sl. pat-na pat-eu duffel_ dt0c01. LTAI EZAK EZTK ddp_ Q~",
        r"ops_eyJ[\w-]{60,}|sl\.[\w-]{60,}|pat-(?:na|eu)\d-[a-f0-9-]{30,}|duffel_(?:live|test)_[\w-]{40,}|"
        r"dt0c01\.[A-Z0-9]{20,}\.[A-Z0-9]{40,}|LTAI[A-Za-z0-9]{17,}|EZ[AT]K[A-Za-z0-9]{40,}|ddp_[A-Za-z0-9]{30,}|"
        r"[\w~.-]{3}\dQ~[\w~.-]{31,34}",
    ),
)
"""Surest first."""
