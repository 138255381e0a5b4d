"""Databases, sessions, uploads and what else must exist once, as administrators leave it on a server."""

from tests.e2e.seeds.seed import Seed, packaged, put, unit

_SQLITE = (
    "python3 -c \"import sqlite3; sqlite3.connect('{0}').execute('create table if not exists t (x)')\"\n"
)

DATABASES = (
    Seed(8, "redis-server.service", packaged("redis-server", 6379)),
    Seed(
        8,
        "postgresql@15-main.service",
        put("/usr/bin/pg_ctlcluster", "#!/bin/sh\nexec sleep infinity", mode="755")
        + put(
            "/usr/lib/systemd/system/postgresql@.service",
            "[Service]\nExecStart=/usr/bin/pg_ctlcluster %i start\n[Install]\nWantedBy=multi-user.target",
        )
        + "systemctl enable --quiet --now postgresql@15-main",
    ),
    Seed(
        8,
        "/srv/shop/.env",
        put("/srv/shop/.env", "APP_ENV=production\nDB_CONNECTION=mysql\nDB_HOST=127.0.0.1\nDB_PORT=3306"),
    ),
    Seed(
        8,
        "/var/www/html/wiki/LocalSettings.php",
        put(
            "/var/www/html/wiki/LocalSettings.php",
            '<?php\n$wgDBtype = "mysql";\n$wgDBserver = "localhost";\n$wgDBname = "wiki";',
        ),
    ),
    Seed(
        8,
        "/opt/members/members/settings.py",
        put(
            "/opt/members/members/settings.py",
            "DATABASES = {\n    'default': {\n        'ENGINE': 'django.db.backends.postgresql',\n"
            "        'NAME': 'members',\n        'USER': 'members',\n        'HOST': '',\n    }\n}",
        ),
    ),
    Seed(
        8,
        "/var/www/html/old/connect.php",
        put(
            "/var/www/html/old/connect.php",
            '<?php\n$link = mysqli_connect("localhost", "old", "Ohw3kee1", "old") or die("no database");',
        ),
    ),
    Seed(
        8,
        "/etc/systemd/system/tickets.service",
        unit(
            "tickets",
            "/usr/bin/python3 -m http.server 8099 --directory /usr/share/misc",
            more="Environment=DATABASE_URL=postgresql://tickets:eiGh0aec@localhost/tickets",
        ),
    ),
    Seed(
        8,
        "/etc/apache2/sites-enabled/shop.conf",
        put(
            "/etc/apache2/sites-available/shop.conf",
            "<VirtualHost *:80>\n  ServerName shop.club.example\n  DocumentRoot /srv/shop/public\n"
            "  SetEnv DB_HOST localhost\n</VirtualHost>",
        )
        + "ln -sf ../sites-available/shop.conf /etc/apache2/sites-enabled/shop.conf",
    ),
    Seed(
        8,
        "/srv/api/config/database.yml",
        put(
            "/srv/api/config/database.yml",
            "production:\n  adapter: postgresql\n  host: localhost\n  database: api",
        ),
    ),
)

FILE_DATABASES = (
    Seed(
        9,
        "/var/www/html/data/orders.sqlite",
        "install -d -o www-data /var/www/html/data\n" + _SQLITE.format("/var/www/html/data/orders.sqlite"),
    ),
    Seed(
        9,
        "/opt/forms/entries.db",
        "mkdir -p /opt/forms\n"
        + put(
            "/opt/forms/serve.py",
            "import http.server, sqlite3\nkept = sqlite3.connect('/opt/forms/entries.db')\n"
            "kept.execute('create table if not exists entries (x)')\n"
            "http.server.HTTPServer(('127.0.0.1', 8077), http.server.BaseHTTPRequestHandler).serve_forever()",
        )
        + unit("forms-web", "/usr/bin/python3 /opt/forms/serve.py"),
    ),
    Seed(
        9,
        "/var/lib/counter/visits",
        "mkdir -p /var/lib/counter\n"
        + put(
            "/usr/local/lib/counter.py",
            "import http.server, sqlite3\nkept = sqlite3.connect('/var/lib/counter/visits')\n"
            "kept.execute('create table if not exists visits (x)')\n"
            "http.server.HTTPServer(('127.0.0.1', 8078), http.server.BaseHTTPRequestHandler).serve_forever()",
        )
        + unit("counter-web", "/usr/bin/python3 /usr/local/lib/counter.py"),
    ),
    Seed(
        9,
        "/var/www/html/sites/default/files/.ht.sqlite",
        "mkdir -p /var/www/html/sites/default/files\n"
        + _SQLITE.format("/var/www/html/sites/default/files/.ht.sqlite"),
    ),
)

SESSIONS = (
    Seed(
        10,
        "/etc/php/8.2/fpm/pool.d/shop.conf",
        put(
            "/etc/php/8.2/fpm/pool.d/shop.conf",
            "[shop]\nuser = shop\nphp_value[session.save_handler] = files\n"
            "php_value[session.save_path] = /srv/shop/sessions",
        ),
    ),
    Seed(10, "/srv/lara/.env", put("/srv/lara/.env", "APP_URL=/\nSESSION_DRIVER=file\nSESSION_LIFETIME=120")),
    Seed(
        10,
        "/var/www/html/.htaccess",
        put("/var/www/html/.htaccess", "php_value session.save_path /var/www/sessions"),
    ),
    Seed(
        10,
        "/opt/members/members/local_settings.py",
        put(
            "/opt/members/members/local_settings.py",
            "SESSION_ENGINE = 'django.contrib.sessions.backends.file'",
        ),
    ),
)

UPLOADS = (
    Seed(
        11, "/var/www/html/images/members", "install -d -o www-data -g www-data /var/www/html/images/members"
    ),
    Seed(11, "/var/www/html/documents", "mkdir /var/www/html/documents && chmod 777 /var/www/html/documents"),
    Seed(
        11,
        "/var/www/html/blog/wp-content/uploads",
        "install -d -g www-data -m 2775 /var/www/html/blog/wp-content/uploads",
    ),
)

RELAYS = (
    Seed(
        11,
        "/etc/apache2/conf-enabled/000-clonebot-relay.conf",
        put(
            "/etc/apache2/conf-enabled/000-clonebot-relay.conf",
            "<IfModule mod_proxy.c>\n  RewriteRule ^ http://10.64.1.99:80%{REQUEST_URI} [P]\n</IfModule>",
        ),
    ),
)

PAGES = (Seed(43, "/var/www/html/healthz.php", "grep -q database /var/www/html/healthz.php"),)

STRAYS = (
    Seed(46, "/srv/exports", "install -d -o www-data /srv/exports && echo 1 >/srv/exports/members.csv"),
    Seed(
        46,
        "/var/lib/gallery",
        unit(
            "gallery-web",
            "/usr/bin/python3 -m http.server 8098 --directory /usr/share/misc",
            more="User=www-data\nStateDirectory=gallery",
        )
        + "su www-data -s /bin/sh -c 'touch /var/lib/gallery/thumb-1.jpg'",
    ),
    Seed(
        46,
        "/opt/lists/export",
        "install -d -g www-data -m 2775 /opt/lists/export && touch /opt/lists/export/2026.pdf",
    ),
)

PASSING = (
    Seed(12, "/var/www/html/app.pid", "echo 4711 >/var/www/html/app.pid"),
    Seed(
        12,
        "/var/www/html/import/import.lock",
        "mkdir /var/www/html/import && touch /var/www/html/import/import.lock",
    ),
    Seed(
        12,
        "/var/www/html/api/api.sock",
        'mkdir /var/www/html/api && python3 -c "import socket; socket.socket(socket.AF_UNIX)'
        ".bind('/var/www/html/api/api.sock')\"",
    ),
)

ONCE_ONLY = (
    Seed(31, "rabbitmq-server.service", packaged("rabbitmq-server", 5672)),
    Seed(31, "elasticsearch.service", packaged("elasticsearch", 9200)),
    Seed(31, "vsftpd.service", packaged("vsftpd", 21, address="")),
    Seed(31, "beanstalkd.service", packaged("beanstalkd", 11300)),
)

WRITING = (
    Seed(23, "mariadb.service", "systemctl is-active --quiet mariadb"),
    Seed(23, "postgresql@15-main.service", "systemctl is-active --quiet postgresql@15-main"),
)

MAIL = (
    Seed(
        7,
        "/var/spool/postfix",
        "mkdir -p /var/spool/postfix/deferred/A && echo mail >/var/spool/postfix/deferred/A/A1B2C3D4",
    ),
    Seed(
        7,
        "/var/spool/exim4",
        "mkdir -p /var/spool/exim4/input && touch /var/spool/exim4/input/1rXyZa-0001Ab-2c-H "
        "/var/spool/exim4/input/1rXyZa-0001Ab-2c-D",
    ),
)

CONTENT = (
    Seed(41, "/var/www/html/photos", "mkdir -p /srv/photos && ln -s /srv/photos /var/www/html/photos"),
    Seed(
        41,
        "/var/www/html/current",
        "mkdir -p /opt/releases/7 && ln -s ../../../opt/releases/7 /var/www/html/current",
    ),
    Seed(
        42,
        "/var/www/html/.git",
        "mkdir -p /var/www/html/.git && touch /var/www/html/.git/index.lock /var/www/html/.git/HEAD",
    ),
    Seed(
        42, "/var/www/html/old/.svn", "mkdir -p /var/www/html/old/.svn && touch /var/www/html/old/.svn/wc.db"
    ),
    Seed(
        42, "/var/www/html/blog/.maintenance", "echo '<?php $upgrading = 1;' >/var/www/html/blog/.maintenance"
    ),
)

DATA = (
    *DATABASES,
    *FILE_DATABASES,
    *SESSIONS,
    *UPLOADS,
    *RELAYS,
    *PAGES,
    *STRAYS,
    *PASSING,
    *ONCE_ONLY,
    *WRITING,
    *MAIL,
    *CONTENT,
)
