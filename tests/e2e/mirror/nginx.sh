# A page that says who answered and what was asked, in two server blocks. The second has rewrites of its own.
set -eu
cat >/usr/local/bin/mirror <<'END'
#!/usr/bin/python3
import hashlib
import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


class Mirror(BaseHTTPRequestHandler):
    def answer(self):
        length, digest = int(self.headers.get("Content-Length", 0)), hashlib.sha256()
        for start in range(0, length, 65536):
            digest.update(self.rfile.read(min(65536, length - start)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if to := parse_qs(self.path.partition("?")[2]).get("to"):
            self.send_response(303)
            self.send_header("Set-Cookie", "basket=full")
            self.send_header("Location", f"{headers['x-forwarded-proto']}://{headers['host']}{to[0]}")
            self.end_headers()
            return
        said = {
            "server": socket.gethostname(), "method": self.command, "uri": self.path,
            "length": length, "sha256": digest.hexdigest(), "headers": headers,
        }
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    do_GET = do_POST = do_PUT = do_DELETE = answer


ThreadingHTTPServer(("127.0.0.1", 8001), Mirror).serve_forever()
END
chmod 0755 /usr/local/bin/mirror
cat >/etc/systemd/system/mirror.service <<'END'
[Service]
ExecStart=/usr/local/bin/mirror
[Install]
WantedBy=multi-user.target
END
cat >/etc/nginx/mirror.conf <<'END'
client_max_body_size 200m;
location ~ ^/(mirror|inbox) {
    proxy_pass http://127.0.0.1:8001;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_request_buffering off;
}
END
sed -i 's|client_max_body_size 20m;|include /etc/nginx/mirror.conf;|' /etc/nginx/conf.d/club.conf
cat >/etc/nginx/sites-available/shop <<'END'
server { listen 80; server_name shop.example www.shop.example; # the shop
    rewrite ^ /mirror$uri break;
    include /etc/nginx/mirror.conf;
}
END
ln -s ../sites-available/shop /etc/nginx/sites-enabled/shop
systemctl enable --quiet --now mirror
systemctl reload nginx
