"""Who a server is: keys, names, agents, licences and secrets, as administrators put them on it."""
# ruff: noqa: E501 (what somebody typed is one line)

from tests.e2e.seeds.seed import Seed, put, script, unit

_KEY = "ssh-keygen -q -t ed25519 -N '' -C {1} -f {0}\n"
_PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPzVdVhhR2OtxE0Ml4XFbmEPLqcd1tfmPHXmHrVUKnTW"

ZONE = Seed(
    26,
    "America/New_York",
    "rm -f /etc/localtime; cp /usr/share/zoneinfo/America/New_York /etc/localtime; "
    "echo America/New_York >/etc/timezone",
)
KEYS = (
    Seed(
        1,
        "/etc/cloud/cloud.cfg.d/99-keep-keys.cfg",
        put("/etc/cloud/cloud.cfg.d/99-keep-keys.cfg", "ssh_deletekeys: false"),
    ),
    Seed(
        1,
        "/etc/ssh/keys/host_ed25519",
        "mkdir -p /etc/ssh/keys\n"
        + _KEY.format("/etc/ssh/keys/host_ed25519", "club")
        + "echo 'HostKey /etc/ssh/keys/host_ed25519' >/etc/ssh/sshd_config.d/host.conf",
    ),
    Seed(
        2,
        "/var/lib/dbus/machine-id",
        "rm -f /var/lib/dbus/machine-id; cat /etc/machine-id >/var/lib/dbus/machine-id",
    ),
    Seed(2, "/etc/hostid", "printf '\\001\\002\\003\\004' >/etc/hostid"),
    Seed(
        3,
        "/etc/cloud/cloud.cfg.d/95-trust.cfg",
        put("/etc/cloud/cloud.cfg.d/95-trust.cfg", "manual_cache_clean: true"),
    ),
    Seed(
        3,
        "/var/lib/cloud/scripts/per-boot/mount-data.sh",
        script("/var/lib/cloud/scripts/per-boot/mount-data.sh", "aws ec2 attach-volume --volume-id vol-1"),
    ),
    Seed(
        3,
        "/var/lib/cloud/scripts/per-instance/join.sh",
        script("/var/lib/cloud/scripts/per-instance/join.sh", "/opt/join"),
    ),
    Seed(
        4,
        "/var/lib/jenkins/.ssh/authorized_keys",
        "useradd -r -m -d /var/lib/jenkins jenkins; install -d -o jenkins -m 700 /var/lib/jenkins/.ssh; "
        f"echo '{_PUBLIC} bob@laptop' >>/var/lib/jenkins/.ssh/authorized_keys",
    ),
    Seed(
        4,
        "/home/build/.ssh/authorized_keys",
        f"useradd -m build; install -d -o build -m 700 /home/build/.ssh; "
        f"echo 'command=\"/opt/deploy\" {_PUBLIC} jenkins@ci' >/home/build/.ssh/authorized_keys",
    ),
    Seed(19, "/home/admin/.ssh/id_ed25519", _KEY.format("/home/admin/.ssh/id_ed25519", "admin@club")),
    Seed(
        19,
        "/var/www/.ssh/deploy_key",
        "mkdir -p /var/www/.ssh\n" + _KEY.format("/var/www/.ssh/deploy_key", "deploy"),
    ),
)

NAMES = (
    Seed(
        5, "/etc/hosts", "echo \"$(hostname -I | cut -d' ' -f1) club-master www.club.example\" >>/etc/hosts"
    ),
    Seed(
        5, "/etc/postfix/main.cf", put("/etc/postfix/main.cf", "myhostname = mail.club.example\nrelayhost =")
    ),
    Seed(
        5,
        "/etc/exim4/update-exim4.conf.conf",
        put(
            "/etc/exim4/update-exim4.conf.conf",
            "dc_eximconfig_configtype='internet'\ndc_other_hostnames='club.example'",
        ),
    ),
    Seed(
        13,
        "/etc/tomcat10/server.xml",
        put("/etc/tomcat10/server.xml", '<Engine name="Catalina" defaultHost="localhost" jvmRoute="node1">'),
    ),
    Seed(
        13, "/opt/ids/config.ini", put("/opt/ids/config.ini", "[snowflake]\nworker_id = 1\ndatacenter_id = 1")
    ),
    Seed(13, "/srv/queue/.env", put("/srv/queue/.env", "KAFKA_GROUP=shop\nCONSUMER_ID=shop-master-1")),
    Seed(
        14,
        "/opt/charts/license.lic",
        put("/opt/charts/license.lic", "SERVER club-master 0242ac110002 27000\nFEATURE charts vendor 5.0"),
    ),
    Seed(
        14,
        "/opt/reporting/license.key",
        put("/opt/reporting/license.key", "HOSTID=0a:58:0a:40:01:0a\nSEATS=1"),
    ),
    Seed(
        29,
        "/srv/press/config.php",
        put(
            "/srv/press/config.php",
            "<?php\ndefine('WP_HOME', 'http://'.'club-master');\n$base_url = 'http://ip-10-64-1-10/';",
        ),
    ),
    Seed(
        29,
        "/etc/apache2/sites-enabled/tls.conf",
        put(
            "/etc/apache2/sites-available/tls.conf",
            "<VirtualHost *:443>\n  ServerName www.club.example\n  SSLEngine on\n"
            "  SSLCertificateFile /etc/letsencrypt/live/club/fullchain.pem\n</VirtualHost>",
        )
        + "ln -sf ../sites-available/tls.conf /etc/apache2/sites-enabled/tls.conf",
    ),
    Seed(
        29,
        "fail2ban.service",
        put("/etc/fail2ban/jail.local", "[apache-auth]\nenabled = true\nmaxretry = 5")
        + script("/usr/bin/fail2ban-server", "exec sleep infinity")
        + unit("fail2ban", "/usr/bin/fail2ban-server -xf start", folder="/usr/lib/systemd/system"),
    ),
)

AGENTS = (
    Seed(16, "/var/ossec/etc/client.keys", put("/var/ossec/etc/client.keys", "012 club-master any 3f9a0c7d")),
    Seed(
        16,
        "/var/lib/amazon/ssm/registration",
        put("/var/lib/amazon/ssm/registration", '{"ManagedInstanceID":"mi-0123"}'),
    ),
    Seed(
        16,
        "/etc/datadog-agent/datadog.yaml",
        put("/etc/datadog-agent/datadog.yaml", "api_key: 0123456789abcdef\nhostname: club-master"),
    ),
    Seed(16, "/var/lib/tailscale/tailscaled.state", put("/var/lib/tailscale/tailscaled.state", "{}")),
    Seed(
        17,
        "/var/lib/filebeat/registry",
        put("/var/lib/filebeat/registry/filebeat/log.json", '{"op":"set","id":1}'),
    ),
    Seed(
        17,
        "/opt/aws/amazon-cloudwatch-agent/logs/state",
        put(
            "/opt/aws/amazon-cloudwatch-agent/logs/state/_var_log_apache2_access.log",
            "9713\n/var/log/apache2/access.log",
        ),
    ),
    Seed(
        17,
        "/var/lib/promtail/positions.yaml",
        put("/var/lib/promtail/positions.yaml", "positions:\n  /var/log/syslog: '991'"),
    ),
)

NO_FIRST_BOOT = (
    Seed(6, "cloud-init-local.service", "systemctl mask --quiet cloud-init-local.service"),
    Seed(
        6,
        "/boot/grub/grub.cfg",
        put(
            "/etc/default/grub.d/50-quick-boot.cfg",
            'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX cloud-init=disabled"',
        )
        + put(
            "/boot/grub/grub.cfg",
            "menuentry 'Debian' {\n\tlinux /boot/vmlinuz root=UUID=1 ro console=ttyS0 cloud-init=disabled\n}",
        ),
    ),
    Seed(6, "/etc/cloud/cloud-init.disabled", "touch /etc/cloud/cloud-init.disabled"),
    Seed(
        6,
        "/etc/cloud/cloud.cfg.d/90-ours.cfg",
        put("/etc/cloud/cloud.cfg.d/90-ours.cfg", "allow_userdata: false"),
    ),
)

POWERS = (
    Seed(
        18,
        "/root/.aws/config",
        put(
            "/root/.aws/config",
            "[profile reports]\nrole_arn = arn:aws:iam::123456789012:role/reports\n"
            "credential_source = Ec2InstanceMetadata",
        ),
    ),
    Seed(
        18,
        "/etc/cron.d/token",
        script(
            "/usr/local/sbin/token",
            "curl -s http://169.254.169.254/latest/meta-data/iam/security-credentials/club >/run/club-token",
        )
        + put("/etc/cron.d/token", "*/20 * * * * root /usr/local/sbin/token"),
    ),
)

SECRETS = (
    Seed(
        19,
        "/srv/pay/.env",
        put("/srv/pay/.env", "STRIPE_SECRET_KEY=sk_live_51H8aeFooBarBaz\nAPP_DEBUG=false"),
    ),
    Seed(
        19,
        "/root/.aws/credentials",
        put(
            "/root/.aws/credentials",
            "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMIbPxRfiCY",
        ),
    ),
    Seed(
        19,
        "/etc/ssl/private/club.key",
        "openssl genpkey -quiet -algorithm ed25519 -out /etc/ssl/private/club.key",
    ),
    Seed(
        19,
        "/root/.bash_history",
        put(
            "/root/.bash_history",
            "cd /srv\nmysql -u root -pOhw3kee1 club\nexport AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIbPxRfiCY",
        ),
    ),
    Seed(
        19,
        "/home/admin/.netrc",
        put("/home/admin/.netrc", "machine git.club.example login deploy password aem3Aeph"),
    ),
)

IDENTITY = (ZONE, *KEYS, *NAMES, *AGENTS, *NO_FIRST_BOOT, *POWERS, *SECRETS)
