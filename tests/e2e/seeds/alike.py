"""Harmless things that look like pitfalls: none of them keeps a server from being cloned."""
# ruff: noqa: E501 (what somebody typed is one line)

from tests.e2e.seeds.seed import LookAlike, put, script, timer, unit

LOOK_ALIKES = (
    LookAlike(
        "the line is commented out", put("/etc/cron.d/old", "# 0 3 * * * root /usr/local/bin/bill-yearly")
    ),
    LookAlike(
        "the timer is masked",
        timer("yearly", "/usr/local/bin/bill-yearly")
        + "systemctl disable --quiet --now yearly.timer; rm /etc/systemd/system/yearly.timer; systemctl mask --quiet yearly.timer",
    ),
    LookAlike(
        "the package's own timers belong to each server",
        "systemctl enable --quiet --now dpkg-db-backup.timer e2scrub_all.timer fstrim.timer phpsessionclean.timer",
    ),
    LookAlike(
        "an example key that a package brings",
        "mkdir -p /usr/share/doc/openssl/examples && openssl genpkey -quiet -algorithm ed25519 "
        "-out /usr/share/doc/openssl/examples/server.key",
    ),
    LookAlike(
        "an example of settings, which nothing reads",
        put(
            "/var/www/html/shop/.env.example", "DB_HOST=127.0.0.1\nDB_PASSWORD=change-me\nSESSION_DRIVER=file"
        ),
    ),
    LookAlike(
        "cron does not read names with a dot",
        put("/etc/cron.d/bill.disabled", "* * * * * root /usr/local/bin/bill"),
    ),
    LookAlike(
        "run-parts does not run what is not executable",
        put("/etc/cron.daily/purge", "#!/bin/sh\nrm -r /srv/x", mode="644"),
    ),
    LookAlike(
        "the service was never enabled",
        put(
            "/etc/systemd/system/queue-worker.service",
            "[Service]\nExecStart=/usr/bin/php /srv/queue.php\n[Install]\nWantedBy=multi-user.target",
        )
        + "systemctl daemon-reload",
    ),
    LookAlike(
        "tests of somebody else's library",
        put(
            "/var/www/html/vendor/acme/orm/tests/config.php",
            "<?php\nreturn new PDO('mysql:host=localhost;dbname=test', 'root', '');",
        ),
    ),
    LookAlike(
        "words about a database",
        put("/var/www/html/README.md", "Set DB_HOST=localhost in .env, then type `php artisan migrate`."),
    ),
    LookAlike(
        "the setting is commented out",
        put(
            "/var/www/html/shop/config.php",
            "<?php\n// define('DB_HOST', 'localhost');\n# $db_host = '127.0.0.1';\n/* 'host' => 'localhost', */\ndefine('DB_HOST', 'db.club.example');",
        ),
    ),
    LookAlike(
        "each server sends mail through its own relay",
        put("/srv/mail/.env", "MAIL_HOST=localhost\nMAIL_PORT=25"),
    ),
    LookAlike(
        "a web application whose processes are called workers",
        put(
            "/opt/web/gunicorn.py",
            "import http.server\nhttp.server.HTTPServer(('127.0.0.1', 8055), http.server.BaseHTTPRequestHandler).serve_forever()",
        )
        + unit("members-web", "/usr/bin/python3 /opt/web/gunicorn.py --workers 3 --worker-class gthread"),
    ),
    LookAlike(
        "what it does at boot, it does to its own server",
        script("/usr/local/sbin/tune", "sysctl -q vm.swappiness || :")
        + unit("tune", "/usr/local/sbin/tune", more="Type=oneshot\nRemainAfterExit=yes"),
    ),
    LookAlike(
        "Windows leaves them in folders of pictures",
        "mkdir -p /var/www/html/pictures; head -c 4096 /dev/urandom >/var/www/html/pictures/Thumbs.db",
    ),
    LookAlike(
        "a crontab without jobs",
        "crontab -u www-data - <<'ADMIN'\n# Edit this file to introduce tasks to be run by cron.\n# 0 5 * * 1 tar -zcf /var/backups/home.tgz /home/\nMAILTO=\"\"\nADMIN\n",
    ),
    LookAlike(
        "a public key opens nothing from here",
        "ssh-keygen -q -t ed25519 -N '' -f /tmp/k; mv /tmp/k.pub /home/admin/club.pub; rm /tmp/k",
    ),
    LookAlike(
        "a site that is not enabled",
        put(
            "/etc/apache2/sites-available/staging.conf",
            "<VirtualHost *:80>\n  SetEnv DB_HOST localhost\n</VirtualHost>",
        ),
    ),
    LookAlike(
        "an editor's copy of old settings",
        put("/srv/shop/.env.bak", "DB_HOST=127.0.0.1")
        + put("/etc/cron.d/bill~", "* * * * * root /usr/local/bin/bill"),
    ),
    LookAlike(
        "disks that are named for good, and what is no disk",
        "echo 'UUID=0c3b9a6e-6bd8-4e5f-9e47-9c1d5c3e9f10 /boot/efi vfat umask=0077,nofail,noauto 0 1\n"
        "tmpfs /tmp tmpfs defaults,nodev 0 0\n/dev/cdrom /media/cdrom iso9660 ro,user,noauto 0 0' >>/etc/fstab",
    ),
    LookAlike(
        "a unit mounts by a name for good",
        put(
            "/etc/systemd/system/srv-photos.mount",
            "[Mount]\nWhat=/dev/disk/by-uuid/0c3b9a6e-6bd8-4e5f-9e47-9c1d5c3e9f12\nWhere=/srv/photos\n"
            "Type=ext4\nOptions=nofail\n[Install]\nWantedBy=multi-user.target",
        )
        + "systemctl enable --quiet srv-photos.mount",
        untold="/srv/photos",
    ),
    LookAlike(
        "a unit that mounts by a name that may change, and that nothing starts",
        put(
            "/etc/systemd/system/mnt-rescue.mount",
            "[Mount]\nWhat=/dev/sdz1\nWhere=/mnt/rescue\n[Install]\nWantedBy=multi-user.target",
        ),
        untold="/mnt/rescue",
    ),
    LookAlike(
        "cloud-init's part that nothing needs at first boot is masked, and the rest runs",
        "systemctl mask --quiet cloud-init-hotplugd.socket",
        untold="cloud-init-hotplugd.socket",
    ),
    LookAlike(
        "words about turning cloud-init off",
        put(
            "/etc/default/grub.d/10-club.cfg", "# add cloud-init=disabled here to turn it off\nGRUB_TIMEOUT=1"
        ),
        untold="/etc/default/grub.d/10-club.cfg",
    ),
    LookAlike(
        "rules for writes that were emptied",
        "mkdir -p /etc/apache2/conf-enabled /etc/nginx; "
        ": >/etc/apache2/conf-enabled/000-clonebot-relay.conf; : >/etc/nginx/clonebot-relay.conf",
    ),
    LookAlike(
        "the load balancer's page is the program's, and what answers by itself is another page",
        put(
            "/etc/nginx/conf.d/pages.conf",
            "server {\n  listen 8091;\n  location = /healthz { proxy_pass http://127.0.0.1:8000; }\n"
            "  location = /healthz.php { proxy_pass http://127.0.0.1:8000; }\n"
            "  # location = /healthz { return 200; }\n  location = /robots.txt { return 200 'all'; }\n}",
        ),
        untold="/etc/nginx/conf.d/pages.conf",
    ),
    LookAlike(
        "nginx says by itself how it is, on a port of its own",
        put(
            "/etc/nginx/conf.d/monitoring.conf",
            "server {\n  listen 127.0.0.1:8092;\n  location = /healthz { return 200 'ok'; }\n"
            "  location = /healthz.php { return 200 'ok'; }\n}",
        ),
        untold="/etc/nginx/conf.d/monitoring.conf",
    ),
    LookAlike(
        "a person's own folder, in which the site writes nothing",
        "useradd -m dora && install -d -o dora /srv/drafts && touch /srv/drafts/plan.txt",
        untold="/srv/drafts",
    ),
    LookAlike(
        "what the site keeps for a while only",
        "install -d -o www-data /srv/thumbs/cache && touch /srv/thumbs/cache/1.jpg",
        untold="/srv/thumbs/cache",
    ),
    LookAlike(
        "a program that listens for the site, not a database",
        put(
            "/etc/apache2/conf-enabled/proxy.conf",
            "<IfModule mod_proxy.c>\n  ProxyPass /api http://127.0.0.1:8055/\n</IfModule>",
        ),
    ),
    LookAlike(
        "Debian's old script for the end of booting, as it was brought",
        script("/etc/rc.local", "# This script is executed at the end of each multiuser runlevel.", "exit 0"),
    ),
    LookAlike(
        "what a program falls back to, and a settings file says otherwise",
        put(
            "/opt/lara/config/database.php",
            "<?php\nreturn ['mysql' => ['host' => env('DB_HOST', '127.0.0.1')]];",
        )
        + put("/opt/lara/.env", "DB_HOST=db.club.example")
        + put("/opt/lara/.env.testing", "DB_HOST=127.0.0.1"),
    ),
    LookAlike(
        "only developers use the local database",
        put(
            "/opt/rails/config/database.yml",
            "development:\n  adapter: mysql2\n  host: localhost\n\ntest:\n  adapter: mysql2\n  host: localhost\n\n"
            "production:\n  adapter: mysql2\n  host: db.club.example",
        ),
    ),
    LookAlike(
        "a timer of every user that a package brings",
        put("/usr/lib/systemd/user/tracker.timer", "[Timer]\nOnCalendar=daily\n"),
    ),
)
