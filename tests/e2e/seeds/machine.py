"""Disks, clocks and connections, as administrators set them up."""
# ruff: noqa: E501 (what somebody typed is one line)

from tests.e2e.seeds.seed import Seed, put, unit

DISKS = (
    Seed(
        22,
        "/srv/data",
        "mkdir -p /srv/data; echo '/dev/xvdf /srv/data ext4 defaults,nofail 0 2' >>/etc/fstab",
    ),
    Seed(
        22,
        "/var/backups/vol",
        "mkdir -p /var/backups/vol; echo '/dev/nvme1n1p1 /var/backups/vol xfs noatime,nofail 0 0' >>/etc/fstab",
    ),
    Seed(
        22,
        "/srv/media",
        put(
            "/etc/systemd/system/srv-media.mount",
            "[Mount]\nWhat=/dev/xvdg\nWhere=/srv/media\nType=ext4\n[Install]\nWantedBy=multi-user.target",
        )
        + "systemctl enable --quiet srv-media.mount",
    ),
    Seed(28, "/swapfile", "echo '/swapfile none swap sw 0 0' >>/etc/fstab"),
    Seed(28, "/srv/scratch", "mkdir -p /srv/scratch && mount -t tmpfs -o size=1m tmpfs /srv/scratch"),
)

_UUID = "UUID=0c3b9a6e-6bd8-4e5f-9e47-9c1d5c3e9f11"
POWERS = (
    Seed(
        18,
        "/srv/pictures",
        "mkdir -p /srv/pictures; "
        "echo 's3fs#club-pictures /srv/pictures fuse _netdev,nofail,iam_role=auto 0 0' >>/etc/fstab",
    ),
)
NO_FIRST_BOOT = (Seed(6, "/usr/bin/cloud-init", "dpkg --remove --force-depends cloud-init >/dev/null 2>&1"),)

SOURCES = (
    Seed(40, "/var/www", f"echo '{_UUID} /var/www ext4 defaults,nofail 0 2' >>/etc/fstab"),
    Seed(
        40,
        "/var/www/html",
        "echo 'nas.club.example:/site /var/www/html nfs4 nofail,_netdev 0 0' >>/etc/fstab",
    ),
)

CLOCKS = (Seed(26, "Europe/Berlin", "ln -sf /usr/share/zoneinfo/Europe/Berlin /etc/localtime"),)

FAR = "44.0.0.7"
"""Somebody else's server, on ports 443 and 5432."""
_STAY = (
    "import socket,time\nwhile True:\n try:\n  c=socket.create_connection(('{}',{}))\n  c.recv(1)\n"
    " except OSError: time.sleep(1)"
)

CONNECTIONS = (
    Seed(
        20,
        f"{FAR}:443",
        put("/opt/pay/gateway.py", _STAY.format(FAR, 443))
        + unit("pay-web", "/usr/bin/python3 /opt/pay/gateway.py"),
    ),
    Seed(
        20,
        f"{FAR}:5432",
        put("/opt/partner/http.py", _STAY.format(FAR, 5432))
        + unit("partner-web", "/usr/bin/python3 /opt/partner/http.py"),
    ),
    Seed(
        30,
        "/etc/apache2/sites-enabled/chat.conf",
        put(
            "/etc/apache2/sites-enabled/chat.conf",
            "<VirtualHost *:80>\n  ServerName chat.club.example\n  <IfModule proxy_wstunnel_module>\n"
            "    ProxyPass /ws ws://127.0.0.1:8080/\n  </IfModule>\n</VirtualHost>",
        ),
    ),
    Seed(
        30,
        "/etc/nginx/conf.d/live.conf",
        put(
            "/etc/nginx/conf.d/live.conf",
            "location /live {\n  proxy_pass http://127.0.0.1:9000;\n  proxy_set_header Upgrade $http_upgrade;\n"
            '  proxy_set_header Connection "upgrade";\n}',
        ),
    ),
)

MACHINE = (*DISKS, *POWERS, *NO_FIRST_BOOT, *SOURCES, *CLOCKS, *CONNECTIONS)
