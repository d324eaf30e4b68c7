"""cluster.yaml on a server that answers as AWS does: who gets in, and which machines are taken."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import boto3
import pytest
import yaml
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from tests.cluster.machine import LOCAL, ROOT

OFFICE = "203.0.113.7/32"

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class OutOfSpot:
    """Amazon's answers, but that it has no spot machine as long as `empty`."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.empty = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """One request, as WSGI has it."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if self.empty and b"InstanceMarketOptions.MarketType=spot" in body:
            start_response("500 Internal Server Error", [("Content-Type", "text/xml")])
            error = b"<Code>InsufficientInstanceCapacity</Code><Message>no spot machine</Message>"
            return [b"<Response><Errors><Error>", error, b"</Error></Errors></Response>"]
        return self.application(environ, start_response)


@pytest.fixture(scope="module")
def amazon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutOfSpot]:
    application = OutOfSpot(DomainDispatcherApplication(create_backend_app))
    server = make_server(LOCAL, 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    home = tmp_path_factory.mktemp("home")
    (home / ".ssh").mkdir()
    settings = {
        "HOME": str(home),  # Ray writes a key pair there
        "AWS_ENDPOINT_URL": f"http://{LOCAL}:{server.port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield application
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def launched(amazon: OutOfSpot) -> dict[str, Any]:  # noqa: ARG001 - its address is in the environment
    """What `ray up` makes of cluster.yaml in an account that is closed as its comments say."""
    from ray.autoscaler._private.commands import _bootstrap_config

    # Ray would make its role itself, and wait for half a minute until all of Amazon knows it.
    iam = boto3.client("iam", "us-west-2")
    role = "ray-autoscaler-v1"
    iam.create_instance_profile(InstanceProfileName=role)
    iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
    close = [sys.executable, str(ROOT / "cluster" / "close_aws.py"), OFFICE]
    for _ in range(2):  # a second time changes nothing
        subprocess.run(close, check=True, env=dict(os.environ))
    tree = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    config: dict[str, Any] = _bootstrap_config(tree, no_config_cache=True)
    return config


def ec2(config: dict[str, Any]) -> Any:
    return boto3.resource("ec2", config["provider"]["region"])


def test_the_security_group_lets_in_one_address_and_the_nodes(launched: dict[str, Any]) -> None:
    kinds = launched["available_node_types"].values()
    (group,) = {name for kind in kinds for name in kind["node_config"]["SecurityGroupIds"]}
    rules = ec2(launched).SecurityGroup(group).ip_permissions
    inside = [rule for rule in rules if rule["UserIdGroupPairs"]]
    outside = [rule for rule in rules if rule["IpRanges"]]
    assert len(rules) == len(inside) + len(outside) == 2
    assert [pair["GroupId"] for pair in inside[0]["UserIdGroupPairs"]] == [group]
    assert outside[0]["IpRanges"] == [{"CidrIp": OFFICE}]
    assert outside[0]["FromPort"] == outside[0]["ToPort"] == 22
    assert not any(rule["Ipv6Ranges"] for rule in rules)


def test_workers_are_spot_machines_and_on_demand_where_there_is_none(
    amazon: OutOfSpot, launched: dict[str, Any]
) -> None:
    from ray.autoscaler._private.providers import _get_node_provider

    provider = _get_node_provider(launched["provider"], launched["cluster_name"])
    node_config = launched["available_node_types"]["gpu"]["node_config"]

    def markets() -> list[str]:
        machines = ec2(launched).instances.all()
        return sorted(each.instance_lifecycle or "on demand" for each in machines)

    provider.create_node(node_config, {}, 1)
    assert markets() == ["spot"]
    amazon.empty = True
    provider.create_node(node_config, {}, 1)
    assert markets() == ["on demand", "spot"]
    amazon.empty = False
    provider.create_node(node_config, {}, 1)
    assert markets() == ["on demand", "spot", "spot"]
