"""Which files and lines may matter to the doctor, in the words of find and grep."""

import shlex

_LOCAL = (
    r"localhost|127\.0\.0\.1|\[::1\]|mysqld?\.sock|/run/(mysqld|postgresql|redis)"
    r"|['\"](HOST|ENGINE|NAME)['\"]|(DB|DATABASE|MYSQL|POSTGRES|PG|REDIS|MONGO)_?(HOST|URL)"
)
_SESSIONS = (
    r"session[._](save|store|driver|engine|handler|file|path|cookie)|SESSION_|FileStore|FileSystemCache"
)
_IDENTITY = (
    r"jvmRoute|(worker|node|instance|machine|consumer|server|broker|client)[._-]?id\b|node[._]?name|myhostname"
    r"|dc_other_hostnames|dc_readhost|helo_name|hostname"
)
_ADDRESSES = (
    r"site_?url|wp_home|base_?url|app_url|root_url|server_?name|allowed_hosts|ServerAlias|trusted_hosts"
    r"|REMOTE_ADDR|alias|MEDIA_ROOT|UPLOAD|sqlite|X-Forwarded|X-Real-IP|RemoteIP|real_ip"
    r"|ssl_certificate|SSLCertificate|SSLEngine"
)
_OPENINGS = (
    r"bind[._-]?(address|ip)|listen|^bind |skip-networking|skip-name-resolve|max_connections|allowlist"
    r"|^(run|boot)cmd *:"
)
_WORK = (
    r"DISABLE_WP_CRON|wp-settings\.php|celery|beat|schedule|crontab|queue:|horizon|sidekiq|resque|rq worker"
    r"|apscheduler|^command|^\[(program|group):"
)
_MACHINE = (
    r"manual_cache_clean|allow_userdata|datasource_list|ssh_deletekeys|preserve_hostname|Upgrade|wstunnel|wss?://|mercure"
    r"|^user *=|^(User|Group|DocumentRoot|root|WorkingDirectory|Environment|EnvironmentFile) *[= ]|output\."
    r"|licen[cs]e|serial|mac_?address|ignoreip|action|enabled|^certname|^server *=|chef_server|role"
    r"|ansible-pull|^HostKey|credential_source|security-credentials|use_instance_profile"
    r"|^(development|test|staging|qa|ci|production):"
)
_WEB = (
    r"<VirtualHost[[:space:]]|(location[^#]*\{[[:space:]]*)?(DocumentRoot|root)[[:space:]]+['\"]?/"
    r"|location[[:space:]][^{]*(health|ping|alive|ready)"
)
SETTING = (
    rf"^[[:space:]]*(([^#;[:space:]/*]|/[^/*]).*)?({_LOCAL}|{_SESSIONS}|{_IDENTITY}|{_ADDRESSES}|{_OPENINGS}"
    rf"|{_WORK}|{_MACHINE})|^[[:space:]]*({_WEB})"
)
"""Lines that set something that may differ on a clone; comments do not."""

HIDDEN = (
    r"^[[:space:]]*(export +)?['\"$]?[A-Za-z0-9_.'\"(, -]*(PASSWORD|PASSWD|SECRET|API_?KEY|ACCESS_?KEY"
    r"|AUTH_?TOKEN|TOKEN|PRIVATE_?KEY|password|passwd|secret|api_?key|access_?key|auth_?token)[A-Za-z0-9_'\"]*[[:space:]]*"
    r"(=|:|=>|,)[[:space:]]*['\"]?[^'\"[:space:]$<{]{4,}|AKIA[0-9A-Z]{16}|://[^:/@[:space:]]+:[^@/[:space:]]+@"
)
"""Lines that hold a secret; only the names of such files leave the server."""

TELLING = (
    r"mysqldump|mariadb-dump|pg_dump|rsync|restic|borg|duplicity|rclone|aws +s3|s3cmd|gsutil|tarsnap|certbot"
    r"|acme|lego|dehydrated|getssl|apt(-get)? |dnf |yum |ansible|curl|wget|php|python|mail|scp|ssh"
)
"""Lines of scripts that say what the script is for."""

ASKING = (
    r"mysqli|new +\\?PDO|pg_p?connect|Mongo|Redis|Memcache|curl_|fsockopen"
    r"|file_get_contents *\( *['\"]https?:|psycopg|pymysql|MySQLdb|requests\.|urlopen|http\.client|LWP|DBI->"
    r"|database|\bquery *\(|\bSELECT\b"
)
"""Lines of a health page that ask another server, or a database."""

DATABASES = (
    "*.db",
    "*.sqlite",
    "*.sqlite3",
    "*.sqlite2",
    "*.db3",
    "*.sdb",
    "*.s3db",
    "*.mdb",
    "*.rdb",
    "*.dbm",
)
_PASSING = ("*.pid", "*.lock", "*.lck", "*.tmp", "*.swp", "*.sock", "sess_*", "*.cache")
_SECRETS = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.ppk", "*.p12", "*.pfx", "*.jks", "id_*", ".htpasswd",
    ".netrc", ".pgpass", ".my.cnf", ".git-credentials", ".npmrc", ".pypirc", ".boto", ".s3cfg",
    "credentials", "credentials.json", "rclone.conf", "wallet.dat", "kubeconfig", "*.kdbx", "*.sql",
    "*.sql.gz", "*.dump", "license*", "*.lic",
)  # fmt: skip
_PAGES = ("health*", "ping", "ping.*", "alive", "alive.*", "ready", "ready.*")
_MARKS = (
    *_PAGES,
    "REVISION", ".revision", "deploy.lock", "maintenance*", ".maintenance", "cloud-init.disabled", "*.sh",
    "*history", "*.timer",
)  # fmt: skip
_SETTINGS = (
    "*.conf", "*.cfg", "*.cnf", "*.ini", "*.toml", "*.yml", "*.yaml", "*.env", ".env", ".env.*",
    "*.properties", "*.service", "*config*.php", "*settings*.php", "*db*.php", "*conn*.php", "*init*.php",
    "*sql*.php", "*common*.php", "*database*.php", "Local*.php", ".htaccess",
    "env.php", "session*.php", "local.xml",
    "context.xml", "server.xml", "settings*.py", "config*.py", "local_settings.py", "*config*.json",
    "*settings*.json", "*config*.js", "*db*.js", "*.rb", "*db*.py", "app*.py", "*config*.pl", "*.inc",
    "supervisord.conf", "config", "credentials", ".my.cnf", ".pgpass", ".netrc", "rc.local",
)  # fmt: skip
_EXAMPLES = (
    "*.example", "*.example.*", "*.sample", "*.dist", "*.default", "*-sample.*", "*.tmpl", "*.template",
    "*example*", ".env.test", ".env.testing", ".env.ci",
    "*.dpkg-*", "*.ucf-*", "*~", "*.bak", "*.md", "*.po", "*.mo", "*.min.js",
    "package-lock.json",
)  # fmt: skip
_SKIP = (
    "node_modules", "vendor", "site-packages", "dist-packages", ".git", ".svn", ".cache", "__pycache__",
    ".venv", "venv", ".local", ".pyenv", ".rbenv", ".nvm", ".cargo", ".rustup", ".npm", "bower_components",
    "test", "tests", "testdata", "fixtures", "examples",
)  # fmt: skip
_KEYS = ("*.pem", "*.key", "*.ppk", "id_*")

_SITES = (
    "/etc/nginx/nginx.conf", "/etc/nginx/sites-enabled", "/etc/nginx/conf.d", "/etc/apache2/sites-enabled",
    "/etc/apache2/conf-enabled", "/etc/httpd/conf", "/etc/httpd/conf.d",
)  # fmt: skip
"""Where web servers are told of their sites."""

AGENTS = (
    "/var/ossec/etc/client.keys", "/var/lib/amazon/ssm/registration",
    "/var/lib/amazon/ssm/Vault/Store/RegistrationKey", "/etc/datadog-agent/datadog.yaml",
    "/etc/newrelic-infra.yml", "/etc/puppet/ssl", "/etc/puppetlabs/puppet/ssl", "/var/lib/puppet/ssl",
    "/etc/chef/client.pem", "/etc/salt/minion_id", "/etc/salt/pki/minion/minion.pem",
    "/var/lib/tailscale/tailscaled.state", "/var/lib/zerotier-one/identity.secret",
    "/etc/zabbix/zabbix_agentd.conf", "/var/lib/filebeat/registry", "/var/lib/metricbeat/meta.json",
    "/var/lib/filebeat/meta.json", "/etc/ec2-instance-connect", "/opt/CrowdStrike",
    "/opt/Tanium/TaniumClient", "/etc/teleport.yaml", "/var/lib/teleport/host_uuid", "/etc/fluent-bit",
    "/var/lib/fluent-bit", "/var/lib/promtail/positions.yaml", "/var/log/td-agent/pos",
    "/opt/aws/amazon-cloudwatch-agent/logs/state", "/var/awslogs/state/agent-state", "/var/lib/vector",
    "/etc/nessus-agent", "/var/lib/rsyslog/imfile-state", "/opt/splunkforwarder/etc/instance.cfg",
    "/etc/opt/qualys", "/var/lib/netdata/registry", "/etc/salt/minion.d", "/etc/munin/munin-node.conf",
    "/opt/nessus_agent/var/nessus", "/etc/wireguard", "/var/lib/dbus/machine-id", "/etc/hostid",
)  # fmt: skip
"""What agents remember about who they are."""


def names(patterns: tuple[str, ...]) -> str:
    """Make find's condition that a name is like one of these."""
    return " -o ".join(f"-name {shlex.quote(pattern)}" for pattern in patterns)


def filled(functions: str) -> str:
    """Put the lists into the script where it names them."""
    lists = {
        "@NAMES@": names(DATABASES + _PASSING + _SECRETS + _MARKS),
        "@SKIP@": names(_SKIP),
        "@SETTINGS@": names(_SETTINGS),
        "@EXAMPLES@": names(_EXAMPLES),
        "@KEYS@": names(_KEYS),
        "@SITES@": " ".join(f'"$R"{path}' for path in _SITES),
        "@AGENTS@": " ".join(f'"$R"{path}' for path in AGENTS),
    }
    for name, text in lists.items():
        functions = functions.replace(name, text)
    return functions
