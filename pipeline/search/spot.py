"""Ray's launcher on AWS: spot machines, and on-demand ones where no spot machine is to be had.

Ray itself asks for the same kind of machine again and again: its autoscaler takes another one only
where a machine that was granted fails to start, not where none is granted.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler.node_launch_exception import NodeLaunchException

_NO_SPOT: Final = frozenset(
    {"InsufficientInstanceCapacity", "MaxSpotInstanceCountExceeded", "SpotMaxPriceTooLow"}
)
"""EC2's error codes for a spot machine that AWS has not, or not for this account or price."""

_MARKET: Final = "InstanceMarketOptions"

logger = logging.getLogger(__name__)


class SpotOrOnDemand(AWSNodeProvider):  # type: ignore[misc]  # ray is untyped
    """The provider `external` of cluster.yaml."""

    def _create_node(
        self, node_config: dict[str, Any], tags: dict[str, str], count: int
    ) -> dict[str, Any]:
        try:
            created: dict[str, Any] = super()._create_node(node_config, tags, count)
        except NodeLaunchException as refusal:
            if _MARKET not in node_config or refusal.category not in _NO_SPOT:
                raise
            logger.warning("no spot machine (%s): taking one on demand", refusal.category)
            on_demand = {key: value for key, value in node_config.items() if key != _MARKET}
            created = super()._create_node(on_demand, tags, count)
        return created
