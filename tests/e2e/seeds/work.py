"""Jobs, timers, workers, backups, renewals and updates, as administrators set them up."""
# ruff: noqa: E501 (what somebody typed is one line)

from tests.e2e.seeds.seed import Seed, put, script, timer, unit

_CRONTAB = "crontab -u {} - <<'ADMIN'\n{}\nADMIN\n"

JOBS = (
    Seed(6, "/etc/cron.d/bill", put("/etc/cron.d/bill", "*/5 * * * * www-data php /srv/shop/bill.php")),
    Seed(
        6,
        "crontab:root",
        _CRONTAB.format(
            "root", "# m h dom mon dow command\nMAILTO=boss@club.example\n0 6 * * 1 /root/report.sh"
        ),
    ),
    Seed(
        6,
        "crontab:deploy",
        "useradd -m -s /bin/bash deploy\n"
        + _CRONTAB.format("deploy", "@reboot /home/deploy/bin/import-members --loop"),
    ),
    Seed(6, "/etc/cron.hourly/newsletter", script("/etc/cron.hourly/newsletter", "php /srv/news/send.php")),
    Seed(6, "/etc/crontab", "echo '30 2 * * * root /usr/local/sbin/close-day' >>/etc/crontab"),
    Seed(
        6,
        "crontab:www-data",
        _CRONTAB.format("www-data", "* * * * * cd /srv/shop && php artisan schedule:run >/dev/null 2>&1"),
    ),
    Seed(
        6,
        "at:a0000101c5a3c0",
        "mkdir -p /var/spool/cron/atjobs && echo 'php /srv/shop/close-month.php' "
        ">/var/spool/cron/atjobs/a0000101c5a3c0 && chmod 700 /var/spool/cron/atjobs/a0000101c5a3c0",
    ),
    Seed(
        6,
        "/etc/rc.local",
        script("/etc/rc.local", "/usr/bin/php /srv/shop/queue.php &", "exit 0"),
    ),
)

TIMERS = (
    Seed(6, "invoices.timer", timer("invoices", "/usr/bin/php /srv/shop/invoices.php")),
    Seed(
        6,
        "sweep@1.timer",
        timer("sweep@", "/usr/local/bin/sweep %i").replace("--now sweep@.timer", "--now sweep@1.timer"),
    ),
    Seed(
        6,
        "/home/carol/.config/systemd/user/digest.timer",
        "useradd -m carol\n"
        + put("/home/carol/.config/systemd/user/digest.timer", "[Timer]\nOnCalendar=daily\n")
        + put("/home/carol/.config/systemd/user/digest.service", "[Service]\nExecStart=/home/carol/digest\n")
        + "mkdir -p /home/carol/.config/systemd/user/timers.target.wants\n"
        + "ln -s ../digest.timer /home/carol/.config/systemd/user/timers.target.wants/digest.timer\n"
        + "chown -R carol: /home/carol; mkdir -p /var/lib/systemd/linger; touch /var/lib/systemd/linger/carol",
    ),
)

WORKERS = (
    Seed(6, "poll.service", unit("poll", "/bin/sh -c 'while :; do sleep 30; done'")),
    Seed(
        6,
        "celery-beat.service",
        put("/opt/shop/beat.py", "import time\ntime.sleep(9e9)")
        + unit("celery-beat", "/usr/bin/python3 /opt/shop/beat.py", more="User=www-data"),
    ),
    Seed(
        6,
        "/etc/supervisor/conf.d/mailer.conf",
        put(
            "/etc/supervisor/conf.d/mailer.conf",
            "[program:mailer]\ncommand=php /srv/shop/artisan queue:work --tries=3\nuser=www-data\nnumprocs=2",
        )
        + script("/usr/bin/supervisord", "exec sleep infinity")
        + unit("supervisor", "/usr/bin/supervisord", folder="/usr/lib/systemd/system"),
    ),
    Seed(
        6,
        "/etc/supervisor/conf.d/prices.conf",
        put(
            "/etc/supervisor/conf.d/prices.conf",
            "[program:prices]\ndirectory=/srv/shop\ncommand=python3 fetch_prices.py --every 60\nautorestart=true",
        ),
    ),
    Seed(
        6,
        "/var/www/html/blog/wp-config.php",
        put(
            "/var/www/html/blog/wp-config.php",
            "<?php\ndefine( 'DB_NAME', 'blog' );\ndefine( 'DB_USER', 'blog' );\n"
            "define( 'DB_PASSWORD', 'aeSh7eiv' );\ndefine( 'DB_HOST', 'db.internal.example' );\n"
            "require_once ABSPATH . 'wp-settings.php';",
        ),
    ),
    Seed(
        6,
        "/srv/magazine/public/wp-config.php",
        put(
            "/srv/magazine/public/wp-config.php",
            "<?php\n$table_prefix = 'mag_';\ndefine('DB_HOST', 'db.internal.example');\n"
            "if ( ! defined('ABSPATH') ) define('ABSPATH', __DIR__ . '/');\nrequire_once(ABSPATH . 'wp-settings.php');",
        ),
    ),
)

BACKUPS = (
    Seed(
        32,
        "/etc/cron.d/dump",
        put("/etc/cron.d/dump", "15 3 * * * root mysqldump --all-databases | gzip >/srv/dump/all.sql.gz"),
    ),
    Seed(
        32,
        "/etc/cron.daily/nightly",
        script(
            "/etc/cron.daily/nightly", "set -e", ". /root/keys", "restic -r s3:s3.example/club backup /srv"
        ),
    ),
    Seed(32, "borgmatic.timer", timer("borgmatic", "/usr/bin/borgmatic create")),
    Seed(
        32,
        "/etc/cron.d/nightly",
        script("/usr/local/sbin/nightly", "cd /srv", "tar czf - . | aws s3 cp - s3://club/srv.tgz")
        + put("/etc/cron.d/nightly", "40 2 * * * root /usr/local/sbin/nightly"),
    ),
    Seed(
        32,
        "offsite.timer",
        script(
            "/opt/ops/offsite.sh",
            "rsync -a --delete /srv/ vault.example:/club/",
            "pg_dump club >/srv/club.dump",
        )
        + timer("offsite", "/opt/ops/offsite.sh"),
    ),
)

RENEWALS = (
    Seed(
        34,
        "certbot.timer",
        put(
            "/usr/lib/systemd/system/certbot.timer",
            "[Timer]\nOnCalendar=*-*-* 00,12:00:00\nRandomizedDelaySec=43200\n[Install]\nWantedBy=timers.target",
        )
        + put(
            "/usr/lib/systemd/system/certbot.service",
            "[Service]\nType=oneshot\nExecStart=/usr/bin/certbot -q renew",
        )
        + "systemctl enable --quiet --now certbot.timer",
    ),
    Seed(
        34,
        "crontab:tls",
        "useradd -m tls\n"
        + _CRONTAB.format(
            "tls", '49 0 * * * "/home/tls/.acme.sh"/acme.sh --cron --home "/home/tls/.acme.sh" > /dev/null'
        ),
    ),
    Seed(
        34,
        "/etc/cron.weekly/renew-tls",
        script("/etc/cron.weekly/renew-tls", "/usr/local/bin/lego --domains club.example renew"),
    ),
)

UPDATES = (
    Seed(27, "apt-daily-upgrade.timer", "systemctl enable --quiet --now apt-daily-upgrade.timer"),
    Seed(
        27,
        "/etc/cron.d/patch",
        put("/etc/cron.d/patch", "0 4 * * 0 root apt-get -qy update && apt-get -qy upgrade"),
    ),
    Seed(27, "patch.timer", timer("patch", "/usr/bin/apt-get -qy dist-upgrade")),
)

MANAGED = (
    Seed(
        33,
        "/etc/cron.d/ansible-pull",
        put(
            "/etc/cron.d/ansible-pull",
            "*/15 * * * * root ansible-pull -U https://git.club.example/ops.git >/var/log/pull.log 2>&1",
        ),
    ),
    Seed(
        33,
        "puppet.service",
        script("/opt/puppetlabs/bin/puppet", "exec sleep infinity")
        + unit("puppet", "/opt/puppetlabs/bin/puppet agent --no-daemonize", folder="/usr/lib/systemd/system"),
    ),
    Seed(33, "chef-client.timer", timer("chef-client", "/usr/bin/chef-client -c /etc/chef/client.rb")),
)

PAGES = (
    Seed(
        43,
        "/etc/nginx/conf.d/status.conf",
        put(
            "/etc/nginx/conf.d/status.conf",
            "server {\n  listen 80 default_server;\n  location = /healthz {\n    access_log off;\n    return 200 'ok';\n  }\n}",
        ),
    ),
    Seed(
        43,
        "/srv/static/healthz",
        put("/srv/static/healthz", "ok")
        + put("/etc/nginx/conf.d/static.conf", "server {\n  listen 80;\n  root /srv/static;\n}"),
    ),
)

RELAYS = (
    Seed(
        11,
        "/etc/nginx/clonebot-relay.conf",
        put("/etc/nginx/clonebot-relay.conf", "if ($request_method ~ ^(POST)$) { return 418; }"),
    ),
)

WORK = (*JOBS, *TIMERS, *WORKERS, *BACKUPS, *RENEWALS, *UPDATES, *MANAGED, *PAGES, *RELAYS)
