"""Programs that the checks know by name: harmless ones, and those that only a master may run."""

import re

HARMLESS_TIMERS = frozenset({
    "anacron", "apt-show-versions", "chkrootkit", "debsums", "dpkg-db-backup", "e2scrub_all", "fstrim",
    "fwupd-refresh", "logrotate", "man-db", "mdadm-last-resort@", "mdcheck_continue", "mdcheck_start",
    "mdmonitor-oneshot", "mlocate-updatedb", "motd-news", "ntpsec-rotate-stats", "phpsessionclean",
    "plocate-updatedb", "podman-auto-update", "raid-check", "rhsmcertd", "sysstat-collect",
    "sysstat-rotate", "sysstat-summary", "systemd-readahead-done", "systemd-sysupdate",
    "systemd-sysupdate-reboot", "systemd-tmpfiles-clean", "ua-timer", "ua-license-check", "unbound-anchor",
    "update-notifier-download", "update-notifier-motd", "updatedb", "xfs_scrub_all", "btrfs-scrub",
    "pg_receivewal@", "refresh-policy-routes@", "policy-routes@", "snapd.snap-repair", "apport-autoreport",
    "esm-cache", "uuidd", "sssd-kcm", "nfs-idmapd", "clean-mount-point@", "grub2-systemd-integration",
    "selinux-autorelabel-mark", "apt-news", "geoipupdate",
})  # fmt: skip
"""Of packages: what they do concerns the server itself, so each server does it for itself."""

HARMLESS_CRON = frozenset({
    ".placeholder", "0anacron", "0hourly", "00-logwatch", "anacron", "apache2", "apport",
    "apt-show-versions", "aptitude", "bsdmainutils", "calendar", "chkrootkit", "cracklib-runtime",
    "debsums", "dpkg", "e2scrub_all", "exim4-base", "fstrim", "locate", "logrotate", "logwatch", "man-db",
    "man-db.cron", "mdadm", "mlocate", "ntp", "passwd", "php", "php5", "php7", "plocate",
    "popularity-contest", "quota", "raid-check", "rhsmd", "rkhunter", "spamassassin", "sysstat",
    "tmpwatch", "ubuntu-advantage-tools", "update-notifier-common", "zfsutils-linux", "xfsprogs", "bind9",
    "samba", "tor", "lvm2", "btrfsmaintenance", "cron-daemon-common", "mailscanner-none",
})  # fmt: skip

UPDATES = re.compile(
    r"(apt-daily(-upgrade)?|apt-compat|dnf-automatic.*|dnf-makecache|yum-cron|unattended-upgrades?"
    r"|zypper.*|snapd\.refresh|packagekit.*|update-motd)(\.timer|\.service)?"
)
UPGRADES = re.compile(
    r"\b(apt|apt-get|aptitude)\b.*\b(full-upgrade|dist-upgrade|safe-upgrade|upgrade)\b|\bunattended-upgrade"
    r"|\b(dnf|yum)\b.*\b(update|upgrade)\b|\bzypper\b.*\b(up|update|dup)\b"
)
KEPT_HERE = re.compile(r"dpkg-db-backup\.(timer|service)")
"""Backups that each server makes of itself, for itself."""
PROCESSES = re.compile(r"--?(w|workers?|worker-\S+|processes|threads)\b(=|\s+)\S+|\b\S*UvicornWorker\b")
"""How a web application is told how many processes answer requests."""
CERTIFICATES = re.compile(r"certbot|letsencrypt|acme|dehydrated|getssl|lego\b|simp_le", re.IGNORECASE)
BACKUPS = re.compile(
    r"back-?_?up|bak\b|mysqldump|mariadb-dump|mydumper|xtrabackup|mariabackup|mongodump|pg_dump|pg_basebackup"
    r"|pgbackrest|barman|wal-g|wal-e|restic|borg|duplicity|duplicati|rsnapshot|rdiff|rclone|tarsnap|s3cmd"
    r"|aws\s+s3\s+(sync|cp|mv)|gsutil|snapper|bacula|bareos|amanda|veeam|kopia|urbackup|dump\.sh",
    re.IGNORECASE,
)
WORKERS = re.compile(
    r"celery|queue:(work|listen)|horizon|schedule:(run|work)|sidekiq|resque|delayed_job|good_job|\brq\b|rqscheduler"
    r"|\brqworker|apscheduler|dramatiq|\bhuey|arq\b|gearman_?worker|messenger:consume|supercronic|bull(mq)?\b|faktory"
    r"|worker|scheduler|\bcron|consumer|\bbeat\b|daemon\.(php|py|rb|js|pl)|qcluster|process_tasks|runjobs",
    re.IGNORECASE,
)
SERVES = re.compile(
    r"gunicorn|uvicorn|hypercorn|daphne|uwsgi|waitress|cherryd|mod_wsgi|fcgi|php-fpm|apache|httpd|nginx|caddy|lighttpd"
    r"|puma|unicorn|passenger|thin\b|node\b|npm|pm2|deno|bun\b|java|catalina|tomcat|jetty|runserver|flask|rails|mojo"
    r"|hypnotoad|starman|plackup|dotnet|haproxy|varnish|traefik|envoy|web|http|site|serve",
    re.IGNORECASE,
)
SUPERVISORS = re.compile(r"(supervisor|supervisord|pm2(-.*)?|monit|runit|circusd|s6.*|god)\.service")
DATABASES = re.compile(
    r"(mysql|mysqld|mariadb|percona[\w-]*|postgresql|postgres|mongod|mongodb|redis|redis-server|valkey|valkey-server"
    r"|keydb|keydb-server|dragonfly|couchdb|cassandra|influxd|influxdb|clickhouse-server|neo4j|mssql-server|firebird[\d.]*"
    r"|cockroach|rethinkdb|arangodb3|timescaledb|questdb|oracle[\w-]*|db2[\w-]*)(@[^.]*|-\d+)?\.service"
)
DATABASE_PROCESSES = frozenset({
    "mysqld", "mariadbd", "postgres", "postmaster", "mongod", "redis-server", "valkey-server",
    "keydb-server", "influxd", "clickhouse-serv", "sqlservr", "cockroach", "couchdb", "beam.smp-couchdb",
    "firebird", "rethinkdb",
})  # fmt: skip
DATABASE_PORTS = {
    3306: "MySQL", 5432: "PostgreSQL", 27017: "MongoDB", 6379: "Redis", 5984: "CouchDB", 9042: "Cassandra",
    8086: "InfluxDB", 7687: "Neo4j", 1433: "SQL Server", 1521: "Oracle", 3050: "Firebird",
}  # fmt: skip
OTHERS = re.compile(
    r"elasticsearch|opensearch|solr|sphinx|searchd|manticore|meilisearch|typesense|rabbitmq|beanstalkd|gearmand|nsqd"
    r"|activemq|artemis|kafka|zookeeper|nats|mosquitto|vsftpd|proftpd|pure-ftpd|amazon-ssm-agent|snap\.|datadog|filebeat"
    r"|metricbeat|wazuh|newrelic|puppet|chef-client|salt-minion|tailscaled|zabbix|node_exporter|prometheus|falcon"
    r"|fluent|promtail|vector|telegraf|nessus|qualys|splunk|teleport|netdata|cloudwatch|codedeploy|docker|containerd",
    re.IGNORECASE,
)
"""Services that other checks judge, or that each server runs for itself."""
