"""Amazon S3 by moto, which checks signatures and permissions as soon as it has a user."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from tests.servers.base import HOST, free_port, need_python, running

MAIN = Path(__file__).with_name("moto_main.py")
REGION = "eu-central-1"
ROLE = "arn:aws:iam::123456789012:role/reader"
_FREE_CALLS = 8  # of IAM, to make the users with; every later one is checked
_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}


@dataclass(frozen=True)
class Moto:
    """A running server.

    Attributes:
        url: its address.
        owner: variables with the credentials of a user who may do everything.
        stranger: the same of a user who may do nothing.
    """

    url: str
    owner: Mapping[str, str]
    stranger: Mapping[str, str]

    def client(self, service: str = "s3") -> Any:
        """Give a client that acts as the owner."""
        return _client(service, self.url, self.owner)

    def bucket(
        self,
        name: str,
        files: Mapping[str, bytes],
        *,
        versioned: bool = False,
        acl: str = "private",
    ) -> str:
        """Make a bucket that holds files, and give its name."""
        client = self.client()
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        if versioned:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        with ThreadPoolExecutor(4) as pool:
            put = lambda file: client.put_object(Bucket=name, Key=file[0], Body=file[1], ACL=acl)  # noqa: E731
            list(pool.map(put, files.items()))
        return name


def _client(service: str, url: str, keys: Mapping[str, str]) -> Any:
    return botocore.session.Session(profile=None).create_client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )


@contextmanager
def moto(
    folder: Path, *, checked: bool = True, many: Mapping[str, int] | None = None
) -> Iterator[Moto]:
    """Run moto until the block ends.

    Args:
        folder: for its log.
        checked: whether it looks at credentials.
        many: buckets it has from the start, with so many objects ``shards/0000.json`` and so on.
    """
    port = free_port()
    url = f"http://{HOST}:{port}"
    start = [need_python("moto") / "python3", "-P", MAIN, json.dumps(many or {})]
    command = [*start, "-H", HOST, "-p", str(port)]
    environ = {"INITIAL_NO_AUTH_ACTION_COUNT": str(_FREE_CALLS)} if checked else {}
    with running(command, f"{url}/moto-api/", folder / "moto.log", environ=environ):
        iam = _client("iam", url, {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"})
        owner, stranger = _user(iam, "owner"), _user(iam, "stranger")
        iam.put_user_policy(UserName="owner", PolicyName="all", PolicyDocument=_policy(_ALL))
        iam.create_role(RoleName="reader", AssumeRolePolicyDocument=_policy(_TRUST))
        iam.put_role_policy(RoleName="reader", PolicyName="all", PolicyDocument=_policy(_ALL))
        iam.list_users()
        yield Moto(url, owner, stranger)


def _user(iam: Any, name: str) -> dict[str, str]:
    iam.create_user(UserName=name)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
    }


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
