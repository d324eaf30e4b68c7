"""Make the security group of cluster.yaml: ssh from one address, and the nodes among themselves.

    python cluster/close_aws.py [ADDRESS/32]

Without an address it is the one that this machine has on the internet. Run it again from another
place: ssh is then let in from there, and from there alone.
"""

from __future__ import annotations

import ipaddress
import sys
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import yaml

_CLUSTER = Path(__file__).resolve().parent.parent / "cluster.yaml"
_WHAT_IS_MY_ADDRESS = "https://checkip.amazonaws.com"


def close(region: str, name: str, allowed: str) -> str:
    """Make or mend the group `name` in the region's default network; returns its id.

    Raises:
        ValueError: the region has no default network.
    """
    ec2 = boto3.resource("ec2", region_name=region)
    networks = list(ec2.vpcs.filter(Filters=[{"Name": "is-default", "Values": ["true"]}]))
    if not networks:
        raise ValueError(
            f"{region}: expected a default VPC, found none: make one, or another region"
        )
    own = [{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [networks[0].id]}]
    groups = list(ec2.security_groups.filter(Filters=own))
    group = (
        groups[0]
        if groups
        else networks[0].create_security_group(
            GroupName=name, Description="ssh from one address, and the nodes among themselves"
        )
    )
    wanted: list[dict[str, Any]] = [
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group.id}]},
        {
            "IpProtocol": "tcp",
            "FromPort": 22,
            "ToPort": 22,
            "IpRanges": [{"CidrIp": str(ipaddress.ip_network(allowed))}],
        },
    ]
    if group.ip_permissions:
        group.revoke_ingress(IpPermissions=group.ip_permissions)
    group.authorize_ingress(IpPermissions=wanted)
    return str(group.id)


def main() -> None:
    """The command line."""
    provider = yaml.safe_load(_CLUSTER.read_text())["provider"]
    if len(sys.argv) > 1:
        allowed = sys.argv[1]
    else:
        with urllib.request.urlopen(_WHAT_IS_MY_ADDRESS, timeout=10) as answer:
            allowed = f"{answer.read().decode().strip()}/32"
    name = provider["security_group"]["GroupName"]
    group = close(provider["region"], name, allowed)
    print(f"{group} ({name}): ssh from {allowed}, and the nodes among themselves")


if __name__ == "__main__":
    main()
