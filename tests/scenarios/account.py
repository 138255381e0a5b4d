"""What there is in the lab's account besides servers: what adopting adds to, and disowning leads back to."""

from typing import Any

from bot.lab.lab import Lab


def things(lab: Lab) -> dict[str, Any]:
    """What there is besides servers, and how the master is tagged and protected."""
    ec2, elb, master = lab.client("ec2"), lab.client("elbv2"), lab.site.master
    groups = ec2.describe_security_groups()["SecurityGroups"]
    described = ec2.describe_instances(InstanceIds=[master])["Reservations"][0]["Instances"][0]
    return {
        "balancers": [each["DNSName"] for each in elb.describe_load_balancers()["LoadBalancers"]],
        "groups": [each["TargetGroupName"] for each in elb.describe_target_groups()["TargetGroups"]],
        "rules": {each["GroupName"]: each["IpPermissions"] for each in groups},
        "tags": {tag["Key"]: tag["Value"] for tag in described["Tags"]},
        "protected": [
            _is_protected(ec2, master, name) for name in ("disableApiTermination", "disableApiStop")
        ],
    }


def _is_protected(ec2: Any, master: str, name: str) -> bool:
    answer = ec2.describe_instance_attribute(InstanceId=master, Attribute=name)
    return bool(answer[name[0].upper() + name[1:]]["Value"])
